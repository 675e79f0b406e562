"""`limit.warned`: a limit is nearly used up, or forbade a call."""

from agentctl.core.events.declare import EventDeclaration, content, structure

LIMIT_WARNED = EventDeclaration(
    "limit.warned",
    "A limit is nearly used up, or forbade a call.",
    (
        structure("limit", "the limit"),
        structure("used", "how much of it is used"),
        structure("most", "how much it allows"),
        content("asked", "the cost of the call that it forbade", optional=True),
    ),
    aside=True,
)

__all__ = ["LIMIT_WARNED"]
