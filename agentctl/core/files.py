"""Write a file whole or not at all: beside it first, then in its place.

What is not a regular file (a device, a pipe) is opened and written; a folder is refused.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, mode: int = 0o666, sync: bool = False) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `path` when the block ends; an error leaves `path` alone.

    A link stays a link: the file it leads to is replaced. A device, a pipe and what this process
    has open as its stdout or stderr are written to as they are.

    Args:
        path: Its folder is there.
        mode: Permissions of a new file, before the umask; one that is replaced keeps its own.
        sync: Whether it is on the disk before it takes its place.

    Raises:
        OSError: If it cannot be written, or `path` is a folder.
    """
    found = _status(path)
    if found is not None and (stream := _stream(path, found)) is not None:
        with stream:
            yield stream
        return
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if found is not None:
                temporary.chmod(stat.S_IMODE(found.st_mode))
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _stream(path: Path, found: os.stat_result) -> BinaryIO | None:
    """Return what is written to as it is; `None` for a regular file, which is replaced."""
    for standard in (1, 2):
        try:
            if os.path.samestat(os.fstat(standard), found):
                return os.fdopen(os.dup(standard), "wb")
        except OSError:
            continue
    # `open` refuses a folder, and says so.
    return None if stat.S_ISREG(found.st_mode) else path.open("wb")


def is_file(name: str | Path) -> bool:
    """Whether there is a regular file of this name; a name that no file can have is of none."""
    return os.path.isfile(name)  # noqa: PTH113 - pathlib raises for a name that is too long


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    Raises:
        OSError: As `replacing`.
    """
    with replacing(path) as file:
        file.write(text.encode())


__all__ = ["is_file", "replacing", "write_whole"]
