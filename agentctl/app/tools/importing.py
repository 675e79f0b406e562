"""Import tools from an OpenAPI document or an MCP server: a manifest, and rules for a policy.

Nothing is overwritten unasked, and no rule is put into a policy: rules are returned, or written to
a file of their own.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agentctl.app.observer import ignore
from agentctl.app.tools.login import keep_login
from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.files import write_whole
from agentctl.core.text import shorten
from agentctl.specs.checks.tools.servers import secret_in_command
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.yaml import YamlPath, parse_yaml, read_yaml
from agentctl.specs.shapes.live import LoginAuth, Server
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.toolbox.importing.definitions import (
    Imported,
    clean_name,
    imported_rules,
    policy_for,
    remarks_on,
    variable,
)
from agentctl.toolbox.importing.manifests import to_yaml
from agentctl.toolbox.importing.mcp import (
    McpChoice,
    import_definitions,
    update_definitions,
)
from agentctl.toolbox.importing.openapi.importer import import_openapi
from agentctl.toolbox.importing.openapi.reading import openapi_document
from agentctl.toolbox.importing.sources import (
    is_inside_a_network,
    is_url,
    listed_tools,
)
from agentctl.toolbox.tokens import read_token, token_file
from agentctl.toolbox.variables import ManifestVariables, token_folder

MOST_TOOLS = 100
"""Tools of one manifest; a larger document becomes one for each of its tags."""


class ImportOptions(NamedTuple):
    """What is imported, and where it is written."""

    source: str | None = None
    """An OpenAPI document: a file or an address."""
    mcp: str | None = None
    """An MCP server: how it is started, or its address."""
    name: str | None = None
    """What it is called here; left out = a name made of the source."""
    out: Path | None = None
    """The manifest; left out = NAME.yaml with the tools, or NAME/TAG.yaml of a large document."""
    select: str | None = None
    """A glob of the tools' names; of a document also `tag:NAME`, a path or an operation id."""
    rules: Path | None = None
    """A policy that is written too."""
    bearer: str | None = None
    """The variable with a token, for MCP over HTTP."""
    variables: Sequence[str] = ()
    """The variables that the program of an MCP server is given."""
    force: bool = False
    """Whether files are overwritten."""
    prefix: str = ""
    """MCP: what the name of each tool begins with here."""
    login: bool = False
    """MCP over HTTP: whether a person logs in, in a browser."""
    trust_hints: bool = False
    """MCP: whether a tool that its server says only reads is imported as a read."""


class ToolImport(NamedTuple):
    """What was imported."""

    manifests: Sequence[Path]
    """One file; of a large document, one for each of its tags."""
    tools: int
    asking: int
    """How many of them the rules ask about before each call."""
    rules: str
    """The rules for a policy, as YAML."""
    notes: Sequence[str]
    """What a person should know before using it; another system's words may stand in it."""


class PinUpdate(NamedTuple):
    """What the MCP servers of a manifest list now."""

    manifest: Path
    changed: bool
    """Whether any definition differs from the one that was pinned."""
    notes: Sequence[str]
    """What differs; another system's words may stand in it."""


