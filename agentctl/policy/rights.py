"""Which tools a run may use at all: agent ∩ role, computed once and hashed."""

from collections.abc import Mapping
from typing import NamedTuple

from agentctl.core.canonical import digest
from agentctl.specs.shapes.policy import Role, any_selects
from agentctl.specs.shapes.tools import ToolSpec


class Rights(NamedTuple):
    """The outcome, as the trace records it."""

    tools: frozenset[str]
    refused: Mapping[str, str]
    """Tools the agent names and may not use, each with the reason."""
    names: tuple[str, ...]
    """The names of `tools`, sorted."""
    hash: str
    """sha256 over `names`."""


def effective_rights(tools: Mapping[str, ToolSpec], role: Role | None) -> Rights:
    """Intersect what the agent names with what the role holds.

    Args:
        tools: The agent's tools.
        role: The role of the principal; `None` = a role the policy does not know: no rights.
    """
    refused = {}
    for name, tool in tools.items():
        reason = _refusal(tool, role)
        if reason is not None:
            refused[name] = reason
    names = tuple(sorted(tools.keys() - refused.keys()))
    return Rights(frozenset(names), refused, names, digest(list(names)))


def _refusal(tool: ToolSpec, role: Role | None) -> str | None:
    if role is None:
        return "the policy does not know this role"
    if not any_selects(role.tools, tool.name):
        return "the role does not hold this tool"
    missing = set(tool.scopes) - set(role.scopes)
    if missing:
        return f"the role lacks the scope {', '.join(sorted(missing))}"
    return None


__all__ = ["Rights", "effective_rights"]
