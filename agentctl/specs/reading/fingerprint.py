"""Fingerprints of parsed specs: what a recording was made for, what a run was governed by.

They cover the parsed model, so comments and layout do not count.
"""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from agentctl.core.canonical import Json, digest
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Fingerprints
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.tools import ToolSpec

_TOLD_TO_THE_MODEL = {
    "goal",
    "persona",
    "instructions",
    "behaviour_rules",
    "domain",
    "intents",
    "output",
    "ask_user",
}


def plain_data(model: BaseModel, include: set[str] | None = None) -> Json:
    """Return a model as JSON data, without fields that were left out."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=include)


def fingerprints(
    agent: AgentSpec, tools: Iterable[ToolSpec], servers: Mapping[str, Server], policy: Policy
) -> Fingerprints:
    """Compute the fingerprints of an agent with everything it references.

    Args:
        agent: The agent.
        tools: Its tools, in order.
        servers: Tool name -> the server it names.
        policy: Its policy.
    """
    declared_tools = [plain_data(tool) for tool in tools]
    shared = {name: plain_data(server) for name, server in servers.items()}
    declared = digest([*declared_tools, {"servers": shared}] if shared else declared_tools)
    governed = digest(plain_data(policy))
    return Fingerprints(
        agent=digest([plain_data(agent), declared, governed]),
        instructions=digest(plain_data(agent, _TOLD_TO_THE_MODEL)),
        tools=declared,
        model=agent.model.name,
        policy=governed,
    )


__all__ = ["fingerprints", "plain_data"]
