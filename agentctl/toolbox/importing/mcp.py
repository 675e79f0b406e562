"""Make a manifest of the tools that an MCP server lists, each pinned to its definition.

One tool that cannot be used is left out and named; it never costs another one. What a server says
about itself gives no right: its tools ask, unless a person chooses to trust its hints.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agentctl.core.canonical import Json, NotCanonical
from agentctl.core.text import shorten
from agentctl.specs.checks.tools.risks import signs
from agentctl.specs.language.schemas import SchemaProblem, unknown_formats
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.importing.definitions import (
    Imported,
    clean_description,
    free_name,
    import_guard,
    require,
)
from agentctl.toolbox.importing.mocks import drafted_mock
from agentctl.toolbox.importing.readable import ReadableSchema, readable_schema
from agentctl.toolbox.mcp.definitions import (
    PARTS,
    Definition,
    bad_definition,
    bad_name,
    changed_parts,
    definition_hash,
)

CLAIMED_READ = "The server says that it only reads, so every call of it may be another one."
"""Why such a tool needs no idempotency key, whether or not it is believed."""
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


class McpChoice(NamedTuple):
    """Which tools of a server are imported, and how."""

    pattern: str | None = None
    """A glob of their names at the server; left out = all."""
    prefix: str = ""
    """What each name begins with here."""
    trust_hints: bool = False
    """Whether a tool that the server says only reads is imported as a read."""


AS_LISTED = McpChoice()


def import_definitions(
    server_name: str,
    server: dict[str, Json],
    listing: Sequence[Definition],
    choice: McpChoice = AS_LISTED,
) -> Imported:
    """Return a manifest of what an MCP server lists, each definition pinned.

    Raises:
        Problem: If nothing is left to import.
    """
    notes: list[str] = []
    tools: list[dict[str, Json]] = []
    for listed in listing:
        name = str(listed.get("name"))
        if choice.pattern is not None and not fnmatch.fnmatchcase(name, choice.pattern):
            continue
        try:
            tool = _of_definition(server_name, listed, listing)
        except SchemaProblem as wrong:
            notes.append(f"left out {name!a}: {wrong}")
            continue
        own = free_name(alias(choice.prefix + name), [made["name"] for made in tools])
        if own != name:
            tool["name"], tool["live"]["tool"] = own, name
        notes += _unchecked_notes(tool)
        tools.append(_classified(tool, trust_hints=choice.trust_hints))
    require(tools, notes)
    manifest = {"kind": "ToolManifest", "servers": {server_name: server}, "tools": tools}
    return Imported(manifest, [*notes, *_claimed_reads(tools)])


def alias(name: str) -> str:
    """Return a name that a tool may have here for one that it has at its server.

    >>> alias("db/read rows"), alias("get-sum")
    ('db_read_rows', 'get-sum')
    """
    return _NOT_IN_A_NAME.sub("_", name)[:64]


def update_definitions(
    manifest: Mapping[str, Json],
    server: str,
    listing: Sequence[Definition],
    choice: McpChoice = AS_LISTED,
) -> Imported:
    """Return a manifest with the definitions its server lists now, and what changed.

    What people decide (trust, bound arguments, rights, mocks) stays as it is, but for one thing: a
    read whose definition changed is no longer a read that anyone looked at, so it asks again.
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
        listed = next((one for one in listing if one.get("name") == wanted), None)
        if listed is None:
            notes.append(f"{tool['name']}: its server no longer lists it; left as it is")
            tools.append(tool)
            continue
        try:
            fresh = _of_definition(server, listed, listing)
        except SchemaProblem as wrong:
            notes.append(f"{tool['name']}: {wrong}; left as it is")
            tools.append(tool)
        else:
            tools.append(_renewed(tool, fresh, choice, notes))
    new = [str(one.get("name")) for one in listing if one.get("name") not in known]
    if new:
        notes.append(f"new at the server, not imported: {', '.join(map(ascii, new))}")
    return Imported({**manifest, "tools": tools}, notes)


def _renewed(
    tool: dict[str, Json], fresh: dict[str, Json], choice: McpChoice, notes: list[str]
) -> dict[str, Json]:
    pinned = tool["live"].get("definition")
    if pinned == fresh["live"]["definition"]:
        return tool
    named = {"name": None}
    for part in changed_parts({**tool, **named}, {**fresh, **named}):
        notes.append(f"{tool['name']}: {part} was {tool.get(part)!r}, is {fresh.get(part)!r}")
    if pinned is None:
        notes.append(f"{tool['name']}: pinned for the first time")
    taken = [*(part for part in PARTS if part != "name"), "unchecked"]
    renewed = {key: value for key, value in tool.items() if key not in taken or key in fresh}
    renewed |= {part: fresh[part] for part in taken if part in fresh}
    renewed.pop("reviewed", None)
    renewed["live"] = {**tool["live"], "definition": fresh["live"]["definition"]}
    if pinned is not None and tool["effect"] == "none":
        believed = _classified(
            {**renewed, "effect": fresh["effect"]}, trust_hints=choice.trust_hints
        )
        if believed["effect"] != "none":
            notes.append(
                f"{tool['name']}: `effect: none` was said of another definition: it is"
                f" `{believed['effect']}` now; review it, and let the policy ask until then"
            )
        renewed = believed
    return renewed


