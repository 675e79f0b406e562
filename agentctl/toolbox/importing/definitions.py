"""Make a manifest of what another system says about its tools, and rules that trust none of it.

What a system says about itself is a claim: names are cleaned, a tool counts as a write until a
person says that it only reads, and everything that writes is `ask`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.text import plain
from agentctl.specs.checks.tools.risks import signs
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.specs.reading.yaml import YamlPath
from agentctl.specs.shapes.tools import ToolSpec

MOST_DESCRIPTION = 1000
"""Characters of a description that are kept."""
_WRITES = ("internal_write", "external_write", "irreversible")
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


def remarks_on(manifest: Mapping[str, Json]) -> dict[YamlPath, str]:
    """Return what a person has to look at in an imported manifest: path of a key -> remark."""
    found: dict[YamlPath, str] = {}
    for index, tool in enumerate(manifest["tools"]):
        if "idempotency" in tool:
            found["tools", index, "idempotency"] = (
                "TODO: keep the arguments that make two calls the same effect; for 24h it is then"
                " done once"
            )
        if tool["effect"] == "none" and (tool.get("live") or {}).get("kind") == "mcp":
            found["tools", index, "effect"] = "the server's claim (readOnlyHint): review it"
    return found


def imported_rules(name: str, manifest: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return rules for a policy: reads are allowed, everything that writes asks.

    Where a tool counts as a read because its server says so, the rules go by effect as well: once
    it is no read any more, it asks.
    """
    tools = manifest["tools"]
    reads = [tool["name"] for tool in tools if tool["effect"] == "none"]
    writes = [tool["name"] for tool in tools if tool["effect"] != "none"]
    claimed = any((tool.get("live") or {}).get("kind") == "mcp" for tool in tools)
    rules: list[dict[str, Json]] = []
    if reads:
        allow = {"tools": reads, "effects": ["none"]} if claimed else reads
        rules.append({"id": f"{name}-reads", "allow": allow})
    if writes:
        everything = {"tools": [*reads, *writes], "effects": list(_WRITES)}
        ask = everything if claimed and reads else writes
        rules.append({"id": f"{name}-writes", "ask": ask})
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
    "import_guard",
    "imported_rules",
    "policy_for",
    "remarks_on",
    "require",
    "unreadable",
    "variable",
]
