"""One journal a project: a line seals each finished run, chained to the line before.

A trace alone cannot show that it was cut short, replaced or removed as a whole. The journal can: it
names every sealed run with its number of events and its head. Whoever owns the files can still
rewrite both; the head that a run prints is the proof to keep elsewhere.

    hash = sha256(DOMAIN || canonical(line without hash)),  line = {at, events, head, prev, run, seq, v}
"""  # noqa: E501 - the formula is one line

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.traces.chain import START
from agentctl.traces.locks import lock

DOMAIN = b"agentctl.journal.v1\n"
VERSION = 1
PATIENCE_S = 10.0
"""How long a run waits for others that are sealing."""
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


def seal_run(path: Path, seal: Seal, at: str) -> str:
    """Append the seal of a finished run; return the journal's new head.

    Args:
        path: The journal; made when it is not there.
        seal: The run.
        at: The moment, as events hold it.

    Raises:
        Problem: If it cannot be written, is held too long, or was tampered with.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        lock(descriptor, str(path), patience_s=PATIENCE_S)
        known = read_journal(path)
        if known.wrong is not None:
            line, what = known.wrong
            raise _unwritten(path, f"line {line}: {what}")
        line_text, head = _line(seal, at, len(known.seals), known.head)
        data = line_text.encode()
        if os.write(descriptor, data) != len(data):
            raise _unwritten(path, "the disk took only part of the line")
        os.fsync(descriptor)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        os.close(descriptor)
    return head


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
        data = path.read_bytes()
    except FileNotFoundError:
        return Journal((), START, None)
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise problem("unreadable-journal", message, exit_code=ExitCode.UNKNOWN) from error
    seals: list[Seal] = []
    head = START
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        entry = _parsed(line)
        what = _wrong(line, entry, len(seals), head)
        if what is not None:
            return Journal(tuple(seals), head, (number, what))
        seals.append(Seal(entry["run"], entry["events"], entry["head"]))
        head = entry["hash"]
    if rest:
        return Journal(tuple(seals), head, (len(lines) + 1, "the line is torn"))
    return Journal(tuple(seals), head, None)


def _parsed(line: bytes) -> Json:
    try:
        return parse_strict(line.decode())
    except (NotCanonical, UnicodeDecodeError):
        return None


def _wrong(line: bytes, entry: Json, seq: int, head: str) -> str | None:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        return "it is no line of a journal"
    if entry["seq"] != seq or entry["prev"] != head:
        return "a line before it is missing, or was moved"
    if _hash({key: value for key, value in entry.items() if key != "hash"}) != entry["hash"]:
        return "it was changed"
    if canonical_text(entry).encode() != line:
        return "it was written anew in another form"
    return None


__all__ = ["Journal", "Seal", "read_journal", "seal_run"]
