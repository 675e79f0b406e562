"""Write into a golden set what its turns were made for, and touch nothing else of the file.

The stamp says: someone reviewed these turns with this prompt, these tools and this model in
mind. When one of them changes, the turns are stale until someone reviews them again.
"""

import json
import re
from pathlib import Path

from agentctl.core.errors import Location, problem
from agentctl.core.files import write_whole
from agentctl.specs.shapes.bundle import Fingerprints
from agentctl.specs.shapes.golden import Stamp

DIGITS = 12
"""Hex digits of a fingerprint in a stamp."""

_KEY = re.compile(r"^made_for[ \t]*:")
_BEFORE = re.compile(r"^(?:scenarios|templates|defaults)[ \t]*:")


def stamp_of(now: Fingerprints) -> Stamp:
    """Return the stamp for turns made for what is there now."""
    return Stamp(instructions=now.instructions[:DIGITS], tools=now.tools[:DIGITS], model=now.model)


def stamped(text: str, stamp: Stamp) -> str:
    """Return the text of a golden set with `made_for` set at its top level.

    An old stamp is replaced where it stands; a new one goes before the scenarios. Every other
    line stays as it is, comments included.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    line = _line(stamp) + ending
    for number, old in enumerate(lines):
        if _KEY.match(old):
            after = number + 1
            while after < len(lines) and _belongs(lines[after]):
                after += 1
            return "".join([*lines[:number], line, *lines[after:]])
    at = next((n for n, old in enumerate(lines) if _BEFORE.match(old)), len(lines))
    while at > 0 and lines[at - 1].startswith("#"):
        # A comment right above a key speaks about that key.
        at -= 1
    if at == len(lines) and lines and not lines[-1].endswith("\n"):
        lines[-1] += ending
    return "".join([*lines[:at], line, *lines[at:]])


def write_stamp(path: Path, shown: str, stamp: Stamp) -> bool:
    """Stamp a golden set's file in place; return whether it changed.

    Raises:
        Problem: If the file is not YAML, or cannot be written.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise problem(
            "cannot-stamp",
            f"cannot stamp {shown}: only YAML golden sets can be stamped",
            at=Location(shown, 1),
            hint="write `made_for: {instructions:, tools:, model:}` into its first line",
        )
    before = path.read_bytes().decode("utf-8")
    after = stamped(before, stamp)
    if after == before:
        return False
    write_whole(path, after)
    return True


def _line(stamp: Stamp) -> str:
    # Twelve digits could be read as a number, and a model's name as more than a name.
    parts = (json.dumps(part) for part in (stamp.instructions, stamp.tools, stamp.model))
    return "made_for: {{instructions: {}, tools: {}, model: {}}}".format(*parts)


def _belongs(line: str) -> bool:
    """Whether a line continues the key above it: indented, and not just empty."""
    return line[:1] in (" ", "\t") and bool(line.strip())


__all__ = ["DIGITS", "stamp_of", "stamped", "write_stamp"]
