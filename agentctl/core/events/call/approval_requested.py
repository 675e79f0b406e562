"""`approval.requested`: a person is asked about a call."""

from agentctl.core.events.declare import EventDeclaration, content, structure
from agentctl.core.events.shared import CALL_HASH, CALL_ID, TOOL

APPROVAL_REQUESTED = EventDeclaration(
    "approval.requested",
    "A person is asked about a call.",
    (
        CALL_ID,
        TOOL,
        content("arguments", "canonical, bound ones included", keep="values"),
        structure("origins", "where each argument came from"),
        structure("rule", "the rule that asks"),
        structure("by", "the role that may answer"),
        content("reason", "why it asks"),
        structure("within_s", "seconds until the request lapses"),
        CALL_HASH,
    ),
    phase="act",
    compared=None,
)

__all__ = ["APPROVAL_REQUESTED"]
