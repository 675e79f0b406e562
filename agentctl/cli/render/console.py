"""What every rendering shares: text of strangers made harmless, and colour only where it helps.

Meaning never hangs on colour: it only repeats what the words say.
"""

import os
import re
import sys
from typing import TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


def neutralised(text: str) -> str:
    """Return text in which nothing commands a terminal or hides the direction of writing.

    >>> plain("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def coloured(stream: TextIO) -> bool:
    """Whether colour helps here: a terminal, and nobody asked for none."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Return `text` in a colour where that helps, else as it is."""
    if not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


__all__ = ["coloured", "neutralised", "paint"]
