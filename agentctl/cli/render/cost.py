"""What runs cost, as people read it and as JSON.

`~` marks a sum with estimates in it; `unknown` a cost that is not known, and `+ unknown` a sum that
lacks one.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from agentctl.cli.render.console import paint
from agentctl.core.money import money_text
from agentctl.core.text import count, neutralised
from agentctl.traces.views.cost import Dimension, Total
from agentctl.traces.views.trend import HISTORY_DAYS, SPIKE_FACTOR, BudgetUse, Forecast, Spike

CostTable = Mapping[tuple[str | None, ...], Total]
_NUMBERS = ("runs", "tokens in", "tokens out", "models USD", "tools USD", "USD")


class CostReport(NamedTuple):
    """Everything `trace cost` says."""

    by: tuple[Dimension, ...]
    rows: CostTable
    total: CostTable
    """One row, or none when nothing was spent."""
    forecast: Forecast
    spikes: tuple[Spike, ...]
    budgets: tuple[BudgetUse, ...]
    replayed: int
    unread: tuple[str, ...]
    erased: tuple[str, ...]


def cost_lines(report: CostReport) -> Iterator[str]:
    """Yield the table, then what follows from it."""
    if not report.rows:
        yield "no run of this time has cost anything"
    else:
        yield from _table(report)
    ahead = report.forecast
    missing = any(total.unknown for total in report.total.values())
    yield (
        f"forecast for {ahead.month}: ~{money_text(ahead.usd)} US dollars (the mean of"
        f" {count(ahead.days, 'day')} so far, {money_text(ahead.spent)} in all, times"
        f" {ahead.days_in_month} days{'; without what is unknown' if missing else ''})"
    )
    for spike in report.spikes:
        told = (
            f"{spike.day} cost {money_text(spike.usd)}, over {SPIKE_FACTOR} times the usual"
            f" {money_text(spike.usual)} (median of {count(spike.history, 'day')} of spending in"
            f" the {HISTORY_DAYS} before)"
        )
        yield f"{paint('spike', 'red')}: {told}"
    for budget in report.budgets:
        colour = {"ok": "green", "near": "yellow", "exceeded": "red"}[budget.state]
        yield (
            f"budget {paint(budget.state, colour)}: {neutralised(budget.agent)}, {budget.period}"
            f" {budget.of}: {money_text(budget.used)} of {money_text(budget.most)}"
        )
    if report.replayed:
        yield f"not counted: {count(report.replayed, 'run')} of recorded turns"


def _table(report: CostReport) -> Iterator[str]:
    ordered = list(_ordered(report))
    grid = [[*report.by, *_NUMBERS]]
    grid += [
        [*(neutralised(part or "-") for part in key), *_cells(total)] for key, total in ordered
    ]
    if len(ordered) > 1:
        (total,) = report.total.values()
        grid.append(["total", *[""] * (len(report.by) - 1), *_cells(total)])
    widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
    keys = len(report.by)
    for number, row in enumerate(grid):
        cells = [
            cell.ljust(width) if column < keys else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        yield paint(line, "bold") if number == 0 else line


def _ordered(report: CostReport) -> Sequence[tuple[tuple[str | None, ...], Total]]:
    """Days in their order; everything else the dearest first."""
    rows = sorted(report.rows.items(), key=lambda row: tuple(part or "" for part in row[0]))
    if report.by[0] == "day":
        return rows
    return sorted(rows, key=lambda row: row[1].usd, reverse=True)


def _cells(total: Total) -> list[str]:
    return [
        str(len(total.runs)),
        f"{total.input_tokens:,}",
        f"{total.output_tokens:,}",
        _usd(total.model_usd, total),
        money_text(total.tool_usd),
        _usd(total.usd, total),
    ]


def _usd(amount: Decimal, total: Total) -> str:
    known = f"{'~' if total.estimated else ''}{money_text(amount)}"
    if not total.unknown:
        return known
    return f"{known} + unknown" if amount else "unknown"


def cost_json(report: CostReport) -> dict[str, Any]:
    """Return the whole as one JSON object; money is text."""
    totals = [_total_json(total) for total in report.total.values()]
    ahead = report.forecast
    return {
        "schema_version": "1",
        "by": list(report.by),
        "rows": list(rows_json(report)),
        "total": totals[0] if totals else _total_json(Total()),
        "forecast": {
            **ahead._asdict(),
            "spent": money_text(ahead.spent),
            "usd": money_text(ahead.usd),
        },
        "spikes": [
            {
                "day": spike.day.isoformat(),
                "usd": money_text(spike.usd),
                "usual": money_text(spike.usual),
                "history": spike.history,
            }
            for spike in report.spikes
        ],
        "budgets": [
            {
                **budget._asdict(),
                "used": money_text(budget.used),
                "most": money_text(budget.most),
            }
            for budget in report.budgets
        ],
        "replayed": report.replayed,
        "unread": list(report.unread),
        "erased": list(report.erased),
    }


def rows_json(report: CostReport) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table as JSON objects."""
    for key, total in _ordered(report):
        yield {**dict(zip(report.by, key, strict=True)), **_total_json(total)}


def _total_json(total: Total) -> dict[str, Any]:
    return {
        "runs": len(total.runs),
        "turns": total.turns,
        "calls": total.calls,
        "tokens": {"in": total.input_tokens, "out": total.output_tokens},
        "model_usd": money_text(total.model_usd),
        "tool_usd": money_text(total.tool_usd),
        "usd": money_text(total.usd),
        "estimated": total.estimated,
        "unknown": total.unknown,
    }


__all__ = ["CostReport", "cost_json", "cost_lines", "rows_json"]
