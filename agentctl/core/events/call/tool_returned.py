"""`tool.returned`: the result of a call."""

from agentctl.core.events.declare import EventDeclaration, content, structure
from agentctl.core.events.shared import CALL_ID, TOOL

TOOL_RETURNED = EventDeclaration(
    "tool.returned",
    "A call has its result.",
    (
        CALL_ID,
        TOOL,
        structure("ok", "whether it succeeded"),
        content("value", "what it returned, where it succeeded", optional=True),
        structure(
            "error",
            "`error` and `message`, where it failed",
            keep={"error": "whole"},
            optional=True,
        ),
        structure("dropped", "records that the principal may not see"),
        structure("attempts", "how often it was sent", compared=False),
        structure("untrusted", "whether strangers can write what it returns", optional=True),
        structure("cost", "`usd`, and how it is known (`status`)", optional=True),
    ),
    phase="observe",
    compared="part",
)

__all__ = ["TOOL_RETURNED"]
