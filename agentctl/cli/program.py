"""The commands, each loaded only when it is asked for.

`--help` needs names and one line each; a command's own module, and what that imports, is loaded
when the command runs. This is the one door through which modules are imported late.
"""

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.exceptions import TyperException

from agentctl import __version__
from agentctl.cli.output import note, report_problem
from agentctl.core.errors import Problem
from agentctl.core.exits import ExitCode


class Entry(NamedTuple):
    """One command as `--help` lists it."""

    where: str
    """`module:attribute`; the attribute is a function, or a typer app of subcommands."""
    help: str
    panel: str


COMMANDS = {
    "run": Entry("run:run_command", "Run an agent on one task.", "The product"),
    "eval": Entry("eval:eval_command", "Replay golden sets and gate the change.", "The product"),
    "trace": Entry("trace.trace:trace_app", "List, show, verify and compare runs.", "The product"),
    "inbox": Entry("operate.inbox:inbox_app", "What waits for a person.", "Operate"),
    "resume": Entry("operate.resume:resume", "Take up a run that waits.", "Operate"),
    "golden": Entry(
        "operate.golden:golden_app", "Look after the recordings of golden sets.", "Data"
    ),
    "init": Entry("author.init:init_command", "Start a small working project.", "Author"),
    "tools": Entry("author.tools:tools_app", "List, show, call and import tools.", "Author"),
    "check": Entry("author.check:check_command", "Check every YAML file of a project.", "Author"),
    "doctor": Entry(
        "author.doctor:doctor_command", "Look whether everything agents need is there.", "Author"
    ),
}

SUMMARY = "Run and evaluate tool-using AI agents: permissions, approvals, golden sets, audit."


def build(arguments: list[str]) -> typer.Typer:
    """Return the app, with the command that `arguments` name loaded and all others listed."""
    app = typer.Typer(
        name="agentctl",
        help=SUMMARY,
        no_args_is_help=True,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    wanted = _command(arguments)
    for name, entry in COMMANDS.items():
        if name != wanted:
            app.command(name, help=entry.help, rich_help_panel=entry.panel)(_listed)
            continue
        module, _, attribute = entry.where.partition(":")
        found = getattr(import_module(f"agentctl.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, help=entry.help, rich_help_panel=entry.panel)
        else:
            app.command(name, help=found.__doc__, rich_help_panel=entry.panel)(found)
    return app


def _command(arguments: list[str]) -> str | None:
    """Return the first argument that is not an option of `agentctl` itself."""
    return next((a for a in arguments if not a.startswith("-")), None)


def _listed() -> None:
    """Stand for a command that is only listed."""


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        sys.stdout.write(f"agentctl {__version__}\n")
        raise typer.Exit


def run_cli(arguments: list[str]) -> int:
    """Run one command line and return its exit code; never a traceback."""
    return int(exit_code_of(lambda: _invoke(arguments), _command(arguments)))


def _invoke(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(build(arguments))
    result = command.main(args=arguments, prog_name="agentctl", standalone_mode=False)
    return result if isinstance(result, int) else ExitCode.OK


def exit_code_of(action: Callable[[], int], command: str | None = None) -> int:
    """Turn whatever goes wrong in `action` into a message and an exit code."""
    try:
        return action()
    except Problem as problem:
        report_problem(problem)
        return problem.exit_code
    except TyperException as error:
        if not error.format_message():
            # Nothing was asked for, and the help has been printed.
            return ExitCode.USAGE
        known = f" {command}" if command in COMMANDS else ""
        note(f"error[usage]: {error.format_message()}\nhint: agentctl{known} --help")
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        note("interrupted; what was done is saved")
        return ExitCode.INTERRUPTED
    except OSError as error:
        note(f"error[io]: {error.strerror or error}: {error.filename or ''}".rstrip(": "))
        return ExitCode.UNKNOWN
    except Exception as error:  # noqa: BLE001 - the last door: a bug is told, not thrown
        if os.environ.get("AGENTCTL_DEBUG"):
            traceback.print_exc()
        note(
            f"error[bug]: {type(error).__name__}: {error}\n"
            "hint: this is a fault of agentctl; AGENTCTL_DEBUG=1 shows where"
        )
        return ExitCode.UNKNOWN


__all__ = ["COMMANDS", "Entry", "build", "exit_code_of", "run_cli"]
