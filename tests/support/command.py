"""`agentctl` as tests call it: in the test's own process, or in one of its own.

`agentctl` costs no start and no import, so it is the usual way. `Apart` is for what only a process
shows: signals, a kill, a pipe that closes, a terminal, two at the same moment. It is forked from a
process that has loaded everything, litellm included, since that import alone takes seconds.
"""

import contextlib
import fcntl
import io
import multiprocessing
import os
import select
import shutil
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TextIO

from agentctl.__main__ import main
from agentctl.cli.program import run_cli

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ("agents", "tools", "golden_sets", "agentctl.yaml")
DEADLINE_S = 120.0
"""Seconds after which what a test waits for counts as missing, however busy the machine is."""


def copy_shipped(folder: Path) -> Path:
    """Copy the shipped project into a folder."""
    for name in SHIPPED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    return folder


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def environment() -> dict[str, str]:
    """Return the variables of a plain terminal that no key and no CI reaches."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    fixed = {"NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb", "TZ": "UTC", "HOME": "/nowhere"}
    return kept | fixed


def command(*words: str) -> list[str]:
    """Return the command line of a new interpreter, which `Apart` saves."""
    return [sys.executable, "-m", "agentctl", *words]


def agentctl(
    folder: Path, *words: str, stdin: str = "", env: Mapping[str, str] | None = None
) -> Done:
    """Run one command in `folder`, in this process."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        contextlib.chdir(folder),
        _replaced(environment() | dict(env or {})),
        _typed(stdin),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        code = run_cli(list(words))
    return Done(code, *map(_written, (output, errors)))


@contextlib.contextmanager
def _replaced(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _typed(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    try:
        yield
    finally:
        sys.stdin = before


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.preload"])


def _become(
    words: tuple[str, ...],
    folder: Path,
    variables: dict[str, str],
    streams: tuple[Connection, ...],
    terminal: bool,
) -> None:
    """Turn the forked process into `agentctl`, with streams, folder and variables of its own."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
    for stream in streams:
        stream.close()
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww")
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["agentctl", *words]
    main()


class _Process:
    """A forked `agentctl`, in a session of its own."""

    def _fork(
        self,
        folder: Path,
        words: tuple[str, ...],
        env: Mapping[str, str] | None,
        streams: tuple[int, ...],
        *,
        terminal: bool = False,
    ) -> None:
        given = tuple(map(Connection, streams))
        variables = environment() | dict(env or {})
        self._process = _FORKS.Process(
            target=_become, args=(words, folder, variables, given, terminal)
        )
        self._process.start()
        for stream in set(given):
            stream.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join(DEADLINE_S)
        code = self.poll()
        assert code is not None, "still running"
        return code

    def kill(self) -> None:
        """Kill it -9, and wait until it is gone."""
        self._process.kill()
        self._process.join()


class Apart(_Process):
    """`agentctl` in a process of its own, without a terminal."""

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        out, err = os.pipe(), os.pipe()
        self._fork(folder, words, env, (os.open(os.devnull, os.O_RDONLY), out[1], err[1]))
        self.stdout: TextIO = os.fdopen(out[0], encoding="utf-8")
        self.stderr: TextIO = os.fdopen(err[0], encoding="utf-8")

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.stdout.close()
        self.stderr.close()

    def ended(self) -> Done:
        """Read what it writes until it ends."""
        errors: list[str] = []
        reading = threading.Thread(target=lambda: errors.append(self.stderr.read()))
        reading.start()
        output = self.stdout.read()
        reading.join()
        done = Done(self.wait(), output, errors[0])
        self.__exit__()
        return done


class Screen(_Process):
    """`agentctl` on a terminal of its own."""

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.fd, inner = os.openpty()
        self._fork(folder, words, env, (inner, os.dup(inner), os.dup(inner)), terminal=True)
        self.text = ""

    def wait_for(self, part: str) -> None:
        until(lambda: part in self.text or not self._read(0.2))
        assert part in self.text, self.text

    def type(self, line: str) -> None:
        os.write(self.fd, line.encode() + b"\n")

    def end(self) -> int:
        until(lambda: not self._read(1))
        os.close(self.fd)
        return self.wait()

    def _read(self, seconds: float) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline that only a fault reaches."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


__all__ = [
    "DEADLINE_S",
    "ROOT",
    "Apart",
    "Done",
    "Screen",
    "agentctl",
    "command",
    "copy_shipped",
    "environment",
    "until",
]
