"""What every benchmark shares: its options, byte-compiled code, and how a result is printed.

A result is a title, a table, remarks and one last line; the same data is one JSON object with
`--format json`. The exit code is 0, or 1 when a bound is broken.
"""

import argparse
import compileall
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import agentctl

SCHEMA_VERSION = 1
CODE = (Path(agentctl.__file__).parent, Path(__file__).parent)


class BenchmarkResult(NamedTuple):
    """What a benchmark found."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str]
    figure: str
    """The last line."""
    good: bool
    """Whether every bound holds."""
    data: dict[str, Any]
    """The same, for programs."""

    def text(self) -> str:
        """Return the result for people: the first column to the left, the others to the right."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        lines = [self.title, ""]
        for cells in (self.header, ["-" * width for width in widths], *self.rows):
            first, *rest = zip(cells, widths, strict=True)
            shown = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
            lines.append("  ".join(shown).rstrip())
        remarks = ["", *self.remarks] if self.remarks else []
        return "\n".join([*lines, *remarks, "", self.figure])

    def json(self) -> str:
        """Return the result for programs: one object on one line."""
        body = {"schema_version": SCHEMA_VERSION, **self.data}
        return json.dumps({**body, "figure": self.figure, "good": self.good})


def options(description: str) -> argparse.ArgumentParser:
    """Return the parser of the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def show(result: BenchmarkResult, shape: str) -> int:
    """Print a result and return the exit code."""
    print(result.json() if shape == "json" else result.text())
    return 0 if result.good else 1


def byte_compile() -> None:
    """Compile what is timed: without .pyc files an import costs several times as much."""
    for folder in CODE:
        compileall.compile_dir(folder, quiet=2)


__all__ = ["BenchmarkResult", "byte_compile", "options", "show"]
