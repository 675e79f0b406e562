"""What a tool backend is given, and how it is asked."""

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json
from agentctl.core.messages import ToolResult
from agentctl.specs.shapes.bundle import Bundle
from agentctl.toolbox.variables import ManifestVariables


class BackendCall(NamedTuple):
    """One call as a backend gets it: checked arguments, bound ones included."""

    args: dict[str, Json]
    principal: dict[str, Json]
    now: datetime
    left_s: float = inf
    """Seconds that the run has left for it; a write, once begun, is not broken off."""
    call_id: str = ""
    """Which call of the run this is; empty outside of one."""

    def within(self, timeout_s: float) -> float:
        """Return the seconds a tool with this time-out may take.

        >>> BackendCall({}, {}, datetime(2026, 1, 1), left_s=2.5).within(30)
        2.5
        """
        return min(timeout_s, max(0.0, self.left_s))


class Backend(Protocol):
    """Where tools are: a mock world, or real systems."""

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Send one call.

        Args:
            name: The tool.
            call: Its arguments, for whom, and when.
            key: What the provider recognises a repeated effect by.
        """
        ...

    def idempotent(self, name: str) -> bool:
        """Whether sending one call twice under the same key has one effect."""
        ...

    def close(self) -> None:
        """Let go of connections and processes; nothing is sent afterwards."""
        ...


Elicit = Callable[[str, dict[str, Json]], dict[str, Json] | None]
"""Asks a person for what a server wants to know: (message, JSON Schema) -> answer, or `None` when
nobody answers."""


class Opening(NamedTuple):
    """What a backend is opened with, besides its tools."""

    bundle: Bundle
    variables: ManifestVariables
    elicit: Elicit | None = None
    """Left out = nobody can be asked."""


__all__ = ["Backend", "BackendCall", "Elicit", "Opening"]
