"""Escalation as it is judged when the trace is given."""

import pytest

from agentctl.evals.scorers.escalation import (
    PACKET_KEYS,
    Happened,
    compare_escalation,
    missing_parts,
)
from agentctl.specs.shapes.golden import ExpectedEscalation

WHOLE = dict.fromkeys(PACKET_KEYS)


def kinds(expected, happened, answer=None):
    judged = compare_escalation(ExpectedEscalation.model_validate(expected), happened, answer)
    return [reason.kind for reason in judged.reasons]


@pytest.mark.parametrize("gone", PACKET_KEYS)
def test_a_packet_without_a_part_is_incomplete(gone):
    """Each part of the packet is needed, even if it is empty."""
    packet = {key: None for key in PACKET_KEYS if key != gone}
    assert missing_parts(packet) == [gone]
    assert kinds({}, Happened("desk", "x", packet, 1)) == ["packet-incomplete"]


def test_no_packet_is_incomplete():
    """An escalation without a packet starts the person at nothing."""
    assert kinds({}, Happened("desk", "x", None, 1)) == ["packet-incomplete"]


def test_everything_wrong_is_said_at_once():
    """Late, in the wrong queue, for the wrong reason, without a packet: four reasons."""
    expected = {"queue": "desk", "by_step": 1, "reason": {"contains": "fraud"}}
    assert kinds(expected, Happened("billing", "bored", {}, 2)) == [
        "late-escalation",
        "wrong-queue",
        "wrong-escalation-reason",
        "packet-incomplete",
    ]


def test_an_escalation_before_the_first_turn_is_in_time():
    """A trigger on the input escalates at step 0."""
    assert kinds({"by_step": 1}, Happened("desk", "x", WHOLE, 0)) == []


@pytest.mark.parametrize(
    ("answer", "offered"),
    [
        ("I am transferring you to a human agent.", True),
        ("Let me\n CONNECT you.", True),
        ("Your order is cancelled.", False),
        (None, False),
    ],
)
def test_offers_in_words_are_told_from_silence(answer, offered):
    """An offer is noted, and the escalation is missing all the same."""
    judged = compare_escalation(ExpectedEscalation(), None, answer)
    assert judged.offered is offered
    assert [reason.kind for reason in judged.reasons] == ["missing-escalation"]
