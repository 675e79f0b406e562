"""One journal a project: a line seals each finished run, chained to the line before.

A trace alone cannot show that it was cut short, replaced or removed as a whole. The journal can: it
names every sealed run with its number of events and its head. A run may be sealed several times, at
each pause and at its end; each later seal covers at least the events of the one before. Whoever
owns the files can still rewrite both; the head that a run prints is the proof to keep elsewhere.

Sealing reads only the last two lines, so that it costs the same however long the journal is;
`agentctl trace verify` reads all of it.

    hash = sha256(DOMAIN || canonical(line without hash)),  line = {at, events, head, prev, run, seq, v}
"""  # noqa: E501 - the formula is one line

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_line
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.traces.log.append import append, set_aside
from agentctl.traces.log.chain import START
from agentctl.traces.log.locks import lock, sync_folder
from agentctl.traces.log.store import open_log

DOMAIN = b"agentctl.journal.v1\n"
VERSION = 1
PATIENCE_S = 10.0
"""How long a run waits for others that are sealing."""
TAIL = 16_384
"""Bytes at the journal's end that hold its last two lines: a line is some 350 bytes."""
_KEYS = {"at", "events", "hash", "head", "prev", "run", "seq", "v"}


class Seal(NamedTuple):
    """What the journal says of one finished run."""

    run: str
    events: int
    head: str


class Journal(NamedTuple):
    """A journal that was read."""

    seals: tuple[Seal, ...]
    head: str
    wrong: tuple[int, str] | None
    """The number of the first line that is not as it was written, and what is wrong with it."""
    heads: tuple[str, ...] = ()
    """The hash of every line, in order."""
    times: tuple[str, ...] = ()
    """When each line was written, as its writer's clock said."""
    torn: bool = False
    """The last line has no end: its writer was killed. The next seal sets it aside."""


def seal_run(path: Path, seal: Seal, at: str) -> str:
    """Append the seal of a finished or paused run; return the journal's new head.

    A torn last line, left by a process that was killed while sealing, is set aside first.

    Args:
        path: The journal; made when it is not there.
        seal: The run.
        at: The moment, as events hold it.

    Raises:
        Problem: If it cannot be written, is held too long, or its end was tampered with.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        lock(descriptor, str(path), patience_s=PATIENCE_S)
        seq, prev = _end(path, descriptor)
        line, head = _line(seal, at, seq, prev)
        append(descriptor, line.encode())
        os.fsync(descriptor)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        os.close(descriptor)
    return head


def _end(path: Path, descriptor: int) -> tuple[int, str]:
    """Return the position of the next line and the hash it follows; cut off a torn line."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        sync_folder(str(path.parent))
        return 0, START
    start = max(0, size - TAIL)
    with path.open("rb") as file:
        file.seek(start)
        *lines, torn = file.read().split(b"\n")
    if torn:
        set_aside(path, descriptor, torn, size - len(torn))
    if not lines and start == 0:
        return 0, START
    before, last = (_parsed(line) for line in [b"", *lines][-2:]) if lines else (None, None)
    prev = before["hash"] if isinstance(before, dict) and "hash" in before else START
    seq = last["seq"] if isinstance(last, dict) and "seq" in last else 0
    what = _wrong(lines[-1] if lines else b"", last, seq, prev)
    if what is None and (seq == 0) != (prev == START):
        what = "lines before it are missing"
    if what is not None:
        raise _unwritten(path, f"its last line: {what}")
    assert isinstance(last, dict)
    return seq + 1, str(last["hash"])


def journal_head(path: Path) -> str | None:
    """Return the hash of the last whole line of a journal, unchecked; `None` if there is none."""
    try:
        with open_log(path) as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            *lines, _ = file.read().split(b"\n")
    except OSError:
        return None
    entry = _parsed(lines[-1]) if lines else None
    head = entry.get("hash") if isinstance(entry, dict) else None
    return head if isinstance(head, str) else None


def _line(seal: Seal, at: str, seq: int, prev: str) -> tuple[str, str]:
    body: dict[str, Json] = {
        "at": at,
        "events": seal.events,
        "head": seal.head,
        "prev": prev,
        "run": seal.run,
        "seq": seq,
        "v": VERSION,
    }
    head = _hash(body)
    return canonical_text({**body, "hash": head}) + "\n", head


def _hash(body: dict[str, Json]) -> str:
    return hashlib.sha256(DOMAIN + canonical_text(body).encode()).hexdigest()


def _unwritten(path: Path, why: object) -> Exception:
    said = getattr(why, "strerror", None) or why
    return problem(
        "journal-not-written",
        f"the run is not sealed: {path}: {said}",
        hint="its trace is complete; agentctl trace verify says what is wrong",
        exit_code=ExitCode.UNKNOWN,
    )


def read_journal(path: Path) -> Journal:
    """Read and check a journal; one that is not there is empty.

    Raises:
        Problem: If it cannot be read at all.
    """
    try:
        with open_log(path) as file:
            data = file.read()
    except FileNotFoundError:
        return Journal((), START, None)
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise problem("unreadable-journal", message, exit_code=ExitCode.UNKNOWN) from error
    seals: list[Seal] = []
    heads: list[str] = []
    times: list[str] = []
    *lines, rest = data.split(b"\n")
    wrong = None
    for number, line in enumerate(lines, start=1):
        entry = _parsed(line)
        what = _wrong(line, entry, len(seals), heads[-1] if heads else START)
        if what is not None:
            wrong = number, what
            break
        seals.append(Seal(entry["run"], entry["events"], entry["head"]))
        heads.append(entry["hash"])
        times.append(entry["at"])
    head = heads[-1] if heads else START
    if rest and wrong is None and _wrong(rest[:-1], _parsed(rest[:-1]), len(seals), head) is None:
        wrong = len(lines) + 1, "the end of its line was changed"
    return Journal(tuple(seals), head, wrong, tuple(heads), tuple(times), bool(rest))


def _parsed(line: bytes) -> Json:
    try:
        return parse_line(line)
    except NotCanonical:
        return None


def _wrong(line: bytes, entry: Json, seq: int, head: str) -> str | None:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        return "it is not a line of a journal"
    texts = all(isinstance(entry[name], str) for name in ("at", "head", "run"))
    if not texts or not isinstance(entry["events"], int):
        return "it is not a line of a journal"
    if entry["seq"] != seq or entry["prev"] != head:
        return "a line before it is missing, or was moved"
    if _hash({key: value for key, value in entry.items() if key != "hash"}) != entry["hash"]:
        return "it was changed"
    if canonical_text(entry).encode() != line:
        return "it was rewritten in another form"
    return None


__all__ = ["Journal", "Seal", "journal_head", "read_journal", "seal_run"]
