"""The arithmetic behind rates, against values worked out elsewhere."""

import doctest
from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.evals.results import statistics
from agentctl.evals.results.statistics import pass_hat_k, percentile, wilson_interval


def test_examples_in_the_docstrings_hold():
    """Every docstring example gives what it says."""
    assert doctest.testmod(statistics).failed == 0


@given(st.integers(1, 8), st.data())
def test_pass_hat_k_is_the_share_of_all_successful_draws(trials, data):
    """Drawing k of the trials in every possible way gives the same number."""
    successes = data.draw(st.integers(0, trials))
    k = data.draw(st.integers(1, trials))
    draws = list(combinations([True] * successes + [False] * (trials - successes), k))
    assert isclose(pass_hat_k(successes, trials, k), sum(map(all, draws)) / len(draws))


def test_pass_hat_k_is_not_the_biased_power():
    """(c/n)^k promises more than pass^k: 0.5 against 0.5625 for three of four."""
    assert pass_hat_k(3, 4, 2) < (3 / 4) ** 2


@pytest.mark.parametrize(("successes", "trials", "k"), [(1, 1, 2), (1, 1, 0), (2, 1, 1)])
def test_pass_hat_k_refuses_the_impossible(successes, trials, k):
    """More draws or successes than trials is an error, not a number."""
    with pytest.raises(ValueError, match="trials"):
        pass_hat_k(successes, trials, k)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share(trials, data):
    """The measured share lies inside its interval, and the interval inside 0 to 1."""
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


@given(st.lists(st.floats(0, 100), min_size=1), st.integers(1, 100))
def test_a_percentile_is_one_of_the_values(values, percent):
    """At least the asked share of values is not above the percentile."""
    value, rank = percentile(values, percent)
    assert value in values
    assert sum(v <= value for v in values) >= rank
    assert rank * 100 >= percent * len(values)
