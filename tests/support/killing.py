"""Play live runs in processes of their own and kill them -9 at a chosen barrier.

A barrier is a moment at which something becomes visible outside the process: a write or an fsync of
the trace or the journal, a commit of the database, a request to the provider. `play` forks, so the
process that dies is a real one, and what it leaves is what the disk and the provider hold.
"""

import contextlib
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.app.running.parts import RunParts, load_parts
from agentctl.app.running.runs import play_run, start_run, take_up
from agentctl.app.running.state import state_of
from agentctl.effects import approvals, db, ledger
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.run import RunSession, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.toolbox.http import tools as http
from agentctl.traces.log import append as appending
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import journal_file
from tests.support.live_project import turns

KILLED = -signal.SIGKILL
BROKEN = 99
TASK = "Cancel o_1"


class Barriers:
    """Counts the barriers of a process, and kills it at one of them."""

    def __init__(self, kill_at: int, *, torn: bool = False) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._torn = torn

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put a barrier before and after everything that others can see."""
        write, fsync, send = os.write, os.fsync, http.HttpTools.send
        transaction = db.transaction

        def writing(descriptor: int, data: bytes) -> int:
            if self._torn and self.count + 1 == self._kill_at and descriptor > 2:
                write(descriptor, data[: len(data) // 2])
            self()
            done = write(descriptor, data)
            self()
            return done

        def syncing(descriptor: int) -> None:
            self()
            fsync(descriptor)
            self()

        @contextlib.contextmanager
        def committing(connection: Any) -> Iterator[None]:
            with transaction(connection):
                yield
                self()
            self()

        def sending(tools: Any, *arguments: Any) -> Any:
            self()
            found = send(tools, *arguments)
            self()
            return found

        appending.os.write, appending.os.fsync = writing, syncing  # type: ignore[assignment]
        for module in (approvals, ledger):
            module.transaction = committing  # type: ignore[attr-defined]
        http.HttpTools.send = sending  # type: ignore[method-assign]


def recipe() -> RunRecipe:
    return RunRecipe("order-desk", {"id": "cus_7", "role": "customer"}, "live")


def start(root: Path, *raw: Any) -> None:
    """Start a run that waits for its approvals."""
    project, how = Project.find(root), recipe()
    parts = _parts(project, how, ScriptedModel(turns(*raw)))
    session = RunSession(waits=True)
    begun = start_run(project, how, parts, state_of(root), session, ScriptedInputs(TASK))
    play_run(root, begun)


def resume(root: Path, *raw: Any) -> None:
    """Take up the only run of the project."""
    project, how = Project.find(root), recipe()
    (path,) = (root / ".agentctl" / "traces").glob("*.jsonl")
    trace, events = FileTrace.reopen(path, path.stem, journal_file(root))
    played = sum(event.type == "model.replied" for event in events)
    parts = _parts(project, how, ScriptedModel(turns(*raw), played=played))
    heard = any(event.type == "input.received" for event in events)
    inputs = ScriptedInputs() if heard else ScriptedInputs(TASK)
    session = RunSession(path.stem, waits=True)
    play_run(root, take_up(how, parts, state_of(root), trace, events, session, inputs))


def _parts(project: Project, how: RunRecipe, model: ScriptedModel) -> RunParts:
    return load_parts(project, how)._replace(model=model)


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    """0, BROKEN, or KILLED."""
    barriers: int
    """How many it passed; 0 when it was killed."""
    said: str
    """Its traceback, where it broke."""


def in_process(work: Callable[[], None], kill_at: int = 0, *, torn: bool = False) -> Ended:
    """Do `work` in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "0\n"
        code = 0
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            barriers = Barriers(kill_at, torn=torn)
            write = os.write
            barriers.install()
            work()
            told = f"{barriers.count}\n"
        except BaseException:  # noqa: BLE001 - the parent is told
            code, told = BROKEN, f"0\n{traceback.format_exc()}"
        finally:
            write(writing, told.encode())
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        count, _, said = pipe.read().partition("\n")
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), int(count or 0), said)


__all__ = ["BROKEN", "KILLED", "Barriers", "Ended", "in_process", "resume", "start"]
