"""Where text goes: the payload to stdout, everything else to stderr.

A reader that closes the pipe early is not an error: the rest is dropped, and the exit code stays
the command's own.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any, Literal

from agentctl.cli.render.console import shown
from agentctl.core.errors import Problem
from agentctl.core.text import json_text

Format = Literal["text", "json", "jsonl"]


def write(text: str) -> bool:
    """Write payload to stdout as it is; `False` when its reader has just gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return False
    return True


def write_line(text: str = "") -> None:
    """Write one line of payload, with nothing in it that commands a terminal."""
    write(shown(text, sys.stdout) + "\n")


def write_json(value: Any) -> None:
    """Write one JSON document, in the order given."""
    write(json_text(value, indent=2) + "\n")


def write_jsonl(values: Iterable[Any]) -> bool:
    """Write one JSON document a line; `False` when the reader goes."""
    heard = True
    for value in values:
        heard = write(json_text(value) + "\n") and heard
    return heard


def note(text: str, end: str = "\n") -> None:
    """Write progress, a warning, a question or a hint to stderr; nothing commands a terminal."""
    try:
        sys.stderr.write(shown(text, sys.stderr) + end)
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
