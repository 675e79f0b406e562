"""Lay two sequences side by side so that what belongs together stands on one line."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
AlignedPair = tuple[int | None, int | None]
"""Positions on the left and on the right; `None` where one side has nothing."""


def align(
    left: Sequence[T],
    right: Sequence[T],
    change: Callable[[T, T], float],
    gap: Callable[[T], float],
) -> list[AlignedPair]:
    """Return the cheapest alignment (weighted edit distance; Wagner and Fischer, 1974).

    What both sides begin and end with is paired at once; the rest takes time and memory in the
    product of the lengths.

    Args:
        left: One sequence.
        right: The other.
        change: The cost of pairing two items; 0 for equal ones, never negative.
        gap: The cost of leaving an item alone.

    >>> align("abd", "acd", lambda a, b: 0 if a == b else 3, lambda _: 1)
    [(0, 0), (1, None), (None, 1), (2, 2)]
    """
    start = 0
    while start < min(len(left), len(right)) and change(left[start], right[start]) == 0:
        start += 1
    end = 0
    most = min(len(left), len(right)) - start
    while end < most and change(left[-1 - end], right[-1 - end]) == 0:
        end += 1
    middle = _align(left[start : len(left) - end], right[start : len(right) - end], change, gap)
    head: list[AlignedPair] = [(index, index) for index in range(start)]
    shifted: list[AlignedPair] = [
        (None if a is None else a + start, None if b is None else b + start) for a, b in middle
    ]
    tail: list[AlignedPair] = [(len(left) - end + i, len(right) - end + i) for i in range(end)]
    return head + shifted + tail


def _align(
    left: Sequence[T],
    right: Sequence[T],
    change: Callable[[T, T], float],
    gap: Callable[[T], float],
) -> list[AlignedPair]:
    rows, columns = len(left), len(right)
    drop_left = [gap(item) for item in left]
    drop_right = [gap(item) for item in right]
    cost = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        cost[i][columns] = cost[i + 1][columns] + drop_left[i]
    for j in range(columns - 1, -1, -1):
        cost[rows][j] = cost[rows][j + 1] + drop_right[j]
    paired = [[0.0] * columns for _ in range(rows)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            paired[i][j] = change(left[i], right[j]) + cost[i + 1][j + 1]
            cost[i][j] = min(
                paired[i][j], cost[i + 1][j] + drop_left[i], cost[i][j + 1] + drop_right[j]
            )
    pairs: list[AlignedPair] = []
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and cost[i][j] == paired[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif i < rows and cost[i][j] == cost[i + 1][j] + drop_left[i]:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


__all__ = ["AlignedPair", "align"]
