"""`agentctl trace list`: the runs of a project."""

import shutil
from itertools import islice
from typing import Annotated

import typer

from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.trace import run_json, run_lines
from agentctl.core.exits import ExitCode
from agentctl.traces.log.store import evals_folder, list_runs


def trace_list_command(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs shown.")] = 20,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """List runs, the newest first."""
    root = root_here()
    found = (run for run in list_runs(root) if agent in (None, run.started["agent"]))
    runs = list(islice(found, limit))
    match shape:
        case "json":
            write_json({"schema_version": "1", "runs": [run_json(run) for run in runs]})
        case "jsonl":
            write_jsonl(run_json(run) for run in runs)
        case "text" if runs:
            for line in run_lines(runs, shutil.get_terminal_size((100, 24)).columns):
                write_line(line)
        case "text":
            note("no runs yet. Next: agentctl run AGENT TASK")
    kept = sorted(path.stem for path in evals_folder(root).glob("*.jsonl"))
    if kept and shape == "text":
        note(f"trials are kept of {', '.join(kept)}: agentctl trace show {kept[0]}/SCENARIO")
    return ExitCode.OK


__all__ = ["trace_list_command"]
