"""Statements a person looks at before a customer relies on them: prices and contract terms.

It finds the words, not the meaning: a price asked about and a price promised look the same.
"""

import re
from collections.abc import Iterator
from functools import cache

from agentctl.guardrails.personal_data import Span
from agentctl.guardrails.vocabulary import words_for
from agentctl.guardrails.words import Words

_MONEY = r"(?:[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY|euros?|dollars?|pounds?|Euro|Dollar)\b)"
_AMOUNT = re.compile(
    rf"{_MONEY}\s?\d[\d.,' ]{{0,20}}|(?<!\d)\d[\d.,' ]{{0,20}}\s?{_MONEY}"
    r"|(?<!\d)\d{1,9}(?:[.,]\d{1,9})?\s?%"
)


@cache
def _words(kind: str) -> Words:
    return Words(words_for("review", kind))


def prices(text: str) -> Iterator[Span]:
    """Find words about prices, amounts of money and percentages."""
    yield from _words("prices").spans(text)
    yield from (match.span() for match in _AMOUNT.finditer(text))


def contract_terms(text: str) -> Iterator[Span]:
    """Find words about contracts, warranties and liability."""
    yield from _words("contract").spans(text)


__all__ = ["contract_terms", "prices"]
