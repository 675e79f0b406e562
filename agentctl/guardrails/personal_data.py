"""Find personal data that is written plainly: mail addresses, numbers of phones, accounts, cards.

Formats with check digits are checked, so that order numbers stay. What identifies a person by its
meaning, such as a name or an address, is not found.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""A place in a text: its first character and the one after its last."""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DIGITS = re.compile(r"(?<![\w+-])(?<!\d[.,])\d(?:[ -]?\d){12,}(?!\w|[.,]\d)")
_CARD_SHAPES = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3)})
"""How the digits of a card are grouped; a card written in one group has 13 to 19."""
_CARD_LENGTHS = range(13, 20)
_IBAN = re.compile(r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w+./-])(?<!\d )(?:"
    r"(?:\+|00)[1-9](?:[ ./()-]{0,2}\d){6,14}"
    r"|\(?0[1-9]\d{0,3}(?:\) ?|[ /-])\d(?:[ /-]?\d){4,9}"
    r"|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    r")(?![\w]|[.,-]\d)"
)
_FEWEST_OF_PHONE = 8
_CARD_STARTS = "23456"
_IBAN_LENGTHS = range(15, 35)


def personal_data(text: str) -> Iterator[Span]:
    """Find personal data in `text`; spans may overlap and come in no order.

    >>> [("a@b.example 4111 1111 1111 1111"[s:e]) for s, e in
    ...  personal_data("a@b.example 4111 1111 1111 1111")]
    ['a@b.example', '4111 1111 1111 1111']
    """
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))
    for match in _IBAN.finditer(text):
        end = _iban_end(match)
        if end is not None:
            yield match.start(), end
    for match in _DIGITS.finditer(text):
        yield from _cards(match)
    yield from (match.span() for match in _SSN.finditer(text))
    for match in _PHONE.finditer(text):
        if len(_digits(match)) >= _FEWEST_OF_PHONE:
            yield match.span()


def _digits(match: re.Match[str]) -> str:
    return re.sub(r"\D", "", match.group())


def _cards(match: re.Match[str]) -> Iterator[Span]:
    """Find cards in a run of digits: all of it, or groups of it between other numbers."""
    if _is_card(_digits(match)):
        yield match.span()
        return
    groups = list(re.finditer(r"\d+", match.group()))
    for first, group in enumerate(groups):
        for last in range(first, min(first + 5, len(groups))):
            chosen = [part.group() for part in groups[first : last + 1]]
            shape = tuple(map(len, chosen))
            if (len(shape) == 1 or shape in _CARD_SHAPES) and _is_card("".join(chosen)):
                yield match.start() + group.start(), match.start() + groups[last].end()


def _is_card(digits: str) -> bool:
    return len(digits) in _CARD_LENGTHS and digits[0] in _CARD_STARTS and _luhn(digits)


def _luhn(digits: str) -> bool:
    """Check digit of payment cards (ISO/IEC 7812-1)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban_end(match: re.Match[str]) -> int | None:
    """Return where the account number ends: words after it may look like a part of it."""
    words = list(re.finditer(r"\S+", match.group()))
    for last in range(len(words), 0, -1):
        number = "".join(word.group() for word in words[:last])
        if len(number) in _IBAN_LENGTHS and _iban(number):
            return match.start() + words[last - 1].end()
    return None


def _iban(text: str) -> bool:
    """Check digits of bank accounts (ISO 13616, modulo 97)."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


__all__ = ["Span", "personal_data"]
