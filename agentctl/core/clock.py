"""Time as something a run is given: the real one, or one that moves only when told."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Tells the time; `advance` lets a simulated one pass it."""

    def now(self) -> datetime:
        """Return the present moment, UTC-aware."""
        ...

    def stamp(self) -> str:
        """Return the present moment as events hold it."""
        ...

    def advance(self, seconds: float) -> None:
        """Let simulated time pass; a real clock ignores it."""
        ...


class SystemClock:
    """The machine's clock, monotonic within one run even when the machine's is set back."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        """Return the moment the run started plus what has passed since."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin)

    def stamp(self) -> str:
        """Return the moment as events hold it."""
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Do nothing: real time passes by itself."""


class VirtualClock:
    """A clock that stands still between calls of `advance`."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._passed = 0.0
        self._now, self._stamp = _later(start, 0.0)

    def now(self) -> datetime:
        """Return the simulated moment."""
        return self._now

    def stamp(self) -> str:
        """Return the simulated moment as events hold it."""
        return self._stamp

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`, never back."""
        if seconds > 0:
            self._passed += seconds
            self._now, self._stamp = _later(self._start, self._passed)


@lru_cache(maxsize=512)
def _later(start: datetime, seconds: float) -> tuple[datetime, str]:
    """Return a moment and how it is written; trials meet the same ones over and over."""
    moment = start.astimezone(UTC) + timedelta(seconds=seconds)
    return moment, stamp(moment)


def stamp(moment: datetime) -> str:
    """Write a moment as events hold it.

    >>> stamp(datetime(2026, 1, 15, 9, 0, tzinfo=UTC))
    '2026-01-15T09:00:00.000Z'
    """
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


__all__ = ["Clock", "SystemClock", "VirtualClock", "stamp"]
