"""`agentctl trace list`: the runs of a project."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.trace import run_json, run_lines
from agentctl.core.exits import ExitCode
from agentctl.specs.reading.locate import find_root
from agentctl.traces.log.store import list_runs


def trace_list_command(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs shown.")] = 20,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """List runs, the newest first."""
    found = (
        run for run in list_runs(find_root(Path.cwd())) if agent in (None, run.started["agent"])
    )
    runs = list(islice(found, limit))
    match shape:
        case "json":
            write_json({"schema_version": "1", "runs": [run_json(run) for run in runs]})
        case "jsonl":
            write_jsonl(run_json(run) for run in runs)
        case "text" if runs:
            for line in run_lines(runs):
                write_line(line)
        case "text":
            note("no runs yet. Next: agentctl run AGENT TASK")
    return ExitCode.OK


__all__ = ["trace_list_command"]
