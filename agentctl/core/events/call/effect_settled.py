"""`effect.settled`: what became of an effect."""

from agentctl.core.events.declare import EventDeclaration, structure
from agentctl.core.events.shared import CALL_ID, TOOL

EFFECT_SETTLED = EventDeclaration(
    "effect.settled",
    "It is known, or known to be unknown, what became of an effect.",
    (
        CALL_ID,
        TOOL,
        structure("state", "`succeeded`, `failed`, `in_doubt` or `unverified`"),
        structure("by", "who says so, if not the provider", optional=True),
    ),
    phase="act",
    barrier=True,
    compared="part",
)

__all__ = ["EFFECT_SETTLED"]
