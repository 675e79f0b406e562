"""The tools the runtime itself offers, where the agent's spec allows them.

They pass the authorizer like any other tool; what they do is done by the loop.
"""

from typing import Any

from agentctl.specs.shapes.agent import OUT_OF_DOMAIN, AgentSpec
from agentctl.specs.shapes.tools import ToolSpec

_TEXT = {"type": "string", "minLength": 1, "maxLength": 4000}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def built_in_tools(agent: AgentSpec) -> dict[str, ToolSpec]:
    """Return the built-in tools this agent is offered, by name."""
    offered = []
    if agent.escalation is not None:
        queues = [agent.escalation.queue, *agent.escalation.queues]
        offered.append(
            _tool(
                "escalate",
                "Pass the case to a person, with the reason. Ends your work on it.",
                {"reason": _TEXT, "queue": {"type": "string", "enum": sorted(set(queues))}},
                ["reason"],
                effect="escalation",
            )
        )
    if agent.ask_user:
        offered.append(
            _tool("ask_user", "Ask the user one question.", {"question": _TEXT}, ["question"])
        )
    if agent.intents:
        intents = [intent.id for intent in agent.intents] + [OUT_OF_DOMAIN]
        offered.append(
            _tool(
                "declare_intent",
                "Say first what the request is about, how sure you are, and what is missing.",
                {
                    "intent": {"type": "string", "enum": intents},
                    "confidence": _SHARE,
                    "missing": {"type": "array", "items": _TEXT},
                    "sentiment": {"type": "string"},
                },
                ["intent", "confidence"],
            )
        )
    elif agent.domain is not None:
        offered.append(
            _tool(
                "declare_intent",
                f"Say that the request is not about: {agent.domain.description}",
                {"intent": {"type": "string", "enum": [OUT_OF_DOMAIN]}, "confidence": _SHARE},
                ["intent", "confidence"],
            )
        )
    return {tool.name: tool for tool in offered}


def _tool(
    name: str,
    description: str,
    properties: dict[str, Any],
    required: list[str],
    effect: str = "none",
) -> ToolSpec:
    return ToolSpec.model_validate(
        {
            "name": name,
            "description": description,
            "effect": effect,
            "inputSchema": {
                "type": "object",
                "additionalProperties": False,
                "required": required,
                "properties": properties,
            },
        }
    )


__all__ = ["built_in_tools"]
