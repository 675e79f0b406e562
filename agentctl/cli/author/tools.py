"""`agentctl tools`: list and show a project's tools; calling and importing have their own files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import neutralised
from agentctl.cli.render.tools import Row, User, row_json, show_lines, tool_json, tool_lines
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count, did_you_mean
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.locate import files_in, may_be, shown_path
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.live import server_of
from agentctl.specs.shapes.tools import ToolManifest

ToolsFormat = Annotated[Format, typer.Option("--format", help="What stdout gets.")]


def tools_list_command(
    agent: Annotated[str | None, typer.Option(help="Only the tools of this agent.")] = None,
    shape: ToolsFormat = "text",
) -> int:
    """List the tools of the project: effect, where the real one is, mock, who uses it."""
    rows = list(_rows(Project.find(Path.cwd()), agent))
    match shape:
        case "json":
            write_json({"schema_version": "1", "tools": [row_json(row) for row in rows]})
        case "jsonl":
            write_jsonl(row_json(row) for row in rows)
        case "text" if rows:
            for line in tool_lines(rows):
                write_line(neutralised(line))
    following = f"agentctl tools show {rows[0].tool.name}" if rows else "agentctl tools import FILE"
    note(f"{count(len(rows), 'tool')}. Next: {following}")
    return ExitCode.OK


def tools_show_command(
    name: Annotated[str, typer.Argument(help="The tool's name.")],
    shape: ToolsFormat = "text",
) -> int:
    """Show one tool: its arguments, who may call it, the rules that speak of it, its live side."""
    rows = list(_rows(Project.find(Path.cwd()), None))
    found = [row for row in rows if row.tool.name == name]
    if not found:
        names = [row.tool.name for row in rows]
        hint = did_you_mean(name, names) or "agentctl tools list"
        raise problem("unknown-tool", f"no manifest defines a tool `{name}`", hint=hint)
    match shape:
        case "json":
            write_json({"schema_version": "1", "tools": [tool_json(row) for row in found]})
        case "jsonl":
            write_jsonl(tool_json(row) for row in found)
        case "text":
            for row in found:
                for line in show_lines(row):
                    write_line(neutralised(line))
    return ExitCode.OK


def _rows(project: Project, only: str | None) -> Iterator[Row]:
    """Yield the tools of a project's manifests, or those of one agent."""
    if only is not None:
        agents = [project.read(AgentSpec, project.agent_file(only))]
    else:
        files = [path for path in files_in(project.agents) if may_be(path, "Agent")]
        agents = [project.read(AgentSpec, path) for path in files]
    listed = {
        (agent.path.parent / name).resolve(): agent.path.parent / name
        for agent in agents
        for name in agent.model.manifests
    }
    manifests = {loaded.path.resolve(): loaded for loaded in project.manifests}
    for key, path in listed.items():
        manifests.setdefault(key, project.read(ToolManifest, path))
    users = [(agent, User(agent.model, project.policy_of(agent).model)) for agent in agents]
    for key, manifest in manifests.items():
        for tool in manifest.model.tools:
            mine = [user for agent, user in users if _uses(agent, tool.name, key)]
            if mine or only is None:
                server = server_of(tool.live)
                yield Row(
                    tool,
                    shown_path(manifest.path),
                    manifest.model.servers.get(server) if server is not None else None,
                    mine,
                )


def _uses(agent: Loaded[AgentSpec], tool: str, manifest: Path) -> bool:
    """Whether an agent means this tool: by name, and by the manifests it lists where it does."""
    own = [(agent.path.parent / name).resolve() for name in agent.model.manifests]
    return tool in agent.model.tools and (not own or manifest in own)


__all__ = ["tools_list_command", "tools_show_command"]
