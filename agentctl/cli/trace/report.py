"""`agentctl trace audit report`: the counts an auditor asks for."""

from datetime import date
from typing import Annotated, Literal

import typer

from agentctl.cli.here import root_here
from agentctl.cli.output import write_json, write_line
from agentctl.cli.render.audit_report import audit_report_json, audit_report_text
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.report import audit_report


def report_command(
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day (UTC).")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day (UTC), included.")
    ] = None,
    shape: Annotated[
        Literal["text", "json", "md"], typer.Option("--format", help="What stdout gets.")
    ] = "text",
) -> int:
    """Count what happened: runs, gaps, decisions, oversight, policy versions, erased content.

    Every figure is a fold over the events of the runs that started in the period; a run that was
    tampered with is a gap and counted nowhere else.
    """
    start, end = _day(first), _day(last)
    if start is not None and end is not None and end < start:
        raise problem("bad-period", f"{end} is before {start}")
    found = audit_report(root_here(), start, end)
    if shape == "json":
        write_json(audit_report_json(found))
    else:
        for line in audit_report_text(found, shape):
            write_line(line)
    return ExitCode.OK


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise problem("bad-date", f"`{text}` is not a date", hint="such as 2026-01-31") from error


__all__ = ["report_command"]
