"""Where text goes: the payload to stdout, everything else to stderr.

A reader that closes the pipe early is not an error: the rest is dropped, and the exit code stays
the command's own.
"""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Literal

from agentctl.core.errors import Problem

Format = Literal["text", "json", "jsonl"]


def write(text: str) -> bool:
    """Write payload to stdout; `False` when its reader has just gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return False
    return True


def write_line(text: str = "") -> None:
    """Write one line of payload."""
    write(text + "\n")


def write_json(value: Any) -> None:
    """Write one JSON document, in the order given."""
    write_line(json.dumps(value, ensure_ascii=False, indent=2))


def write_jsonl(values: Iterable[Any]) -> bool:
    """Write one JSON document a line; `False` when the reader goes."""
    heard = True
    for value in values:
        heard = write(json.dumps(value, ensure_ascii=False) + "\n") and heard
    return heard


def note(text: str, end: str = "\n") -> None:
    """Write progress, a warning or a hint to stderr."""
    try:
        sys.stderr.write(text + end)
        sys.stderr.flush()
    except BrokenPipeError:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - stands in until the end


def report_problem(problem: Problem) -> None:
    """Write every diagnostic of a problem to stderr."""
    note("\n\n".join(str(diagnostic) for diagnostic in problem.diagnostics))


def _close_stdout() -> None:
    # Python would complain again when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = ["Format", "note", "report_problem", "write", "write_json", "write_jsonl", "write_line"]
