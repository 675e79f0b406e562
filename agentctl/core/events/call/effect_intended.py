"""`effect.intended`: a call that changes something is about to be sent."""

from agentctl.core.events.declare import EventDeclaration, content, structure
from agentctl.core.events.shared import CALL_ID, TOOL

EFFECT_INTENDED = EventDeclaration(
    "effect.intended",
    "A call that changes something is about to be sent.",
    (
        CALL_ID,
        TOOL,
        structure("effect", "what the tool does to the world"),
        content("key", "what makes it the same effect as another", agrees="resume"),
    ),
    phase="act",
    barrier=True,
    compared=None,
)

__all__ = ["EFFECT_INTENDED"]
