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
from agentctl.evals.scorers.reasons import Score
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

    @property
    def principal(self) -> Principal:
        """The person the agent acts for."""
        return self.context.principal(self.scenario)

    @property
    def said(self) -> list[str]:
        """Every text to the user before the last one: what the model wrote beside no call."""
        return [
            event.body["text"]
            for event in self.events
            if event.type == "model.replied" and event.body["text"] and not event.body["calls"]
        ]

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
