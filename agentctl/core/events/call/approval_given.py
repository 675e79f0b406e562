"""`approval.given`: a person answers."""

from agentctl.core.events.declare import EventDeclaration, content, structure
from agentctl.core.events.shared import CALL_HASH, CALL_ID

APPROVAL_GIVEN = EventDeclaration(
    "approval.given",
    "A person answers, or the time for it is over.",
    (
        CALL_ID,
        structure("answer", "`approve`, `modify`, `reject` or `timeout`"),
        structure("by", "the person"),
        structure("os_user", "the operating-system user who entered it", optional=True),
        content("reason", "why, in words"),
        content("arguments", "the person's arguments", keep="values", optional=True),
        structure("ticket", "id of the approval in the inbox", compared=False, optional=True),
        CALL_HASH,
    ),
    phase="act",
    barrier=True,
    while_paused=True,
    compared="part",
)

__all__ = ["APPROVAL_GIVEN"]
