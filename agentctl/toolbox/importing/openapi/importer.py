"""Make a manifest of an OpenAPI 3 or Swagger 2.0 document: one tool an operation, over HTTP.

A reference is followed inside the document only. What cannot be called, or cannot be read, costs
the one tool that needs it, and a note says why.
"""

import fnmatch
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.text import plain
from agentctl.toolbox.importing.definitions import (
    Imported,
    clean_description,
    clean_name,
    free_name,
    import_guard,
    require,
    unreadable,
    variable,
)
from agentctl.toolbox.importing.mocks import drafted_mock
from agentctl.toolbox.importing.openapi.answers import operation_answer
from agentctl.toolbox.importing.openapi.arguments import ArgumentList
from agentctl.toolbox.importing.openapi.schemas import References, Unusable
from agentctl.toolbox.importing.openapi.security import Security, SecurityRequirement
from agentctl.toolbox.importing.openapi.swagger import upgraded

METHODS = ("get", "post", "put", "patch", "delete")
"""Those a tool can use; `head`, `options` and `trace` return nothing that an agent needs."""
_EFFECTS = {"get": "none", "delete": "irreversible"}
"""Everything else writes outside this house."""
_MALFORMED = (AttributeError, TypeError, KeyError, ValueError, RecursionError)
"""What reading a part of another shape raises: a document is not checked before it is read."""


class _Operation(NamedTuple):
    path: str
    method: str
    spec: Mapping[str, Any]
    item: Mapping[str, Any]

    @property
    def title(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def tags(self) -> list[str]:
        tags = self.spec.get("tags")
        return [str(tag) for tag in tags] if isinstance(tags, list) else []

    def fits(self, tool: str, pattern: str) -> bool:
        """Whether a selection means it: `tag:NAME`, a path, or a name; each may be a glob."""
        if pattern.startswith("tag:"):
            return any(fnmatch.fnmatchcase(tag, pattern[4:]) for tag in self.tags)
        if pattern.startswith("/"):
            return fnmatch.fnmatchcase(self.path, pattern)
        names = (tool, str(self.spec.get("operationId")))
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)


class _Made(NamedTuple):
    """A tool, before it is known what its server has in common with the others."""

    tool: dict[str, Json]
    address: str
    requirement: SecurityRequirement
    scopes: Sequence[str]


def import_openapi(document: Json, name: str, pattern: str | None = None) -> Imported:
    """Return a manifest of the operations of a document.

    Args:
        document: The parsed file.
        name: What the server is called here.
        pattern: Which operations are wanted: `tag:NAME`, a path, the name of a tool or an
            operation id; a glob. Left out = all.

    Raises:
        Problem: If it is no such document, or nothing is left to import.
    """
    said = document if isinstance(document, dict) else {}
    version = str(said.get("openapi") or said.get("swagger") or "")
    try:
        if version.startswith(("3.0", "3.1")):
            return _Importer(document, name).imported(pattern)
        if version.startswith("2."):
            return _Importer(upgraded(document), name).imported(pattern)
    except _MALFORMED as error:
        raise problem("not-openapi", "this document does not have the shape of OpenAPI") from error
    found = f"it says {version}" if version else "it does not say `openapi:` or `swagger:`"
    raise problem("not-openapi", f"not an OpenAPI 3.0, 3.1 or Swagger 2.0 document: {found}")


