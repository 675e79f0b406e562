"""Erase what one person said and got, and keep the proof that it happened.

Body and salt of every event are taken out of its line; the header stays, with the hash of what
stood there, so that the chain and every earlier seal still hold. A `content.erased` event at the
end says which, why and by whom, and keeps what an auditor counts. The new file replaces the old one
in one step: a process that dies in the middle leaves one or the other.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text, parse_line
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.files import replacing
from agentctl.traces.audit.facts import facts_of
from agentctl.traces.audit.verify import ERASURE, RunCheck, against, verify_data
from agentctl.traces.log.chain import Chain
from agentctl.traces.log.journal import Journal, Seal, read_journal, seal_run
from agentctl.traces.log.locks import lock, sync_folder
from agentctl.traces.log.store import MAX_LINE, event_of, list_runs


class Erasure(NamedTuple):
    """Why content is erased, and on whose word."""

    reason: str
    by: str
    at: str
    """The moment, as events hold it."""


def runs_of(root: Path, principal: str) -> list[Path]:
    """Return the traces of all runs on behalf of one person whose content is still there."""
    return sorted(run.path for run in list_runs(root) if _whose(run.started) == principal)


def _whose(started: Mapping[str, Json]) -> Json:
    who = started.get("principal")
    return who.get("id") if isinstance(who, dict) else None


def erase(path: Path, journal: Path, erasure: Erasure) -> int:
    """Erase the content of one run; return how many events had any.

    Args:
        path: Its trace.
        journal: Where its new seal goes, if it was sealed before.
        erasure: Why, by whom, when.

    Raises:
        Problem: If the run is being written, was tampered with, or cannot be rewritten; its
            trace is then as it was.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
        try:
            lock(descriptor, str(path))
            return _erase(path, journal, erasure)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _not_erased(path, str(error.strerror or error)) from error


def _erase(path: Path, journal: Path, erasure: Erasure) -> int:
    data = path.read_bytes()
    check, *more = verify_data(data, path.stem)
    known = read_journal(journal)
    if check.tampering is not None:
        raise _not_erased(path, f"event {check.tampering.seq}, {check.tampering.what}")
    if more or not check.events:
        raise _not_erased(path, "it is not the trace of one run")
    for what in against(known, [check], whole=False):
        raise _not_erased(path, what)
    lines = data.split(b"\n")[: check.events]
    entries = [parse_line(line, max_bytes=MAX_LINE) for line in lines]
    events = [event_of(entry) for entry in entries]
    bare = [
        {key: value for key, value in entry.items() if key not in ("body", "salt")}
        if entry["type"] != ERASURE
        else entry
        for entry in entries
    ]
    erased = [entry["seq"] for entry in bare if "body" not in entry]
    chain = Chain(check.run, lambda _seq: secrets.token_hex(16), check.head)
    body = {
        "seq": erased,
        "reason": erasure.reason,
        "by": erasure.by,
        "kept": facts_of(events).model_dump(mode="json"),
    }
    last = chain.line(Event(check.events, "content.erased", erasure.at, body))
    text = "".join(line + "\n" for line in [*map(canonical_text, bare), last])
    _replace(path, text.encode())
    if _was_sealed(known, check):
        seal_run(journal, Seal(check.run, check.events + 1, chain.head), erasure.at)
    return len(erased)


def _was_sealed(journal: Journal, check: RunCheck) -> bool:
    return any(seal.run == check.run for seal in journal.seals)


def _replace(path: Path, data: bytes) -> None:
    """Put new content in the place of a file, whole or not at all, and drop what was set aside.

    Raises:
        OSError: If it cannot be written; the file is then as it was.
    """
    for left in _leftovers(path):
        left.unlink(missing_ok=True)
    with replacing(path, mode=0o600, sync=True) as file:
        file.write(data)
    path.with_suffix(".torn").unlink(missing_ok=True)
    sync_folder(str(path.parent))


def _leftovers(path: Path) -> Iterator[Path]:
    """Yield what an erasure that was killed left: it never took the trace's place."""
    return path.parent.glob(f".{path.stem}.*.tmp")


def _not_erased(path: Path, why: str) -> Problem:
    return problem(
        "not-erased",
        f"the content of {path.stem} was not erased: {why}",
        hint=f"agentctl trace verify {path.stem} says what is wrong",
        exit_code=ExitCode.UNKNOWN,
    )


__all__ = ["Erasure", "erase", "runs_of"]
