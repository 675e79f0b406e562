"""What every rendering shares: text of strangers made harmless, and colour only where it helps.

Meaning never hangs on colour: it only repeats what the words say.
"""

import os
import sys
from typing import TextIO

from agentctl.core.text import UNSAFE, neutralised

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}
_PLAIN = 0


def coloured(stream: TextIO) -> bool:
    """Whether colour helps here: on a terminal, and with `FORCE_COLOR`; never with `NO_COLOR`."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Return `text` in a colour where that helps, else as it is.

    A colour is marked by half of a character, which no text from elsewhere holds; `shown` writes
    it for the terminal.
    """
    if not coloured(stream or sys.stdout):
        return text
    return f"{_mark(_COLOURS[colour])}{text}{_mark(_PLAIN)}"


def shown(text: str, stream: TextIO) -> str:
    """Return text as a stream gets it: our own colours, and no other command of a terminal."""
    if UNSAFE.search(text) is None:
        return text
    marked = _MARKS if coloured(stream) else {}
    return UNSAFE.sub(lambda found: marked.get(found.group()) or neutralised(found.group()), text)


def _mark(code: int) -> str:
    return chr(0xDC00 + code)


_MARKS = {_mark(code): f"\x1b[{code}m" for code in (_PLAIN, *_COLOURS.values())}


__all__ = ["coloured", "paint", "shown"]
