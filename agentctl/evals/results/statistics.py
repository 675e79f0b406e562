"""Numbers over trials: chances, intervals, percentiles. Pure arithmetic, no dependencies."""

from collections.abc import Sequence
from math import comb, sqrt

Z_95 = 1.959963984540054
"""Standard normal quantile for a two-sided interval of 95 %."""


def pass_hat_k(successes: int, trials: int, k: int) -> float:
    """Estimate the chance that k fresh trials of one scenario would all succeed.

    Unbiased for independent trials: C(successes, k) / C(trials, k), where the plain
    (successes / trials) ** k promises too much (tau-bench, 2024).

    >>> pass_hat_k(successes=3, trials=4, k=2)
    0.5
    >>> pass_hat_k(successes=1, trials=4, k=2)
    0.0

    Raises:
        ValueError: If k is not between 1 and trials, or successes not between 0 and trials.
    """
    if not 1 <= k <= trials:
        raise ValueError(f"k is {k}, and there are {trials} trials")
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    return comb(successes, k) / comb(trials, k)


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Return the interval in which a share measured on so few trials may really lie.

    Wilson's score interval (1927): it never leaves 0 to 1 and says something useful even when
    all or none succeed.

    >>> tuple(round(bound, 4) for bound in wilson_interval(8, 10))
    (0.4902, 0.9433)
    >>> tuple(round(bound, 4) for bound in wilson_interval(10, 10))
    (0.7225, 1.0)

    Raises:
        ValueError: If there are no trials, or successes are not between 0 and trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    share = successes / trials
    spread = z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def percentile(values: Sequence[float], percent: int) -> tuple[float, int]:
    """Return a percentile by nearest rank, and that rank: the k-th smallest value is really there.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 50)
    (2.0, 2)
    >>> percentile([4.0, 1.0, 3.0, 2.0], 95)
    (4.0, 4)

    Raises:
        ValueError: If there are no values, or percent is not between 1 and 100.
    """
    if not values or not 1 <= percent <= 100:
        raise ValueError(f"percentile {percent} of {len(values)} values")
    rank = -(-percent * len(values) // 100)
    return sorted(values)[rank - 1], rank


__all__ = ["Z_95", "pass_hat_k", "percentile", "wilson_interval"]
