"""Where traces are, and how one is found: by path, by the start of its id, or as `latest`."""

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agentctl.core.canonical import Json, NotCanonical, parse_line
from agentctl.core.errors import Location, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.files import is_file
from agentctl.core.text import did_you_mean, shorten
from agentctl.specs.reading.locate import state_folder
from agentctl.traces.log.chain import line_holds

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u."""
MAX_LINE = 64 * 1024 * 1024
"""Bytes of the longest line that is read."""
TOO_LONG = f"the line is longer than {MAX_LINE // 1024**2} MiB"
_MOST_SHOWN = 80
"""Characters of a reference that are repeated in a message."""
ERASED: dict[str, Json] = {"erased": True}
"""What is read as the body of an event whose content was erased."""


class StoredRun(NamedTuple):
    """One run as a list shows it."""

    run: str
    path: Path
    started: dict[str, Json]
    at: str
    stop: str | None
    """`None` for a run that has not ended."""


def new_run_id(now: datetime, entropy: bytes) -> str:
    """Return an id that sorts by time: nine digits of milliseconds, five of chance.

    >>> from datetime import UTC
    >>> new_run_id(datetime(2026, 1, 15, tzinfo=UTC), bytes(5))
    '1kezf7c0000000'
    """
    moment = _base32(int(now.timestamp() * 1000), 9)
    return moment + _base32(int.from_bytes(entropy), 5)


def moment_of(run_id: str) -> datetime | None:
    """Return when a run's id was made, or `None` for an id of another kind.

    >>> moment_of("1kezf7c0000000")
    datetime.datetime(2026, 1, 15, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if len(run_id) != 14 or any(digit not in _DIGITS for digit in run_id):
        return None
    number = 0
    for digit in run_id[:9]:
        number = number * 32 + _DIGITS.index(digit)
    return datetime.fromtimestamp(number / 1000, UTC)


def _base32(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits


def traces_folder(root: Path) -> Path:
    """Return where runs are kept: a file a run."""
    return state_folder(root) / "traces"


def trace_of(root: Path, run: str) -> Path:
    """Return the file of one run."""
    return traces_folder(root) / f"{run}.jsonl"


def journal_file(root: Path) -> Path:
    """Return the journal that seals finished runs."""
    return state_folder(root) / "journal.jsonl"


def evals_folder(root: Path) -> Path:
    """Return where trials are kept: a file a golden set."""
    return traces_folder(root) / "evals"


def run_files(root: Path) -> list[Path]:
    """Return the files of all runs, the newest first."""
    return sorted(traces_folder(root).glob("*.jsonl"), reverse=True)


def list_runs(root: Path) -> Iterator[StoredRun]:
    """Yield all runs, the newest first, from the first and last line of each file."""
    for path in run_files(root):
        run = _summary(path)
        if run is not None:
            yield run


def _summary(path: Path) -> StoredRun | None:
    try:
        with open_log(path) as file:
            first = _try(file.readline(MAX_LINE))
            file.seek(max(0, path.stat().st_size - 65536))
            lines = file.read().rstrip(b"\n").split(b"\n")
            if first is None or first["type"] != "run.started":
                return None
            if "body" not in first:
                return _erased(first, path, _try(lines[-1]))
            last = _try(lines[-1]) if lines else None
            closed = last and last["type"] in ("run.ended", "run.paused")
            stop = last["body"]["stop"] if last and closed else None
            return StoredRun(first["run"], path, first["body"], first["at"], stop)
    except (OSError, NotCanonical, KeyError, TypeError):
        return None


def _erased(first: dict[str, Json], path: Path, last: dict[str, Json] | None) -> StoredRun:
    """Return a run whose content was erased, from what its last event says was kept."""
    kept = (last or {}).get("body", {}).get("kept", {})
    who = {"id": "[erased]", "role": kept.get("role", "unknown")}
    started = {"agent": "unknown", "model": "unknown", **kept, "principal": who}
    return StoredRun(first["run"], path, started, first["at"], kept.get("stop"))


def _try(line: bytes) -> dict[str, Json] | None:
    """Return what a line says; `None` for one that is not as it was written."""
    bare = line.rstrip(b"\n")
    try:
        value = parse_line(bare, max_bytes=MAX_LINE)
    except NotCanonical:
        return None
    return value if line_holds(bare, value) else None


def find(root: Path, reference: str) -> tuple[Path, str | None]:
    """Return the file that a reference means, and the run in it (`None` = its only one).

    Args:
        root: The project.
        reference: A path, a run's id or its start, `latest`, or `SET/SCENARIO[#TRIAL]`.

    Raises:
        Problem: If there is none, or several.
    """
    if is_file(reference):
        return Path(reference), None
    files = run_files(root)
    if reference == "latest":
        if not files:
            hint = "agentctl run AGENT TASK makes one"
            raise problem("no-runs", "no runs yet", hint=hint)
        return files[0], None
    if "/" in reference:
        return _trial(root, reference)
    found = [path for path in files if reference and path.stem.startswith(reference)]
    if len(found) == 1:
        return found[0], None
    if found:
        names = ", ".join(path.stem for path in found[:5])
        raise problem("several-runs", f"`{reference}` is the start of {len(found)} runs: {names}")
    told = shorten(reference, _MOST_SHOWN)
    hint = did_you_mean(told, [path.stem for path in files]) or "see agentctl trace list"
    raise problem("unknown-run", f"no run `{told}`", hint=hint)


def _trial(root: Path, reference: str) -> tuple[Path, str]:
    name, _, scenario = reference.partition("/")
    path = evals_folder(root) / f"{name}.jsonl"
    if not is_file(path):
        known = [file.stem for file in evals_folder(root).glob("*.jsonl")]
        told = shorten(name, _MOST_SHOWN)
        hint = did_you_mean(told, known) or f"agentctl eval {told} --keep all keeps its trials"
        raise problem("unknown-run", f"no trials of `{told}` are kept", hint=hint)
    wanted = f"{name}/{scenario}" if "#" in scenario else f"{name}/{scenario}#1"
    runs = [str(line["run"]) for _, line in trace_lines(path) if line.get("seq") == 0]
    if wanted in runs:
        return path, wanted
    hint = did_you_mean(wanted, runs) or "trials that passed are kept with --keep all"
    raise problem("unknown-run", f"no trial `{shorten(wanted, _MOST_SHOWN)}` is kept", hint=hint)


def trace_lines(path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    """Yield the number and content of each line; a torn last line is left out.

    Raises:
        Problem: If the file cannot be read, or holds a broken line.
    """
    try:
        with open_log(path) as file:
            for number, line in enumerate(raw_lines(file), start=1):
                whole = line.endswith(b"\n")
                if not whole and len(line) <= MAX_LINE:
                    return
                value = _try(line) if whole else None
                if value is None:
                    raise problem(
                        "damaged-trace",
                        "not a line of a trace" if whole else TOO_LONG,
                        at=Location(str(path), number),
                        hint=f"agentctl trace verify {path}",
                        exit_code=ExitCode.UNKNOWN,
                    )
                yield number, value
    except OSError as error:
        raise problem("unreadable-trace", f"{path}: {error}", exit_code=ExitCode.UNKNOWN) from error


def open_log(path: Path) -> BufferedReader:
    """Open a log for reading; what is not a regular file might never end.

    Raises:
        OSError: If it cannot be opened, or is a device, a pipe or a folder.
    """
    # Without the flag a pipe would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a log, newlines included; of one that is too long only the beginning.

    Only the last line of a log and one that is longer than `MAX_LINE` have no newline.
    """
    return iter(lambda: file.readline(MAX_LINE + 1), b"")


def read_events(path: Path, run: str | None = None) -> tuple[str, list[Event]]:
    """Read the events of one run.

    Args:
        path: The file.
        run: Which run of the file; `None` = the first.

    Raises:
        Problem: If the file is damaged, or holds no such run.
    """
    events: list[Event] = []
    for _, line in trace_lines(path):
        if run is None:
            run = line["run"]
        if line.get("run") == run:
            events.append(event_of(line))
    if run is None or not events:
        raise problem("unknown-run", f"{path} holds no run" + (f" `{run}`" if run else ""))
    return run, events


def event_of(line: dict[str, Json]) -> Event:
    """Return the event that a line holds; one whose content was erased has `ERASED` as body."""
    return Event(line["seq"], line["type"], line["at"], line.get("body", ERASED))


__all__ = [
    "ERASED",
    "MAX_LINE",
    "TOO_LONG",
    "StoredRun",
    "evals_folder",
    "event_of",
    "find",
    "journal_file",
    "list_runs",
    "moment_of",
    "new_run_id",
    "open_log",
    "raw_lines",
    "read_events",
    "run_files",
    "trace_lines",
    "trace_of",
    "traces_folder",
]
