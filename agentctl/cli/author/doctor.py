"""`agentctl doctor`: whether everything that agents need is there, and what to do where not."""

import shutil
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.doctor.machine import HealthFinding, exit_code, machine
from agentctl.app.doctor.project import DoctorEnvironment, project_findings
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import coloured
from agentctl.cli.render.doctor import finding_line, verdict
from agentctl.specs.reading.locate import find_root, state_folder


def doctor_command(
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent; none = all.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Connect to servers, and ask each model to act once.")
    ] = False,
    environment: Annotated[
        DoctorEnvironment | None, typer.Option("--env", help="Whose variables are examined.")
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Check that everything agents need is there.

    Without --probe nothing leaves this machine.

    Exit codes: 0 nothing failed (warnings allowed), 1 something failed, 3 a probe was inconclusive.
    """
    found: list[HealthFinding] = []
    looked_at = chain(
        machine(state_folder(find_root(Path.cwd()))),
        [terminal()],
        project_findings(Path.cwd(), agent, environment, probe=probe),
    )
    for finding in looked_at:
        found.append(finding)
        if shape == "text":
            write_line(finding_line(finding))
    code = exit_code(found)
    match shape:
        case "json":
            listed = [finding._asdict() for finding in found]
            write_json({"schema_version": "1", "ok": code == 0, "findings": listed})
        case "jsonl":
            write_jsonl(finding._asdict() for finding in found)
        case "text":
            note(verdict(found, probed=probe))
    return code


def terminal() -> HealthFinding:
    """Examine the terminal: encoding, size, whether a person can be asked."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        what = f"stdout is {sys.stdout.encoding}: some characters cannot be shown"
        return HealthFinding("terminal", "warn", what, "export PYTHONUTF8=1")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        what = "no terminal: questions cannot be asked here"
        hint = "what needs a person waits in the inbox: agentctl inbox list"
        return HealthFinding("terminal", "ok", what, hint)
    colour = "colours" if coloured(sys.stdout) else "no colours"
    columns = shutil.get_terminal_size().columns
    return HealthFinding("terminal", "ok", f"{columns} columns, {colour}, UTF-8")


__all__ = ["doctor_command", "terminal"]
