"""`agentctl trace show`: one run, step by step, or what it handed over to a person."""

from collections.abc import Sequence
from typing import Annotated

import typer

from agentctl.cli.here import trace_here
from agentctl.cli.output import Format, write_json, write_jsonl, write_line
from agentctl.cli.render.packet import handed_over, packet_markdown
from agentctl.cli.render.trace import View
from agentctl.core.errors import problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.traces.log.store import read_events

Reference = Annotated[
    str, typer.Argument(help="The start of a run's id, `latest`, SET/SCENARIO, or a file.")
]


OtherReference = Annotated[str | None, typer.Argument(help="The run to compare it with.")]


def trace_show_command(
    reference: Reference,
    full: Annotated[bool, typer.Option("--full", help="Write long values out.")] = False,
    packet: Annotated[
        bool, typer.Option("--packet", help="Show the hand-over packet, as Markdown or JSON.")
    ] = False,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Show one run, step by step: perceive, plan, act, observe."""
    run, events = read_events(*trace_here(reference))
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
        Problem: If the run was not passed to a person.
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


__all__ = ["OtherReference", "Reference", "trace_show_command", "write_packet"]
