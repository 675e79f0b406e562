"""`agentctl trace`: list, show and compare runs; what is about the audit has files of its own."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.packet import handed_over, packet_markdown
from agentctl.cli.render.trace import View, diff_json, diff_lines, run_json, run_lines
from agentctl.cli.trace.checkpoint import checkpoint_command
from agentctl.cli.trace.cost import cost_command
from agentctl.cli.trace.erase import erase_command
from agentctl.cli.trace.report import report_command
from agentctl.cli.trace.seal import seal_command
from agentctl.cli.trace.verify import verify_command
from agentctl.core.errors import problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.specs.reading.locate import find_root
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import find, list_runs, read_events
from agentctl.traces.views.diff import diff_events

trace_app = typer.Typer(
    help="List, show, verify and compare runs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TraceFormat = Annotated[Format, typer.Option("--format", help="What stdout gets.")]
Full = Annotated[bool, typer.Option("--full", help="Write long values out.")]
Reference = Annotated[
    str, typer.Argument(help="The start of a run's id, `latest`, SET/SCENARIO, or a file.")
]


@trace_app.command("list")
def trace_list_command(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs shown.")] = 20,
    shape: TraceFormat = "text",
) -> int:
    """List runs, the newest first."""
    found = (run for run in list_runs(_root()) if agent in (None, run.started["agent"]))
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
            note("there is no run yet. Next: agentctl run AGENT TASK")
    return ExitCode.OK


@trace_app.command("show")
def trace_show_command(
    reference: Reference,
    full: Full = False,
    packet: Annotated[
        bool, typer.Option("--packet", help="Show the hand-over packet, as Markdown or JSON.")
    ] = False,
    shape: TraceFormat = "text",
) -> int:
    """Show one run, step by step: perceive, plan, act, observe."""
    run, events = read_events(*find(_root(), reference))
    if packet:
        write_packet(run, events, shape)
        return ExitCode.OK
    match shape:
        case "json":
            listed = [event._asdict() for event in events]
            write_json({"schema_version": "1", "run": run, "events": listed})
        case "jsonl":
            write_jsonl(event._asdict() for event in events)
        case "text":
            for line in View(full=full).lines(run, events):
                write_line(line)
    return ExitCode.OK


def write_packet(run: str, events: Sequence[Event], shape: Format) -> None:
    """Write the last hand-over of a run.

    Raises:
        Problem: If nobody was given the case.
    """
    body = handed_over(events)
    if body is None:
        hint = f"agentctl trace show {run} shows how the run went"
        raise problem("no-packet", "the run was not passed to a person", hint=hint)
    match shape:
        case "json":
            write_json({"schema_version": "1", "run": run, **body})
        case "jsonl":
            write_jsonl([body])
        case "text":
            write_line(packet_markdown(body, run).rstrip("\n"))


@trace_app.command("diff")
def diff_command(
    left: Reference, right: Reference, full: Full = False, shape: TraceFormat = "text"
) -> int:
    """Say where two runs part. Equal but for ids and times: exit code 0; different: 1."""
    root = _root()
    left_run, before = read_events(*find(root, left))
    right_run, after = read_events(*find(root, right))
    require_content(left_run, before, "compared")
    require_content(right_run, after, "compared")
    found = diff_events(before, after)
    if shape == "text":
        if not found.equal:
            for line in diff_lines(left_run, right_run, found, full=full):
                write_line(line)
    elif shape == "json":
        write_json(diff_json(left_run, right_run, found))
    else:
        write_jsonl(diff_json(left_run, right_run, found)["differences"])
    note(
        "equal but for ids and times"
        if found.equal
        else f"different in {count(len(found.differences) + len(found.ending), 'place')}"
    )
    return ExitCode.OK if found.equal else ExitCode.NO


trace_app.command("verify")(verify_command)
trace_app.command("seal")(seal_command)
trace_app.command("checkpoint")(checkpoint_command)
trace_app.command("erase")(erase_command)
trace_app.command("report")(report_command)
trace_app.command("cost")(cost_command)


def _root() -> Path:
    return find_root(Path.cwd())


__all__ = ["trace_app"]
