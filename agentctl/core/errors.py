"""What can be wrong, where it is, and the way out.

Everything a user did that cannot work becomes a `Diagnostic`: a code, a sentence, a place and a
hint. A `Problem` carries one or many of them to the command line, which prints them and exits with
the problem's code. Nothing here reads a file: a `Location` brings the line it points at.
"""

from dataclasses import dataclass
from typing import Literal

from agentctl.core.exits import ExitCode

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Location:
    """A span on one line of one file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int = 1
    length: int = 1
    """How many characters to underline; at least 1."""
    text: str | None = None
    """The whole line, for the excerpt; `None` prints none."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem of one input."""

    code: str
    """Stable and kebab-case, such as `unknown-field`."""
    message: str
    location: Location | None = None
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.location is not None:
            lines += _excerpt(self.location)
        if self.hint is not None:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _excerpt(at: Location) -> list[str]:
    if at.text is None:
        return [f" --> {at}"]
    gutter = " " * len(str(at.line))
    # The excerpt is cut so that a minified file does not flood the terminal.
    start = max(0, at.column - 60) if at.column > 100 else 0
    shown = at.text[start : start + 120].replace("\t", " ").rstrip("\r\n")
    carets = "^" * max(1, min(at.length, len(shown) - (at.column - 1 - start)))
    pad = " " * (at.column - 1 - start)
    return [
        f"{gutter}--> {at}",
        f"{gutter} |",
        f"{at.line} | {shown}",
        f"{gutter} | {pad}{carets}",
    ]


class Problem(Exception):  # noqa: N818 - reads as the noun it is: "a problem with your request"
    """Something the user must change, or cannot, with the exit code it ends a command with.

    Args:
        diagnostics: At least one, in the order in which they are shown.
        exit_code: How the command ends.
    """

    def __init__(self, *diagnostics: Diagnostic, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__("\n\n".join(str(d) for d in diagnostics))
        self.diagnostics = diagnostics
        self.exit_code = exit_code


def problem(
    code: str,
    message: str,
    *,
    at: Location | None = None,
    hint: str | None = None,
    exit_code: ExitCode = ExitCode.USAGE,
) -> Problem:
    """Build a `Problem` of one diagnostic."""
    return Problem(Diagnostic(code, message, at, hint), exit_code=exit_code)


__all__ = ["Diagnostic", "Location", "Problem", "Severity", "problem"]
