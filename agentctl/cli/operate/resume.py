"""`agentctl resume`: take up a run that waits for a person, or was cut off."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.running.runs import StartedRun, load_parts, play_run, queue_approver, state_of
from agentctl.cli.output import Format
from agentctl.cli.render.run import observed, show_result
from agentctl.cli.terminal import warn_of_production
from agentctl.core.canonical import NotCanonical, parse_strict
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.run import RunSession, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import find, journal_file
from agentctl.traces.views.fold import fold


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
    """Take up a run that was started with `--approvals queue` and waits, or was cut off.

    What it did is played back from its trace and not done again; then it goes on. Exit codes are
    those of `run`.
    """
    project = Project.find(Path.cwd())
    path, _ = find(project.root, run)
    run_id = path.stem
    state = state_of(project.root)
    recipe = state.sessions.find(run_id)
    person = acting or getpass.getuser()
    corrected = _correction(did, person)
    warn_of_production(recipe.environment)
    observer = observed(quiet=quiet)
    parts = load_parts(project, recipe, observer)
    trace, events = FileTrace.reopen(path, run_id, journal_file(project.root))
    try:
        _fits(fold(events).ended.get("stop"), reply, note)
    except Problem:
        trace.close()
        raise
    if corrected is not None:
        event = Event(len(events), "correction.made", stamp(datetime.now(UTC)), corrected)
        trace.record(event)
        events.append(event)
    replay = Replay(events)
    session = RunSession(
        run_id=run_id,
        ledger=state.ledger if recipe.mode == "live" else None,
        waits=True,
        replay=replay,
        # A scenario has a clock of its own, which is played back as well.
        used_s=replay.active_s if parts.scenario is None else 0.0,
        notes=ScriptedInputs(note) if note is not None else None,
        by=person,
    )
    approver = queue_approver(parts, recipe, state, run_id, replay)
    inputs = ScriptedInputs(reply) if reply is not None else ScriptedInputs()
    begun = StartedRun(run_id, trace, session, approver, inputs, state.sessions)
    return show_result(play_run(project.root, recipe, parts, begun, observer), format)


def _correction(did: str | None, person: str) -> dict[str, object] | None:
    if did is None:
        return None
    try:
        after = parse_strict(did)
    except NotCanonical as error:
        raise problem("bad-correction", f"--did is not JSON: {error}") from error
    return {"by": person, "call_id": None, "before": None, "after": after}


def _fits(stop: str | None, reply: str | None, note: str | None) -> None:
    """Refuse words that nobody would hear."""
    if reply is not None and stop != "waiting_reply":
        raise problem("nobody-asked", "the run does not wait for an answer: leave out --reply")
    if note is not None and stop != "escalated":
        raise problem("not-handed-over", "the run was not passed to a person: leave out --note")


__all__ = ["resume"]
