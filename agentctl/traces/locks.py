"""The one door to file locks: one writer a file."""

import os
import sys
from importlib import import_module
from typing import Any

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode

_lock: Any = import_module("msvcrt" if sys.platform == "win32" else "fcntl")


def lock(descriptor: int, name: str) -> None:
    """Take the file for this process alone, until it is closed.

    Raises:
        Problem: If another process holds it.
    """
    try:
        if sys.platform == "win32":  # pragma: no cover - Windows only
            _lock.locking(descriptor, _lock.LK_NBLCK, 1)
        else:
            _lock.flock(descriptor, _lock.LOCK_EX | _lock.LOCK_NB)
    except OSError as error:
        raise problem(
            "in-use",
            f"{name} is being written by another process",
            hint="wait until it ends",
            exit_code=ExitCode.UNKNOWN,
        ) from error


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