def _of_definition(
    server: str, listed: Definition, listing: Sequence[Definition]
) -> dict[str, Json]:
    """Return a tool as its server describes it; it may do anything.

    Raises:
        SchemaProblem: With the reason why it cannot be used.
    """
    name = str(listed.get("name"))
    wrong = bad_definition(listed) or bad_name(name, listing)
    if wrong is not None:
        raise SchemaProblem(wrong)
    hints = listed.get("annotations") or {}
    arguments = dict(listed.get("inputSchema") or {"type": "object"})
    if arguments.get("type", "object") != "object":
        raise SchemaProblem("the arguments are not an object")
    read = readable_schema(arguments)
    unchecked = list(read.unchecked)
    tool: dict[str, Json] = {
        "name": name,
        "description": clean_description(listed.get("description") or "") or name,
        "inputSchema": read.schema,
    }
    returned = listed.get("outputSchema")
    if isinstance(returned, dict):
        result = _readable_result(returned)
        unchecked += [f"outputSchema: {one}" for one in result.unchecked]
        if result.schema:
            tool["outputSchema"] = result.schema
    if unchecked:
        tool["unchecked"] = unchecked
    said = {hint: hints[hint] for hint in _HINTS if isinstance(hints.get(hint), bool)}
    if said:
        tool["annotations"] = said
    tool["effect"] = "irreversible" if hints.get("destructiveHint") is True else "external_write"
    tool["trust"] = "untrusted"
    try:
        definition = definition_hash(listed)
    except NotCanonical as error:
        raise SchemaProblem(f"its definition is not plain JSON: {error}") from error
    tool["live"] = {"kind": "mcp", "server": server, "definition": definition}
    mock = drafted_mock(tool.get("outputSchema"))
    if mock is not None:
        tool["mock"] = mock
    return tool


def _readable_result(schema: dict[str, Any]) -> ReadableSchema:
    """Return the schema of results; an empty one where it cannot be read at all."""
    try:
        return readable_schema(schema)
    except SchemaProblem as wrong:
        return ReadableSchema({}, [str(wrong)])


def _classified(tool: dict[str, Json], *, trust_hints: bool) -> dict[str, Json]:
    """Return a tool with what its effect makes necessary.

    A tool that claims to read, sounds as if it did, and was understood as a whole is one if hints
    are trusted. Whether or not, it needs no key: the same question twice is two questions.
    """
    hints = tool.get("annotations") or {}
    claims = hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True
    if not claims or any(signs(ToolSpec.model_validate({**tool, "effect": "none"}))):
        return import_guard(tool)
    if trust_hints and not tool.get("unchecked"):
        said: dict[str, Json] = {"effect": "none"}
    else:
        said = {"effect": tool["effect"], "accept_risk": CLAIMED_READ}
    after: dict[str, Json] = {}
    for name, item in tool.items():
        after |= said if name == "effect" else {name: item}
    return after


def _unchecked_notes(tool: Mapping[str, Json]) -> list[str]:
    """Say which parts of a tool's schemas no value is held against."""
    name = tool["name"]
    notes = [f"`{name}`: not checked: {one}" for one in tool.get("unchecked") or ()]
    formats = {
        *unknown_formats(tool["inputSchema"]),
        *unknown_formats(tool.get("outputSchema") or {}),
    }
    if formats:
        notes.append(f"`{name}`: not checked: the format {_quoted(formats)}")
    return notes


def _claimed_reads(tools: Sequence[Mapping[str, Json]]) -> list[str]:
    """Name the tools that their server says only read, and that ask nevertheless."""
    reads = [tool["name"] for tool in tools if tool.get("accept_risk") == CLAIMED_READ]
    if not reads:
        return []
    shown = shorten(", ".join(reads), 300)
    return [f"the server says that these only read: {shown}; `--trust-hints` takes its word for it"]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


__all__ = [
    "AS_LISTED",
    "CLAIMED_READ",
    "McpChoice",
    "alias",
    "import_definitions",
    "update_definitions",
]
