"""Make a manifest of what another system says about its tools, and rules that trust none of it.

What a system says about itself is a claim: names are cleaned, a tool counts as a write until a
person says that it only reads, and everything that writes is `ask`.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.text import plain
from agentctl.specs.checks.tools.risks import signs
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.mcp.definitions import (
    PARTS,
    Definition,
    bad_name,
    changed_parts,
    definition_hash,
)

MOST_DESCRIPTION = 1000
"""Characters of a description that are kept."""
_NO_KEY = "It names no arguments, so nothing tells one call from another."
_STRANGE = re.compile(r"[^A-Za-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CAPITALS = re.compile(r"[^A-Z0-9]+")


class Imported(NamedTuple):
    """A manifest, and what a person should know before using it."""

    manifest: dict[str, Json]
    notes: Sequence[str]
    tags: Mapping[str, str] = {}
    """Tool -> the group its document puts it in; a large import is split by it."""


def clean_name(text: str) -> str:
    """Return a name as this house writes them; empty when nothing is left of it.

    >>> clean_name("listPets"), clean_name("GET /pets/{petId}"), clean_name("HTTPServer.v2")
    ('list_pets', 'get_pets_pet_id', 'http_server_v2')
    """
    spread = _HUMP.sub("_", text)
    return _STRANGE.sub("_", spread).strip("_").lower()[:64].rstrip("_")


def variable(name: str, what: str) -> str:
    """Return the placeholder of an environment variable.

    >>> variable("pet-store", "TOKEN")
    '${PET_STORE_TOKEN}'
    """
    prefix = _CAPITALS.sub("_", name.upper()).strip("_")
    return f"${{{prefix if prefix[:1].isalpha() else 'API'}_{what}}}"


def clean_description(text: str) -> str:
    """Return a stranger's text without what hides or commands, and not endless."""
    shown = "".join(char if char.isprintable() or char == "\n" else " " for char in text).strip()
    return shown if len(shown) <= MOST_DESCRIPTION else shown[: MOST_DESCRIPTION - 1] + "…"


def selected(names: Iterable[str], pattern: str | None) -> list[str]:
    """Return the names a glob means.

    Raises:
        Problem: If it means none.
    """
    found = [n for n in names if pattern is None or fnmatch.fnmatchcase(n, pattern)]
    if not found:
        what = f"no tool matches `{pattern}`" if pattern else "there is no tool"
        raise problem("nothing-selected", what)
    return found


def require(tools: Sequence[Mapping[str, Json]], notes: Sequence[str]) -> None:
    """Refuse to write a manifest without a tool.

    Raises:
        Problem: With the first reason why there is none.
    """
    if not tools:
        raise problem("nothing-selected", "nothing can be imported", hint=next(iter(notes), None))


def import_guard(tool: dict[str, Json]) -> dict[str, Json]:
    """Return a tool with what a write must say: its risks, and when two calls are the same one.

    Its words tell the risks; a read that sounds as if it had some is taken for a write. Two calls
    with the same arguments count as the same write.
    """
    spec = ToolSpec.model_validate(tool)
    risks = list(signs(spec))
    effect = "external_write" if risks and spec.effect == "none" else spec.effect
    said: dict[str, Json] = {"effect": effect}
    if risks:
        said["risk"] = risks
    if effect != "none":
        key = list(spec.input_schema.get("properties") or {})
        said |= {"idempotency": {"key": key}} if key else {"accept_risk": _NO_KEY}
    after: dict[str, Json] = {}
    for name, item in tool.items():
        after |= said if name == "effect" else {name: item}
    return after


def unreadable(schema: dict[str, Any]) -> str | None:
    """Say why a schema of arguments cannot be used, if it cannot."""
    try:
        Schema(schema)
    except SchemaProblem as error:
        return str(error)
    kind = schema.get("type", "object")
    return None if kind == "object" else "the arguments are not an object"


def import_definitions(
    server_name: str,
    server: dict[str, Json],
    listing: Sequence[Definition],
    pattern: str | None = None,
) -> Imported:
    """Return a manifest of what an MCP server lists, each definition pinned.

    Raises:
        Problem: If nothing is left to import.
    """
    notes: list[str] = []
    tools: list[dict[str, Json]] = []
    reads: list[str] = []
    for listed in listing:
        name = str(listed.get("name"))
        if pattern is not None and not fnmatch.fnmatchcase(name, pattern):
            continue
        wrong = bad_name(name, listing) or unreadable(dict(listed.get("inputSchema") or {}))
        if wrong is not None:
            notes.append(f"left out {name!a}: {wrong}")
            continue
        tools.append(import_guard(_of_definition(server_name, listed)))
        if (listed.get("annotations") or {}).get("readOnlyHint") is True:
            reads.append(name)
    require(tools, notes)
    if reads:
        notes.append(
            f"the server says that these only read: {', '.join(reads)};"
            " where that is so, make it `effect: none`"
        )
    manifest = {"kind": "ToolManifest", "servers": {server_name: server}, "tools": tools}
    return Imported(manifest, notes)


