"""Checks on words: what a user says and what an agent answers.

Detectors of personal data are patterns with check digits where the format has them; they find
what is written plainly, not everything that identifies a person.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agentctl.core.masking import masked
from agentctl.core.text import keyword_pattern
from agentctl.specs.policy import Guardrail

REDACTED = "[redacted]"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DIGITS = re.compile(r"(?<!\w)(?<!\d\.)\+?\d(?:[ -]?\d){9,18}(?!\w|\.\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")


class Hit(NamedTuple):
    """A guardrail that found something."""

    rail: Guardrail
    found: int


class Checked(NamedTuple):
    """A text after the guardrails."""

    text: str
    """With redactions made."""
    hits: tuple[Hit, ...]

    @property
    def blocked(self) -> Guardrail | None:
        """The first rail that blocks."""
        return next((hit.rail for hit in self.hits if hit.rail.action == "block"), None)


Replacer = Callable[[str], tuple[str, int]]


class Rails:
    """The guardrails of one side, compiled."""

    def __init__(self, rails: Iterable[Guardrail]) -> None:
        self._rails = [(rail, _replacer(rail)) for rail in rails]

    def check(self, text: str) -> Checked:
        """Run every rail over `text`; later ones see what earlier ones left."""
        hits = []
        for rail, replace in self._rails:
            redacted, found = replace(text)
            if found:
                hits.append(Hit(rail, found))
                if rail.action == "redact":
                    text = redacted
        return Checked(text, tuple(hits))


def _replacer(rail: Guardrail) -> Replacer:
    if rail.regex is not None:
        pattern = re.compile(rail.regex)
        return lambda text: pattern.subn(REDACTED, text)
    if rail.lexicon is not None:
        words = re.compile(keyword_pattern(rail.lexicon).pattern, re.IGNORECASE)
        return lambda text: words.subn(REDACTED, unicodedata.normalize("NFKC", text))
    return _personal_data if rail.kind == "pii" else _secrets


def _secrets(text: str) -> tuple[str, int]:
    clean = masked(text)
    return clean, int(clean != text)


def _personal_data(text: str) -> tuple[str, int]:
    found = 0

    def replace(_match: re.Match[str]) -> str:
        nonlocal found
        found += 1
        return REDACTED

    def replace_number(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match.group())
        looks_like_phone = match.group().startswith("+") or match.group().startswith("00")
        if looks_like_phone or (13 <= len(digits) <= 19 and _luhn(digits)):
            return replace(match)
        return match.group()

    def replace_iban(match: re.Match[str]) -> str:
        return replace(match) if _iban(match.group().replace(" ", "")) else match.group()

    text = _EMAIL.sub(replace, text)
    text = _IBAN.sub(replace_iban, text)
    return _DIGITS.sub(replace_number, text), found


def _luhn(digits: str) -> bool:
    """Check digit of payment cards (ISO/IEC 7812-1)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban(text: str) -> bool:
    """Check digits of bank accounts (ISO 13616, modulo 97)."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


__all__ = ["REDACTED", "Checked", "Hit", "Rails"]
