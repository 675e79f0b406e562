# ruff: noqa: RUF001 - dashes and apostrophes as people type them
"""Find words in what people write, however they write them.

Words are whole words, compared as `core.text` sees them: case, width, accents, invisible
characters and letters of other alphabets make no difference.

Negation is one simple rule: a word is passed over when one of the two words before it, in the same
clause, says no, as in "not a refund" or "kein Anwalt". Anything longer counts as said, because a
case too many with a person is better than one too few.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from agentctl.core.canonical import Json
from agentctl.core.text import plain, unmasked
from agentctl.guardrails.vocabulary import words_for

_NEAR = 100
"""Characters before a word in which the two words before it are looked for."""
_CLAUSE_END = re.compile(r"[.,;:!?()\n–—]|\s-\s")
_WORD = re.compile(r"[\w'’]+")


@cache
def _denials() -> tuple[frozenset[str], frozenset[str]]:
    """Return the words that say no, and those after which one of them denies nothing.

    Such as "not only urgent", "why don't you escalate", "not received refund".
    """
    return frozenset(words_for("denial", "words")), frozenset(words_for("denial", "unless_before"))


def texts(value: Json) -> Iterator[str]:
    """Return every text in a JSON value, the names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def denied(before: str) -> bool:
    """Whether the word that follows `before` is negated; `before` is `plain` text.

    >>> denied("this is not a "), denied("not only "), denied("no, I want a ")
    (True, False, False)
    """
    clause = _CLAUSE_END.split(before)[-1]
    last = _WORD.findall(clause)[-2:]
    negators, harmless = _denials()
    for position, word in enumerate(last):
        after = last[position + 1] if position + 1 < len(last) else ""
        if (word in negators or word.endswith("n't")) and after not in harmless:
            return True
    return False


def _pattern(word: str) -> str:
    return r"\s+".join(re.escape(part) for part in word.split())


class Words:
    """Words and phrases, compiled.

    Args:
        words: Each one word or several with spaces between them.
    """

    def __init__(self, words: Iterable[str]) -> None:
        parts = sorted({_pattern(plain(word)) for word in words}, key=len, reverse=True)
        self._pattern = re.compile(r"(?<!\w)(?:" + "|".join(parts) + r")(?!\w)")

    def found(self, text: str) -> str | None:
        """Return the first of the words that `text`, made `plain`, says and does not deny.

        >>> Words(["refund"]).found("not a refund"), Words(["refund"]).found("no. refund")
        (None, 'refund')
        """
        return next(self._said(text), None)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Find each of the words in `text` as it stands, denied or not, and say where.

        >>> [(s, e) for s, e in Words(["drop table"]).spans("now DRÖP\\nTABLE")]
        [(4, 14)]
        """
        bare, places = unmasked(text, fold=True)
        for match in self._pattern.finditer(bare):
            yield places[match.start()], places[match.end() - 1] + 1

    def _said(self, text: str) -> Iterator[str]:
        for match in self._pattern.finditer(text):
            start = match.start()
            if not denied(text[max(0, start - _NEAR) : start]):
                yield match.group()


__all__ = ["Words", "denied", "texts"]
