"""Fingerprints of parsed specs: what a recording was made for, what a run was governed by.

They cover the parsed model, so comments and layout do not count.
"""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from agentctl.core.canonical import Json, digest
from agentctl.specs.agent import AgentSpec
from agentctl.specs.bundle import Fingerprints
from agentctl.specs.live import Server
from agentctl.specs.policy import Policy
from agentctl.specs.tools import ToolSpec

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


def plain(model: BaseModel, include: set[str] | None = None) -> Json:
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
    declared_tools = [plain(tool) for tool in tools]
    shared = {name: plain(server) for name, server in servers.items()}
    declared = digest([*declared_tools, {"servers": shared}] if shared else declared_tools)
    governed = digest(plain(policy))
    return Fingerprints(
        agent=digest([plain(agent), declared, governed]),
        instructions=digest(plain(agent, _TOLD_TO_THE_MODEL)),
        tools=declared,
        model=agent.model.name,
        policy=governed,
    )


__all__ = ["fingerprints", "plain"]
