"""When a run goes in circles, by what it calls and what comes of it."""

from typing import Any

import pytest

from agentctl.policy.loops import LoopDetector

Observed = tuple[str, Any, str | None]
"""A call, its outcome, the kind of error."""


def watched(repeats: int, *calls: Observed) -> list[str | None]:
    """Observe (call, outcome, error) one after the other; the tool is the call's first word."""
    watch = LoopDetector(repeats)
    return [watch.observe(call.split()[0], call, outcome, error) for call, outcome, error in calls]


def test_the_same_call_with_the_same_outcome_is_a_loop_at_the_last_repeat():
    """Not one earlier, and every further one is a loop too."""
    call = ("get 1", {"total": 5}, None)
    said = "the same call of `get` with the same outcome 3 times"
    assert watched(3, call, call, call, call) == [None, None, said, said]


def test_a_new_outcome_is_evidence_and_starts_its_own_count():
    """A call that returns something else brings news; what was met before still counts."""
    old, new = ("get 1", "pending", None), ("get 1", "shipped", None)
    assert watched(2, old, new) == [None, None]
    assert watched(2, old, new, old)[-1] is not None
    assert watched(2, old, new, new)[-1] is not None


def test_other_calls_between_do_not_hide_a_loop():
    """A-B-A-B without new evidence is a loop at the second A."""
    a, b = ("get 1", "same", None), ("list 1", "same", None)
    assert watched(2, a, b, a, b) == [
        None,
        None,
        "the same call of `get` with the same outcome 2 times",
        "the same call of `list` with the same outcome 2 times",
    ]


def test_other_arguments_are_another_call():
    """Reading one record after the other is work."""
    assert watched(2, ("get 1", "same", None), ("get 2", "same", None)) == [None, None]


def test_the_same_error_is_a_loop_whatever_the_arguments():
    """Changing the words does not help against the same refusal."""
    calls = [(f"get {n}", {"n": n}, "forbidden") for n in range(4)]
    said = "`get` answered `forbidden` 3 times, and nothing new came between"
    assert watched(3, *calls) == [None, None, said, said]


@pytest.mark.parametrize(
    ("between", "counts"),
    [
        (("get 9", "fine", None), False),
        (("get 9", "y", "internal"), True),
        (("list 9", "y", "timeout"), True),
    ],
)
def test_only_new_evidence_breaks_a_row_of_errors(between: Observed, counts: bool):
    """Another error between does not; something learned does."""
    calls = [("get 1", 1, "timeout"), between, ("get 2", 2, "timeout"), ("get 3", 3, "timeout")]
    said = "`get` answered `timeout` 3 times, and nothing new came between"
    assert watched(3, *calls) == [None, None, None, said if counts else None]


def test_an_error_that_is_no_repeat_leaves_the_others_alone():
    """The row of errors starts again at one after something new."""
    calls = [("a 1", 1, "e"), ("a 2", 2, "e"), ("a 3", 3, None), ("a 4", 4, "e"), ("a 5", 5, "e")]
    assert watched(3, *calls) == [None] * 5


def test_one_repeat_is_a_loop_where_one_is_the_limit():
    """With `repeats: 1` the first call already counts."""
    assert watched(1, ("get 1", 1, None))[0] is not None


def test_no_loop_is_ever_seen_where_repeats_are_off():
    """0 turns the watch off, for calls and for errors."""
    call = ("get 1", 1, "timeout")
    assert watched(0, *[call] * 50) == [None] * 50
