"""What a scorer is given of one trial, and what a scorer is.

A scorer is a function of the evidence that returns a `Score`, or `None` where the scenario says
nothing about its subject. The evidence holds what happened and what was expected; nothing in it
can play, decide or send anything.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from agentctl.core.events import Event
from agentctl.core.messages import Principal
from agentctl.evals.scorers.context import ScoringContext
from agentctl.evals.scorers.matching import may_have_happened
from agentctl.evals.scorers.reasons import Score
from agentctl.guardrails.words import texts
from agentctl.specs.shapes.golden import Scenario
from agentctl.toolbox.mock.world import World
from agentctl.traces.views.fold import CallRecord, Trajectory


class Evidence(NamedTuple):
    """One trial, as scorers see it; a scorer changes nothing of it."""

    scenario: Scenario
    """The case, with what is expected under `expect`."""
    events: Sequence[Event]
    trajectory: Trajectory
    """The events, folded: calls, escalation, end."""
    world: World
    """As the trial left it. `world.writes` says which call wrote which record."""
    context: ScoringContext
    """What the trials of a set have in common: defaults of arguments, expected worlds."""
    scores: "dict[Scorer, Score | None]"
    """What scorers returned so far; `score` fills it."""

    @property
    def ran(self) -> list[CallRecord]:
        """The calls that reached their tool."""
        return [call for call in self.trajectory.calls if call.ran]

    def tables_written(self, call: CallRecord) -> frozenset[str]:
        """Return the tables into which a call put something, or from which it removed it."""
        return frozenset(w.table for w in self.world.writes if w.call_id == call.call_id)

    def left_no_mark(self, call: CallRecord) -> bool:
        """Whether a write had an effect that no table shows: a mail was sent, a page was called."""
        if call.effect in ("none", "escalation") or not may_have_happened(call):
            return False
        return call.call_id not in self.world.writes.repeats and not self.tables_written(call)

    @property
    def principal(self) -> Principal:
        """The person the agent acts for."""
        return self.context.principal(self.scenario)

    @property
    def said(self) -> list[str]:
        """Every text to the user: what the model wrote beside no call, and the last words."""
        texts = [
            event.body["text"]
            for event in self.events
            if event.type == "model.replied" and event.body["text"] and not event.body["calls"]
        ]
        return texts if self.answer is None or self.answer in texts else [*texts, self.answer]

    @property
    def written(self) -> list[str]:
        """Everything the model wrote to anybody: beside calls, in questions and in effects too.

        What a guardrail withheld was said to nobody and is not among it.
        """
        found: list[str] = [self.answer] if self.answer is not None else []
        for event in self.events:
            match event.type:
                case "model.replied":
                    found.append(event.body["text"] or "")
                case "guardrail.hit" if event.body["on"] == "output" and found:
                    if event.body["action"] != "flag":
                        found[-1] = ""
                case "question.asked":
                    found.append(event.body["question"])
                case "escalated" if event.body["by"] != "runtime":
                    found.append(event.body["reason"])
        for call in self.ran:
            if call.effect != "none":
                found += texts(call.arguments)
        return found

    @property
    def answer(self) -> str | None:
        """The last words to the user."""
        answer: str | None = self.trajectory.ended.get("answer")
        return answer

    def score(self, scorer: "Scorer") -> Score | None:
        """Return what another scorer says of this evidence; each is asked once a trial."""
        if scorer not in self.scores:
            self.scores[scorer] = scorer(self)
        return self.scores[scorer]


Scorer = Callable[[Evidence], Score | None]
"""Scores one trial. `Score(False)` fails it; numbers and text are reported beside the checks."""


__all__ = ["Evidence", "Scorer"]
