"""A batch as people see it: one line that moves while it goes, one that says what came of it."""

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.core.exits import ExitCode
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


class BatchSummary(NamedTuple):
    """What came of a batch, earlier starts included."""

    total: int
    stops: Counter[str]
    """How many tasks ended in which way."""
    left: int
    """Tasks without a result."""
    again: int
    """Tasks whose result is not final: the same command tries them again."""
    halted: str | None
    """Why some are left."""
    out: Path | None
    code: ExitCode

    def as_json(self) -> dict[str, Any]:
        """Return the summary as one JSON object."""
        return {
            "schema_version": SCHEMA_VERSION,
            "tasks": self.total,
            "stops": dict(sorted(self.stops.items())),
            "left": self.left,
            "again": self.again,
            "halted": self.halted,
            "results": str(self.out),
            "exit_code": int(self.code),
        }

    def text(self) -> str:
        """Return the verdict and the next command."""
        said = f"{count(self.total, 'task')}: {_counted(self.stops) or 'none done'}"
        if self.left:
            said += f"; {self.left} not begun: {self.halted}"
        if self.out is not None:
            said += f"; results in {shown_path(self.out)}"
        return f"{said}. Next: {self._next()}"

    def _next(self) -> str:
        if self.left or self.again:
            if self.out is None:
                return "again with --out FILE, so that what is done stays done"
            rest = self.left + self.again
            return f"the same command, for the {rest} that {'is' if rest == 1 else 'are'} left"
        if any(self.stops[stop] for stop in _WAITING):
            return "agentctl inbox list"
        return "agentctl trace list"


def _counted(stops: Counter[str]) -> str:
    return ", ".join(f"{number} {stop.replace('_', ' ')}" for stop, number in stops.most_common())


__all__ = ["BatchProgress", "BatchSummary"]
