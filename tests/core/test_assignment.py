"""The assignment is the best there is, whatever the order."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.assignment import assign

matrices = st.tuples(st.integers(0, 5), st.integers(1, 5)).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(-3, 9), min_size=size[1], max_size=size[1]),
        min_size=size[0],
        max_size=size[0],
    )
)


def worth(weights, pairs):
    return sum(weights[row][column] for row, column in pairs)


def best_by_trying_all(weights):
    if not weights:
        return 0
    rows, columns = len(weights), len(weights[0])
    # Padding with "stays alone" lets every subset of pairs be tried.
    padded = [row + [0] * rows for row in weights]
    return (
        max(
            sum(max(padded[row][column], 0) for row, column in enumerate(chosen))
            for chosen in permutations(range(columns + rows), rows)
        )
        if rows <= 3
        else None
    )


@given(matrices)
def test_no_other_pairing_is_worth_more(weights):
    """The pairing found is worth as much as the best of all pairings."""
    best = best_by_trying_all(weights)
    if best is not None:
        assert worth(weights, assign(weights)) == best


@given(matrices)
def test_pairs_are_one_to_one_and_belong_together(weights):
    """No row and no column is used twice, and no pair without worth is made."""
    pairs = assign(weights)
    assert len({row for row, _ in pairs}) == len(pairs) == len({column for _, column in pairs})
    assert all(weights[row][column] > 0 for row, column in pairs)


@given(matrices, st.randoms(use_true_random=False))
def test_the_worth_does_not_depend_on_the_order(weights, random):
    """Shuffling rows and columns changes no total."""
    total = worth(weights, assign(weights))
    shuffled = [list(row) for row in weights]
    random.shuffle(shuffled)
    columns = list(range(len(weights[0]) if weights else 0))
    random.shuffle(columns)
    shuffled = [[row[column] for column in columns] for row in shuffled]
    assert worth(shuffled, assign(shuffled)) == total


def test_greedy_would_be_wrong_here():
    """The best single pair is given up where two others are worth more together."""
    assert assign([[10, 9], [9, 1]]) == [(0, 1), (1, 0)]


def test_nothing_to_pair():
    """No rows or no columns give no pairs."""
    assert assign([]) == []
    assert assign([[], []]) == []
