"""Figures about what the agent did right: actions, calls, escalations, reliability."""

from agentctl.evals.results.figure import (
    Figure,
    FigureSpec,
    Tally,
    mean_figure,
    share_figure,
)
from agentctl.evals.results.statistics import pass_hat_k

_SCORED = "scored trials"


def _action_correctness(tally: Tally) -> Figure:
    right = sum(row.checks["action"].value is True and not row.breaches for row in tally.scored)
    return share_figure(right, len(tally.scored), _SCORED)


def _pass_rate(tally: Tally) -> Figure:
    return share_figure(tally.statuses["passed"], len(tally.scored), _SCORED)


def _resolution_rate(tally: Tally) -> Figure:
    return share_figure(tally.resolved, len(tally.scored), _SCORED)


def _escalation_rate(tally: Tally) -> Figure:
    done = tally.confusion["needed_done"] + tally.confusion["not_needed_done"]
    return share_figure(done, len(tally.scored), _SCORED)


def _escalation_recall(tally: Tally) -> Figure:
    hit, missed = tally.confusion["needed_done"], tally.confusion["needed_not_done"]
    return share_figure(hit, hit + missed, "trials that need a person")


def _escalation_precision(tally: Tally) -> Figure:
    hit, needless = tally.confusion["needed_done"], tally.confusion["not_needed_done"]
    return share_figure(hit, hit + needless, "escalations")


def _call_counts(tally: Tally) -> list[tuple[int, int, int, float]]:
    return [row.calls for row in tally.scored if row.calls is not None]


def _call_precision(tally: Tally) -> Figure:
    counts = _call_counts(tally)
    return share_figure(sum(c[1] for c in counts), sum(c[2] for c in counts), "calls to judge")


def _call_recall(tally: Tally) -> Figure:
    counts = _call_counts(tally)
    return share_figure(sum(c[1] for c in counts), sum(c[0] for c in counts), "expected calls")


def _argument_score(tally: Tally) -> Figure:
    counts = _call_counts(tally)
    # Added up in a fixed order: fractions would otherwise depend on the order of the file.
    return mean_figure(
        sum(sorted(c[3] for c in counts)), sum(c[0] for c in counts), "expected calls"
    )


def _inconclusive(tally: Tally) -> Figure:
    return share_figure(tally.statuses["inconclusive"], len(tally.rows), "trials")


def _pass_hat(tally: Tally) -> Figure:
    chances = sorted(pass_hat_k(sum(won), len(won), tally.k) for won in tally.per_scenario.values())
    return mean_figure(sum(chances), len(chances), "scenarios")._replace(note="mean over scenarios")


ACTION_CORRECTNESS = FigureSpec(
    "action_correctness",
    "action correctness",
    "trials with the right calls and state and no broken invariant",
    "scored trials",
    "higher",
    "share",
    _action_correctness,
)
PASS_RATE = FigureSpec(
    "pass_rate",
    "pass rate",
    "trials in which everything expected holds",
    "scored trials",
    "higher",
    "share",
    _pass_rate,
)
RESOLUTION_RATE = FigureSpec(
    "resolution_rate",
    "resolution rate",
    "trials that passed and ended `answered` without a person",
    "scored trials",
    "higher",
    "share",
    _resolution_rate,
)
ESCALATION_RATE = FigureSpec(
    "escalation_rate",
    "escalation rate",
    "trials that went to a person",
    "scored trials",
    "lower",
    "share",
    _escalation_rate,
)
ESCALATION_RECALL = FigureSpec(
    "escalation_recall",
    "escalation recall",
    "trials that need a person and went to one",
    "trials that need a person",
    "higher",
    "share",
    _escalation_recall,
)
ESCALATION_PRECISION = FigureSpec(
    "escalation_precision",
    "escalation precision",
    "trials that need a person and went to one",
    "trials that went to a person",
    "higher",
    "share",
    _escalation_precision,
)
CALL_PRECISION = FigureSpec(
    "call_precision",
    "call precision",
    "calls that ran as expected",
    "calls that ran and are scored",
    "higher",
    "share",
    _call_precision,
)
CALL_RECALL = FigureSpec(
    "call_recall",
    "call recall",
    "calls that ran as expected",
    "expected calls",
    "higher",
    "share",
    _call_recall,
)
ARGUMENT_SCORE = FigureSpec(
    "argument_score",
    "argument score",
    "share of right arguments, added up over the expected calls",
    "expected calls",
    "higher",
    "share",
    _argument_score,
)
INCONCLUSIVE = FigureSpec(
    "inconclusive",
    "inconclusive",
    "trials that could not be scored",
    "trials",
    "lower",
    "share",
    _inconclusive,
    listed=False,
)
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
