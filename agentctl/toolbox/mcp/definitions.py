"""What an MCP server says its tools are, held against what was reviewed.

A definition is pinned by its sha256 in the manifest. A tool whose definition is another one, is
missing, or could be taken for another tool is refused; what a server says about its tools only ever
makes that stricter. Nothing here talks to a server.
"""

import re
from collections.abc import Mapping, Sequence

from agentctl.core.canonical import Json, NotCanonical, digest
from agentctl.core.text import plain
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolSpec

Definition = Mapping[str, Json]
"""One tool as its server lists it: an MCP `Tool`."""
PARTS = ("name", "description", "inputSchema", "outputSchema", "annotations")
"""What a definition is made of; titles and icons are for screens only."""
REVIEW = "review it: agentctl tools import --update"
_NAME = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")
INVALID = "agentctl/invalid"
"""In `_meta` of a listed tool: why its definition breaks the protocol, and is not used."""


def definition_hash(listed: Definition) -> str:
    """Return what pins a definition: the sha256 of its canonical parts.

    Raises:
        NotCanonical: If it has no unambiguous JSON form.
    """
    return digest({part: listed.get(part) for part in PARTS})


def changed_parts(before: Definition, after: Definition) -> tuple[str, ...]:
    """Return which parts differ."""
    return tuple(part for part in PARTS if before.get(part) != after.get(part))


def bad_definition(listed: Definition) -> str | None:
    """Say why a listed definition is not one, if it is not."""
    why = (listed.get("_meta") or {}).get(INVALID)
    return f"its definition breaks the protocol: {why}" if why else None


def bad_name(name: str, listing: Sequence[Definition]) -> str | None:
    """Say why a listed name cannot be told from others, if it cannot.

    Args:
        name: The tool's name at the server.
        listing: Everything the server lists.
    """
    if not _NAME.fullmatch(name):
        return "its name is not 1 to 256 characters of printable ASCII"
    names = [str(other.get("name")) for other in listing]
    if names.count(name) > 1:
        return f"the server lists `{name}` {names.count(name)} times"
    folded = plain(name)
    for other in names:
        if other != name and plain(other) == folded:
            return f"the server also lists {other!a}, which looks the same"
    return None


def refusal(
    tool: ToolSpec, listing: Sequence[Definition], first: Definition | None = None
) -> str | None:
    """Say why a tool is not called, if it is not.

    Args:
        tool: The tool of the manifest.
        listing: What its server lists now.
        first: Its definition as the server listed it earlier in this run.
    """
    live = tool.live
    assert isinstance(live, McpLive)
    name = live.tool or tool.name
    wrong = bad_name(name, listing)
    if wrong is not None:
        return wrong
    listed = next((other for other in listing if other.get("name") == name), None)
    if listed is None:
        return f"its server no longer lists a tool `{name}`"
    broken = bad_definition(listed)
    if broken is not None:
        return broken
    if live.definition is None:
        return f"its definition was never reviewed; {REVIEW}"
    try:
        same = definition_hash(listed) == live.definition
    except NotCanonical as error:
        return f"its definition is not plain JSON: {error}"
    if not same:
        if first is not None and (parts := changed_parts(first, listed)):
            return f"its server changed its definition during this run ({_joined(parts)}); {REVIEW}"
        parts = changed_parts(_reviewed(tool), listed)
        where = f" ({_joined(parts)})" if parts else ""
        return f"its definition changed since it was reviewed{where}; {REVIEW}"
    return _stricter(tool, listed)


def _reviewed(tool: ToolSpec) -> Definition:
    """Return the definition as far as the manifest still tells it; a person may have edited it."""
    live = tool.live
    hints = tool.annotations.model_dump(by_alias=True, exclude_none=True)
    return {
        "name": (live.tool if isinstance(live, McpLive) else None) or tool.name,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": hints or None,
    }


def _stricter(tool: ToolSpec, listed: Definition) -> str | None:
    """Refuse a tool that we call a read and its own server does not."""
    hints = listed.get("annotations") or {}
    if tool.effect != "none":
        return None
    for hint, value in (("destructiveHint", True), ("readOnlyHint", False)):
        if hints.get(hint) is value:
            said = str(value).lower()
            return f"its server says `{hint}: {said}`, and the manifest says `effect: none`"
    return None


def _joined(parts: Sequence[str]) -> str:
    return ", ".join(parts)


__all__ = [
    "INVALID",
    "PARTS",
    "REVIEW",
    "Definition",
    "bad_definition",
    "bad_name",
    "changed_parts",
    "definition_hash",
    "refusal",
]
