"""Tools as people read them: one line each, or one tool with everything that is said about it."""

from collections.abc import Iterator, Sequence
from typing import Any

from agentctl.app.tools.listing import ListedTool, ToolUser
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.text import shorten
from agentctl.specs.shapes.policy import Rule, role_holds
from agentctl.specs.shapes.tools import ToolSpec


def row_json(row: ListedTool) -> dict[str, Json]:
    """Return what `tools list` says of a tool."""
    tool = row.tool
    return {
        "name": tool.name,
        "effect": tool.effect,
        "live": tool.live.kind if tool.live else None,
        "mock": tool.mock is not None,
        "trust": tool.trust,
        "manifest": row.manifest,
        "agents": [user.agent.name for user in row.users],
    }


def tool_lines(rows: Sequence[ListedTool]) -> Iterator[str]:
    """Write tools one a line, in columns."""
    cells = [("TOOL", "EFFECT", "LIVE", "MOCK", "AGENTS", "MANIFEST")]
    for row in rows:
        said = row_json(row)
        cells.append(
            (
                said["name"],
                said["effect"],
                said["live"] or "-",
                "yes" if said["mock"] else "-",
                ", ".join(said["agents"]) or "-",
                said["manifest"],
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def tool_json(row: ListedTool) -> dict[str, Json]:
    """Return everything that is said about one tool; secrets stand as the names of variables."""
    tool = row.tool
    return {
        **row_json(row),
        "title": tool.title,
        "description": tool.description,
        "scopes": list(tool.scopes),
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "bind": dict(tool.bind),
        "callers": [_caller(user, tool) for user in row.users],
        "live_side": _dumped(tool.live) if tool.live else None,
        "server": _dumped(row.server) if row.server else None,
    }


def _caller(user: ToolUser, tool: ToolSpec) -> dict[str, Json]:
    roles = user.policy.roles
    return {
        "agent": user.agent.name,
        "roles": [name for name, role in roles.items() if role_holds(role, tool.name, tool.scopes)],
        "rules": [
            _rule(rule) for rule in user.policy.rules if rule.selector.takes(tool.name, tool.effect)
        ],
    }


def _rule(rule: Rule) -> dict[str, Json]:
    said: dict[str, Json] = {"id": rule.id, "verdict": rule.verdict}
    for name in ("when", "where", "by", "within"):
        value = getattr(rule, name, None)
        if value:
            said[name] = value if isinstance(value, str) else canonical_text(value)
    return said


def show_lines(row: ListedTool) -> Iterator[str]:
    """Write one tool with everything that is said about it."""
    said = tool_json(row)
    yield f"{said['name']}  ({said['effect'].replace('_', ' ')}, {said['trust']})"
    yield f"  {shorten(said['description'], 90)}"
    yield f"  from      {said['manifest']}, {'with' if said['mock'] else 'without'} a mock"
    if said["scopes"]:
        yield f"  scopes    {', '.join(said['scopes'])}"
    yield "  arguments"
    for line in _arguments(row.tool):
        yield f"    {line}"
    if said["outputSchema"]:
        yield f"  returns   {canonical_text(said['outputSchema'])}"
    for key, name in (("live_side", "live"), ("server", "server")):
        if said[key]:
            yield f"  {name:<9} {canonical_text(said[key])}"
    if not said["callers"]:
        yield "  no agent names it"
    for caller in said["callers"]:
        yield f"  agent {caller['agent']}"
        yield f"    roles   {', '.join(caller['roles']) or 'none holds it: every call is denied'}"
        for rule in caller["rules"]:
            rest = "".join(f", {k} {v}" for k, v in rule.items() if k not in ("id", "verdict"))
            yield f"    rule    {rule['id']}: {rule['verdict']}{rest}"
        if not caller["rules"]:
            yield "    rule    none speaks of it: every call is denied"


def _arguments(tool: ToolSpec) -> Iterator[str]:
    properties: dict[str, Any] = tool.input_schema.get("properties") or {}
    required = tool.input_schema.get("required") or []
    if not properties:
        yield "any" if tool.input_schema.get("additionalProperties", True) else "none"
    for name, schema in properties.items():
        notes = ["required"] if name in required else []
        if name in tool.bind:
            notes = [f"bound to {tool.bind[name]}"]
        kind = schema.get("type") if isinstance(schema, dict) else None
        shown = f"{name}: {kind if isinstance(kind, str) else canonical_text(schema)}"
        yield f"{shown} ({', '.join(notes)})" if notes else shown


def _dumped(model: Any) -> dict[str, Json]:
    dumped: dict[str, Json] = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return dumped


__all__ = ["ListedTool", "ToolUser", "row_json", "show_lines", "tool_json", "tool_lines"]
