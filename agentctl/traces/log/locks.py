"""The one door to file locks: one writer a file."""

import os
import sys
import time
from importlib import import_module
from typing import Any

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode

_lock: Any = import_module("msvcrt" if sys.platform == "win32" else "fcntl")
_PAUSE_S = 0.01


def lock(descriptor: int, name: str, patience_s: float = 0.0) -> None:
    """Take the file for this process alone, until it is closed.

    Args:
        descriptor: The open file.
        name: How the file is called in messages.
        patience_s: How long to wait for another process that holds it.

    Raises:
        Problem: If another process holds it for longer.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            _take(descriptor)
            return
        except OSError as error:
            if time.monotonic() >= deadline:
                raise problem(
                    "in-use",
                    f"{name} is being written by another process",
                    hint="wait until it ends",
                    exit_code=ExitCode.UNKNOWN,
                ) from error
        time.sleep(_PAUSE_S)


def _take(descriptor: int) -> None:
    if sys.platform == "win32":  # pragma: no cover - Windows only
        _lock.locking(descriptor, _lock.LK_NBLCK, 1)
    else:
        _lock.flock(descriptor, _lock.LOCK_EX | _lock.LOCK_NB)


def sync_folder(path: str) -> None:
    """Make a new file's name durable, where the platform can."""
    if sys.platform == "win32":  # pragma: no cover - Windows only
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["lock", "sync_folder"]
