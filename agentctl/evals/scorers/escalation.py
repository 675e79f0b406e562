"""Score whether a person was brought in when one was needed: from the trace, never from prose.

An agent that says "I will pass you on" and does nothing has not escalated; that it offered to is
noted, and counts as missing.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from agentctl.core.assignment import assign
from agentctl.core.canonical import Json
from agentctl.core.text import folded, keyword_pattern
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import FailureReason, Score, shown_value
from agentctl.specs.language.matchers import matches
from agentctl.specs.shapes.golden import ExpectedEscalation
from agentctl.traces.views.fold import EscalationRecord

PACKET_KEYS = ("summary", "facts", "done", "pending", "questions")
"""What the person who takes over must be given, even where it is empty."""
Cell = Literal["needed_done", "needed_not_done", "not_needed_done", "not_needed_not_done"]

_CELLS: Mapping[tuple[bool, bool], Cell] = {
    (True, True): "needed_done",
    (True, False): "needed_not_done",
    (False, True): "not_needed_done",
    (False, False): "not_needed_not_done",
}
"""Needed and done -> cell of the matrix."""
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


class EscalationOutcome(NamedTuple):
    """One trial's place in the confusion matrix, and what else was wrong."""

    cell: Cell
    offered: bool
    """It was needed, not done, and the answer spoke of it."""
    reasons: tuple[FailureReason, ...]


def score_escalation(evidence: Evidence) -> Score:
    """Score whether, where and when the case went to a person; the detail is the outcome."""
    expected = evidence.scenario.expect.escalation
    happened = evidence.trajectory.escalations
    if all(one.scored for one in expected):
        outcome = compare_escalations(expected, happened, evidence.answer)
        return Score.of(outcome.reasons, detail=outcome)
    needed = any(_needed(one, evidence) for one in expected)
    outcome = compare_escalations((ExpectedEscalation(),) * needed, happened, evidence.answer)
    return Score.of((), detail=outcome._replace(reasons=()))


def _needed(expected: ExpectedEscalation, evidence: Evidence) -> bool:
    if expected.needed is not None:
        return expected.needed
    calls = evidence.scenario.expect.calls or ()
    return any(evidence.context.escalates(call.tool) for call in calls)


def compare_escalations(
    expected: Sequence[ExpectedEscalation], happened: Sequence[EscalationRecord], answer: str | None
) -> EscalationOutcome:
    """Compare what should have happened with what the trace says, one to one.

    Args:
        expected: Each time a person was needed: where, why and by which model turn.
        happened: Each time the case went to a person.
        answer: The last words to the user, only to tell an offer from silence.
    """
    faults = [[_faults(want, got) for got in happened] for want in expected]
    # As many pairs as there can be, and of those the ones with the fewest faults.
    pairs = dict(assign([[100 - len(found) for found in row] for row in faults]))
    reasons = [reason for row, column in pairs.items() for reason in faults[row][column]]
    offered = False
    for _ in range(len(expected) - len(pairs)):
        offered = answer is not None and bool(_OFFERS.search(folded(answer)))
        message = "escalation needed and not done" + ("; offered in words only" if offered else "")
        reasons.append(FailureReason("missing-escalation", message))
    for number, got in enumerate(happened):
        if number not in pairs.values():
            kind = "an extra" if expected else "needless"
            message = f"{kind} escalation to `{got.body['queue']}`: {got.body['reason']}"
            reasons.append(FailureReason("needless-escalation", message))
    return EscalationOutcome(_CELLS[bool(expected), bool(happened)], offered, tuple(reasons))


def _faults(expected: ExpectedEscalation, happened: EscalationRecord) -> list[FailureReason]:
    queue, why = happened.body["queue"], happened.body["reason"]
    found = []
    if expected.by_step is not None and happened.step > expected.by_step:
        message = f"escalated at step {happened.step}, needed by step {expected.by_step}"
        found.append(
            FailureReason(
                "late-escalation", message, "by_step", str(expected.by_step), str(happened.step)
            )
        )
    if expected.queue is not None and queue != expected.queue:
        message = f"escalated to queue `{queue}`, expected `{expected.queue}`"
        found.append(FailureReason("wrong-queue", message, "queue", expected.queue, str(queue)))
    if expected.reason is not None and not matches(expected.reason, why):
        want, got = shown_value(expected.reason), shown_value(why)
        message = f"escalation reason: expected {want}, got {got}"
        found.append(FailureReason("wrong-escalation-reason", message, "reason", want, got))
    missing = missing_parts(happened.body["packet"])
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
    "compare_escalations",
    "missing_parts",
    "score_escalation",
]
