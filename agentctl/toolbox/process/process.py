"""Run a program once, shut in: its own process group, a clean environment, and caps on time,
memory and output.

Whatever happens (an answer, a time-out, too long an answer, Ctrl-C), the whole group is killed
before the call returns: a child of a child does not outlive it. A program that leaves its group on
purpose, as a daemon does, is not followed. Outside Linux the memory cap may not hold; on Windows
there is none, and only the program itself is killed.
"""

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal, NamedTuple

from agentctl.specs.shapes.live_kinds import ProcessLive

_WORKER = str(Path(__file__).with_name("worker.py"))
_CHUNK = 65_536
_KEPT = 4_096
"""Bytes of the end of stderr that are kept."""
_DRAIN_S = 2.0
"""Seconds the pipes may take to run dry once every process is dead."""

Mode = Literal["run", "find", "call"]


class Program(NamedTuple):
    """What is run, and within what."""

    mode: Mode
    """A program, or a Python function: to look for, or to call (`worker.py`)."""
    arguments: tuple[str, ...]
    folder: Path
    """Where it is run."""
    environment: Mapping[str, str]
    """All it sees."""
    live: ProcessLive
    """Its caps."""

    def within(self, seconds: float) -> "Program":
        """Return the program with no more than so many seconds."""
        if seconds >= self.live.timeout_s:
            return self
        return self._replace(live=self.live.model_copy(update={"timeout_s": seconds}))


class Ended(NamedTuple):
    """How it ended."""

    how: Literal["done", "timeout", "too_long", "not_started"]
    code: int = 0
    """Exit code; negative = the signal that ended it."""
    output: bytes = b""
    said: str = ""
    """The last line of stderr; of one that was not started, why."""


class Processes:
    """Those that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, program: Program, given: bytes) -> Ended:
        """Run a program to its end, with `given` on its stdin."""
        word = secrets.token_hex(16)
        try:
            process = subprocess.Popen(
                _argv(program, word),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=program.folder,
                env=program.environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Ended("not_started", said=getattr(error, "strerror", None) or str(error))
        with self._lock:
            self._running.add(process)
        try:
            call = _Call(process, program.live, given)
            in_time = call.over.wait(program.live.timeout_s)
        finally:
            with self._lock:  # Killed before it is reaped: its number may be another's afterwards.
                _kill(process)
                self._running.discard(process)
            code = process.wait()
        return call.ended(in_time, code, word)

    def close(self) -> None:
        """Kill all that still run, whatever waits for them."""
        with self._lock:
            for process in self._running:
                _kill(process)


def _argv(program: Program, word: str) -> list[str]:
    if sys.platform == "win32" and program.mode == "run":
        return list(program.arguments)
    # -I: no variable, folder or user site of the caller; -S: a launcher needs no packages.
    flags = ("-I", "-S") if program.mode == "run" else ("-I",)
    live = program.live
    caps = (repr(live.timeout_s), str(live.memory_mb))
    command = [sys.executable, *flags, _WORKER, program.mode]
    return [*command, word, *caps, *program.arguments]


class _Call:
    """A process that runs, and the threads that feed it and listen to it."""

    def __init__(self, process: subprocess.Popen[bytes], live: ProcessLive, given: bytes) -> None:
        assert process.stdin and process.stdout and process.stderr  # they were asked for
        self.over = threading.Event()
        """Set when it has ended, or has said too much."""
        self._output = _Kept(live.max_bytes, self.over.set)
        self._errors = _Tail()
        self._pipes = [
            _thread(_pump, process.stdout, self._output.take),
            _thread(_pump, process.stderr, self._errors.take),
        ]
        _thread(_feed, process.stdin, given)
        _thread(_wait, process, self.over.set)

    def ended(self, in_time: bool, code: int, word: str) -> Ended:
        """Return how it ended, once it is dead."""
        for pipe in self._pipes:
            pipe.join(_DRAIN_S)
        if self._output.full:
            return Ended("too_long")
        if not in_time:
            return Ended("timeout")
        found, mark = bytes(self._output.held), word.encode()
        if found.startswith(mark):
            return Ended("not_started", said=found[len(mark) :].decode(errors="replace"))
        return Ended("done", code, found, self._errors.last_line())


class _Kept:
    """Output up to a size; what comes after is dropped."""

    def __init__(self, most: int, overflow: Callable[[], None]) -> None:
        self.held = bytearray()
        self.full = False
        self._most = most
        self._overflow = overflow

    def take(self, chunk: bytes) -> None:
        if self.full:
            return
        self.held += chunk
        if len(self.held) > self._most:
            self.full = True
            self.held.clear()
            self._overflow()


class _Tail:
    """The end of what was said."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, chunk: bytes) -> None:
        held = self._held + chunk
        # The rest of a word that is cut is dropped: half a secret would not be known as one.
        self._held = held if len(held) <= _KEPT else b" ".join(held[-_KEPT:].split(b" ")[1:])

    def last_line(self) -> str:
        lines = self._held.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _thread(target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _pump(stream: IO[bytes], take: Callable[[bytes], None]) -> None:
    with stream, suppress(OSError):
        while chunk := stream.read1(_CHUNK):  # type: ignore[attr-defined]
            take(chunk)


def _feed(stream: IO[bytes], given: bytes) -> None:
    with suppress(OSError):  # it need not read what it is given
        stream.write(given)
    with suppress(OSError):
        stream.close()


def _wait(process: subprocess.Popen[bytes], ended: Callable[[], None]) -> None:
    """Wait for the end without reaping, where that can be done: the group keeps its number."""
    if sys.platform == "linux":
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
    ended()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all of its group."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # macOS: the dead may not be killed
        os.killpg(process.pid, signal.SIGKILL)


__all__ = ["Ended", "Mode", "Processes", "Program"]
