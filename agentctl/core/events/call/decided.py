"""`call.decided`: the decision on a call."""

from agentctl.core.events.declare import EventDeclaration, content, structure
from agentctl.core.events.shared import CALL_ID, TOOL

CALL_DECIDED = EventDeclaration(
    "call.decided",
    "The authorizer decides on a call.",
    (
        CALL_ID,
        TOOL,
        content("arguments", "canonical, bound ones included", keep="values", agrees="replay"),
        structure("verdict", "`allow`, `ask`, `deny` or `draft`", agrees="replay"),
        structure(
            "stage",
            "what decided: `parse`, `offer`, `arguments`, `rule`, `taint`, `declined` or `limit`",
        ),
        structure("rules", "ids of the rules that decided", agrees="resume"),
        content("reason", "why, in words"),
        structure("effect", "what the tool does to the world"),
        structure("bound", "names of the arguments that the model does not choose", compared=False),
        structure("policy", "fingerprint of the policy", compared=False),
    ),
    phase="act",
    compared="call",
)

__all__ = ["CALL_DECIDED"]
