"""`handoff.made`: the case passes to another agent."""

from agentctl.core.events.declare import EventDeclaration, content, structure

HANDOFF_MADE = EventDeclaration(
    "handoff.made",
    "The case passes to another agent.",
    (
        structure("agent", "the agent it goes to"),
        content("reason", "why, in words"),
        structure("confidence", "how sure the agent is, from 0 to 1"),
    ),
    phase="act",
)

__all__ = ["HANDOFF_MADE"]
