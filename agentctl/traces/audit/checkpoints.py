"""Signed checkpoints: at this moment the journal had so many seals and this head, says this key.

A checkpoint that is kept where the owner of the files cannot reach it, or whose private key they do
not have, shows later that the journal up to there is still the same.

    signature = Ed25519(DOMAIN || canonical(line without signature)),  line = {at, head, seals, v}
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.specs.reading.locate import state_folder
from agentctl.traces.audit.signing import is_signed, sign
from agentctl.traces.log.append import append
from agentctl.traces.log.chain import START
from agentctl.traces.log.journal import Journal
from agentctl.traces.log.locks import lock, sync_folder

DOMAIN = b"agentctl.checkpoint.v1\n"
VERSION = 1
_KEYS = {"at", "head", "seals", "signature", "v"}


class Checkpoint(NamedTuple):
    """What a key says of the journal at one moment."""

    at: str
    seals: int
    head: str


def checkpoints_file(root: Path) -> Path:
    """Return where checkpoints are kept unless another file is named."""
    return state_folder(root) / "checkpoints.jsonl"


def write_checkpoint(path: Path, key: Path, journal: Journal, at: str) -> Checkpoint:
    """Sign the journal as it is and append the checkpoint to a file.

    Args:
        path: The file; made, and its folder, when it is not there.
        key: A PEM file with an Ed25519 private key.
        journal: What is signed; it must be whole.
        at: The moment, as events hold it.

    Raises:
        Problem: If the journal was tampered with, the key cannot be used, or the file cannot be
            written.
    """
    if journal.wrong is not None:
        line, what = journal.wrong
        raise problem(
            "audit-damaged",
            f"line {line} of the journal: {what}; it is not signed",
            hint="agentctl trace verify says what else is wrong",
            exit_code=ExitCode.UNKNOWN,
        )
    made = Checkpoint(at, len(journal.seals), journal.head)
    body: dict[str, Json] = {**made._asdict(), "v": VERSION}
    line_text = canonical_text({**body, "signature": sign(key, _signed(body))}) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            lock(descriptor, str(path), patience_s=10.0)
            append(descriptor, line_text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(str(path.parent))
    except OSError as error:
        message = f"the checkpoint cannot be written: {path}: {error.strerror or error}"
        raise problem("checkpoint-not-written", message, exit_code=ExitCode.UNKNOWN) from error
    return made


def contradictions(path: Path, key: Path, journal: Journal) -> tuple[list[Checkpoint], list[str]]:
    """Compare a journal with the checkpoints of a file.

    Args:
        path: The checkpoints.
        key: A PEM file with the Ed25519 public key of the signer.
        journal: The journal as it is now.

    Returns:
        The checkpoints that hold, and what does not fit, a line each.

    Raises:
        Problem: If a file cannot be read, or holds no key or no checkpoint.
    """
    good: list[Checkpoint] = []
    wrong: list[str] = []
    for number, entry in _entries(path):
        where = f"{path.name}:{number}"
        body = {name: value for name, value in entry.items() if name != "signature"}
        if not is_signed(key, _signed(body), entry["signature"]):
            wrong.append(f"{where}: it was changed, or another key signed it")
            continue
        held = Checkpoint(entry["at"], entry["seals"], entry["head"])
        heads = (START, *journal.heads)
        if held.seals >= len(heads):
            have = len(journal.heads)
            wrong.append(
                f"{where}: the journal had {held.seals} seals at {held.at}, and has {have}"
            )
        elif heads[held.seals] != held.head:
            wrong.append(f"{where}: the journal up to seal {held.seals} is not that of {held.at}")
        else:
            good.append(held)
    return good, wrong


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise problem("unreadable-file", f"cannot read {path}: {error}") from error
    found = False
    for number, line in enumerate(text.rstrip("\n").split("\n") if text else (), start=1):
        found = True
        yield number, _entry(path, number, line)
    if not found:
        raise problem("no-checkpoints", f"{path} holds no checkpoint")


def _entry(path: Path, number: int, line: str) -> dict[str, Json]:
    try:
        entry = parse_strict(line)
    except NotCanonical:
        entry = None
    if (
        not isinstance(entry, dict)
        or set(entry) != _KEYS
        or not isinstance(entry["seals"], int)
        or entry["seals"] < 0
        or not all(isinstance(entry[name], str) for name in ("at", "head", "signature"))
    ):
        raise problem("bad-checkpoint", f"{path}:{number} is not a checkpoint")
    return entry


def _signed(body: dict[str, Json]) -> bytes:
    return DOMAIN + canonical_text(body).encode()


__all__ = ["Checkpoint", "checkpoints_file", "contradictions", "write_checkpoint"]
