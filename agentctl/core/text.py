"""Small questions about words: what was meant, and does this word occur."""

import difflib
import re
import unicodedata
from collections.abc import Iterable


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


__all__ = ["count", "did_you_mean", "folded", "keyword_pattern", "shorten", "writable"]
