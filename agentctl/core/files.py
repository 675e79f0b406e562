"""Write a file whole or not at all: beside it first, then in its place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, mode: int = 0o666, sync: bool = False) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `path` when the block ends; an error leaves `path` alone.

    A link stays a link: the file it leads to is replaced.

    Args:
        path: Its folder is there.
        mode: Permissions of the new file, before the umask.
        sync: Whether it is on the disk before it takes its place.

    Raises:
        OSError: If it cannot be written, or `path` is a device, a pipe or a folder.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    Raises:
        OSError: As `replacing`.
    """
    with replacing(path) as file:
        file.write(text.encode())


__all__ = ["replacing", "write_whole"]
