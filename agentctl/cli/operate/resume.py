"""`agentctl resume`: take up a run that waits for a person, or was cut off."""

import getpass
from typing import Annotated

import typer

from agentctl.app.running.resume import ResumeWords, find_paused, resume_run
from agentctl.cli.here import root_here
from agentctl.cli.output import Format
from agentctl.cli.render.run import observed, show_result
from agentctl.cli.terminal import warn_of_production
from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import problem
from agentctl.specs.loading.project import Project


def resume(
    run: Annotated[str, typer.Argument(help="Run: its id, the start of it, or `latest`.")],
    reply: Annotated[
        str | None, typer.Option(help="What the user answers to the agent's question.")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="What you tell the agent as you hand a case back.")
    ] = None,
    did: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="What you did by hand meanwhile, for the record."),
    ] = None,
    acting: Annotated[
        str | None,
        typer.Option("--as", metavar="ID", help="Who you are; left out = the system's user."),
    ] = None,
    format: Annotated[Format, typer.Option(help="How the result is printed.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.")] = False,
) -> int:
    """Resume a run that waits for a person, or was cut off.

    What it did is played back from its trace and not done again; then it goes on. Exit codes are
    those of `run`.
    """
    project = Project.find(root_here())
    paused = find_paused(project, run)
    words = ResumeWords(acting or getpass.getuser(), reply, note, _correction(did))
    warn_of_production(paused.recipe.environment)
    return show_result(resume_run(project, paused, words, observed(quiet=quiet)), format)


def _correction(did: str | None) -> Json:
    if did is None:
        return None
    try:
        value = parse_strict(did)
    except NotCanonical as error:
        raise problem("bad-correction", f"cannot read --did: {error}") from error
    if value is None:
        raise problem("bad-correction", "--did must not be null")
    return value


__all__ = ["resume"]
