"""`run.paused`: a run waits for a person."""

from agentctl.core.events.declare import EventDeclaration, content
from agentctl.core.events.shared import CLOSING

RUN_PAUSED = EventDeclaration(
    "run.paused",
    "A run waits for a person, and its process ends.",
    (*CLOSING, content("pending", "digests of the calls that wait for an answer")),
    barrier=True,
    aside=True,
    while_paused=True,
    compared=None,
)

__all__ = ["RUN_PAUSED"]
