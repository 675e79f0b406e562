"""Append to a log: one `write` a line, whole or refused; what a killed writer tore is set aside."""

import os
from pathlib import Path

from agentctl.traces.log.locks import sync_folder


def append(descriptor: int, data: bytes) -> None:
    """Write `data` at the end of a file that is open for appending.

    Raises:
        OSError: If it cannot be written, or not as a whole.
    """
    if os.write(descriptor, data) != len(data):
        raise OSError("the disk took only part of it")


def set_aside(path: Path, descriptor: int, torn: bytes, whole: int) -> None:
    """Move the torn end of a log into `<log>.torn` beside it, and cut the log after `whole` bytes.

    Raises:
        OSError: If either cannot be written; the log then keeps its torn end.
    """
    aside = os.open(path.with_suffix(".torn"), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        note = f"# {len(torn)} bytes without a line end, found after byte {whole} of {path.name}\n"
        append(aside, note.encode() + torn + b"\n")
        os.fsync(aside)
    finally:
        os.close(aside)
    sync_folder(str(path.parent))
    os.ftruncate(descriptor, whole)
    os.fsync(descriptor)


__all__ = ["append", "set_aside"]
