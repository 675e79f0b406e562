"""Fields that several events have."""

from agentctl.core.events.declare import content, structure

CALL_ID = structure(
    "call_id", "the call; it connects the events of one call", agrees="replay", compared=False
)
TOOL = structure("tool", "the tool that is called", agrees="replay", compared=False)
CALL_HASH = content("call_hash", "digest of tool and arguments", agrees="resume", compared=False)
CLOSING = (
    structure("stop", "why the run stopped"),
    content("reason", "the details, in words"),
    content("answer", "the agent's last words"),
    content("output", "the answer as an object, where the agent declares one", optional=True),
    content("intent", "what the agent declared that the user wants"),
    structure("steps", "model turns"),
    structure("calls", "tool calls"),
    structure("usage", "tokens `in` and `out`; `estimated` where the model did not report them"),
    structure("cost", "`usd`, and how it is known (`status`)"),
    structure("duration_s", "seconds, without those it waited for a person", compared=False),
)

__all__ = ["CALL_HASH", "CALL_ID", "CLOSING", "TOOL"]
