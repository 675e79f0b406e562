"""The two files of a batch: tasks that are read strictly, and results that are kept as they come.

Tasks are read twice, line by line: first all of them are checked, then each is read again when its
turn comes, so that a batch takes no more memory the longer it is. A result is on the disk before
anything follows from it; a last line that a killed process tore is set aside.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import json_text
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.yaml import MOST_PROBLEMS, Source
from agentctl.specs.shapes.base import JsonObject, Spec, Text, exactly_one
from agentctl.traces.log.append import append, set_aside
from agentctl.traces.log.locks import lock

_BEGINS = b'{"schema_version": '
"""How a result begins: only what is one is set aside."""


class _Line(Spec):
    """One line of a file of tasks."""

    id: Text
    task: Text | None = None
    event: JsonObject | None = None
    acting_as: Text | None = Field(default=None, alias="as")

    @model_validator(mode="after")
    def _one(self) -> "_Line":
        exactly_one(self, ("task", "event"))
        return self


class BatchTask(NamedTuple):
    """One task of a batch."""

    id: str
    first: str | dict[str, Json]
    """What the user says first, or the event."""
    acting_as: str | None
    """`ROLE:ID`, where it is not the one of the whole batch."""


class Known(NamedTuple):
    """What the results file says about a task."""

    run: str
    stop: str
    code: ExitCode
    done: bool
    """Whether it is left alone; else it is begun again."""
    of: tuple[str, str]
    """The agent, and where its tools were: mock, live, or the environment."""


def check_tasks(path: Path, check: Callable[[str | None], object]) -> int:
    """Return how many tasks a file holds, if every one of them is sound.

    Args:
        path: JSON Lines: `{"id": ..., "task": ...}` or `{"id": ..., "event": {...}}`.
        check: Raises a problem if a line's `as` is not a valid principal.

    Raises:
        Problem: With everything that is wrong with any line.
    """
    found: list[Diagnostic] = []
    first: dict[str, int] = {}
    for number, raw in _lines(path):
        try:
            task, at = _task(path, number, raw)
            earlier = first.setdefault(task.id, number)
            if earlier != number:
                message = f"duplicate task `{task.id}`, first in line {earlier}"
                raise problem("duplicate-task", message, at=at("id"), hint="rename one")
            try:
                check(task.acting_as)
            except Problem as met:
                found += [replace(d, location=at("as")) for d in met.diagnostics]
        except Problem as met:
            found += met.diagnostics
        if len(found) >= MOST_PROBLEMS:
            break
    if not first and not found:
        raise problem("empty-file", "the file has no tasks", at=Location(shown_path(path), 1))
    if found:
        raise Problem(*found)
    return len(first)


def read_tasks(path: Path) -> Iterator[BatchTask]:
    """Yield the tasks of a file that was checked.

    Raises:
        Problem: If it has changed since, for the worse.
    """
    for number, raw in _lines(path):
        yield _task(path, number, raw)[0]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if not path.is_file():
        hint = "tasks are read twice, so they stand in a file" if path.exists() else None
        raise problem("missing-file", f"no such file: {path}", hint=hint)
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    yield number, raw
    except OSError as error:
        raise problem("unreadable-file", f"cannot read {path}: {error.strerror}") from error


def _task(path: Path, number: int, raw: bytes) -> tuple[BatchTask, Callable[[str], Location]]:
    """Return the task of one line, and where its fields stand."""
    file = shown_path(path)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        at = Location(file, number, error.start + 1)
        raise problem("not-utf-8", "the line is not UTF-8", at=at) from error
    if number == 1:
        text = text.removeprefix("\ufeff")
    try:
        data = parse_strict(text)
    except NotCanonical as error:
        column = getattr(error.__cause__, "colno", 1)
        message = re.sub(r": line 1 column \d+ \(char \d+\)$", "", str(error))
        at = Location(file, number, column, 1, text)
        raise problem("bad-json", message, at=at, hint="one JSON object a line") from error
    source = _source(file, text, data)
    try:
        line = decode(_Line, data, source)
    except Problem as met:
        raise Problem(*(_of_line(found, number) for found in met.diagnostics)) from met
    first = line.task if line.task is not None else line.event
    assert first is not None  # the model has exactly one
    task = BatchTask(line.id, first, line.acting_as)
    return task, lambda field: _moved(source.at(field), number) or Location(file, number)


def _source(file: str, text: str, data: Json) -> Source:
    """Return one line as a source of its own; the fields of an object are found by their names."""
    source = Source(file, data, (text,), {(): (1, 1, max(1, len(text)))})
    for name in data if isinstance(data, dict) else ():
        found = re.search(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:\s*", text)
        if found is not None:
            source.keys[(name,)] = (1, found.start() + 1, len(name) + 2)
            source.values[(name,)] = (1, found.end() + 1, 1)
    return source


def _of_line(found: Diagnostic, number: int) -> Diagnostic:
    message = found.message.removeprefix("`the file`: ").replace("the file should", "a task should")
    return replace(found, message=message, location=_moved(found.location, number))


def _moved(at: Location | None, number: int) -> Location | None:
    return replace(at, line=number) if at is not None else None


class Results:
    """The results file of a batch, held by one process.

    Args:
        path: JSON Lines; made where it is not there yet.

    Raises:
        Problem: If it is something else, is held by another process or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Known] = {}
        """The task's id -> what its last line says."""
        try:
            self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        except OSError as error:
            raise self._failure(error) from error
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            lock(self._file, shown_path(path))
            self._read()
        except OSError as error:
            self.close()
            raise self._failure(error) from error
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        whole, torn = 0, b""
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n") and (raw.startswith(_BEGINS) or _BEGINS.startswith(raw)):
                    torn = raw
                    break
                whole += len(raw)
                self._take(number, raw)
        if torn:
            set_aside(self.path, self._file, torn, whole)

    def _take(self, number: int, raw: bytes) -> None:
        try:
            line: dict[str, Any] = parse_strict(raw.decode(), max_bytes=len(raw))
            self.known[str(line["id"])] = Known(
                str(line["run"]),
                str(line["stop"]),
                ExitCode(line["exit_code"]),
                bool(line["done"]),
                (str(line["agent"]), str(line["tools"])),
            )
        except (NotCanonical, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise problem(
                "not-a-result",
                "not a result line of a batch",
                at=Location(shown_path(self.path), number),
                hint="name another file with --out; nothing was written to this one",
            ) from error

    def add(self, task: str, line: dict[str, Any], known: Known) -> None:
        """Keep one result.

        Raises:
            Problem: If it cannot be written; the run itself is in its trace.
        """
        try:
            append(self._file, (json_text(line) + "\n").encode())
            os.fsync(self._file)
        except OSError as error:
            raise self._failure(error) from error
        self.known[task] = known

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def _failure(self, error: OSError) -> Problem:
        return problem(
            "results-not-written",
            f"the results {shown_path(self.path)} cannot be written: {error.strerror or error}",
            hint="what was done is in its trace: agentctl trace list",
            exit_code=ExitCode.UNKNOWN,
        )

    def __enter__(self) -> "Results":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


__all__ = ["BatchTask", "Known", "Results", "check_tasks", "read_tasks"]