def _of_definition(server: str, listed: Definition) -> dict[str, Json]:
    hints = listed.get("annotations") or {}
    tool: dict[str, Json] = {
        "name": listed["name"],
        "description": clean_description(listed.get("description") or "") or listed["name"],
        "inputSchema": listed.get("inputSchema") or {"type": "object"},
        "effect": "irreversible" if hints.get("destructiveHint") is True else "external_write",
        "trust": "untrusted",
    }
    schema = listed.get("outputSchema")
    if isinstance(schema, dict) and unreadable(schema) is None:
        tool["outputSchema"] = schema
    known = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    said = {hint: hints[hint] for hint in known if isinstance(hints.get(hint), bool)}
    if said:
        tool["annotations"] = said
    tool["live"] = {"kind": "mcp", "server": server, "definition": definition_hash(listed)}
    return tool


def update_definitions(
    manifest: Mapping[str, Json], server: str, listing: Sequence[Definition]
) -> Imported:
    """Return a manifest with the definitions its server lists now, and what changed.

    What people decide (effect, trust, bound arguments, rights) stays as it is.
    """
    notes: list[str] = []
    tools: list[dict[str, Json]] = []
    known = set()
    for tool in manifest["tools"]:
        live = tool.get("live") or {}
        if live.get("kind") != "mcp" or live.get("server") != server:
            tools.append(tool)
            continue
        wanted = live.get("tool") or tool["name"]
        known.add(wanted)
        wrong = bad_name(wanted, listing)
        listed = next((one for one in listing if one.get("name") == wanted), None)
        if wrong is not None or listed is None:
            notes.append(f"{tool['name']}: {wrong or 'the server lists it no more'}; left as it is")
            tools.append(tool)
            continue
        tools.append(_renewed(tool, _of_definition(server, listed), listed, notes))
    new = [str(one.get("name")) for one in listing if one.get("name") not in known]
    if new:
        notes.append(f"new at the server, not imported: {', '.join(map(ascii, new))}")
    return Imported({**manifest, "tools": tools}, notes)


def _renewed(
    tool: dict[str, Json], fresh: dict[str, Json], listed: Definition, notes: list[str]
) -> dict[str, Json]:
    if tool["live"].get("definition") == fresh["live"]["definition"]:
        return tool
    wrong = unreadable(fresh["inputSchema"])
    if wrong is not None:
        notes.append(f"{tool['name']}: {wrong}; left as it is")
        return tool
    taken = [part for part in PARTS if part != "name"]
    for part in changed_parts({**tool, "name": listed["name"]}, {**fresh, "name": listed["name"]}):
        notes.append(f"{tool['name']}: {part} was {tool.get(part)!r}, is {fresh.get(part)!r}")
    if "definition" not in tool["live"]:
        notes.append(f"{tool['name']}: pinned for the first time")
    renewed = {key: value for key, value in tool.items() if key not in taken or key in fresh}
    renewed |= {part: fresh[part] for part in taken if part in fresh}
    renewed["live"] = {**tool["live"], "definition": fresh["live"]["definition"]}
    return renewed


def imported_rules(name: str, manifest: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return rules for a policy: reads are allowed, everything that writes asks."""
    reads = [tool["name"] for tool in manifest["tools"] if tool["effect"] == "none"]
    writes = [tool["name"] for tool in manifest["tools"] if tool["effect"] != "none"]
    rules: list[dict[str, Json]] = []
    if reads:
        rules.append({"id": f"{name}-reads", "allow": reads})
    if writes:
        rules.append({"id": f"{name}-writes", "ask": writes})
    return rules


def policy_for(name: str, manifest: Mapping[str, Json]) -> dict[str, Json]:
    """Return a policy to begin with: one role that holds the tools, and the rules."""
    tools = [tool["name"] for tool in manifest["tools"]]
    scopes = sorted({scope for tool in manifest["tools"] for scope in tool.get("scopes", ())})
    role: dict[str, Json] = {"tools": tools, **({"scopes": scopes} if scopes else {})}
    return {"kind": "Policy", "roles": {"user": role}, "rules": imported_rules(name, manifest)}


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return `wanted`, with a number after it where a tool has that name, or one like it."""
    folded = {plain(name) for name in taken}
    number, name = 1, wanted
    while plain(name) in folded:
        number += 1
        name = f"{wanted[:60]}_{number}"
    return name


__all__ = [
    "MOST_DESCRIPTION",
    "Imported",
    "clean_description",
    "clean_name",
    "free_name",
    "import_definitions",
    "import_guard",
    "imported_rules",
    "policy_for",
    "require",
    "selected",
    "unreadable",
    "update_definitions",
    "variable",
]
