"""Pair rows with columns, each at most once, so that the pairs are worth most together.

The Hungarian method with potentials, in its shortest-augmenting-path form: O(rows^2 x columns).
Weights are whole numbers, so nothing is lost in comparing sums. The total worth
of the result does not depend on the order of rows or columns; where several pairings are worth the
same, the one returned does, and always the same one for the same input.
"""

from collections.abc import Sequence


def assign(weights: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the pairs (row, column) of a one-to-one pairing of maximum total weight.

    A weight of zero or less says that two do not belong together: such a pair is never returned.

    >>> assign([[3, 5], [0, 4]])
    [(0, 0), (1, 1)]

    Args:
        weights: One row of weights for each row; all of the same length.
    """
    if not weights or not weights[0]:
        return []
    if len(weights) > len(weights[0]):
        flipped = assign([list(column) for column in zip(*weights, strict=True)])
        return sorted((row, column) for column, row in flipped)
    row_of = _cheapest([[-max(weight, 0) for weight in row] for row in weights])
    pairs = ((row, column) for column, row in enumerate(row_of) if row is not None)
    return sorted((row, column) for row, column in pairs if weights[row][column] > 0)


def _cheapest(costs: Sequence[Sequence[int]]) -> list[int | None]:
    """Return for each column the row paired with it; there are no more rows than columns."""
    columns = len(costs[0])
    row_price: list[int] = [0] * len(costs)
    column_price: list[int] = [0] * columns
    row_of: list[int | None] = [None] * columns
    for start in range(len(costs)):
        slack: list[int | None] = [None] * columns
        came_from: list[int | None] = [None] * columns
        done = [False] * columns
        reached: int | None = None
        row: int | None = start
        while row is not None:
            step: int | None = None
            nearest = -1
            for column in range(columns):
                if done[column]:
                    continue
                reduced = costs[row][column] - row_price[row] - column_price[column]
                known = slack[column]
                if known is None or reduced < known:
                    slack[column] = known = reduced
                    came_from[column] = reached
                if step is None or known < step:
                    step, nearest = known, column
            assert step is not None  # there are at least as many columns as rows
            row_price[start] += step
            for column in range(columns):
                known = slack[column]
                if done[column]:
                    owner = row_of[column]
                    assert owner is not None
                    row_price[owner] += step
                    column_price[column] -= step
                elif known is not None:
                    slack[column] = known - step
            done[nearest] = True
            reached = nearest
            row = row_of[nearest]
        while reached is not None:
            before = came_from[reached]
            row_of[reached] = start if before is None else row_of[before]
            reached = before
    return row_of


__all__ = ["assign"]