def import_tools(
    project: Project, asked: ImportOptions, show: Callable[[str], None] = ignore
) -> ToolImport:
    """Write a manifest of what another system says about its tools.

    Args:
        project: The project.
        asked: What is imported.
        show: Given the address at which a person logs in.

    Raises:
        Problem: If the source cannot be read or reached, or a file would be overwritten.
    """
    source, mcp = asked.source, asked.mcp
    if (source is None) == (mcp is None):
        raise problem(
            "no-source",
            "say what to import: one OpenAPI document or one MCP server",
            hint="agentctl tools import api.yaml, or --mcp 'python server.py'",
        )
    stem = _called(mcp) if mcp is not None else _stem(source or "")
    called = clean_name(asked.name or stem) or "api"
    target = asked.out or project.tools / f"{called}.yaml"
    _require_free([target, asked.rules], asked)
    if mcp is not None:
        server = _server(mcp, called, target.parent, asked.bearer, asked.variables)
        env = _given(server, mcp, called)
        tokens = token_folder(project.root)
        if asked.login:
            server = _logged_in(project, server, env, called, show)
        listed = listed_tools(called, server, target.parent, env, tokens)
        choice = McpChoice(asked.select, asked.prefix, asked.trust_hints)
        imported = import_definitions(called, server, listed, choice)
        origin = "an MCP server"
    else:
        imported = import_openapi(openapi_document(source or ""), called, asked.select)
        origin = f"OpenAPI, {shorten(source or '', 80)}"
    parts = {target: imported.manifest}
    if asked.out is None and len(imported.manifest["tools"]) > MOST_TOOLS:
        parts = split_by_tag(imported, target.with_suffix(""))
        _require_free(parts, asked)
    for path, manifest in parts.items():
        _write(path, manifest, origin, remarks_on(manifest))
    if asked.rules is not None:
        asked.rules.parent.mkdir(parents=True, exist_ok=True)
        policy = policy_for(called, imported.manifest)
        write_whole(asked.rules, to_yaml(policy, ["Imported: read it, then change it."]))
    tools = imported.manifest["tools"]
    asking = sum(tool["effect"] != "none" for tool in tools)
    rules = to_yaml({"rules": imported_rules(called, imported.manifest)})
    notes = [*_clashes(project, parts, imported.manifest), *imported.notes]
    return ToolImport(list(parts), len(tools), asking, rules, notes)


def split_by_tag(imported: Imported, folder: Path) -> dict[Path, dict[str, Json]]:
    """Return one manifest for each tag of a document, by its file in `folder`."""
    groups: dict[str, list[dict[str, Json]]] = {}
    for tool in imported.manifest["tools"]:
        tag = clean_name(imported.tags.get(tool["name"], "")) or "other"
        groups.setdefault(tag, []).append(tool)
    servers = imported.manifest["servers"]
    found = {}
    for tag, tools in groups.items():
        used = {tool["live"]["server"] for tool in tools}
        own = {name: server for name, server in servers.items() if name in used}
        manifest = {**imported.manifest, "servers": own, "tools": tools}
        found[folder / f"{tag}.yaml"] = manifest
    return found


def _require_free(files: Iterable[Path | None], asked: ImportOptions) -> None:
    for file in files:
        if file is not None and file.exists() and not asked.force:
            raise problem(
                "file-exists", f"{shown_path(file)} already exists", hint="--force, or --out FILE"
            )


def update_pins(source: str | None, *, trust_hints: bool = False) -> PinUpdate:
    """Pin what the MCP servers of a manifest list now.

    Args:
        source: The manifest; it is written where anything differs, without its comments.
        trust_hints: Whether a read whose definition changed stays one where its server says so.

    Raises:
        Problem: If it has no tools of an MCP server, or one cannot be reached.
    """
    if source is None:
        raise problem("no-source", "say which manifest", hint="agentctl tools import FILE --update")
    path = Path(source)
    read = read_yaml(path, shown_path(path))
    manifest = decode(ToolManifest, read.data, read)
    used = [t.live.server for t in manifest.tools if isinstance(t.live, McpLive)]
    if not used:
        raise problem("no-mcp-tools", f"{shown_path(path)} has no tools of an MCP server")
    data: dict[str, Json] = read.data
    notes: list[str] = []
    for server in dict.fromkeys(used):
        if server in manifest.servers:
            tokens = token_folder(Project.find(path.parent).root)
            listing = listed_tools(server, data["servers"][server], path.parent, os.environ, tokens)
            choice = McpChoice(trust_hints=trust_hints)
            updated = update_definitions(data, server, listing, choice)
            data = updated.manifest
            notes += updated.notes
    changed = data != read.data
    if changed:
        _write(path, data, "pinned again")
    return PinUpdate(path, changed, notes)


