"""Do one task of a batch: begin its run, take up the one that was cut off, or find its result."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.cli.render.run import describe
from agentctl.cli.session import (
    EXITS,
    Begun,
    Done,
    Parts,
    State,
    carry_out,
    new_trace,
    once_more,
    queue_approver,
)
from agentctl.cli.tasks import Known, Task
from agentctl.core.canonical import Json
from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.effects.sessions import Recipe, Sessions
from agentctl.runtime.approvals import Approver, Nobody
from agentctl.runtime.past import Past
from agentctl.runtime.run import Inputs, Lines, Session
from agentctl.specs.load import Project
from agentctl.traces.log import FileTrace
from agentctl.traces.store import journal_file, read_events, trace_of

SCHEMA_VERSION = "1"
_SHARED = frozenset({"cost_usd.day", "cost_usd.month"})
"""Limits that forbid the next task what they forbade this one."""

Whose = Callable[[str | None], dict[str, Json]]


class Result(NamedTuple):
    """What one task came to."""

    task: str
    known: Known
    line: dict[str, Any] | None = None
    """What is kept of it; `None` where that stands in the results already."""
    over: str | None = None
    """The run that nobody needs to take up once the line is kept."""
    faulty: bool = False
    """The model gave no turn."""
    halts: str | None = None
    """Why the tasks after it would come to the same."""


class TaskRunner:
    """Does tasks, each in a run of its own; may be used by several threads.

    Args:
        project: Where the agent is.
        recipe: How each run is started, but for whom.
        parts: What the recipe names; agent and world are shared by all runs.
        whose: Returns the principal for a task's `as`.
        waits: Whether a run that needs a person waits in the inbox.
    """

    def __init__(
        self, project: Project, recipe: Recipe, parts: Parts, whose: Whose, *, waits: bool
    ) -> None:
        self.root = project.root
        self.stateful = waits or recipe.mode == "live"
        """Whether its runs need the project's state."""
        self._project = project
        self._recipe = recipe
        self._parts = parts
        self._whose = whose
        self._waits = waits
        self._known: Mapping[str, Known] = {}
        self._cut_off: Mapping[str, str] = {}

    @property
    def remembers(self) -> bool:
        """Whether a run that is cut off can be found again."""
        return self.stateful and self._recipe.batch is not None

    def remember(self, batch: str, known: Mapping[str, Known], sessions: Sessions | None) -> None:
        """Leave alone what is done, and take up what was cut off.

        Args:
            batch: The results file.
            known: What it holds.
            sessions: Runs that were begun and have no result.
        """
        self._recipe = self._recipe._replace(batch=batch)
        self._known = dict(known)
        self._cut_off = sessions.of_batch(batch) if sessions is not None else {}

    def do(self, task: Task, state: State | None) -> Result:
        """Do one task, unless it is done.

        Args:
            task: The task.
            state: The project's state, as this thread has it.

        Raises:
            Problem: If the run cannot be recorded; then nothing may go on.
        """
        known, run = self._known.get(task.id), self._cut_off.get(task.id)
        if known is not None and known.done:
            return self._found(task, known, run)
        if run is not None and state is not None:
            if _has_begun(trace_of(self.root, run)):
                return self._taken_up(task, run, state)
            state.sessions.forget(run)
        return self._begin(task, state)

    def _begin(self, task: Task, state: State | None) -> Result:
        recipe = self._recipe._replace(principal=self._whose(task.acting_as), task=task.id)
        parts = once_more(self._parts, recipe)
        run_id, trace = new_trace(self._project)
        if state is not None:
            state.sessions.keep(run_id, recipe)
        return self._play(task, recipe, parts, trace, Session(run_id), Lines(task.first), state)

    def _taken_up(self, task: Task, run: str, state: State) -> Result:
        """Go on with a run that was cut off; one that cannot go on is told, not begun anew."""
        try:
            path, recipe = trace_of(self.root, run), state.sessions.find(run)
            events = read_events(path)[1]
            if events[-1].type == "run.ended":
                return self._result(task, describe(run, events, str(path)), events)
            parts = once_more(self._parts, recipe)
            trace, events = FileTrace.reopen(path, run, journal_file(self.root))
            past = Past(events)
            session = Session(run, past=past, used_s=past.active_s)
            inputs = Lines() if past.lines_heard else Lines(task.first)
            return self._play(task, recipe, parts, trace, session, inputs, state)
        except Problem as met:
            return _stuck(task, run, met)

    def _play(
        self,
        task: Task,
        recipe: Recipe,
        parts: Parts,
        trace: FileTrace,
        session: Session,
        inputs: Inputs,
        state: State | None,
    ) -> Result:
        asker: Approver = Nobody()
        if state is not None:
            ledger = state.ledger if recipe.mode == "live" else None
            session = session._replace(ledger=ledger, waits=self._waits)
            if self._waits:
                asker = queue_approver(parts, recipe, state, session.run_id, session.past)
        # A batch that can be taken up forgets a run when its result is kept, not before.
        sessions = state.sessions if state is not None and recipe.batch is None else None
        begun = Begun(session.run_id, trace, session, asker, inputs, sessions)
        done = carry_out(self.root, recipe, parts, begun, show=False)
        return self._result(task, done.result, done.events, done)

    def _found(self, task: Task, known: Known, run: str | None) -> Result:
        """Return what is known of a task; of one that waited, what became of it since."""
        if known.code is ExitCode.WAITING:
            path = trace_of(self.root, known.run)
            try:
                events = read_events(path)[1]
            except Problem:
                return Result(task.id, known)
            # An erased run ended too, and says no more about it.
            if events[-1].type == "run.ended" and "stop" in events[-1].body:
                return self._result(task, describe(known.run, events, str(path)), events)
            return Result(task.id, known)
        return Result(task.id, known, over=run)

    def _result(
        self,
        task: Task,
        result: Mapping[str, Any],
        events: Sequence[Event],
        done: Done | None = None,
    ) -> Result:
        code = done.code if done is not None else EXITS[result["stop"]]
        fault = done.fault if done is not None else None
        short = any(
            event.type == "limit.warned"
            and event.body.get("limit") in _SHARED
            and "asked" in event.body
            for event in events
        )
        acted = result["mode"] == "live" and any(e.type == "effect.intended" for e in events)
        passing = short or code in (ExitCode.UNKNOWN, ExitCode.USAGE, ExitCode.INTERRUPTED)
        known = Known(result["run"], result["stop"], code, acted or not passing)
        return Result(
            task.id,
            known,
            _line(task, known, result),
            over=known.run if events[-1].type == "run.ended" else None,
            faulty=fault is not None,
            halts="the agent's money for the day or the month does not last" if short else None,
        )


def _line(task: Task, known: Known, result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "id": task.id,
        "run": known.run,
        "stop": known.stop,
        "reason": result["reason"],
        "answer": result["answer"],
        "output": result["output"],
        "usage": result["usage"],
        "cost": result["cost"],
        "exit_code": int(known.code),
        "done": known.done,
    }


def _stuck(task: Task, run: str, met: Problem) -> Result:
    """Return the result of a run that was cut off and cannot be taken up as things are."""
    known = Known(run, "interrupted", met.exit_code, False)
    reason = f"cut off, and not taken up: {met.diagnostics[0].message}"
    nothing = {"reason": reason, "answer": None, "output": None, "usage": None, "cost": None}
    return Result(task.id, known, _line(task, known, nothing))


def _has_begun(trace: Path) -> bool:
    """Whether a trace holds a whole event."""
    try:
        with trace.open("rb") as file:
            return file.readline().endswith(b"\n")
    except OSError:
        return False


__all__ = ["Result", "TaskRunner", "Whose"]