class _Importer:
    """Imports one document."""

    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        self._document = document
        self._name = name
        self._references = References(document)
        self._security = Security(document, name, self._references)
        self._notes: list[str] = []

    def imported(self, pattern: str | None) -> Imported:
        operations = list(self._operations())
        self._security.nothing_is_required([one.spec for one in operations])
        named = _named(operations)
        wanted = {
            tool: operation
            for tool, operation in named.items()
            if pattern is None or operation.fits(tool, pattern)
        }
        if not wanted:
            what = f"no operation matches `{pattern}`" if named and pattern else "no operation"
            hint = "select by `tag:NAME`, a path such as `/pets/*`, or a name" if pattern else None
            raise problem("nothing-selected", what, hint=next(iter(self._notes), hint))
        made = []
        for tool, operation in wanted.items():
            try:
                made.append(self._made(tool, operation))
            except Unusable as why:
                self._notes.append(f"left out `{tool}` ({operation.title}): {why}")
            except _MALFORMED:
                what = "it does not have the shape of OpenAPI"
                self._notes.append(f"left out `{tool}` ({operation.title}): {what}")
        require([one.tool for one in made], self._notes)
        servers = self._placed(made)
        tools = [one.tool for one in made]
        tags = {t["name"]: (wanted[t["name"]].tags or [""])[0] for t in tools}
        manifest = {"kind": "ToolManifest", "servers": servers, "tools": tools}
        return Imported(manifest, [*self._notes, *self._security.notes], tags)

    def _operations(self) -> Iterator[_Operation]:
        for path, raw in (self._document.get("paths") or {}).items():
            if str(path).startswith("x-"):
                continue
            try:
                item = self._references.followed(raw)
            except Unusable as why:
                self._notes.append(f"left out {path}: {why}")
                continue
            for method in METHODS:
                spec = item.get(method)
                if isinstance(spec, dict):
                    yield _Operation(str(path), method, spec, item)

    def _made(self, tool: str, operation: _Operation) -> _Made:
        """Return one operation as a tool.

        Raises:
            Unusable: If it cannot be called.
        """
        spec, references = operation.spec, self._references
        if "x-unusable" in spec:
            raise Unusable(str(spec["x-unusable"]))
        references.losses.clear()
        arguments = ArgumentList(self._name, operation.method, operation.path, references)
        arguments.add_parameters(self._parameters(operation))
        if spec.get("requestBody"):
            arguments.add_body(references.followed(spec["requestBody"]))
        schema = arguments.schema()
        wrong = unreadable(schema)
        if wrong is not None:
            raise Unusable(wrong)
        unchecked = list(references.losses)
        answer = operation_answer(spec.get("responses") or {}, references)
        self._notes += [f"`{tool}`: {why}" for why in (*arguments.notes, *unchecked)]
        # What is read off the method is no word of the document: it must not pass for "get ...".
        bare = f"{operation.path} ({operation.method.upper()})"
        words = clean_description(str(spec.get("summary") or spec.get("description") or ""))
        found: dict[str, Json] = {
            "name": tool,
            "description": words or bare,
            "inputSchema": schema,
        }
        if answer.schema is not None:
            found["outputSchema"] = answer.schema
        if unchecked:
            found["unchecked"] = unchecked
        found["effect"] = _EFFECTS.get(operation.method, "external_write")
        mock = drafted_mock(answer.schema, *answer.examples)
        if mock is not None:
            found["mock"] = mock
        found["live"] = {"kind": "http", "server": self._name, **arguments.live()}
        requirement, scopes = self._security.required(spec)
        return _Made(import_guard(found), self._address(operation), requirement, scopes)

    def _parameters(self, operation: _Operation) -> list[dict[str, Any]]:
        """Return the parameters of an operation, its own before those of its path."""
        followed = self._references.followed
        own = [followed(one) for one in operation.spec.get("parameters") or []]
        mine = {(one.get("name"), one.get("in")) for one in own}
        shared = [followed(one) for one in operation.item.get("parameters") or []]
        return [*(one for one in shared if (one.get("name"), one.get("in")) not in mine), *own]

    def _address(self, operation: _Operation) -> str:
        """Return where an operation is, as the document says; empty where it does not."""
        for level in (operation.spec, operation.item, self._document):
            for server in level.get("servers") or []:
                url = str(server.get("url") or "")
                for name, known in (server.get("variables") or {}).items():
                    url = url.replace(f"{{{name}}}", str(known.get("default", f"{{{name}}}")))
                return url
        return ""

    def _placed(self, made: Sequence[_Made]) -> dict[str, Json]:
        """Return the servers, and give each tool what differs from its server."""
        usual = self._address(_Operation("", "", {}, {}))
        addresses = list(dict.fromkeys([usual, *(one.address for one in made)]))
        servers: dict[str, Json] = {}
        told = []
        for address in addresses:
            here = [one for one in made if one.address == address]
            if not here:
                continue
            name = self._name if not servers else f"{self._name[:60]}_{len(servers) + 1}"
            server: dict[str, Json] = {"url": variable(name, "API")}
            common = Counter(one.requirement for one in here).most_common(1)[0][0]
            if common:
                server["auth"] = self._auth(common, made)
            servers[name] = server
            if address:
                told.append(f"the document says that `{name}` is at {address}: set {server['url']}")
            for one in here:
                one.tool["live"]["server"] = name
                if one.requirement != common:
                    one.tool["live"]["auth"] = self._auth(one.requirement, made)
                if one.scopes:
                    one.tool["scopes"] = list(one.scopes)
        self._notes[:0] = told
        return servers

    def _auth(self, requirement: SecurityRequirement, made: Sequence[_Made]) -> dict[str, Json]:
        scopes = {scope for one in made if one.requirement == requirement for scope in one.scopes}
        return self._security.auth(requirement, scopes)


def _named(operations: Sequence[_Operation]) -> dict[str, _Operation]:
    """Give each operation a name of its own."""
    named: dict[str, _Operation] = {}
    taken: set[str] = set()
    for operation in operations:
        said = clean_name(str(operation.spec.get("operationId") or ""))
        name = said or clean_name(operation.title)
        if plain(name) in taken:
            name = free_name(name, named)
        taken.add(plain(name))
        named[name] = operation
    return named


__all__ = ["METHODS", "import_openapi"]
