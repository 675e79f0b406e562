"""`guardrail.hit`: a guardrail found something."""

from agentctl.core.events.declare import EventDeclaration, structure

GUARDRAIL_HIT = EventDeclaration(
    "guardrail.hit",
    "A guardrail found something.",
    (
        structure("rail", "the guardrail"),
        structure("on", "`input`, `tool`, `output` or `handoff`"),
        structure("action", "what was done"),
        structure("found", "how often; never the text"),
    ),
    aside=True,
)

__all__ = ["GUARDRAIL_HIT"]
