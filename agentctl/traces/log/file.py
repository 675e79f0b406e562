"""Write a trace as the run goes: one `write` an event, on the disk at every barrier.

If an event cannot be written, the run must not go on: what cannot be audited must not happen.
A run that was paused is reopened by one process, and only if its trace is as it was written.
"""

import os
import stat
from pathlib import Path
from types import TracebackType

from agentctl.core.canonical import NotCanonical
from agentctl.core.errors import Problem, problem
from agentctl.core.events import BARRIERS, Event
from agentctl.core.exits import ExitCode
from agentctl.traces.log.append import append
from agentctl.traces.log.chain import Chain
from agentctl.traces.log.content import ContentKeeper
from agentctl.traces.log.locks import lock, sync_folder
from agentctl.traces.log.recovery import recover


class FileTrace:
    """The trace of one run, written by one process.

    Args:
        path: A file that does not exist yet; its folder is made.
        run_id: The run.
        keep: What is done to the content of each event before it is written.

    Raises:
        Problem: If the file exists, is held by another process, or cannot be written.
    """

    def __init__(self, path: Path, run_id: str, keep: ContentKeeper | None = None) -> None:
        self.path = path
        self._keep = keep
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._begin(path, run_id, os.O_CREAT | os.O_EXCL)
            sync_folder(str(path.parent))
        except OSError as error:
            raise self._failure(error) from error

    def _begin(self, path: Path, run_id: str, flags: int) -> None:
        self._chain = Chain(run_id, _salt)
        self._broken = False
        self._next = 0
        self._file = os.open(path, flags | os.O_APPEND | os.O_RDWR, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError("not a regular file")
            lock(self._file, str(path))
            if not os.path.samestat(os.fstat(self._file), path.stat()):  # replaced meanwhile
                raise OSError("another process has just replaced it")
        except BaseException:
            os.close(self._file)
            raise

    @classmethod
    def reopen(
        cls, path: Path, run_id: str, journal: Path | None = None
    ) -> tuple["FileTrace", list[Event]]:
        """Continue the trace of a run that has not ended; return it and the events so far.

        A torn last line is what a killed writer leaves: it is moved to `<run>.torn`. Whatever else
        is not as it was written is refused.

        Args:
            path: The trace.
            run_id: The run.
            journal: What sealed the run when it paused; a trace cut short since is refused.

        Raises:
            Problem: If another process holds the trace, if it is damaged, if the run has ended or
                keeps no content, or if it cannot be read or written.
        """
        trace = cls.__new__(cls)
        trace.path = path
        trace._keep = None
        try:
            trace._begin(path, run_id, 0)
        except OSError as error:
            raise trace._failure(error) from error
        try:
            found = recover(path, trace._file, run_id, journal)
        except OSError as error:
            trace.close()
            raise trace._failure(error) from error
        except BaseException:
            trace.close()
            raise
        trace._chain.head = found.head
        trace._next = len(found.events)
        return trace, found.events

    @property
    def head(self) -> str:
        """The hash of the last event: it proves everything before it."""
        return self._chain.head

    def record(self, event: Event) -> None:
        """Append one event, the next by its position.

        Raises:
            Problem: If it cannot be written whole; the trace then takes no more.
        """
        if self._broken:
            raise self._failure(None)
        try:
            self._broken = True
            if event.seq != self._next:
                raise NotCanonical(f"event {self._next} is missing, {event.seq} was given")
            if self._keep is not None:
                event = self._keep(event)
            append(self._file, (self._chain.line(event) + "\n").encode())
            self._next += 1
            if event.type in BARRIERS:
                os.fsync(self._file)
            self._broken = False
        except (OSError, NotCanonical) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception | None) -> Problem:
        why = getattr(error, "strerror", None) or error or "an earlier event could not be written"
        return problem(
            "audit-write-failed",
            f"the trace {self.path} cannot be written: {why}",
            hint="nothing more was done; make room or permit writing, then run again",
            exit_code=ExitCode.UNKNOWN,
        )

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def __enter__(self) -> "FileTrace":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _salt(_seq: int) -> str:
    return os.urandom(16).hex()


__all__ = ["FileTrace"]
