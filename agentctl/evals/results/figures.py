"""Fold the rows of a golden set into its figures, each with what it was worked out from.

A figure that cannot be worked out is `not_evaluated` and says why; it is never zero. Money is
exact and written as text.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.money import money_text
from agentctl.core.text import count
from agentctl.evals.results.statistics import pass_hat_k, percentile, wilson_interval
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.shapes.golden import HumanBaseline

FigureStatus = Literal["ok", "estimated", "not_evaluated"]
Number = Decimal | float | int


class Figure(NamedTuple):
    """One number of the summary and where it comes from."""

    value: Number | None
    numerator: Number | None
    denominator: Number | None
    status: FigureStatus = "ok"
    note: str | None = None
    """What was counted, or why nothing could be."""
    interval: tuple[float, float] | None = None
    """95 % Wilson interval of a share."""

    def as_json(self) -> dict[str, Json]:
        """Return the figure; money as text, shares with six decimals."""
        shown: dict[str, Json] = {
            "value": _plain(self.value),
            "numerator": _plain(self.numerator),
            "denominator": _plain(self.denominator),
            "status": self.status,
        }
        if self.interval is not None:
            shown["interval"] = [round(bound, 6) for bound in self.interval]
        if self.note is not None:
            shown["note"] = self.note
        return shown


class Summary(NamedTuple):
    """All figures of one golden set."""

    scenarios: int
    trials: int
    passed: int
    failed: int
    inconclusive: int
    breaches: int
    """Trials that broke an invariant."""
    modes: dict[str, int]
    freshness: dict[str, int]
    confusion: dict[str, int]
    offered: int
    figures: dict[str, Figure]
    pass_hat: dict[int, Figure]
    """pass^k for each k that every scenario has trials for; empty with one trial each."""
    untested: tuple[str, ...]
    """What a green verdict does not prove, one sentence each."""

    @property
    def scored(self) -> int:
        """Trials that could be judged."""
        return self.passed + self.failed

    def as_json(self) -> dict[str, Json]:
        """Return the summary as reports hold it."""
        return {
            "scenarios": self.scenarios,
            "trials": self.trials,
            "scored": self.scored,
            "passed": self.passed,
            "failed": self.failed,
            "inconclusive": self.inconclusive,
            "invariant_breaches": self.breaches,
            "modes": self.modes,
            "freshness": self.freshness,
            "escalation": {**self.confusion, "offered_in_words": self.offered},
            "figures": {name: figure.as_json() for name, figure in self.figures.items()},
            "pass_hat_k": {str(k): figure.as_json() for k, figure in self.pass_hat.items()},
            "not_tested": list(self.untested),
        }


def summarise(rows: Sequence[TrialRow], baseline: HumanBaseline | None = None) -> Summary:
    """Fold rows into figures; the order of the rows plays no part.

    Args:
        rows: All trials of one set.
        baseline: What the case costs when a person does it.
    """
    scored = [row for row in rows if row.status != "inconclusive"]
    statuses = Counter(row.status for row in rows)
    confusion: Counter[str] = Counter(
        row.escalation for row in scored if row.escalation is not None
    )
    cells = ("needed_done", "needed_not_done", "not_needed_done", "not_needed_not_done")
    modes: Counter[str] = Counter(row.mode for row in rows)
    freshness: Counter[str] = Counter(row.freshness for row in rows)
    return Summary(
        scenarios=len({row.scenario for row in rows}),
        trials=len(rows),
        passed=statuses["passed"],
        failed=statuses["failed"],
        inconclusive=statuses["inconclusive"],
        breaches=sum(row.breaches > 0 for row in rows),
        modes=dict(sorted(modes.items())),
        freshness=dict(sorted(freshness.items())),
        confusion={cell: confusion[cell] for cell in cells},
        offered=sum(row.offered for row in scored),
        figures={
            **_quality(scored),
            **_escalation(confusion, len(scored)),
            **_calls(scored),
            **_money(rows, scored, baseline),
            **_effort(rows, scored),
            "inconclusive": share_figure(statuses["inconclusive"], len(rows), "trials"),
        },
        pass_hat=_pass_hat(scored),
        untested=_untested(rows, modes, freshness),
    )


def share_figure(part: int, whole: int, of: str) -> Figure:
    """Return a share with its interval; of nothing, it is not evaluated.

    >>> share(3, 4, "trials").value
    0.75
    >>> share(0, 0, "escalations needed").status
    'not_evaluated'
    """
    if not whole:
        return Figure(None, part, whole, "not_evaluated", f"no {of}")
    return Figure(part / whole, part, whole, "ok", None, wilson_interval(part, whole))


def _quality(scored: Sequence[TrialRow]) -> dict[str, Figure]:
    right = sum(row.checks["action"].value is True and not row.breaches for row in scored)
    return {
        "action_correctness": share_figure(right, len(scored), "scored trials"),
        "pass_rate": share_figure(
            sum(row.status == "passed" for row in scored), len(scored), "scored trials"
        ),
        "resolution_rate": share_figure(
            sum(row.resolved for row in scored), len(scored), "scored trials"
        ),
    }


def _escalation(confusion: Counter[str], scored: int) -> dict[str, Figure]:
    hit, missed = confusion["needed_done"], confusion["needed_not_done"]
    needless = confusion["not_needed_done"]
    return {
        "escalation_rate": share_figure(hit + needless, scored, "scored trials"),
        "escalation_recall": share_figure(hit, hit + missed, "trials that need a person"),
        "escalation_precision": share_figure(hit, hit + needless, "escalations"),
    }


def _calls(scored: Sequence[TrialRow]) -> dict[str, Figure]:
    counts = [row.calls for row in scored if row.calls is not None]
    expected = sum(c[0] for c in counts)
    matched = sum(c[1] for c in counts)
    judged = sum(c[2] for c in counts)
    # Added up in a fixed order: fractions would otherwise depend on the order of the file.
    arguments = sum(sorted(c[3] for c in counts))
    return {
        "call_precision": share_figure(matched, judged, "calls to judge"),
        "call_recall": share_figure(matched, expected, "expected calls"),
        "argument_score": Figure(arguments / expected, arguments, expected)
        if expected
        else Figure(None, 0, 0, "not_evaluated", "no expected calls"),
    }


def _money(
    rows: Sequence[TrialRow], scored: Sequence[TrialRow], baseline: HumanBaseline | None
) -> dict[str, Figure]:
    resolved = sum(row.resolved for row in scored)
    per_resolved = _per_resolved(rows, resolved, baseline)
    return {
        "cost_per_scenario_usd": _cost(scored, len(scored), "scored trials"),
        "cost_per_resolved_usd": per_resolved,
        "cost_vs_human": _against(per_resolved, baseline),
    }


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


def _per_resolved(
    rows: Sequence[TrialRow], resolved: int, baseline: HumanBaseline | None
) -> Figure:
    """Return (cost of all trials + what people cost for each escalation) / resolved trials."""
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


def _against(per_resolved: Figure, baseline: HumanBaseline | None) -> Figure:
    if baseline is None:
        return Figure(None, None, None, "not_evaluated", "the set declares no `human_baseline`")
    human = baseline.cost_usd
    if per_resolved.value is None:
        return per_resolved._replace(numerator=None, denominator=human)
    if not human:
        return Figure(None, per_resolved.value, human, "not_evaluated", "a person costs nothing")
    ratio = Decimal(per_resolved.value) / human
    return per_resolved._replace(value=ratio, numerator=per_resolved.value, denominator=human)


def _effort(rows: Sequence[TrialRow], scored: Sequence[TrialRow]) -> dict[str, Figure]:
    resolved = sum(row.resolved for row in scored)
    seconds = [float(row.duration_s) for row in scored]
    return {
        "model_calls_per_scenario": _mean(
            sum(row.model_calls for row in scored), len(scored), "scored trials"
        ),
        "model_calls_per_resolved": _mean(
            sum(row.model_calls for row in rows), resolved, "resolved trials"
        ),
        "latency_p50_s": _latency(seconds, 50),
        "latency_p95_s": _latency(seconds, 95),
    }


def _mean(total: int, among: int, of: str) -> Figure:
    if not among:
        return Figure(None, total, among, "not_evaluated", f"no {of}")
    return Figure(total / among, total, among)


def _latency(seconds: Sequence[float], percent: int) -> Figure:
    if not seconds:
        return Figure(None, None, 0, "not_evaluated", "no scored trials")
    value, rank = percentile(seconds, percent)
    return Figure(value, rank, len(seconds), "ok", "virtual seconds; rank among the trials")


def _pass_hat(scored: Sequence[TrialRow]) -> dict[int, Figure]:
    trials: Counter[str] = Counter()
    wins: Counter[str] = Counter()
    for row in scored:
        trials[row.scenario] += 1
        wins[row.scenario] += row.status == "passed"
    most = min(trials.values(), default=0)
    if most < 2:
        return {}
    found = {}
    for k in range(1, most + 1):
        chances = sorted(pass_hat_k(wins[name], n, k) for name, n in trials.items())
        total = sum(chances)
        found[k] = Figure(total / len(chances), total, len(chances), "ok", "mean over scenarios")
    return found


def _untested(
    rows: Sequence[TrialRow], modes: Counter[str], freshness: Counter[str]
) -> tuple[str, ...]:
    said = []
    written, recorded, replayed = modes["written"], modes["recorded"], modes["cassette"]
    total = len(rows)
    if written:
        said.append(
            f"{written} of {total} trials played turns written by hand: gate, tools, policy and"
            " world were tested, the prompt and the model were not"
        )
    if recorded:
        said.append(
            f"{recorded} of {total} trials played recorded turns: what the model would say to this"
            " prompt today was not tested"
        )
    if replayed:
        said.append(
            f"{replayed} of {total} trials played a cassette: what the model said when it was asked"
            " exactly this; what it would say today was not tested"
        )
    if modes["live"]:
        said.append(
            f"{modes['live']} of {total} trials asked the model, with mocked tools: the real"
            " systems were not tested, and the next answers may be others"
        )
    if freshness["stale"]:
        said.append(
            f"{freshness['stale']} of {total} trials play turns made for another prompt, tool set"
            " or model (stale recording)"
        )
    if freshness["unstamped"]:
        said.append(
            f"{freshness['unstamped']} of {total} trials play turns that do not say what they were"
            " made for (`agentctl eval SET --stamp`)"
        )
    broken = sum(row.status == "inconclusive" for row in rows)
    if broken:
        said.append(f"{broken} of {total} trials could not be judged")
    return tuple(said)


def _plain(value: Number | None) -> Json:
    if isinstance(value, Decimal):
        return money_text(value)
    return round(value, 6) if isinstance(value, float) else value


__all__ = ["Figure", "FigureStatus", "Summary", "share_figure", "summarise"]
