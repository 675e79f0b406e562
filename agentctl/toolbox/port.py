"""What a tool backend is given, and what it answers."""

from datetime import datetime
from typing import NamedTuple

from agentctl.core.canonical import Json


class Ask(NamedTuple):
    """One call as a backend gets it: checked arguments, bound ones included."""

    args: dict[str, Json]
    principal: dict[str, Json]
    now: datetime


__all__ = ["Ask"]
