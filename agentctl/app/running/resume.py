"""Take up a run that waits for a person, or was cut off."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.running.parts import load_parts
from agentctl.app.running.runs import FinishedRun, play_run, take_up
from agentctl.app.running.state import state_of
from agentctl.core.canonical import Json
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.effects.paused_runs import RunRecipe
from agentctl.runtime.approvals.standing import check_standing, person_id
from agentctl.runtime.run import RunSession, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import find, journal_file
from agentctl.traces.views.fold import fold


class ResumeWords(NamedTuple):
    """What a person brings to a run that is taken up."""

    by: str
    """Who they are. Asserted, not proven."""
    reply: str | None = None
    """What the user answers to the agent's question."""
    note: str | None = None
    """What they tell the agent as they hand a case back."""
    did: Json = None
    """What they did by hand meanwhile, for the record."""


class PausedRun(NamedTuple):
    """A run that can be taken up."""

    run_id: str
    path: Path
    recipe: RunRecipe


def find_paused(project: Project, reference: str) -> PausedRun:
    """Find a run that can be taken up.

    Args:
        project: Where the run was started.
        reference: Its id, the start of it, or `latest`.

    Raises:
        Problem: If there is no such run, or it has ended.
    """
    path, _ = find(project.root, reference)
    return PausedRun(path.stem, path, state_of(project.root).sessions.find(path.stem))


def resume_run(
    project: Project, paused: PausedRun, words: ResumeWords, observer: Observer = UNOBSERVED
) -> FinishedRun:
    """Play back what a run did, without doing it again, and go on from there.

    Raises:
        Problem: If the run does not wait for these words, another process plays it, or what it was
            started with has changed.
    """
    parts = load_parts(project, paused.recipe, observer)
    state = state_of(project.root)
    trace, events = FileTrace.reopen(paused.path, paused.run_id, journal_file(project.root))
    try:
        words = words._replace(by=_checked(project, events, words))
        if words.did is not None:
            events.append(_corrected(trace, len(events), words))
    except Problem:
        trace.close()
        raise
    session = RunSession(
        run_id=paused.run_id,
        waits=True,
        notes=ScriptedInputs(words.note) if words.note is not None else None,
        by=words.by,
    )
    inputs = ScriptedInputs(words.reply) if words.reply is not None else ScriptedInputs()
    begun = take_up(paused.recipe, parts, state, trace, events, session, inputs)
    return play_run(project.root, begun, observer)


def _checked(project: Project, events: Sequence[Event], words: ResumeWords) -> str:
    """Return who brings these words; refuse words that the run would not read, or from others.

    A case is handed back by those who serve its queue. A question is answered by the user it was
    asked, or by one of the people of the project on their behalf.
    """
    stop = fold(events).ended.get("stop")
    if words.reply is not None and stop != "waiting_reply":
        raise problem("nobody-asked", "the run is not waiting for a reply: leave out --reply")
    if words.note is not None and stop != "escalated":
        raise problem("not-handed-over", "the run was not handed to a person: leave out --note")
    if words.reply is words.note is words.did is None:
        return person_id(words.by)
    queue = next((e.body["queue"] for e in reversed(events) if e.type == "escalated"), None)
    principal = events[0].body["principal"]["id"]
    own = words.reply is not None and words.did is None
    return check_standing(
        project.spec.people, words.by, queue if stop == "escalated" else None, principal, own=own
    )


def _corrected(trace: FileTrace, seq: int, words: ResumeWords) -> Event:
    """Record what a person did by hand."""
    body: dict[str, Json] = {"by": words.by, "call_id": None, "before": None, "after": words.did}
    event = Event(seq, "correction.made", stamp(datetime.now(UTC)), body)
    trace.record(event)
    return event


__all__ = ["PausedRun", "ResumeWords", "find_paused", "resume_run"]
