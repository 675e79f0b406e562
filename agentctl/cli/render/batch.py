"""A batch as people see it: one line that moves while it goes, one that says what came of it."""

import os
import sys
from collections import Counter
from typing import Any

from agentctl.app.batch.batch import BatchSummary
from agentctl.core.text import count, shorten
from agentctl.specs.reading.locate import shown_path

SCHEMA_VERSION = "1"
_WAITING = ("escalated", "waiting_approval", "waiting_reply")
_WIDTH = 79


class BatchProgress:
    """One line on a terminal's stderr; elsewhere nothing.

    Args:
        total: How many tasks there are.
        show: Whether to show it at all.
    """

    def __init__(self, total: int, *, show: bool) -> None:
        self._total = total
        self._show = show and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, stops: Counter[str]) -> None:
        """Show how far the batch is."""
        if self._show:
            line = f"{stops.total()} of {self._total}: {_counted(stops)}"
            sys.stderr.write(f"\r{shorten(line, _WIDTH):<{_WIDTH}}")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._show:
            sys.stderr.write("\r" + " " * _WIDTH + "\r")
            sys.stderr.flush()


def summary_json(summary: BatchSummary) -> dict[str, Any]:
    """Return the summary as one JSON object."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tasks": summary.total,
        "stops": dict(sorted(summary.stops.items())),
        "left": summary.left,
        "again": summary.again,
        "halted": summary.halted,
        "results": str(summary.out),
        "exit_code": int(summary.code),
    }


def summary_line(summary: BatchSummary) -> str:
    """Return the verdict and the next command."""
    said = f"{count(summary.total, 'task')}: {_counted(summary.stops) or 'none done'}"
    if summary.left:
        said += f"; {summary.left} not started: {summary.halted}"
    if summary.out is not None:
        said += f"; results in {shown_path(summary.out)}"
    return f"{said}. Next: {_next(summary)}"


def _next(summary: BatchSummary) -> str:
    if summary.left or summary.again:
        if summary.out is None:
            return "rerun with --out FILE to keep the results"
        rest = summary.left + summary.again
        return f"the same command, for the {rest} that {'is' if rest == 1 else 'are'} left"
    if summary.waits and any(summary.stops[stop] for stop in _WAITING):
        return "agentctl inbox list"
    return "agentctl trace list"


def _counted(stops: Counter[str]) -> str:
    return ", ".join(f"{number} {stop.replace('_', ' ')}" for stop, number in stops.most_common())


__all__ = ["BatchProgress", "summary_json", "summary_line"]
