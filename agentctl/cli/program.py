"""The commands, each loaded only when it is asked for.

`--help` needs names and one line each; a command's own module, and what that imports, is loaded
when the command runs. This is the one door through which modules are imported late.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

import typer
from typer.exceptions import TyperException

from agentctl import __version__
from agentctl.cli.output import note, report_problem
from agentctl.core.errors import Problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import shorten

Subcommands = Mapping[str, "str | Mapping[str, str]"]


class Entry(NamedTuple):
    """One command as `--help` lists it."""

    where: str | Subcommands
    """`module:attribute`, where the attribute is a function or a typer app; or each subcommand's,
    by name, so that only the one that is asked for is loaded."""
    help: str
    panel: str
    former: Mapping[str, str] = MappingProxyType({})
    """Subcommands by names that they had before 1.0: they work, and help does not list them."""


AUDIT = {
    "seal": "trace.seal:seal_command",
    "checkpoint": "trace.checkpoint:checkpoint_command",
    "erase": "trace.erase:erase_command",
    "report": "trace.report:report_command",
}
TRACE: Subcommands = {
    "list": "trace.list:trace_list_command",
    "show": "trace.show:trace_show_command",
    "diff": "trace.diff:diff_command",
    "verify": "trace.verify:verify_command",
    "cost": "trace.cost:cost_command",
    "audit": AUDIT,
}
TOOLS: Subcommands = {
    "list": "author.tools:tools_list_command",
    "show": "author.tools:tools_show_command",
    "call": "author.tools_call:call_command",
    "import": "author.tools_import:import_command",
    "login": "author.tools_login:login_command",
}
COMMANDS = {
    "run": Entry("run:run_command", "Run an agent on one task.", "The product"),
    "eval": Entry("eval:eval_command", "Replay golden sets and gate the change.", "The product"),
    "trace": Entry(TRACE, "List, show, verify and compare runs.", "The product", AUDIT),
    "inbox": Entry("operate.inbox:inbox_app", "What waits for a person.", "Operate"),
    "resume": Entry("operate.resume:resume", "Take up a run that waits.", "Operate"),
    "golden": Entry("operate.golden:golden_app", "Maintain the recordings of golden sets.", "Data"),
    "init": Entry("author.init:init_command", "Start a small working project.", "Author"),
    "tools": Entry(TOOLS, "List, show, call and import tools.", "Author"),
    "check": Entry("author.check:check_command", "Check every YAML file of a project.", "Author"),
    "doctor": Entry(
        "author.doctor:doctor_command", "Check that everything agents need is there.", "Author"
    ),
}

_HELP = {"help_option_names": ["-h", "--help"]}
_GROUPS = {"audit": "Seal, sign, erase and count what runs left behind."}
SUMMARY = "Run and evaluate tool-using AI agents: permissions, approvals, golden sets, audit."


def build(arguments: list[str]) -> typer.Typer:
    """Return the app, with the command that `arguments` name loaded and all others listed."""
    app = typer.Typer(
        name="agentctl", help=SUMMARY, no_args_is_help=True, add_completion=True,
        context_settings=_HELP,
    )  # fmt: skip
    app.callback()(_root)
    wanted, *below = _commands(arguments) or [""]
    for name, entry in COMMANDS.items():
        if name != wanted:
            app.command(name, help=entry.help, rich_help_panel=entry.panel)(_listed)
            continue
        found = _loaded(entry, below)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, help=entry.help, rich_help_panel=entry.panel)
        else:
            app.command(name, help=found.__doc__, rich_help_panel=entry.panel)(found)
    return app


def _loaded(entry: Entry, below: list[str]) -> Any:
    """Return a command's function, or its app of subcommands: of all, unless one is named."""
    if isinstance(entry.where, str):
        return _attribute(entry.where)
    return _group(entry.where, below, entry.help, entry.former)


def _group(
    commands: Subcommands,
    words: list[str],
    help: str,
    former: Mapping[str, str] = MappingProxyType({}),
) -> typer.Typer:
    group = typer.Typer(help=help, no_args_is_help=True, context_settings=_HELP)
    # With a callback, a single subcommand is still asked for by its name.
    group.callback()(_listed)
    wanted, *below = words or [""]
    for name, where in {**former, **commands}.items():
        if wanted in commands or wanted in former:
            if name != wanted:
                continue
        elif name in former:
            continue
        if isinstance(where, str):
            group.command(name, hidden=name in former)(_attribute(where))
        else:
            group.add_typer(_group(where, below, _GROUPS[name]), name=name, help=_GROUPS[name])
    return group


def _attribute(where: str) -> Any:
    module, _, attribute = where.partition(":")
    return getattr(import_module(f"agentctl.cli.{module}"), attribute)


def _commands(arguments: list[str]) -> list[str]:
    """Return the arguments that are not options: a command, perhaps subcommands, then others."""
    return [argument for argument in arguments if not argument.startswith("-")]


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
    return int(exit_code_of(lambda: _invoke(arguments), next(iter(_commands(arguments)), None)))


def _invoke(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(build(_completed() or arguments))
    _bare_flags(command)
    result = command.main(args=arguments, prog_name="agentctl", standalone_mode=False)
    return result if isinstance(result, int) else ExitCode.OK


def _bare_flags(command: Any, above: typer.Context | None = None) -> None:
    """Let help list a flag without the type of a value, which it does not take."""
    context = typer.Context(command, above, **command.context_settings)
    for option in command.get_params(context):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _bare_flags(below, context)


def _completed() -> list[str]:
    """Return the words that a shell wants completed, where it does: they name what to load."""
    typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return typed.split()[1:] if "_AGENTCTL_COMPLETE" in os.environ else []


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
        name = shorten(str(error.filename or ""), 200)
        note(f"error[io]: {error.strerror or error}: {name}".rstrip(": "))
        return ExitCode.USAGE if error.errno == errno.ENAMETOOLONG else ExitCode.UNKNOWN
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is reported, not thrown
        if os.environ.get("AGENTCTL_DEBUG"):
            traceback.print_exc()
        note(
            f"error[bug]: {type(error).__name__}: {error}\n"
            "hint: this is a fault of agentctl; AGENTCTL_DEBUG=1 shows where"
        )
        return ExitCode.UNKNOWN


__all__ = ["COMMANDS", "Entry", "build", "exit_code_of", "run_cli"]
