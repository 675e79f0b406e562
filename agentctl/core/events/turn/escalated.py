"""`escalated`: the case passes to a person."""

from agentctl.core.events.declare import EventDeclaration, content, structure

ESCALATED = EventDeclaration(
    "escalated",
    "The case passes to a person.",
    (
        structure("queue", "the queue it goes to"),
        content("reason", "why, in words"),
        structure("trigger", "`kind` and `detail` of what led to it", keep={"kind": "whole"}),
        structure("by", "`model`, `runtime` or `tool`"),
        content("packet", "what the person is handed", compared=False),
    ),
    phase="act",
    weight=8.0,
)

__all__ = ["ESCALATED"]
