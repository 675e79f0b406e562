"""Statements a person looks at before a customer relies on them: prices and contract terms.

Data in English, German, French, Spanish and Italian. It finds the words, not the meaning: a price
asked about and a price promised look the same.
"""

import re
from collections.abc import Iterator

from agentctl.guardrails.personal_data import Span
from agentctl.guardrails.words import Words

_MONEY = r"(?:[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY|euros?|dollars?|pounds?|Euro|Dollar)\b)"
_AMOUNT = re.compile(
    rf"{_MONEY}\s?\d[\d.,' ]{{0,20}}|(?<!\d)\d[\d.,' ]{{0,20}}\s?{_MONEY}"
    r"|(?<!\d)\d{1,9}(?:[.,]\d{1,9})?\s?%"
)

PRICE_WORDS = (
    "price", "prices", "discount", "discounts", "fee", "fees", "surcharge", "free of charge",
    "preis", "preise", "rabatt", "gebühr", "gebühren", "aufpreis", "kostenlos", "kostenfrei",
    "prix", "remise", "réduction", "frais", "gratuit", "gratuite", "gratuitement",
    "precio", "precios", "descuento", "tarifa", "recargo", "gratis",
    "prezzo", "prezzi", "sconto", "tariffa", "supplemento", "gratuito", "gratuita",
)  # fmt: skip
CONTRACT_WORDS = (
    "contract", "contractual", "warranty", "guarantee", "guaranteed", "liability", "liable",
    "legally binding", "terms and conditions", "notice period", "penalty", "indemnity",
    "vertrag", "vertraglich", "gewährleistung", "garantie", "garantiert", "haftung", "haften",
    "rechtsverbindlich", "verbindlich", "kündigungsfrist", "vertragsstrafe",
    "contrat", "contractuel", "garanti", "responsabilité", "juridiquement contraignant",
    "préavis", "pénalité",
    "contrato", "contractual", "garantía", "garantizado", "responsabilidad",
    "legalmente vinculante", "preaviso", "penalización",
    "contratto", "contrattuale", "garanzia", "garantito", "responsabilità", "vincolante",
    "preavviso", "penale",
)  # fmt: skip

_PRICES = Words(PRICE_WORDS)
_CONTRACT = Words(CONTRACT_WORDS)


def prices(text: str) -> Iterator[Span]:
    """Find words about prices, amounts of money and percentages."""
    yield from _PRICES.spans(text)
    yield from (match.span() for match in _AMOUNT.finditer(text))


def contract_terms(text: str) -> Iterator[Span]:
    """Find words about contracts, warranties and liability."""
    yield from _CONTRACT.spans(text)


__all__ = ["CONTRACT_WORDS", "PRICE_WORDS", "contract_terms", "prices"]
