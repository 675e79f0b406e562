"""Which tools a run may use at all: agent ∩ intent ∩ role ∩ parent, computed once and hashed.

A run that another run started never holds more than that one: its parent's rights are those of the
moment at which it was started, the parent's intent included.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from agentctl.core.canonical import digest
from agentctl.specs.shapes.policy import Role, selects
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
    specs: Mapping[str, ToolSpec]
    """What each of `tools` is: a name alone would let a child bring its own tool under it."""


def effective_rights(
    tools: Mapping[str, ToolSpec], role: Role | None, parent: Rights | None = None
) -> Rights:
    """Intersect what the agent names with what the role and the parent run hold.

    Args:
        tools: The agent's tools.
        role: The role of the principal; `None` = a role the policy does not know: no rights.
        parent: The rights of the run that started this one, narrowed to its intent.
    """
    refused = {}
    for name, tool in tools.items():
        reason = _refusal(tool, role, parent)
        if reason is not None:
            refused[name] = reason
    return _rights(tools, refused)


def narrowed(rights: Rights, tools: Collection[str]) -> Rights:
    """Return the rights that are left under an intent: those among `tools`, and never more."""
    refused = dict(rights.refused)
    for name in rights.names:
        if name not in tools:
            refused[name] = "the intent does not need this tool"
    return _rights(rights.specs, refused)


def _rights(tools: Mapping[str, ToolSpec], refused: Mapping[str, str]) -> Rights:
    held = {name: tool for name, tool in tools.items() if name not in refused}
    names = tuple(sorted(held))
    return Rights(frozenset(held), refused, names, digest(list(names)), held)


def _refusal(tool: ToolSpec, role: Role | None, parent: Rights | None) -> str | None:
    if role is None:
        return "the policy does not know this role"
    if not any_selects(role.tools, tool.name):
        return "the role does not hold this tool"
    missing = set(tool.scopes) - set(role.scopes)
    if missing:
        return f"the role lacks the scope {', '.join(sorted(missing))}"
    if parent is None:
        return None
    if tool.name not in parent.tools:
        return "the parent run does not hold this tool"
    if tool != parent.specs[tool.name]:
        return "the parent run holds another tool of this name"
    return None


def any_selects(selectors: Iterable[str], name: str) -> bool:
    """Whether any of the selectors means this tool."""
    return any(selects(selector, name) for selector in selectors)


__all__ = ["Rights", "any_selects", "effective_rights", "narrowed"]
