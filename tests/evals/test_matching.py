"""Calls that ran against calls that were expected: the cases in `tests/matching/`, and laws."""

from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentctl.evals.scorers.matching import compare, match_any_of, match_calls
from agentctl.specs.shapes.golden import ExpectedCall

FOLDER = Path(__file__).parent.parent / "matching"
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]

KINDS = {"missing: ": "missing-call", "extra: ": "extra-call", "out of order: ": "out-of-order"}


class Ran(NamedTuple):
    tool: str
    arguments: Any
    bound: tuple[str, ...] = ()
    effect: str = "internal_write"
    ok: bool = True
    error: Any = None
    state: str | None = None


def ran(case: dict[str, Any]) -> Ran:
    if "tool" not in case:
        ((tool, arguments),) = case.items()
        case = {"tool": tool, "args": arguments}
    reads = case["tool"].startswith(("get_", "list_", "search_"))
    effect = case.get("effect", "none" if reads else "internal_write")
    error = case.get("error")
    bound = tuple(case.get("bound", ()))
    state = case.get("state")
    return Ran(case["tool"], case["args"], bound, effect, error is None, error, state)


def expected(cases: list[Any]) -> list[ExpectedCall]:
    return [ExpectedCall.model_validate(case) for case in cases]


def kind_of(message: str) -> str:
    """Return the kind that a reason must have, by how its sentence begins."""
    for start, kind in KINDS.items():
        if message.startswith(start):
            return kind
    return "wrong-outcome" if " should " in message else "wrong-argument"


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    """Each case in `tests/matching/` gets its verdict and its reasons."""
    actual = [ran(call) for call in case["actual"]]
    options = {name: case[name] for name in ("order", "defaults") if name in case}
    if "any_of" in case:
        found = match_any_of([expected(path) for path in case["any_of"]], actual, **options)
    else:
        found = match_calls(expected(case["expected"]), actual, **options)
    assert found.ok == (case["verdict"] == "match"), found.reasons
    if "reason" in case:
        assert [reason.message for reason in found.reasons] == case["reason"]
    assert [note.message for note in found.notes] == case.get("notes", [])
    assert all(note.kind == "failed-write" for note in found.notes)
    for reason in found.reasons:
        assert reason.kind == kind_of(reason.message)
    figures = (found.expected, found.matched, found.scored, found.argument_sum)
    assert list(figures) == case.get("figures", list(figures))


@pytest.mark.parametrize(
    ("wanted", "may_be_left_out"),
    [
        ({"absent": True}, True),
        ({"absent": False}, False),
        ({"present": False}, True),
        ({"present": True}, False),
        ({"any_of": ["x", {"absent": True}]}, True),
        ({"any_of": ["x", "y"]}, False),
        ({"any_of": [{"absent": True}], "more": 1}, False),
        ({"all_of": [{"absent": True}, {"present": False}]}, True),
        ({"all_of": [{"absent": True}, "x"]}, False),
        ({"all_of": [{"absent": True}], "more": 1}, False),
        ({"absent": True, "more": 1}, False),
    ],
)
def test_an_argument_may_be_left_out_where_its_matcher_says_so(wanted, may_be_left_out):
    """By itself, or as a part of `any_of` or `all_of`; beside other keys it is a plain value."""
    found = match_calls([ExpectedCall(tool="pay", args={"x": wanted})], [Ran("pay", {})])
    assert found.ok == may_be_left_out


def test_there_are_enough_cases():
    """The folder holds at least thirty cases."""
    assert len(CASES) >= 30


values = st.sampled_from(["a", "b", 1, True, None])
arguments = st.dictionaries(st.sampled_from("xyz"), values, max_size=3)
calls = st.lists(st.tuples(st.sampled_from(["write_a", "write_b"]), arguments), max_size=5)


def outcome(found):
    return (found.ok, found.matched, found.scored, round(found.argument_sum, 9))


@given(calls, calls, st.randoms(use_true_random=False))
def test_the_order_of_the_files_plays_no_part(wanted, made, random):
    """Shuffling expected and actual calls changes no figure."""
    first = match_calls(
        [ExpectedCall(tool=t, args=a) for t, a in wanted], [Ran(t, a) for t, a in made]
    )
    random.shuffle(wanted)
    random.shuffle(made)
    second = match_calls(
        [ExpectedCall(tool=t, args=a) for t, a in wanted], [Ran(t, a) for t, a in made]
    )
    assert outcome(first) == outcome(second)


@given(calls)
def test_doing_exactly_what_is_expected_matches(wanted):
    """The expected calls match themselves, in every order mode."""
    path = [ExpectedCall(tool=t, args=a) for t, a in wanted]
    made = [Ran(t, dict(a)) for t, a in wanted]
    for order in ("any", "in_order", "exact"):
        found = match_calls(path, made, order=order)
        assert found.ok
        assert found.matched == found.scored == len(path)


@given(calls.filter(lambda made: any(a for _, a in made)), st.data())
def test_removing_any_expected_argument_fails(wanted, data):
    """A run that leaves out one argument of one call never passes."""
    index = data.draw(st.sampled_from([n for n, (_, a) in enumerate(wanted) if a]))
    tool, full = wanted[index]
    gone = data.draw(st.sampled_from(sorted(full)))
    made = [Ran(t, a) for t, a in wanted]
    made[index] = Ran(tool, {k: v for k, v in full.items() if k != gone})
    found = match_calls([ExpectedCall(tool=t, args=a) for t, a in wanted], made)
    assert not found.ok


@given(calls, calls)
def test_an_ordered_match_is_a_match(wanted, made):
    """What passes in order passes in any order; what passes exactly passes in order."""
    path = [ExpectedCall(tool=t, args=a) for t, a in wanted]
    run = [Ran(t, a) for t, a in made]
    passes = [match_calls(path, run, order=o).ok for o in ("exact", "in_order", "any")]
    assert passes == sorted(passes)


@given(calls, calls)
def test_in_order_as_many_calls_match_as_any_reading_of_the_two_lists_allows(wanted, made):
    """No other choice of calls, in the order of both lists, satisfies more expectations."""
    path = [ExpectedCall(tool=t, args=a) for t, a in wanted]
    run = [Ran(t, a) for t, a in made]
    found = match_calls(path, run, order="in_order")
    most = 0
    for size in range(min(len(path), len(run)) + 1):
        for rows in combinations(path, size):
            for columns in combinations(run, size):
                pairs = zip(rows, columns, strict=True)
                if all(want.tool == call.tool and compare(want, call).full for want, call in pairs):
                    most = size
    assert found.matched == most
