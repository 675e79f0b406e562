"""`agentctl tools import`: a manifest from an OpenAPI document or an MCP server, and its rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.tools.importing import ImportOptions, import_tools, update_pins
from agentctl.cli.author.tools_login import show_address
from agentctl.cli.output import note, write
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count, neutralised, shorten
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path


def import_command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE_OR_URL", help="OpenAPI or Swagger document; with --update a manifest."
        ),
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
        str | None,
        typer.Option(
            metavar="GLOB",
            help="Only tools with such a name; of a document also tag:NAME, a path or an id.",
        ),
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
    login: Annotated[
        bool, typer.Option("--login", help="MCP over HTTP: log in, in a browser, where needed.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="MCP: what the name of each tool begins with here.")
    ] = "",
    trust_hints: Annotated[
        bool,
        typer.Option(
            "--trust-hints", help="MCP: tools that the server says only read are reads here too."
        ),
    ] = False,
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
    if update and mcp is not None:
        raise problem(
            "not-together",
            "`--update` cannot be used with `--mcp`: the manifest names its servers",
            hint="agentctl tools import FILE --update",
        )
    if update:
        return _update(source, trust_hints=trust_hints)
    asked = ImportOptions(
        source,
        mcp,
        name,
        out,
        select,
        rules,
        bearer,
        variables or (),
        force,
        prefix,
        login,
        trust_hints,
    )
    done = import_tools(project, asked, show_address)
    for line in done.notes:
        note(f"note: {neutralised(line)}")
    note(
        f"wrote {_shown(done.manifests)}: {count(done.tools, 'tool')}."
        " Add these rules to the policies of the agents that use them:"
    )
    write(done.rules)
    asking = f"{done.asking} of {count(done.tools, 'tool')} ask before each call. " if mcp else ""
    note(
        f"{asking}Next: read the manifest, name its tools in an agent and a role, then"
        " agentctl check"
    )
    return ExitCode.OK


def _shown(manifests: Sequence[Path]) -> str:
    if len(manifests) == 1:
        return shown_path(manifests[0])
    return f"{len(manifests)} manifests in {shown_path(manifests[0].parent)}/"


def _update(source: str | None, *, trust_hints: bool) -> int:
    done = update_pins(source, trust_hints=trust_hints)
    for line in done.notes:
        note(f"  {neutralised(shorten(line, 400))}")
    file = shown_path(done.manifest)
    if done.changed:
        note(f"wrote {file}; comments in it were not kept. Next: git diff {file}")
    else:
        note(f"{file}: every definition is as pinned")
    return ExitCode.OK


__all__ = ["import_command"]
