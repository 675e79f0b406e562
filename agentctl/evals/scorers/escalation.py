"""Score whether a person was brought in when one was needed: from the trace, never from prose.

An agent that says "I will pass you on" and does nothing has not escalated; that it offered to is
noted, and counts as missing.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.text import folded, keyword_pattern
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import FailureReason, Score, shown_value
from agentctl.specs.language.matchers import matches
from agentctl.specs.shapes.golden import ExpectedEscalation

PACKET_KEYS = ("summary", "facts", "done", "pending", "questions")
"""What the person who takes over must be given, even where it is empty."""
Cell = Literal["needed_done", "needed_not_done", "not_needed_done", "not_needed_not_done"]

_OFFERS = keyword_pattern(
    [
        "human agent",
        "human colleague",
        "transfer you",
        "transferring you",
        "pass you on",
        "passing you on",
        "pass this on",
        "connect you",
        "connecting you",
        "hand you over",
        "hand this over",
        "escalate",
        "escalating",
        "escalated",
    ]
)


class Happened(NamedTuple):
    """An escalation, as the trace tells it."""

    queue: str | None
    reason: str | None
    packet: Json
    step: int
    """The model turn at which it happened; 0 before the first."""


class EscalationOutcome(NamedTuple):
    """One trial's place in the confusion matrix, and what else was wrong."""

    cell: Cell
    offered: bool
    """It was needed, not done, and the answer spoke of it."""
    reasons: tuple[FailureReason, ...]


def score_escalation(evidence: Evidence) -> Score:
    """Score whether, where and when the case went to a person; the detail is the outcome."""
    body, step = evidence.trajectory.escalation, evidence.trajectory.escalated_at_step or 0
    happened = (
        None if body is None else Happened(body["queue"], body["reason"], body["packet"], step)
    )
    outcome = compare_escalation(evidence.scenario.expect.escalation, happened, evidence.answer)
    return Score.of(outcome.reasons, detail=outcome)


def compare_escalation(
    expected: ExpectedEscalation, happened: Happened | None, answer: str | None
) -> EscalationOutcome:
    """Compare what should have happened with what the trace says.

    Args:
        expected: Whether a person was needed, where, why and by which model turn.
        happened: The first escalation of the trial.
        answer: The last words to the user, only to tell an offer from silence.
    """
    if happened is None:
        if not expected.needed:
            return EscalationOutcome("not_needed_not_done", False, ())
        offered = answer is not None and _OFFERS.search(folded(answer))
        message = "escalation needed and not done" + ("; offered in words only" if offered else "")
        reason = FailureReason("missing-escalation", message)
        return EscalationOutcome("needed_not_done", bool(offered), (reason,))
    if not expected.needed:
        message = f"needless escalation to `{happened.queue}`: {happened.reason}"
        reason = FailureReason("needless-escalation", message)
        return EscalationOutcome("not_needed_done", False, (reason,))
    return EscalationOutcome("needed_done", False, tuple(_faults(expected, happened)))


def _faults(expected: ExpectedEscalation, happened: Happened) -> list[FailureReason]:
    found = []
    if expected.by_step is not None and happened.step > expected.by_step:
        message = f"escalated at step {happened.step}, needed by step {expected.by_step}"
        found.append(
            FailureReason(
                "late-escalation", message, "by_step", str(expected.by_step), str(happened.step)
            )
        )
    if expected.queue is not None and happened.queue != expected.queue:
        message = f"escalated to queue `{happened.queue}`, expected `{expected.queue}`"
        found.append(
            FailureReason("wrong-queue", message, "queue", expected.queue, str(happened.queue))
        )
    if expected.reason is not None and not matches(expected.reason, happened.reason):
        want, got = shown_value(expected.reason), shown_value(happened.reason)
        message = f"escalation reason: {want} -> {got}"
        found.append(FailureReason("wrong-escalation-reason", message, "reason", want, got))
    missing = missing_parts(happened.packet)
    if missing:
        message = f"the hand-over packet lacks {', '.join(missing)}"
        found.append(FailureReason("packet-incomplete", message, "packet"))
    return found


def missing_parts(packet: Json) -> Sequence[str]:
    """Return which parts of the hand-over packet are not there; without a packet, all of them."""
    parts = packet if isinstance(packet, Mapping) else {}
    return [key for key in PACKET_KEYS if key not in parts]


__all__ = [
    "PACKET_KEYS",
    "Cell",
    "EscalationOutcome",
    "Happened",
    "compare_escalation",
    "missing_parts",
    "score_escalation",
]
