# ruff: noqa: RUF001, RUF002 - letters that look alike are a part of this
"""Small questions about text: what was meant, does this word occur, which variables stand in it.

Words are compared without what hides their letters: case, width, accents, invisible characters and
the Cyrillic and Greek letters that look Latin make no difference; letters written as digits
(`r3fund`) are not seen through.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOOK_ALIKES = str.maketrans(
    # Cyrillic, then Greek: capitals look like other letters than small ones do.
    "АВЕЅІЈКМНОРСТУХԌԚԜавекмнорстухѕіјһԁԛԝӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχςɩɡıⅼ",
    "ABESIJKMHOPCTYXGQWabekmhopctyxsijhdqwlvABEZHIKMNOPTYXabeikvoptuxcigil",
)
"""The letters of other scripts that pass for Latin ones."""
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and line feed
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # direction, and what is not seen
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of characters, and tags
)
"""Characters that a terminal or a reader may take for something else than text."""
_ACCENT_OR_INVISIBLE = ("Mn", "Me", "Cf")


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return a hint that names the closest of `choices`, or `None` when none is close.

    >>> did_you_mean("respones", ["replies", "responses"])
    'did you mean `responses`?'
    """
    folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[close[0]]}`?" if close else None


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return the number with its noun.

    >>> count(1, "file"), count(2, "reply", "replies")
    ('1 file', '2 replies')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def shorten(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` characters.

    >>> shorten("one\\ntwo three", 8)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def writable(text: str) -> str:
    """Return text that can be written anywhere: half of a character as its escape.

    >>> writable("h\\ud83d")
    'h\\\\ud83d'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def neutralised(text: str) -> str:
    """Return text in which nothing commands a terminal or hides the direction of writing.

    Text of models, tools and providers passes here, or through `json_text`, wherever it is shown.

    >>> print(neutralised("a\\x1b[2Jb"))
    a\\x1b[2Jb
    """
    return UNSAFE.sub(lambda found: ascii(found.group())[1:-1], text)


def json_text(value: object, indent: int | None = None) -> str:
    """Return JSON for people and programs: keys in the order given, what is unsafe as its escape.

    >>> json_text({"b": "é\\x9b"})
    '{"b": "é\\\\u009b"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if text.isascii() and "\x7f" not in text else json_escaped(text)


def json_escaped(text: str) -> str:
    """Return JSON text in which what is unsafe to show is escaped as JSON does it."""
    return UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], text)


def keyword_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Compile a pattern that finds any of `words` as whole words in `folded` text."""
    parts = sorted((re.escape(folded(word)) for word in words), key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(parts) + r")(?!\w)")


def folded(text: str) -> str:
    """Return text in the form in which words are compared: NFKC, without case, single spaces.

    >>> folded("LÉGAL\\u00a0 action")
    'légal action'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


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


def variables_in(text: str) -> list[str]:
    """Return the names that stand as `${NAME}` in `text`, in order.

    >>> variables_in("https://${HOST}/v1?key=${KEY}")
    ['HOST', 'KEY']
    """
    return _VARIABLE.findall(text)


def fill_variables(text: str, value: Callable[[str], str]) -> str:
    """Return `text` with the value of each variable in the place of `${NAME}`.

    >>> fill_variables("https://${HOST}/v1", {"HOST": "crm.example"}.__getitem__)
    'https://crm.example/v1'
    """
    return _VARIABLE.sub(lambda found: value(found[1]), text)


__all__ = [
    "UNSAFE",
    "count",
    "did_you_mean",
    "fill_variables",
    "folded",
    "json_escaped",
    "json_text",
    "keyword_pattern",
    "neutralised",
    "plain",
    "shorten",
    "unmasked",
    "variables_in",
    "writable",
]
