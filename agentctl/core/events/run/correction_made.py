"""`correction.made`: a person changed what the record says."""

from agentctl.core.events.declare import EventDeclaration, content, structure

CORRECTION_MADE = EventDeclaration(
    "correction.made",
    "A person changed the arguments of a call, or settled what became of an effect.",
    (
        structure("call_id", "the call, where it is about one", compared=False),
        structure("by", "the person"),
        structure("os_user", "the operating-system user who entered it", optional=True),
        content("before", "the values before", keep="values"),
        content("after", "the values after", keep="values"),
    ),
    aside=True,
    while_paused=True,
)

__all__ = ["CORRECTION_MADE"]
