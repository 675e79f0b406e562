"""Going in circles: the four shapes it takes, and what is no circle although it looks like one."""

from typing import Any

import pytest

from agentctl.policy.loops import HandoffWatch, LoopDetector
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


def test_evidence_counts_what_is_new():
    """Errors and repetitions are no evidence."""
    loops = LoopDetector(9)
    for signature, outcome, error in (
        ("a1", 1, None), ("a1", 1, None), ("a1", 2, None), ("b1", FAILED, "timeout")
    ):  # fmt: skip
        loops.observe("a", signature, outcome, error)
    assert loops.evidence == 2


def hand(repeats: int, *passed: tuple[str, str] | tuple[str, str, int]) -> list[str | None]:
    watch = HandoffWatch(repeats)
    return [watch.observe(p[0], p[1], p[2] if len(p) > 2 else 0) for p in passed]


def test_a_case_that_comes_back_without_new_evidence_is_a_loop():
    """Two agents handing off to each other are told, whatever words they use."""
    assert hand(2, ("a", "b"), ("b", "a"), ("a", "b")) == [
        None, None, "a -> b -> a -> b: back 2 times, and no tool brought anything new"
    ]  # fmt: skip


@pytest.mark.parametrize("evidence", [0, 1, 2])
def test_what_was_known_before_the_first_hand_over_does_not_matter(evidence: int):
    """The first giver has had the case, however much was learned before."""
    watch = HandoffWatch(1)
    assert watch.observe("a", "b", evidence) is None
    assert watch.observe("b", "a", evidence) is not None


def test_a_circle_of_three_is_a_loop():
    """The circle may be wider than two."""
    found = hand(2, ("a", "b"), ("b", "c"), ("c", "a"), ("a", "b"))
    assert found[:3] == [None] * 3
    assert found[3] is not None
    assert found[3].startswith("a -> b -> c -> a -> b: back 2 times")


def test_an_agent_that_hands_to_itself_goes_in_circles():
    """The smallest circle."""
    assert hand(1, ("a", "a")) != [None]


def test_a_line_of_agents_is_no_circle():
    """Each agent has the case once."""
    assert hand(1, ("a", "b"), ("b", "c"), ("c", "d")) == [None] * 3


def test_a_case_may_come_back_with_something_new():
    """New results between the hand-overs are progress."""
    passed = [("a", "b", 0), ("b", "a", 1), ("a", "b", 2), ("b", "a", 3), ("a", "b", 4)]
    assert hand(1, *passed) == [None] * 5


def test_returns_are_counted_from_the_last_evidence():
    """One return before it and one after it are not two."""
    passed = [("a", "b", 0), ("b", "a", 0), ("a", "b", 1), ("b", "a", 1), ("a", "b", 1)]
    found = hand(2, *passed)
    assert found[:4] == [None] * 4
    assert found[4] is not None


def test_hand_overs_are_never_a_loop_when_repeats_are_off():
    """As with calls."""
    assert hand(0, *[("a", "b"), ("b", "a")] * 9) == [None] * 18


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
