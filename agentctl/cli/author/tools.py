"""`agentctl tools`: list and show a project's tools; calling and importing have their own files."""

from typing import Annotated

import typer

from agentctl.app.tools.listing import find_tool, list_tools
from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.tools import row_json, show_lines, tool_json, tool_lines
from agentctl.core.exits import ExitCode
from agentctl.core.text import count, neutralised
from agentctl.specs.loading.project import Project

ToolsFormat = Annotated[Format, typer.Option("--format", help="What stdout gets.")]


def tools_list_command(
    agent: Annotated[str | None, typer.Option(help="Only the tools of this agent.")] = None,
    shape: ToolsFormat = "text",
) -> int:
    """List the tools of the project: effect, where the real one is, mock, who uses it."""
    rows = list(list_tools(Project.find(root_here()), agent))
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
    found = find_tool(Project.find(root_here()), name)
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


__all__ = ["tools_list_command", "tools_show_command"]
