"""US dollars as `Decimal`, priced from tokens, printed without noise."""

from decimal import Decimal
from typing import Literal

PriceStatus = Literal["priced", "declared", "estimated", "unknown"]
"""`declared`: the spec's price; `priced`: litellm's price map; `estimated`: the tokens were
guessed from the text; `unknown`: nobody knows the price."""

_PER = Decimal(1_000_000)
_MICRO = Decimal("0.000001")


def token_cost(
    input_tokens: int, output_tokens: int, input_per_mtok: Decimal, output_per_mtok: Decimal
) -> Decimal:
    """Return the dollars for one model call; prices are dollars per million tokens.

    >>> token_cost(1000, 100, Decimal("0.25"), Decimal("2.0"))
    Decimal('0.00045')
    """
    return (input_tokens * input_per_mtok + output_tokens * output_per_mtok) / _PER


def money_text(amount: Decimal) -> str:
    """Write dollars for JSON and tables: at most six decimals, no exponent, no trailing zeros.

    >>> money_text(Decimal("0.000450"))
    '0.00045'
    >>> money_text(Decimal("120"))
    '120'
    """
    text = str(amount.quantize(_MICRO))
    return text.rstrip("0").rstrip(".") if "." in text else text


__all__ = ["PriceStatus", "money_text", "token_cost"]
