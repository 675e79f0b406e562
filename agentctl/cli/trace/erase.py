"""`agentctl trace audit erase`: erase what one person said and got, and keep proof of the rest."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from agentctl.cli.here import root_here
from agentctl.cli.output import note, report_problem, write_line
from agentctl.cli.terminal import on_terminal
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.traces.audit.erasure import Erasure, erase, runs_of
from agentctl.traces.audit.project import reseal
from agentctl.traces.log.store import journal_file, list_runs, run_files


def erase_command(
    principal: Annotated[
        str, typer.Option(metavar="ID", help="On whose behalf the runs were, as in --as ROLE:ID.")
    ],
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; kept in the trace, so without personal data.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Erase the content of every run on behalf of one person, for good.

    Messages, arguments and results go; the chain of headers, what an auditor counts, and an event
    that says what was erased, why and by whom stay, and `trace verify` still holds. Paused runs
    among them cannot go on. Copies elsewhere, such as backups, are not reached.
    """
    if not reason.strip():
        raise problem("no-reason", "say why the content is erased", hint="--reason TEXT")
    root = root_here()
    reseal(root, stamp(datetime.now(UTC)))
    paths = runs_of(root, principal)
    unreadable = len(run_files(root)) - len(list(list_runs(root)))
    if unreadable:
        note(f"{count(unreadable, 'trace')} cannot be read, so their principal is unknown")
    if not paths:
        raise problem(
            "nothing-to-erase",
            f"no run on behalf of `{principal}` has any content",
            hint="agentctl trace list shows on whose behalf runs were",
            exit_code=ExitCode.UNKNOWN if unreadable else ExitCode.USAGE,
        )
    if not yes:
        _ask(principal, len(paths))
    failed = 0
    for path in paths:
        erasure = Erasure(reason, getpass.getuser(), stamp(datetime.now(UTC)))
        try:
            erased = erase(path, journal_file(root), erasure)
            write_line(f"erased    {path.stem}: content of {count(erased, 'event')}")
        except Problem as wrong:
            failed += 1
            report_problem(wrong)
    write_line(
        f"{len(paths) - failed} of {count(len(paths), 'run')} erased. Next: agentctl trace verify"
    )
    return ExitCode.UNKNOWN if failed or unreadable else ExitCode.OK


def _ask(principal: str, runs: int) -> None:
    what = f"erase the content of {count(runs, 'run')} on behalf of `{principal}`, for good"
    if not on_terminal():
        raise problem("not-confirmed", f"not confirmed: {what}", hint="add --yes")
    typer.confirm(f"{what}?", abort=True, err=True)


__all__ = ["erase_command"]
