"""`content.erased`: the content of earlier events was removed."""

from agentctl.core.events.declare import EventDeclaration, structure

CONTENT_ERASED = EventDeclaration(
    "content.erased",
    "The content of earlier events was removed; their hashes are still there.",
    (
        structure("seq", "positions of those events"),
        structure("reason", "why"),
        structure("by", "on whose word"),
        structure("kept", "what an auditor counts of the run, without content"),
    ),
    aside=True,
    while_paused=True,
    compared=None,
)

__all__ = ["CONTENT_ERASED"]
