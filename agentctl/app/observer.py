"""What the application reports while it works: the caller shows it, counts it or ignores it."""

from collections.abc import Callable
from typing import NamedTuple

from agentctl.core.events import Event
from agentctl.runtime.run import EventRecorder


def ignore(_: object) -> None:
    """Ignore what is reported."""


class Observer(NamedTuple):
    """Who is told what happens while it happens; by default nobody."""

    event: Callable[[Event], None] = ignore
    """Called with each event of a run, after it was recorded."""
    text: Callable[[str], None] | None = None
    """Called with the model's words as they arrive, where no guardrail has to check them first."""
    note: Callable[[str], None] = ignore
    """Called with warnings and progress, one line each; from any thread."""


UNOBSERVED = Observer()


class ObservedTrace:
    """Records events, then reports them: nothing is reported that is not recorded.

    Args:
        trace: Where events are recorded.
        observe: Called with each event afterwards.
    """

    def __init__(self, trace: EventRecorder, observe: Callable[[Event], None]) -> None:
        self._trace = trace
        self._observe = observe

    def record(self, event: Event) -> None:
        """Record one event and report it."""
        self._trace.record(event)
        self._observe(event)


__all__ = ["UNOBSERVED", "ObservedTrace", "Observer", "ignore"]
