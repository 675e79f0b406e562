"""`agentctl trace`: list, show, verify and compare runs."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.cost import cost_command
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.trace import (
    View,
    check_json,
    check_lines,
    diff_json,
    diff_lines,
    list_lines,
    run_json,
)
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.specs.locate import find_root, shown
from agentctl.traces.diff import diff
from agentctl.traces.journal import read_journal
from agentctl.traces.store import (
    evals_folder,
    find,
    journal_file,
    list_runs,
    read_events,
    run_files,
)
from agentctl.traces.verify import RunCheck, against, verify_file

trace_app = typer.Typer(
    help="List, show, verify and compare runs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Shape = Annotated[Format, typer.Option("--format", help="What stdout gets.")]
Full = Annotated[bool, typer.Option("--full", help="Write long values out.")]
Reference = Annotated[
    str, typer.Argument(help="The start of a run's id, `latest`, SET/SCENARIO, or a file.")
]


@trace_app.command("list")
def list_command(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs shown.")] = 20,
    shape: Shape = "text",
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
            for line in list_lines(runs):
                write_line(line)
        case "text":
            note("there is no run yet. Next: agentctl run AGENT TASK")
    return ExitCode.OK


@trace_app.command("show")
def show_command(reference: Reference, full: Full = False, shape: Shape = "text") -> int:
    """Show one run, step by step: perceive, plan, act, observe."""
    run, events = read_events(*find(_root(), reference))
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


@trace_app.command("verify")
def verify_command(
    references: Annotated[
        list[str] | None, typer.Argument(help="Runs or files; none = the whole project.")
    ] = None,
    shape: Shape = "text",
) -> int:
    """Find every change made to a trace after it was written.

    Each run is also held against the journal that sealed it when it ended, which shows a trace that
    was cut short, replaced or removed. What neither can show: that somebody who owns the files
    wrote all of them anew. Keep the printed heads somewhere else for that.
    """
    root = _root()
    files = [find(root, reference)[0] for reference in references or ()]
    if not references:
        files = [*run_files(root), *sorted(evals_folder(root).glob("*.jsonl"))]
    if not files:
        hint = "agentctl run AGENT TASK makes one"
        raise problem("no-runs", "there is no trace to verify", hint=hint)
    checks = [(shown(file), check) for file in files for check in verify_file(file)]
    journal = read_journal(journal_file(root))
    sealed = against(journal, [check for _, check in checks], whole=not references)
    match shape:
        case "json":
            found = [check_json(file, check) for file, check in checks]
            write_json({"schema_version": "1", "runs": found, "journal": list(sealed)})
        case "jsonl":
            write_jsonl(check_json(file, check) for file, check in checks)
        case "text":
            _write_checks(checks, sealed)
    bad = bool(sealed) or any(check.tampering for _, check in checks)
    return ExitCode.NO if bad else ExitCode.OK


def _write_checks(checks: list[tuple[str, RunCheck]], sealed: Sequence[str]) -> None:
    for what in sealed:
        write_line(f"journal   {what}")
    for file, check in checks:
        for line in check_lines(file, check):
            write_line(line)
    bad = sum(1 for _, check in checks if check.tampering)
    if bad or sealed:
        told = f"; the journal contradicts {count(len(sealed), 'run')}" if sealed else ""
        write_line(f"{bad} of {count(len(checks), 'run')} tampered with{told}")
        return
    write_line(
        f"{count(len(checks), 'run')} intact. Whoever owns the files can write them anew as a"
        " whole: compare the heads with ones kept elsewhere."
    )


@trace_app.command("diff")
def diff_command(
    left: Reference, right: Reference, full: Full = False, shape: Shape = "text"
) -> int:
    """Say where two runs part. Equal but for ids and times: exit code 0; different: 1."""
    root = _root()
    left_run, before = read_events(*find(root, left))
    right_run, after = read_events(*find(root, right))
    found = diff(before, after)
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


trace_app.command("cost")(cost_command)


def _root() -> Path:
    return find_root(Path.cwd())


__all__ = ["trace_app"]
