"""Do one task of a batch: begin its run, take up the one that was cut off, or find its result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.app.batch.tasks import BatchTask, Known
from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.running.parts import RunParts, next_run_parts
from agentctl.app.running.recipes import Whose
from agentctl.app.running.result import run_result
from agentctl.app.running.runs import (
    EXITS,
    FinishedRun,
    StartedRun,
    play_run,
    start_run,
    take_up,
)
from agentctl.app.running.state import RunState
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.effects.paused_runs import PausedRuns, RunRecipe
from agentctl.runtime.run import RunSession, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import journal_file, read_events, trace_of

SCHEMA_VERSION = "1"
_SHARED = frozenset({"cost_usd.day", "cost_usd.month"})
"""Limits that forbid the next task what they forbade this one."""


class Result(NamedTuple):
    """What one task came to."""

    task: str
    known: Known
    line: dict[str, Any] | None = None
    """What is kept of it; `None` where that stands in the results already."""
    over: str | None = None
    """The run that need not be resumed once the line is kept."""
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
        observer: Told of warnings.
        waits: Whether a run that needs a person waits in the inbox.
    """

    def __init__(
        self,
        project: Project,
        recipe: RunRecipe,
        parts: RunParts,
        whose: Whose,
        observer: Observer = UNOBSERVED,
        *,
        waits: bool,
    ) -> None:
        self.root = project.root
        self.stateful = waits or recipe.mode == "live"
        """Whether its runs need the project's state."""
        self._project = project
        self._recipe = recipe
        self._parts = parts
        self._whose = whose
        # The steps of many runs at once would be unreadable; warnings are shown.
        self._observer = Observer(note=observer.note)
        self._waits = waits
        self._of = (parts.harness.agent.name, recipe.environment or recipe.mode)
        self._known: Mapping[str, Known] = {}
        self._cut_off: Mapping[str, str] = {}

    @property
    def remembers(self) -> bool:
        """Whether a run that is cut off can be found again."""
        return self.stateful and self._recipe.batch is not None

    def remember(self, batch: str, known: Mapping[str, Known], sessions: PausedRuns | None) -> None:
        """Leave alone what is done, and take up what was cut off.

        Args:
            batch: The results file.
            known: What it holds.
            sessions: Runs that were begun and have no result.

        Raises:
            Problem: If these are results of another agent, or of tools elsewhere.
        """
        for one in known.values():
            if one.of != self._of:
                raise problem(
                    "other-batch",
                    f"these are results of {one.of[0]} with {one.of[1]} tools, and this batch is"
                    f" for {self._of[0]} with {self._of[1]} tools",
                    hint="name another file with --out",
                )
        self._recipe = self._recipe._replace(batch=batch)
        self._known = dict(known)
        self._cut_off = sessions.of_batch(batch) if sessions is not None else {}

    def do(self, task: BatchTask, state: RunState | None) -> Result:
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

    def _begin(self, task: BatchTask, state: RunState | None) -> Result:
        recipe = self._recipe._replace(principal=self._whose(task.acting_as), task=task.id)
        parts = next_run_parts(self._parts, recipe)
        inputs = ScriptedInputs(task.first)
        session = RunSession(waits=self._waits)
        return self._play(task, start_run(self._project, recipe, parts, state, session, inputs))

    def _taken_up(self, task: BatchTask, run: str, state: RunState) -> Result:
        """Go on with a run that was cut off; one that cannot go on never starts over."""
        try:
            path, recipe = trace_of(self.root, run), state.sessions.find(run)
            events = read_events(path)[1]
            if events[-1].type == "run.ended":
                return self._result(task, run_result(run, events, str(path)), events)
            parts = next_run_parts(self._parts, recipe)
            trace, events = FileTrace.reopen(path, run, journal_file(self.root))
            # What the user said was recorded, unless the run was cut off before.
            heard = any(event.type == "input.received" for event in events)
            inputs = ScriptedInputs() if heard else ScriptedInputs(task.first)
            session = RunSession(run, waits=self._waits)
            return self._play(task, take_up(recipe, parts, state, trace, events, session, inputs))
        except Problem as met:
            known = Known(run, "interrupted", met.exit_code, False, self._of)
            return _stuck(task, known, met)

    def _play(self, task: BatchTask, begun: StartedRun) -> Result:
        done = play_run(self.root, begun, self._observer)
        return self._result(task, done.result, done.events, done)

    def _found(self, task: BatchTask, known: Known, run: str | None) -> Result:
        """Return what is known of a task; of one that waited, what became of it since."""
        if known.code is ExitCode.WAITING:
            path = trace_of(self.root, known.run)
            try:
                events = read_events(path)[1]
            except Problem:
                return Result(task.id, known)
            # An erased run ended too, and says no more about it.
            if events[-1].type == "run.ended" and "stop" in events[-1].body:
                return self._result(task, run_result(known.run, events, str(path)), events)
            return Result(task.id, known)
        return Result(task.id, known, over=run)

    def _result(
        self,
        task: BatchTask,
        result: Mapping[str, Any],
        events: Sequence[Event],
        done: FinishedRun | None = None,
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
        known = Known(result["run"], result["stop"], code, acted or not passing, self._of)
        return Result(
            task.id,
            known,
            _line(task, known, result),
            over=known.run if events[-1].type == "run.ended" else None,
            faulty=fault is not None,
            halts="the agent's budget for the day or the month is used up" if short else None,
        )


def _line(task: BatchTask, known: Known, result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "id": task.id,
        "run": known.run,
        "agent": known.of[0],
        "tools": known.of[1],
        "stop": known.stop,
        "reason": result["reason"],
        "answer": result["answer"],
        "output": result["output"],
        "usage": result["usage"],
        "cost": result["cost"],
        "exit_code": int(known.code),
        "done": known.done,
    }


def _stuck(task: BatchTask, known: Known, met: Problem) -> Result:
    """Return the result of a run that was cut off and cannot be taken up as things are."""
    reason = f"interrupted, and cannot be resumed: {met.diagnostics[0].message}"
    nothing = {"reason": reason, "answer": None, "output": None, "usage": None, "cost": None}
    return Result(task.id, known, _line(task, known, nothing))


def _has_begun(trace: Path) -> bool:
    """Whether a trace holds a whole event."""
    try:
        with trace.open("rb") as file:
            return file.readline().endswith(b"\n")
    except OSError:
        return False


__all__ = ["Result", "TaskRunner"]
