"""Escalation as it is judged when the trace is given."""

import pytest

from agentctl.core.canonical import Json
from agentctl.evals.scorers.escalation import (
    PACKET_KEYS,
    compare_escalations,
    missing_parts,
)
from agentctl.evals.scorers.reasons import FailureReason
from agentctl.specs.shapes.golden import ExpectedEscalation
from agentctl.traces.views.fold import EscalationRecord

WHOLE = dict.fromkeys(PACKET_KEYS)


def happened(queue: str, reason: str, packet: Json, step: int) -> EscalationRecord:
    return EscalationRecord({"queue": queue, "reason": reason, "packet": packet}, step)


def kinds(expected, happened, answer=None):
    judged = compare_escalations(
        [ExpectedEscalation.model_validate(expected)], [happened] if happened else [], answer
    )
    return [reason.kind for reason in judged.reasons]


@pytest.mark.parametrize("gone", PACKET_KEYS)
def test_a_packet_without_a_part_is_incomplete(gone):
    """Each part of the packet is needed, even if it is empty."""
    packet = {key: None for key in PACKET_KEYS if key != gone}
    assert missing_parts(packet) == [gone]
    assert kinds({}, happened("desk", "x", packet, 1)) == ["packet-incomplete"]


def test_no_packet_is_incomplete():
    """An escalation without a packet starts the person at nothing."""
    assert kinds({}, happened("desk", "x", None, 1)) == ["packet-incomplete"]


def test_everything_wrong_is_said_at_once():
    """Late, in the wrong queue, for the wrong reason, without a packet: four reasons."""
    expected = {"queue": "desk", "by_step": 1, "reason": {"contains": "fraud"}}
    assert kinds(expected, happened("billing", "bored", {}, 2)) == [
        "late-escalation",
        "wrong-queue",
        "wrong-escalation-reason",
        "packet-incomplete",
    ]


def test_an_escalation_before_the_first_turn_is_in_time():
    """A trigger on the input escalates at step 0."""
    assert kinds({"by_step": 1}, happened("desk", "x", WHOLE, 0)) == []


@pytest.mark.parametrize(
    ("answer", "offered"),
    [
        ("I am transferring you to a human agent.", True),
        ("Let me\n CONNECT you.", True),
        ("I have to escalate this.", True),
        ("I am escalating this.", True),
        ("This was Escalated.", True),
        ("Your order is cancelled.", False),
        (None, False),
    ],
)
def test_offers_in_words_are_told_from_silence(answer, offered):
    """An offer is noted, and the escalation is missing all the same."""
    judged = compare_escalations([ExpectedEscalation()], [], answer)
    assert judged.offered is offered
    assert [reason.kind for reason in judged.reasons] == ["missing-escalation"]


def test_every_escalation_counts_and_not_the_last_one_only():
    """To the wrong queue first, and then to the right one, is one too many."""
    wrong, right = happened("billing", "x", WHOLE, 1), happened("desk", "x", WHOLE, 2)
    for order in ([wrong, right], [right, wrong]):
        found = compare_escalations([ExpectedEscalation(queue="desk")], order, None)
        assert [reason.message for reason in found.reasons] == [
            "an extra escalation to `billing`: x"
        ]


def test_several_expected_escalations_are_matched_one_to_one():
    """In whatever order they happened; one that is missing is said."""
    expected = [ExpectedEscalation(queue="desk"), ExpectedEscalation(queue="legal")]
    legal, desk = happened("legal", "x", WHOLE, 1), happened("desk", "x", WHOLE, 2)
    assert compare_escalations(expected, [legal, desk], None).reasons == ()
    found = compare_escalations(expected, [legal], None)
    assert [reason.kind for reason in found.reasons] == ["missing-escalation"]


def test_each_fault_says_what_was_expected_and_what_happened():
    """As reports show it, with the part of the expectation that it is about."""
    expected = ExpectedEscalation(queue="desk", by_step=1, reason={"contains": "fraud"})
    found = compare_escalations([expected], [happened("billing", "bored", {}, 2)], None)
    assert found.reasons == (
        FailureReason(
            "late-escalation", "escalated at step 2, needed by step 1", "by_step", "1", "2"
        ),
        FailureReason(
            "wrong-queue", "escalated to queue `billing`, expected `desk`",
            "queue", "desk", "billing",
        ),
        FailureReason(
            "wrong-escalation-reason",
            'escalation reason: expected {"contains": "fraud"}, got "bored"',
            "reason",
            '{"contains": "fraud"}',
            '"bored"',
        ),
        FailureReason(
            "packet-incomplete",
            "the hand-over packet lacks summary, facts, done, pending, questions",
            "packet",
        ),
    )  # fmt: skip
    assert found.cell == "needed_done"


def test_of_several_escalations_the_one_with_the_fewest_faults_is_the_expected_one():
    """The other one is extra; where none was expected, each is needless."""
    late = happened("desk", "x", WHOLE, 3)
    wrong = happened("billing", "y", None, 3)
    expected = [ExpectedEscalation(queue="desk", by_step=2)]
    for order in ([late, wrong], [wrong, late]):
        found = compare_escalations(expected, order, None)
        assert [(r.kind, r.message) for r in found.reasons] == [
            ("late-escalation", "escalated at step 3, needed by step 2"),
            ("needless-escalation", "an extra escalation to `billing`: y"),
        ]
    found = compare_escalations([], [late], "I escalated it.")
    assert [r.message for r in found.reasons] == ["needless escalation to `desk`: x"]
    assert (found.cell, found.offered) == ("not_needed_done", False)


def test_an_offer_stands_in_the_reason():
    """A reader sees that the agent knew."""
    offered = compare_escalations([ExpectedEscalation()], [], "I will pass you on.")
    silent = compare_escalations([ExpectedEscalation()], [], "Bye.")
    assert [r.message for r in (*offered.reasons, *silent.reasons)] == [
        "escalation needed and not done; offered in words only",
        "escalation needed and not done",
    ]
