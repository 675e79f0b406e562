"""Lay two sequences side by side so that what belongs together stands on one line."""

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)
AlignedPair = tuple[int | None, int | None]
"""Positions on the left and on the right; `None` where one side has nothing."""
_PAIR, _DROP, _ADD = range(3)
_FIRST_WIDTH = 2


def align(
    left: Sequence[T],
    right: Sequence[T],
    change: Callable[[T, T], float],
    gap: Callable[[T], float],
) -> list[AlignedPair]:
    """Return the cheapest alignment (weighted edit distance; Wagner and Fischer, 1974).

    What both sides begin and end with is paired at once. Of the rest only a band around the
    diagonal is looked at, as wide as the differences ask (Ukkonen, 1985): time and memory grow with
    length times differences, not with the product of the lengths.

    Args:
        left: One sequence.
        right: The other.
        change: The cost of pairing two unequal items, above 0; equal ones cost nothing.
        gap: The cost of leaving an item alone, above 0.

    >>> align("abd", "acd", lambda a, b: 3, lambda _: 1)
    [(0, 0), (1, None), (None, 1), (2, 2)]
    """
    shorter = min(len(left), len(right))
    start = 0
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    middle = _align(left[start : len(left) - end], right[start : len(right) - end], change, gap)
    head: list[AlignedPair] = [(index, index) for index in range(start)]
    shifted: list[AlignedPair] = [
        (None if a is None else a + start, None if b is None else b + start) for a, b in middle
    ]
    tail: list[AlignedPair] = [(len(left) - end + i, len(right) - end + i) for i in range(end)]
    return head + shifted + tail


class _Band(NamedTuple):
    """The cheapest alignment that stays in a band, and how to go on from each of its cells."""

    cost: float
    moves: list[bytearray]
    """By position on the left, then by diagonal."""
    lowest: int
    """The first diagonal, as position on the right less position on the left."""


def _align(
    left: Sequence[T],
    right: Sequence[T],
    change: Callable[[T, T], float],
    gap: Callable[[T], float],
) -> list[AlignedPair]:
    drops, adds = [gap(item) for item in left], [gap(item) for item in right]
    leaving = _costs_of_leaving(drops, adds)
    width, before = _FIRST_WIDTH, math.inf
    band = _band(left, right, change, drops, adds, width)
    # An alignment outside of the band costs at least `leaving[width]`: only then is it ruled out.
    while width < len(leaving) and band.cost >= leaving[width]:
        # A cost that a wider band did not lower is likely the least: go as wide as it asks.
        enough = bisect_right(leaving, band.cost)
        width = enough if band.cost == before else min(2 * width + 1, enough)
        before = band.cost
        band = _band(left, right, change, drops, adds, width)
    pairs: list[AlignedPair] = []
    i = j = 0
    while i < len(left) or j < len(right):
        move = band.moves[i][j - i - band.lowest]
        pairs.append((None if move == _ADD else i, None if move == _DROP else j))
        i, j = i + (move != _ADD), j + (move != _DROP)
    return pairs


def _costs_of_leaving(drops: Sequence[float], adds: Sequence[float]) -> list[float]:
    """Return, by the width of a band, the least that an alignment costs which leaves it.

    To stray from the diagonal by one more than the width, it leaves that many items of each side
    alone, on the longer side also those that the other one lacks: at best the cheapest of all.
    """
    fewer = min(len(drops), len(adds))
    left = list(accumulate(sorted(drops), initial=0.0))[len(drops) - fewer :]
    right = list(accumulate(sorted(adds), initial=0.0))[len(adds) - fewer :]
    return [a + b for a, b in zip(left[1:], right[1:], strict=True)]


def _band(
    left: Sequence[T],
    right: Sequence[T],
    change: Callable[[T, T], float],
    drops: Sequence[float],
    adds: Sequence[float],
    width: int,
) -> _Band:
    rows, columns = len(left), len(right)
    lowest = min(0, columns - rows) - width
    highest = max(0, columns - rows) + width
    moves: list[bytearray] = [bytearray()] * (rows + 1)
    below = [math.inf] * (highest - lowest + 3)  # one more at both ends: outside of the band
    for i in range(rows, -1, -1):
        row = [math.inf] * len(below)
        marks = bytearray([_ADD]) * (highest - lowest + 1)
        first, last = max(0, i + lowest), min(columns, i + highest)
        at, cost = last - i - lowest, math.inf
        if last == columns:
            cost = 0.0 if i == rows else below[at] + drops[i]
            row[at + 1], marks[at] = cost, _DROP
            last, at = last - 1, at - 1
        if i == rows:
            for j in range(last, first - 1, -1):
                row[j - i - lowest + 1] = cost = cost + adds[j]
        else:
            item, drop = left[i], drops[i]
            for j in range(last, first - 1, -1):
                added, dropped, paired = cost + adds[j], below[at] + drop, below[at + 1]
                cost, mark = (dropped, _DROP) if dropped <= added else (added, _ADD)
                if paired <= cost:
                    if item != right[j]:
                        paired += change(item, right[j])
                    if paired <= cost:
                        cost, mark = paired, _PAIR
                row[at + 1], marks[at] = cost, mark
                at -= 1
        below, moves[i] = row, marks
    return _Band(below[-lowest + 1], moves, lowest)


__all__ = ["AlignedPair", "align"]