def _logged_in(
    project: Project,
    server: dict[str, Json],
    env: Mapping[str, str],
    name: str,
    show: Callable[[str], None],
) -> dict[str, Json]:
    """Return a server that is reached with a login; a person makes it where there is none yet."""
    if "url" not in server or "auth" in server:
        raise problem(
            "not-together",
            "`--login` is for MCP over HTTP, without `--bearer`",
            hint="agentctl tools import --mcp https://... --login",
        )
    auth: dict[str, Json] = {"kind": "login", "name": name}
    server = {**server, "auth": auth}
    if read_token(token_file(token_folder(project.root), name)) is None:
        url = ManifestVariables({}, {}, env, {}).address(server["url"], name)
        declared = Server.model_validate(server)
        keep_login(project, url, declared, LoginAuth.model_validate(auth), show)
    return server


def _clashes(project: Project, targets: Iterable[Path], manifest: Mapping[str, Json]) -> list[str]:
    """Say which of the names another manifest of the project has as well."""
    mine = {tool["name"] for tool in manifest["tools"]}
    written = {target.resolve() for target in targets}
    return [
        f"`{tool.name}` is in {shown_path(other.path)} too: an agent can name only one of them;"
        " `--prefix NAME_` tells them apart"
        for other in project.manifests
        if other.path.resolve() not in written
        for tool in other.model.tools
        if tool.name in mine
    ]


def _write(
    path: Path,
    manifest: Mapping[str, Json],
    origin: str,
    remarks: Mapping[YamlPath, str] = MappingProxyType({}),
) -> None:
    comments = [f"Imported by `agentctl tools import` ({origin})."]
    text = to_yaml(manifest, comments, remarks)
    # What was written must be what will be read.
    written = parse_yaml(text, shown_path(path))
    decode(ToolManifest, written.data, written)
    if written.data != manifest:
        raise problem("not-written", f"{shown_path(path)} would not read back as imported")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)


def _called(source: str) -> str:
    """Return a name for what a person pointed at."""
    if is_url(source):
        return source.split("/")[2].partition(":")[0]
    words = _words(source)
    named = [Path(word).stem for word in words if Path(word).suffix] or [Path(words[0]).name]
    return named[-1]


def _stem(source: str) -> str:
    return _called(source) if is_url(source) else Path(source).stem


def _words(command: str) -> list[str]:
    """Split a command as a shell would.

    Raises:
        Problem: If it is none.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise problem("bad-command", f"cannot parse the command `{command}`: {error}") from error
    if not words:
        raise problem("bad-command", "the command is empty", hint="--mcp 'python server.py'")
    return words


def _server(
    mcp: str, name: str, folder: Path, bearer: str | None, variables: Sequence[str]
) -> dict[str, Json]:
    """Return the server as a manifest declares it."""
    if is_url(mcp):
        server: dict[str, Json] = {"url": variable(name, "MCP")}
        if bearer is not None:
            server["auth"] = {"kind": "bearer", "token": f"${{{bearer}}}"}
        if is_inside_a_network(mcp):
            server["allow_private"] = True
        return server
    # The program will start in the manifest's folder, not where this was typed.
    program, *rest = _words(mcp)
    secret = secret_in_command((program, *rest))
    if secret is not None:
        raise problem(
            "secret-in-command",
            f"the command of the server holds a secret in plain text ({secret.place})",
            hint=f"write {secret.instead} in its place, and export the variable;"
            " it would be written to the manifest",
        )
    words = [_from(folder, program) if "/" in program else program]
    words += [_from(folder, word) for word in rest]
    return {"command": words, **({"env": list(variables)} if variables else {})}


def _from(folder: Path, word: str) -> str:
    """Return a word of a command as it must stand where the command runs in `folder`."""
    path = Path(word)
    return os.path.relpath(path, folder) if path.exists() and not path.is_absolute() else word


def _given(server: Mapping[str, Json], mcp: str, name: str) -> Mapping[str, str]:
    """Return the variables of this process, and the address that was typed."""
    if "url" not in server:
        return os.environ
    return {**os.environ, variable(name, "MCP")[2:-1]: mcp}


__all__ = ["ImportOptions", "PinUpdate", "ToolImport", "import_tools", "update_pins"]
