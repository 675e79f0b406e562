"""Amounts, dates, times and ids in text, each in one form however it is written.

A way of writing that can be read in two ways yields both readings: `1.234` is 1234 or 1.234, and
`03/04/2026` is the third of April or the fourth of March.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

from agentctl.core.text import unmasked

QuantityKind = Literal["amounts", "dates", "times", "ids"]


class FoundQuantity(NamedTuple):
    """One thing a text says."""

    kind: QuantityKind
    text: str
    readings: frozenset[str]
    """Each in normal form."""


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio",
            "february feb februar février fevrier févr febrero febbraio",
            "march mar märz maerz mär mars marzo",
            "april apr avril avr abril abr aprile",
            "may mai mayo maggio",
            "june jun juni juin junio giugno",
            "july jul juli juillet juil julio luglio",
            "august aug août aout agosto",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre ott",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre dic dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?:,?\s+(?:de\s+|del\s+)?(?P<year>\d{4}))?"
_DATES = (
    re.compile(r"(?<![\d-])(?P<year>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?!\d|-\d)"),
    re.compile(
        rf"(?<![\w.,])(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s*(?:of\s+|de\s+)?{_MONTH}{_YEAR}"
    ),
    re.compile(rf"(?<!\w){_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.,]\d|\w){_YEAR}"),
    re.compile(
        r"(?<![\d./-])(?P<a>\d{1,2})(?P<s>[./-])(?P<b>\d{1,2})(?P=s)"
        r"(?P<year>\d{4}|\d{2})(?!\d|[./-]\d)"
    ),
    re.compile(r"\b(?:am|vom|zum|bis|ab|seit) (?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?!\d)(?P<year>)"),
)
_TIME = re.compile(
    r"(?<![\d:.,])(?P<hour>[01]?\d|2[0-4])(?:"
    r"(?::|h)(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?:\s*(?P<half>[ap])\.?m\b\.?)?"
    r"|\.(?P<minute2>[0-5]\d)(?=\s*(?:uhr|[ap]\.?m)\b)(?:\s*(?P<half2>[ap])\.?m\b\.?)?"
    r"|\s*(?P<half3>[ap])\.?m\b\.?"
    r"|\s*(?:uhr|o'clock)\b"
    r")(?!\d)"
)
_ID = re.compile(
    r"(?<![\w-])(?:"
    r"[a-z0-9]+(?:[_-][a-z0-9]+)+"  # o_1001, ref-2026-01, a uuid
    r"|[a-z]+\d[a-z0-9]*|\d+[a-z]+\d[a-z0-9]*"  # inv2026
    r"|#\s?\d+|\d{5,}"  # #12, 100234
    r")(?![\w]|[.,]\d|-\w)"
)
_SIGN = (
    r"[€$£¥]|(?<![a-z])(?:eur|usd|gbp|chf|jpy|sek|nok|dkk|pln|euros?|dollars?|pounds?|franken"
    r"|francs)(?![a-z])"
)
_NUMBER = r"\d{1,3}(?:[ '\u2019.,\u00a0\u202f]\d{3}){1,6}(?:[.,]\d{1,3})?|\d+(?:[.,]\d+)?"
_AMOUNT = re.compile(
    rf"(?:{_SIGN})\s?(?P<after>{_NUMBER})(?![\w]|[.,]\d)"
    rf"|(?<![\w.,-])(?P<before>{_NUMBER})\s?(?:{_SIGN}|%|percent\b|prozent\b)"
    r"|(?<![\w.,-])(?P<cents>(?:\d{1,3}(?:[ '\u2019.,\u00a0\u202f]\d{3}){1,6}|\d+)[.,]\d{2})"
    r"(?![\w%]|[.,]\d)"
)
_LONE_NUMBER = re.compile(rf"(?<![\w.,])(?<!\w-)(?:{_NUMBER})(?!\w|[.,]\d|-\w)")


def quantities(text: str, kinds: Iterable[QuantityKind]) -> Iterator[FoundQuantity]:
    """Find what an answer states; each stretch of text is read as one thing only.

    >>> sorted((f.kind, f.text) for f in quantities("o_7: 49.90 EUR by 3 May", ["amounts", "ids"]))
    [('amounts', '49.90 eur'), ('ids', 'o_7')]
    """
    wanted = frozenset(kinds)
    rest = lowered(text)
    for kind, find in _FINDERS:
        found, rest = _taken(rest, kind, find)
        if kind in wanted:
            yield from found


def _taken(
    text: str, kind: QuantityKind, find: "QuantityFinder"
) -> tuple[list[FoundQuantity], str]:
    """Return what a finder finds, and the text with blanks in its place."""
    found, left, last = [], [], 0
    for (start, end), readings in sorted(find(text), key=_place):
        if readings and start >= last:
            found.append(FoundQuantity(kind, text[start:end], readings))
            left += [text[last:start], " " * (end - start)]
            last = end
    return found, "".join([*left, text[last:]])


def _place(found: tuple[tuple[int, int], frozenset[str]]) -> tuple[int, int]:
    return found[0]


def lowered(text: str) -> str:
    """Return text in lower case, without width, invisible characters and look-alikes."""
    return unmasked(text)[0].casefold()


def numbers(text: str) -> Iterator[str]:
    """Return every number that stands alone in `text`: what an amount may rest on.

    >>> sorted(numbers("o_1001 of 2026-01-15: 3 items, EUR49.90"))
    ['3', '49.9']
    """
    rest = lowered(text)
    for kind, find in _FINDERS[:2]:
        _, rest = _taken(rest, kind, find)
    for match in _LONE_NUMBER.finditer(rest):
        yield from _readings(match.group())
    for _, readings in _amounts(rest):
        yield from readings


def amount(number: str | float | Decimal) -> str:
    """Return the normal form of an amount; a sign in front makes no difference.

    >>> amount("1234.50"), amount(-49.9), amount(100)
    ('1234.5', '49.9', '100')
    """
    value = abs(Decimal(str(number))).normalize()
    return f"{value:f}"


Spans = Iterator[tuple[tuple[int, int], frozenset[str]]]


def _dates(text: str) -> Spans:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            yield match.span(), frozenset(_date(match.groupdict()))


def _date(parts: dict[str, str | None]) -> Iterator[str]:
    year = parts["year"] or None
    if year is not None and len(year) == 2:
        year = f"20{year}"
    if parts.get("month"):
        yield from _day(year, _MONTHS[str(parts["month"])], int(parts["day"] or 0))
    elif parts.get("m"):
        yield from _day(year, int(parts["m"] or 0), int(parts["d"] or 0))
    else:
        first, second = int(parts["a"] or 0), int(parts["b"] or 0)
        yield from _day(year, second, first)
        yield from _day(year, first, second)


def _day(year: str | None, month: int, day: int) -> Iterator[str]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield f"{year or '*'}-{month:02}-{day:02}"


def _times(text: str) -> Spans:
    for match in _TIME.finditer(text):
        parts = match.groupdict()
        hour = int(parts["hour"])
        minute = int(parts["minute"] or parts["minute2"] or 0)
        half = parts["half"] or parts["half2"] or parts["half3"]
        if half is None:
            either = 1 <= hour <= 12 and not parts["hour"].startswith("0")
            hours = {hour % 24, (hour + 12) % 24} if either else {hour % 24}
        else:
            hours = {hour % 12 + (12 if half == "p" else 0)}
        yield match.span(), frozenset(f"{hour:02}:{minute:02}" for hour in hours)


def _ids(text: str) -> Spans:
    for match in _ID.finditer(text):
        word = match.group().lstrip("# ")
        for part in word.split("-") if "_" in word else (word,):  # `o_1001-related`
            if match.group().startswith("#") or _is_id(part):
                start = text.index(part, match.start())
                yield (start, start + len(part)), frozenset({part})


def _is_id(word: str) -> bool:
    """Whether a word is an id, and not a name with a digit: `mp3`, `covid-19`."""
    digits = sum(char.isdigit() for char in word)
    if word.replace("-", "").isdigit():
        return digits >= (9 if "-" in word else 5)
    if not digits or len(word) < 3:
        return False
    return "_" in word or digits >= 3 or (len(word) >= 8 and digits >= 2 and "-" not in word)


def _amounts(text: str) -> Spans:
    for match in _AMOUNT.finditer(text):
        written = match["after"] or match["before"] or match["cents"]
        yield match.span(), frozenset(_readings(written))


def _readings(written: str) -> Iterator[str]:
    """Read a number as it may be meant: points and commas group or part decimals."""
    plain = re.sub(r"[ '\u2019\u00a0\u202f]", "", written)
    marks = [char for char in plain if char in ".,"]
    if not marks:
        yield amount(plain)
        return
    last = marks[-1]
    other = "," if last == "." else "."
    whole, _, part = plain.rpartition(last)
    if marks.count(last) == 1:
        yield amount(f"{whole.replace(other, '')}.{part}")
    if len(part) == 3 and other not in plain:
        yield amount(plain.replace(last, ""))


QuantityFinder = Callable[[str], Spans]
_FINDERS: tuple[tuple[QuantityKind, QuantityFinder], ...] = (
    ("dates", _dates),
    ("times", _times),
    ("amounts", _amounts),
    ("ids", _ids),
)
"""In this order: what one has read is not read again by the next."""

__all__ = ["FoundQuantity", "QuantityKind", "amount", "lowered", "numbers", "quantities"]
