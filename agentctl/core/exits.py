"""What the exit code of every command means. Where several hold, the first of `PRECEDENCE` wins."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The six ends a command can come to."""

    OK = 0
    """Did it, and it is good."""
    NO = 1
    """Did it, and the answer is no."""
    USAGE = 2
    """The request is wrong."""
    UNKNOWN = 3
    """Cannot tell."""
    WAITING = 4
    """Waiting for a person."""
    INTERRUPTED = 130
    """Interrupted; what was done is saved."""


PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.NO,
    ExitCode.UNKNOWN,
    ExitCode.WAITING,
    ExitCode.OK,
)


def strongest(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that a command which met all of `codes` ends with.

    >>> strongest([ExitCode.OK, ExitCode.UNKNOWN, ExitCode.NO]).value
    1
    """
    return min(codes, key=PRECEDENCE.index, default=ExitCode.OK)


__all__ = ["PRECEDENCE", "ExitCode", "strongest"]
