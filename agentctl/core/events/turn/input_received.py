"""`input.received`: the agent hears something."""

from agentctl.core.events.declare import EventDeclaration, content, structure

INPUT_RECEIVED = EventDeclaration(
    "input.received",
    "The agent hears something.",
    (
        structure("source", "`user`, `event`, or `person` for the note of a colleague"),
        content("by", "the colleague", optional=True),
        content("content", "the text, or the object of the event"),
    ),
    phase="perceive",
    compared="input",
    weight=4.0,
)

__all__ = ["INPUT_RECEIVED"]
