"""`agentctl trace diff`: where two runs part."""

from typing import Annotated

import typer

from agentctl.cli.here import trace_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.trace import diff_json, diff_lines
from agentctl.cli.trace.show import OtherReference, Reference
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import read_events
from agentctl.traces.views.diff import diff_events


def diff_command(
    left: Reference,
    right: OtherReference = None,
    full: Annotated[bool, typer.Option("--full", help="Write long values out.")] = False,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Show where two runs differ. Exit code 0 if only ids and times differ, else 1."""
    if right is None:
        raise problem(
            "one-run", "`trace diff` compares two runs", hint=f"agentctl trace diff {left} latest"
        )
    left_run, before = read_events(*trace_here(left))
    right_run, after = read_events(*trace_here(right))
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


__all__ = ["diff_command"]
