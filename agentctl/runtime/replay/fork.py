"""Begin a new run with the start of another: play it back up to a model turn, then go on.

A fork has a trace of its own, so everything is recorded again as it is decided now; only what came
from outside (the user's words, the model's, people's answers, what tools brought) is taken from the
other run. Unlike for a resume, the prompt, the model, the tools and the policy may have changed:
what must agree is that the same calls are allowed in the same order, since the recorded results
belong to those calls. No effect is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agentctl.core.canonical import Json
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event, EventType, must_agree
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.runtime.approvals.approver import Approver
from agentctl.runtime.replay.replay import ASIDE, Replay

_MUST_AGREE = must_agree("replay")
_MAY_GO_ON = frozenset({"model_error", "interrupted"})
"""Ends after which the run was about to ask the model again."""


class Fork(Replay):
    """The events of another run up to one of its model turns.

    Args:
        events: All events of that run, from a trace that was verified.
        step: The model turn that is asked for again, from 1.
        run: The id of that run.
        heads: The hash of each of its events.

    Raises:
        Problem: If the run has no such step, or was cut off in the middle of an effect.
    """

    def __init__(self, events: Sequence[Event], step: int, run: str, heads: Sequence[str]) -> None:
        cut = _before(events, step, run)
        _nothing_open(events[:cut], run)
        super().__init__(events[:cut])
        self.origin: dict[str, Json] = {"run": run, "step": step, "head": heads[cut - 1]}
        """What `run.started` says of where a fork comes from."""

    def through(self, kind: EventType, body: dict[str, Json]) -> tuple[Sequence[Event], bool]:
        """Go past the recorded event that happens again now; it is recorded again.

        Raises:
            Problem: If something else happens now.
        """
        at = self._ahead(kind)
        if kind in ASIDE or at >= len(self._events):
            return (), False
        found = self._events[at]
        if found.type != kind:
            raise self._parted(found, f"`{found.type}`, now it would be `{kind}`")
        for name in _MUST_AGREE[kind]:
            was, now = found.body.get(name), body.get(name)
            if was != now:
                what = f"{name} {was}, now it would be {now}" if name == "verdict" else f"`{name}`"
                tool = f" of {found.body['tool']}" if "tool" in found.body else ""
                raise self._parted(found, f"another {what}{tool}")
        self._next = at + 1
        return (), False

    def _parted(self, found: Event, what: str) -> Problem:
        before = [event for event in self._events[: found.seq] if event.type == "model.replied"]
        step = len(before)
        return problem(
            "cannot-play-back",
            f"run {self.origin['run']} cannot be played back to step {self.origin['step']}:"
            f" event {found.seq} recorded {what}",
            hint=f"fork at step {step} or before it" if step else "start the task again",
            exit_code=ExitCode.NO,
        )


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """Gives the answers that people gave in the other run; then another approver is asked."""

    fork: Fork
    then: Approver

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Return the recorded answer, or what the other approver says."""
        given = self.fork.approval()
        # Its approval was used up by the run that it was given to.
        return given._replace(id=None) if given is not None else self.then.ask(request)


def _before(events: Sequence[Event], step: int, run: str) -> int:
    """Return how many events come before a model turn."""
    turns = [n for n, event in enumerate(events) if event.type == "model.replied"]
    last = events[-1]
    if step <= len(turns):
        return turns[step - 1]
    if step == len(turns) + 1 and last.body.get("stop") in _MAY_GO_ON:
        return len(events) - 1
    raise problem(
        "no-such-step",
        f"run {run} has no step {step}: its model was asked {len(turns)} times",
        hint=f"--step takes 1 to {len(turns)}" if turns else "start the task again",
    )


def _nothing_open(events: Sequence[Event], run: str) -> None:
    """Refuse a start in which it is not known what a call came to: it would be sent again."""
    returned = {event.body["call_id"] for event in events if event.type == "tool.returned"}
    for event in events:
        if event.type == "effect.intended" and event.body["call_id"] not in returned:
            raise problem(
                "effect-open",
                f"run {run} was cut off while it carried out {event.body['tool']}",
                hint=f"agentctl resume {run}, or fork at an earlier step",
            )


__all__ = ["Fork", "RecordedAnswers"]
