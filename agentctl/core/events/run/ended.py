"""`run.ended`: a run is over."""

from agentctl.core.events.declare import EventDeclaration
from agentctl.core.events.shared import CLOSING

RUN_ENDED = EventDeclaration(
    "run.ended", "A run is over; nothing of it follows.", CLOSING, barrier=True, compared="end"
)

__all__ = ["RUN_ENDED"]
