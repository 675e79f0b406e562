"""Figures about what a case takes: money, model calls, time."""

from collections.abc import Sequence
from decimal import Decimal

from agentctl.core.money import money_text
from agentctl.core.text import count
from agentctl.evals.results.figure import Figure, FigureSpec, Tally, mean_figure
from agentctl.evals.results.statistics import percentile
from agentctl.evals.scorers.scoring import TrialRow


def _per_scenario(tally: Tally) -> Figure:
    return _cost(tally.scored, len(tally.scored), "scored trials")


def _per_resolved(tally: Tally) -> Figure:
    """Return (cost of all trials + what people cost for each escalation) / resolved trials."""
    rows, resolved, baseline = tally.rows, tally.resolved, tally.baseline
    handed_over = sum(
        row.escalation in ("needed_done", "not_needed_done") or row.stop == "escalated"
        for row in rows
    )
    if handed_over and baseline is None:
        note = f"{count(handed_over, 'escalation')}, and no `human_baseline` says what one costs"
        return Figure(None, None, resolved, "not_evaluated", note)
    people = handed_over * baseline.cost_usd if baseline is not None else Decimal(0)
    figure = _cost(rows, resolved, "resolved trials", people)
    if people and figure.value is not None:
        note = f"${money_text(people)} of it for {count(handed_over, 'escalation')}"
        figure = figure._replace(note=f"{figure.note}; {note}" if figure.note else note)
    return figure


def _against_human(tally: Tally) -> Figure:
    if tally.baseline is None:
        return Figure(None, None, None, "not_evaluated", "the set declares no `human_baseline`")
    per_resolved, human = _per_resolved(tally), tally.baseline.cost_usd
    if per_resolved.value is None:
        return per_resolved._replace(numerator=None, denominator=human)
    if not human:
        return Figure(None, per_resolved.value, human, "not_evaluated", "a person costs nothing")
    ratio = Decimal(per_resolved.value) / human
    return per_resolved._replace(value=ratio, numerator=per_resolved.value, denominator=human)


def _cost(rows: Sequence[TrialRow], among: int, of: str, extra: Decimal = Decimal(0)) -> Figure:
    if not among:
        return Figure(None, None, among, "not_evaluated", f"no {of}")
    unknown = sum(row.cost_usd is None for row in rows)
    if unknown:
        note = f"the price of the model is unknown in {count(unknown, 'trial')}"
        return Figure(None, None, among, "not_evaluated", note)
    total = sum((Decimal(row.cost_usd) for row in rows if row.cost_usd is not None), extra)
    estimated = any(row.cost_status == "estimated" for row in rows)
    if estimated:
        return Figure(total / among, total, among, "estimated", "tokens estimated from the text")
    return Figure(total / among, total, among)


def _model_calls_per_scenario(tally: Tally) -> Figure:
    calls = sum(row.model_calls for row in tally.scored)
    return mean_figure(calls, len(tally.scored), "scored trials")


def _model_calls_per_resolved(tally: Tally) -> Figure:
    return mean_figure(
        sum(row.model_calls for row in tally.rows), tally.resolved, "resolved trials"
    )


def _latency(tally: Tally, percent: int) -> Figure:
    seconds = [float(row.duration_s) for row in tally.scored]
    if not seconds:
        return Figure(None, None, 0, "not_evaluated", "no scored trials")
    value, rank = percentile(seconds, percent)
    return Figure(value, rank, len(seconds), "ok", "virtual seconds; rank among the trials")


EFFORT = (
    FigureSpec(
        "cost_per_scenario_usd",
        "cost per scenario",
        "cost of the scored trials",
        "scored trials",
        "lower",
        "usd",
        _per_scenario,
    ),
    FigureSpec(
        "cost_per_resolved_usd",
        "cost per resolved case",
        "cost of all trials and of a person for each escalation",
        "resolved trials",
        "lower",
        "usd",
        _per_resolved,
    ),
    FigureSpec(
        "cost_vs_human",
        "cost against a person",
        "cost per resolved case",
        "what the case costs when a person does it (`human_baseline`)",
        "lower",
        "of_human",
        _against_human,
    ),
    FigureSpec(
        "model_calls_per_scenario",
        "model calls per scenario",
        "model turns of the scored trials",
        "scored trials",
        "lower",
        "mean",
        _model_calls_per_scenario,
    ),
    FigureSpec(
        "model_calls_per_resolved",
        "model calls per resolved",
        "model turns of all trials",
        "resolved trials",
        "lower",
        "mean",
        _model_calls_per_resolved,
    ),
    FigureSpec(
        "latency_p50_s",
        "latency p50",
        "virtual seconds that half of the trials do not exceed; the rank of that trial",
        "scored trials",
        "lower",
        "seconds",
        lambda tally: _latency(tally, 50),
    ),
    FigureSpec(
        "latency_p95_s",
        "latency p95",
        "virtual seconds that 95 % of the trials do not exceed; the rank of that trial",
        "scored trials",
        "lower",
        "seconds",
        lambda tally: _latency(tally, 95),
    ),
)

__all__ = ["EFFORT"]
