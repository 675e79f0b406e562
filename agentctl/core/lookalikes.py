# ruff: noqa: RUF001, RUF002 - letters that look alike are what this is about
"""See through what hides letters: width, accents, invisible characters, letters of other alphabets.

Case, width, accents, invisible characters and the Cyrillic and Greek letters that look Latin make
no difference; letters written as digits (`r3fund`) are not seen through.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

_LOOK_ALIKES = str.maketrans(
    # Cyrillic, then Greek: capitals look like other letters than small ones do.
    "АВЕЅІЈКМНОРСТУХԌԚԜавекмнорстухѕіјһԁԛԝӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχςɩɡıⅼ",
    "ABESIJKMHOPCTYXGQWabekmhopctyxsijhdqwlvABEZHIKMNOPTYXabeikvoptuxcigil",
)
"""The letters of other scripts that pass for Latin ones."""
_ACCENT_OR_INVISIBLE = ("Mn", "Me", "Cf")


def plain(text: str) -> str:
    """Return text in the form in which words are compared; paragraphs stay apart.

    >>> plain("ＲＥＦＵＮＤ,  réfund, rеfund")
    'refund, refund, refund'
    """
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", text).translate(_LOOK_ALIKES)
        text = "".join(c for c in letters if unicodedata.category(c) not in _ACCENT_OR_INVISIBLE)
        text = text.replace("’", "'")
    parts = re.split(r"\n\s*\n", text.casefold())
    return "\n".join(" ".join(part.split()) for part in parts)


def unmasked(text: str, *, fold: bool = False) -> tuple[str, Sequence[int]]:
    """Take off what hides letters: width, invisible characters, look-alikes.

    Args:
        text: Any text.
        fold: Take away case and accents too.

    Returns:
        The text, and for each of its characters where it stands in `text`.
    """
    if text.isascii():
        return (text.lower() if fold else text), range(len(text))
    out: list[str] = []
    places: list[int] = []
    form: Literal["NFKD", "NFKC"] = "NFKD" if fold else "NFKC"
    gone = _ACCENT_OR_INVISIBLE if fold else ("Cf",)
    for place, char in enumerate(text):
        if unicodedata.category(char) in gone:
            continue
        for part in unicodedata.normalize(form, char).translate(_LOOK_ALIKES):
            if unicodedata.category(part) in gone:
                continue
            folded = part.casefold() if fold else part
            out.append(folded)
            places.extend([place] * len(folded))
    return "".join(out), places


__all__ = ["plain", "unmasked"]
