"""Figures about what the agent did right: actions, calls, escalations, reliability."""

from collections.abc import Callable
from typing import Literal

from agentctl.evals.results.figure import Figure, FigureSpec, Tally, mean_figure, share_figure
from agentctl.evals.results.statistics import pass_hat_k

_SCORED = "scored trials"


def _share(
    name: str,
    numerator: str,
    denominator: str,
    count: Callable[[Tally], tuple[int, int]],
    better: Literal["higher", "lower"] = "higher",
) -> FigureSpec:
    def work_out(tally: Tally) -> Figure:
        return share_figure(*count(tally), denominator)

    title = name.replace("_", " ")
    return FigureSpec(name, title, numerator, denominator, better, "share", work_out)


def _right_actions(tally: Tally) -> tuple[int, int]:
    right = sum(row.checks["action"].value is True and not row.breaches for row in tally.scored)
    return right, len(tally.scored)


def _escalations(tally: Tally) -> tuple[int, int]:
    done = tally.confusion["needed_done"] + tally.confusion["not_needed_done"]
    return done, len(tally.scored)


def _needed_done(tally: Tally, other: str) -> tuple[int, int]:
    done = tally.confusion["needed_done"]
    return done, done + tally.confusion[other]


def _call_sums(tally: Tally) -> tuple[int, int, int]:
    """Return how many calls were expected, matched and scored."""
    counts = [row.calls for row in tally.scored if row.calls is not None]
    return sum(c[0] for c in counts), sum(c[1] for c in counts), sum(c[2] for c in counts)


def _call_precision(tally: Tally) -> tuple[int, int]:
    _, matched, scored = _call_sums(tally)
    return matched, scored


def _call_recall(tally: Tally) -> tuple[int, int]:
    expected, matched, _ = _call_sums(tally)
    return matched, expected


def _arguments(tally: Tally) -> Figure:
    counts = [row.calls for row in tally.scored if row.calls is not None]
    # Added up in a fixed order: fractions would otherwise depend on the order of the file.
    shares = sum(sorted(c[3] for c in counts))
    return mean_figure(shares, sum(c[0] for c in counts), "expected calls")


def _pass_hat(tally: Tally) -> Figure:
    chances = sorted(pass_hat_k(sum(won), len(won), tally.k) for won in tally.per_scenario.values())
    return mean_figure(sum(chances), len(chances), "scenarios")._replace(note="mean over scenarios")


QUALITY = (
    _share(
        "action_correctness",
        "trials with the right calls and state and no broken invariant",
        _SCORED,
        _right_actions,
    ),
    _share(
        "pass_rate",
        "trials in which everything expected holds",
        _SCORED,
        lambda tally: (tally.statuses["passed"], len(tally.scored)),
    ),
    _share(
        "resolution_rate",
        "trials that passed and ended `answered` without a person",
        _SCORED,
        lambda tally: (tally.resolved, len(tally.scored)),
    ),
    _share(
        "escalation_rate", "trials that went to a person", _SCORED, _escalations, better="lower"
    ),
    _share(
        "escalation_recall",
        "trials that need a person and went to one",
        "trials that need a person",
        lambda tally: _needed_done(tally, "needed_not_done"),
    ),
    _share(
        "escalation_precision",
        "trials that need a person and went to one",
        "escalations",
        lambda tally: _needed_done(tally, "not_needed_done"),
    ),
    _share("call_precision", "calls that ran as expected", "calls to score", _call_precision),
    _share("call_recall", "calls that ran as expected", "expected calls", _call_recall),
    FigureSpec(
        "argument_score",
        "argument score",
        "share of right arguments, added up over the expected calls",
        "expected calls",
        "higher",
        "share",
        _arguments,
    ),
)
INCONCLUSIVE = _share(
    "inconclusive",
    "trials that could not be scored",
    "trials",
    lambda tally: (tally.statuses["inconclusive"], len(tally.rows)),
    better="lower",
)._replace(listed=False)
PASS_HAT_K = FigureSpec(
    "pass_hat_k",
    "pass^k",
    "chance that k fresh trials of a scenario all pass, added up over the scenarios",
    "scenarios",
    "higher",
    "share",
    _pass_hat,
)


def pass_hats(tally: Tally) -> dict[int, Figure]:
    """Return pass^k for each k that every scenario has trials for; empty with one trial each."""
    if tally.most_k < 2:
        return {}
    return {k: PASS_HAT_K.work_out(tally.of_k(k)) for k in range(1, tally.most_k + 1)}


__all__ = ["INCONCLUSIVE", "PASS_HAT_K", "QUALITY", "pass_hats"]
