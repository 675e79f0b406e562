"""Write a trace as the run goes: one `write` an event, on the disk at every barrier.

If an event cannot be written, the run must not go on: what nobody can audit must not happen.
"""

import os
import secrets
from pathlib import Path
from types import TracebackType

from agentctl.core.canonical import NotCanonical
from agentctl.core.errors import Problem, problem
from agentctl.core.events import BARRIERS, Event
from agentctl.core.exits import ExitCode
from agentctl.traces.chain import Chain
from agentctl.traces.locks import lock, sync_folder


class FileTrace:
    """The trace of one run, written by one process.

    Args:
        path: A file that does not exist yet; its folder is made.
        run_id: The run.

    Raises:
        Problem: If the file exists, is held by another process, or cannot be written.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self._chain = Chain(run_id, lambda _seq: secrets.token_hex(16))
        self._broken = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY
            self._file = os.open(path, flags, 0o600)
            sync_folder(str(path.parent))
        except OSError as error:
            raise self._failure(error) from error
        lock(self._file, str(path))

    @property
    def head(self) -> str:
        """The hash of the last event: whoever keeps it can prove what came before."""
        return self._chain.head

    def record(self, event: Event) -> None:
        """Append one event.

        Raises:
            Problem: If it cannot be written whole; the trace then takes no more.
        """
        if self._broken:
            raise self._failure(None)
        try:
            data = (self._chain.line(event) + "\n").encode()
            self._broken = True
            if os.write(self._file, data) != len(data):
                raise OSError("the disk took only part of the event")
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


__all__ = ["FileTrace"]
