"""`agentctl tools import`: a manifest from an OpenAPI document or an MCP server, and its rules.

Nothing is overwritten unasked, and no rule is put into a policy: rules are printed, or written to a
file of their own.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import note, write
from agentctl.cli.render.console import neutralised
from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.files import write_whole
from agentctl.core.text import count, shorten
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.yaml import parse_yaml, read_yaml
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.toolbox.importing.definitions import (
    clean_name,
    import_definitions,
    imported_rules,
    policy_for,
    update_definitions,
    variable,
)
from agentctl.toolbox.importing.manifests import to_yaml
from agentctl.toolbox.importing.openapi import import_openapi
from agentctl.toolbox.importing.sources import (
    is_inside_a_network,
    is_url,
    listed_tools,
    openapi_document,
)


def import_command(
    source: Annotated[
        str | None,
        typer.Argument(metavar="FILE_OR_URL", help="OpenAPI 3 document; with --update a manifest."),
    ] = None,
    mcp: Annotated[
        str | None,
        typer.Option(metavar="COMMAND_OR_URL", help="An MCP server: how it is started, or where."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the server is called here.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The manifest to write; left out = NAME.yaml with the tools."),
    ] = None,
    select: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only tools with such a name.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Write the rules as a policy to this file too.")
    ] = None,
    bearer: Annotated[
        str | None,
        typer.Option(metavar="VARIABLE", help="MCP over HTTP: the variable with a token."),
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--variable", metavar="NAME", help="MCP: a variable its program is given."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Pin what MCP servers of a manifest list now.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> int:
    """Import tools from an OpenAPI document or an MCP server; what writes is to be asked about.

    The manifest is written, the rules for a policy are printed. `--update` shows how definitions
    of an MCP server changed since they were pinned, and pins the new ones.
    """
    project = Project.find(Path.cwd())
    if (source is None) == (mcp is None):
        raise problem(
            "no-source",
            "say what to import: one OpenAPI document or one MCP server",
            hint="agentctl tools import api.yaml, or --mcp 'python server.py'",
        )
    if update:
        return _update(source)
    called = clean_name(name or (_called(mcp) if mcp is not None else _stem(source or ""))) or "api"
    target = out or project.tools / f"{called}.yaml"
    for file in (target, rules):
        if file is not None and file.exists() and not force:
            raise problem(
                "file-exists", f"{shown_path(file)} is there already", hint="--force, or --out FILE"
            )
    if mcp is not None:
        server = _server(mcp, called, target.parent, bearer, variables or [])
        env = _given(server, mcp, called)
        imported = import_definitions(
            called, server, listed_tools(called, server, target.parent, env), select
        )
        origin = "an MCP server"
    else:
        imported = import_openapi(openapi_document(source or ""), called, select)
        origin = f"OpenAPI, {shorten(source or '', 80)}"
    _write(target, imported.manifest, origin)
    if rules is not None:
        rules.parent.mkdir(parents=True, exist_ok=True)
        policy = policy_for(called, imported.manifest)
        rules.write_text(to_yaml(policy, ["Imported: read it, then change it."]), encoding="utf-8")
    for line in imported.notes:
        note(f"note: {neutralised(line)}")
    number = count(len(imported.manifest["tools"]), "tool")
    note(
        f"wrote {shown_path(target)}: {number}."
        " These rules are for the policy of whoever uses them:"
    )
    write(to_yaml({"rules": imported_rules(called, imported.manifest)}))
    note("Next: read the manifest, name its tools in an agent and a role, then agentctl check")
    return ExitCode.OK


def _update(source: str | None) -> int:
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
            listing = listed_tools(server, data["servers"][server], path.parent, os.environ)
            updated = update_definitions(data, server, listing)
            data = updated.manifest
            notes += updated.notes
    for line in notes:
        note(f"  {neutralised(shorten(line, 400))}")
    if data == read.data:
        note(f"{shown_path(path)}: every definition is the one that was pinned")
        return ExitCode.OK
    _write(path, data, "pinned anew")
    note(
        f"wrote {shown_path(path)}; comments in it were not kept. Next: git diff {shown_path(path)}"
    )
    return ExitCode.OK


def _write(path: Path, manifest: Mapping[str, Json], origin: str) -> None:
    text = to_yaml(manifest, [f"Imported by `agentctl tools import` ({origin})."])
    # What was written must be what will be read.
    written = parse_yaml(text, shown_path(path))
    decode(ToolManifest, written.data, written)
    if written.data != manifest:
        raise problem("not-written", f"{shown_path(path)} would not say what was imported")
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
        raise problem("bad-command", f"`{command}` is no command: {error}") from error
    if not words:
        raise problem("bad-command", "the command is empty", hint="--mcp 'python server.py'")
    return words


def _server(
    mcp: str, name: str, folder: Path, bearer: str | None, variables: list[str]
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
    words = [_from(folder, program) if "/" in program else program]
    words += [_from(folder, word) for word in rest]
    return {"command": words, **({"env": variables} if variables else {})}


def _from(folder: Path, word: str) -> str:
    """Return a word of a command as it must stand where the command runs in `folder`."""
    path = Path(word)
    return os.path.relpath(path, folder) if path.exists() and not path.is_absolute() else word


def _given(server: Mapping[str, Json], mcp: str, name: str) -> Mapping[str, str]:
    """Return the variables of this process, and the address that was typed."""
    if "url" not in server:
        return os.environ
    return {**os.environ, variable(name, "MCP")[2:-1]: mcp}


__all__ = ["import_command"]
