"""Trials as a table that people open in a spreadsheet or a notebook.

This is the one door to pandas, which takes longer to load than most evaluations take to run.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal

from agentctl.core.canonical import Json
from agentctl.core.text import json_escaped, neutralised
from agentctl.evals.running.runner import SetResult
from agentctl.evals.scorers.scoring import TrialRow

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet calculate instead of show."""

TableKind = Literal["csv", "tsv", "records", "html"]
_WRITERS: dict[TableKind, Callable[[Any], str]] = {
    "csv": lambda frame: neutralised(frame.to_csv(index=False, lineterminator="\n")),
    "tsv": lambda frame: neutralised(frame.to_csv(index=False, sep="\t", lineterminator="\n")),
    "records": lambda frame: json_escaped(
        frame.to_json(orient="records", indent=2, force_ascii=False) + "\n"
    ),
    "html": lambda frame: neutralised(frame.to_html(index=False, border=0)) + "\n",
}


def table_text(results: Sequence[SetResult], kind: TableKind) -> str:
    """Return one line a trial."""
    pandas = import_module("pandas")
    records = [
        flat(result.loaded.name, row, guard=kind in ("csv", "tsv"))
        for result in sorted(results, key=lambda result: result.loaded.name)
        for row in result.rows
    ]
    return _WRITERS[kind](pandas.DataFrame.from_records(records))


def flat(set_name: str, row: TrialRow, *, guard: bool = False) -> dict[str, Json]:
    """Return a row without nesting.

    Args:
        set_name: The golden set.
        row: The trial.
        guard: Whether text that a spreadsheet would calculate is made harmless.
    """
    expected, matched, scored, arguments = row.calls or (None, None, None, None)
    fields: dict[str, Json] = {
        "set": set_name,
        "scenario": row.scenario,
        "trial": row.trial,
        "mode": row.mode,
        "model": row.model,
        **({"agent": row.agent} if row.agent is not None else {}),
        "status": row.status,
        "freshness": row.freshness,
        "stop": row.stop,
        "why": "; ".join(reason.message for reason in row.reasons),
        "kinds": " ".join(dict.fromkeys(reason.kind for reason in row.reasons)),
        "escalation": row.escalation,
        "resolved": row.resolved,
        "invariant_breaches": row.breaches,
        "calls_expected": expected,
        "calls_matched": matched,
        "calls_scored": scored,
        "argument_sum": arguments,
        "cost_usd": row.cost_usd,
        "cost_status": row.cost_status,
        "tokens_in": row.tokens[0],
        "tokens_out": row.tokens[1],
        "model_calls": row.model_calls,
        "duration_s": row.duration_s,
    }
    if not guard:
        return fields
    return {name: _harmless(value) for name, value in fields.items()}


def _harmless(value: Json) -> Json:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


__all__ = ["TableKind", "flat", "table_text"]
