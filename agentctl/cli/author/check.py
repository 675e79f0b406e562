"""`agentctl check`: everything that is wrong with a project's YAML, in one go."""

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from agentctl.app.checking.checking import CheckReport, check_files
from agentctl.app.checking.schemas import schema_of
from agentctl.app.checking.table import CHECKS, check_named
from agentctl.cli.output import Format, write_json, write_jsonl, write_line
from agentctl.core.errors import Diagnostic
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.specs.checks.declared.check import Check


def check_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; none = the whole project.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Print the JSON Schema of a kind of file instead."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Explain one check instead; `all` lists every check."),
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Check every YAML file of a project, alone and against the others.

    Exit codes: 0 nothing wrong (warnings allowed), 1 problems, 2 nothing to check.
    """
    if schema is not None:
        write_json(schema_of(schema))
        return ExitCode.OK
    if explain is not None:
        _show_checks(explain, shape)
        return ExitCode.OK
    report = check_files(Path.cwd(), paths or ())
    match shape:
        case "json":
            listed = [_json(diagnostic) for diagnostic in report.diagnostics]
            write_json({"schema_version": "1", "ok": not report.errors, "diagnostics": listed})
        case "jsonl":
            write_jsonl(_json(diagnostic) for diagnostic in report.diagnostics)
        case "text":
            for diagnostic in report.diagnostics:
                write_line(f"{diagnostic}\n")
            write_line(_verdict(report))
    return ExitCode.NO if report.errors else ExitCode.OK


def _show_checks(code: str, shape: Format) -> None:
    found = list(CHECKS.values()) if code == "all" else [check_named(code)]
    match shape:
        case "json":
            write_json({"schema_version": "1", "checks": [check._asdict() for check in found]})
        case "jsonl":
            write_jsonl(check._asdict() for check in found)
        case "text" if code == "all":
            for check in sorted(found):
                write_line(f"{check.code:<22}{check.severity:<9}{check.title}")
        case "text":
            write_line(_explained(found[0]))


def _explained(check: Check) -> str:
    why = textwrap.fill(check.explanation, 88, break_on_hyphens=False)
    example = textwrap.indent(check.example, "    ")
    return f"{check.code} ({check.severity}): {check.title}\n\n{why}\n\nExample:\n\n{example}"


def _verdict(report: CheckReport) -> str:
    plurals = {"policy": "policies"}
    parts = [count(n, noun, plurals.get(noun)) for noun, n in report.checked]
    checked = ", ".join(parts) or "nothing"
    warnings = count(report.warnings, "warning")
    if report.errors:
        rest = f", {warnings}" if report.warnings else ""
        problems = count(report.errors, "problem")
        return f"{checked}: {problems}{rest}. Next: fix them, then rerun agentctl check"
    rest = warnings if report.warnings else "no problems"
    return f"{checked}: {rest}. Next: agentctl eval"


def _json(diagnostic: Diagnostic) -> dict[str, Any]:
    at = diagnostic.location
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "hint": diagnostic.hint,
    }


__all__ = ["check_command"]
