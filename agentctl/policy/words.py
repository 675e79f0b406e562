# ruff: noqa: RUF001, RUF002 - letters that look alike are what this is about
"""Find words in what people write, however they write them.

Words are whole words. Case, width, accents, invisible characters and the Cyrillic and Greek letters
that look Latin make no difference; letters written as digits (`r3fund`) are not seen through.

Negation is one simple rule: a word is passed over when one of the two words before it, in the same
clause, says no, as in "not a refund" or "kein Anwalt". Anything longer counts as said, because a
case too many with a person is better than one too few.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

_LOOK_ALIKES = str.maketrans(
    # Cyrillic, then Greek: capitals look like other letters than small ones do.
    "АВЕЅІЈКМНОРСТУХԌԚԜавекмнорстухѕіјһԁԛԝӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεικνορτυχςɩɡıⅼ",
    "ABESIJKMHOPCTYXGQWabekmhopctyxsijhdqwlvABEZHIKMNOPTYXabeikvoptuxcigil",
)
"""The letters of other scripts that pass for Latin ones."""
_ACCENT_OR_INVISIBLE = ("Mn", "Me", "Cf")
_CLAUSE_END = re.compile(r"[.,;:!?()\n–—]|\s-\s")
_WORD = re.compile(r"[\w'’]+")

_NEGATORS = frozenset((
    "no", "not", "never", "without", "none", "neither", "nor", "cannot", "kein", "keine",
    "keinen", "keinem", "keiner", "keines", "nicht", "nie", "niemals", "ohne", "pas", "sans",
    "aucun", "aucune", "jamais", "ni", "sin", "ningun", "ninguna", "ninguno", "nunca", "jamas",
    "tampoco", "non", "senza", "nessun", "nessuna", "nessuno", "mai", "neanche",
))  # fmt: skip
"""Words that say no in English, German, French, Spanish and Italian, without accents."""
_NO_DENIAL_AFTER = frozenset((
    "only", "just", "you", "we", "nur", "bloss", "sie", "ihr", "seulement", "juste", "vous",
    "solo", "solamente", "soltanto", "received", "got", "gotten", "erhalten", "bekommen",
    "recu", "recibido", "ricevuto",
))  # fmt: skip
"""After a negator these make it something else: "not only urgent", "why don't you escalate", "not
received refund"."""


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


def denied(before: str) -> bool:
    """Whether the word that follows `before` is negated; `before` is `plain` text.

    >>> denied("this is not a "), denied("not only "), denied("no, I want a ")
    (True, False, False)
    """
    clause = _CLAUSE_END.split(before)[-1]
    last = _WORD.findall(clause)[-2:]
    for position, word in enumerate(last):
        after = last[position + 1] if position + 1 < len(last) else ""
        if (word in _NEGATORS or word.endswith("n't")) and after not in _NO_DENIAL_AFTER:
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
            if not denied(text[: match.start()]):
                yield match.group()


__all__ = ["Words", "denied", "plain", "unmasked"]
