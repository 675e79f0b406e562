"""Going in circles: the four shapes it takes, and what is no circle although it looks like one."""

from typing import Any

import pytest

from agentctl.policy.loops import LoopDetector
from tests.support.build import CANCEL, GET, bundle, ended, events, trial

FAILED = {"error": "unavailable", "message": "down"}


def watch(repeats: int, *calls: tuple[str, Any] | tuple[str, Any, str]) -> list[str | None]:
    """Observe calls as (signature, outcome, error); the tool is the signature's first letter."""
    loops = LoopDetector(repeats)
    return [
        loops.observe(call[0][0], call[0], call[1], call[2] if len(call) > 2 else None)
        for call in calls
    ]


def test_the_same_call_with_the_same_outcome_is_a_loop():
    """Three times the same: the third tells."""
    assert watch(3, ("a1", 1), ("a1", 1), ("a1", 1)) == [
        None, None, "the same call of `a` with the same outcome 3 times"
    ]  # fmt: skip


def test_the_same_call_with_new_outcomes_is_no_loop():
    """Somebody who waits for a change sees one."""
    assert watch(3, *[("a1", n) for n in range(9)]) == [None] * 9


def test_two_calls_that_alternate_without_new_evidence_are_a_loop():
    """A-B-A-B-A: the third of A tells."""
    found = watch(3, *[("a1", 1), ("b1", 2)] * 3)
    assert found[:4] == [None] * 4
    assert found[4] == "the same call of `a` with the same outcome 3 times"


def test_outcomes_that_alternate_bring_nothing_new_either():
    """A switch flipped on and off is a loop."""
    found = watch(3, *[("a1", "on"), ("a1", "off")] * 3)
    assert found[:4] == [None] * 4
    assert found[4] is not None


def test_the_same_error_of_a_tool_is_a_loop_whatever_the_arguments():
    """Other words, the same answer."""
    calls = [(f"a{n}", FAILED, "unavailable") for n in range(3)]
    assert watch(3, *calls)[-1] == (
        "`a` answered `unavailable` 3 times, and nothing new came between"
    )


def test_errors_that_alternate_between_two_tools_are_a_loop():
    """Going to and fro between two broken tools with changing words brings nothing."""
    calls = [(f"{tool}{n}", FAILED, "unavailable") for n in range(3) for tool in "ab"]
    found = watch(3, *calls)
    assert found[:4] == [None] * 4
    assert found[4] is not None


def test_new_evidence_between_errors_starts_their_count_anew():
    """Two failures, a result, two failures: the agent is getting on."""
    fail = [("a1", FAILED, "invalid"), ("a2", FAILED, "invalid")]
    more = [("a3", FAILED, "invalid"), ("a4", FAILED, "invalid")]
    assert watch(3, *fail, ("b1", "new"), *more) == [None] * 5


def test_a_result_that_was_known_is_no_evidence():
    """Reading the same page between two failures does not make them two different tries."""
    fail = [(f"a{n}", FAILED, "invalid") for n in range(3)]
    found = watch(3, ("b1", "known"), *fail[:2], ("b1", "known"), fail[2])
    assert found[:4] == [None] * 4
    assert found[4] is not None


def test_other_errors_are_counted_apart():
    """Two of one kind and two of another are not four of one."""
    kinds = ["invalid", "conflict"] * 2
    assert watch(3, *[(f"a{n}", kind, kind) for n, kind in enumerate(kinds)]) == [None] * 4


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_the_number_of_repeats_is_the_agents_own(repeats: int):
    """The loop is told at exactly that many."""
    found = watch(repeats, *[("a1", 1)] * repeats)
    assert [text is not None for text in found] == [False] * (repeats - 1) + [True]


def test_off_is_never_a_loop():
    """A benchmark's agent may repeat itself."""
    assert watch(0, *[("a1", 1)] * 50) == [None] * 50


DESK = {"queue": "desk"}


def test_a_run_that_goes_to_and_fro_between_broken_tools_is_handed_over_with_a_packet():
    """The run gives up and a person gets what was blocked and tried."""
    other = {**GET, "name": "find_order"}
    faults = [
        {"tool": name, "times": 9, "fault": "unavailable"} for name in ("get_order", "find_order")
    ]
    turns = [
        {"call": {name: {"order_id": f"o_{n}"}}}
        for n in range(1, 4)
        for name in ("get_order", "find_order")
    ]
    made = bundle(tools=[GET, other, CANCEL], escalation=DESK)
    played = trial(made, turns, faults=faults)
    (passed,) = events(played, "escalated")
    assert ended(played)["stop"] == "escalated"
    assert passed["trigger"] == {
        "kind": "loop",
        "detail": "`get_order` answered `unavailable` 3 times, and nothing new came between",
    }
    assert passed["packet"]["request"] == ["cancel my order"]
    assert passed["packet"]["how_to_continue"]
