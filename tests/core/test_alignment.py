"""Two sequences side by side: the cheapest way, however narrow the search."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core import alignment
from agentctl.core.alignment import align

Item = tuple[str, int, int]
"""A kind, what decides whether a change is small, and the rest."""
WEIGHTS = {"words": 1.0, "read": 2.0, "mail": 8.0, "refund": 16.0}
ITEMS = st.tuples(st.sampled_from(sorted(WEIGHTS)), st.integers(0, 1), st.integers(0, 3))


def gap(item: Item) -> float:
    return WEIGHTS[item[0]]


def change(left: Item, right: Item) -> float:
    if left[0] != right[0]:
        return gap(left) + gap(right) + 1
    return gap(left) / 4 if left[1] == right[1] else gap(left)


def cheapest(left, right, change=change, gap=gap) -> list[tuple[int | None, int | None]]:
    """Return the alignment that the definition says, by looking at all of them."""

    @cache
    def cost(i: int, j: int) -> float:
        return min(step[0] for step in steps(i, j)) if i < len(left) or j < len(right) else 0.0

    def steps(i: int, j: int) -> list[tuple[float, int, int]]:
        found = []
        if i < len(left) and j < len(right):
            same = 0.0 if left[i] == right[j] else change(left[i], right[j])
            found.append((same + cost(i + 1, j + 1), i + 1, j + 1))
        if i < len(left):
            found.append((gap(left[i]) + cost(i + 1, j), i + 1, j))
        if j < len(right):
            found.append((gap(right[j]) + cost(i, j + 1), i, j + 1))
        return found

    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        _, down, along = min(steps(i, j), key=lambda step: step[0])
        pairs.append((i if down > i else None, j if along > j else None))
        i, j = down, along
    return pairs


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[Item], list[Item]]:
    """Return a list and one that some edits make of it; ends that both have are left out."""
    left = draw(st.lists(ITEMS, max_size=14))
    moved = draw(st.integers(0, 6))
    right = [*left[moved:], *left[:moved]]
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(right)))
        if draw(st.booleans()):
            right.insert(at, draw(ITEMS))
        else:
            del right[at : at + 1]
    first: Item = ("words", 0, 9)
    second: Item = ("words", 1, 9)
    return [first, *left, first], [second, *right, second]


@given(edited())
def test_the_alignment_is_the_one_the_definition_says(lists: tuple[list[Item], list[Item]]):
    """Cost and choice among equals are those of the full table."""
    left, right = lists
    assert align(left, right, change, gap) == cheapest(left, right)


@given(st.lists(ITEMS, max_size=9), st.lists(ITEMS, max_size=9))
def test_two_lists_that_have_nothing_to_do_with_each_other_are_aligned_too(left, right):
    """Whatever the lengths, the band grows until nothing outside of it can be cheaper."""
    first: Item = ("words", 0, 8)
    second: Item = ("words", 1, 8)
    before, after = [first, *left, first], [second, *right, second]
    assert align(before, after, change, gap) == cheapest(before, after)


@given(st.lists(ITEMS, max_size=5), st.lists(ITEMS, max_size=4), st.lists(ITEMS, max_size=4))
def test_equal_beginnings_are_paired_first(both, left, right):
    """What both lists begin with stands side by side."""
    pairs = align([*both, *left, *both], [*both, *right, *both], change, gap)
    assert pairs[: len(both)] == [(number, number) for number in range(len(both))]


@pytest.mark.parametrize(
    ("left", "right"), [("xbdbdbbbadx", "ydbbbadbdby"), ("ababaaba", "baababcb")]
)
def test_a_part_that_moved_far_is_found(left: str, right: str):
    """A band that is nearly wide enough is not taken for the answer."""
    costs = (lambda _a, _b: 2.0, lambda _: 1.0)
    assert align(left, right, *costs) == cheapest(left, right, *costs)


def test_the_search_stays_near_the_diagonal():
    """Two changes at both ends of 3,000 items look at some pairs an item, not at all of them."""
    left: list[Item] = [("read", 0, number) for number in range(3_000)]
    right = [("read", 1, -1), *left[1:-1], ("read", 1, -2)]
    asked = 0

    def counted(a: Item, b: Item) -> float:
        nonlocal asked
        asked += 1
        return change(a, b)

    pairs = align(left, right, counted, gap)
    assert pairs == [(number, number) for number in range(3_000)]
    assert asked < 3_000 * 10


def test_equal_lists_are_paired_without_a_search(monkeypatch):
    """Where nothing differs there is nothing to search."""
    items: list[Item] = [("read", 0, number) for number in range(3)]
    searched: list[int] = []
    monkeypatch.setattr(alignment, "_align", lambda left, *_: searched.append(len(left)) or [])
    assert align(items, items, change, gap) == [(0, 0), (1, 1), (2, 2)]
    assert searched == [0]
