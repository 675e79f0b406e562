"""US dollars as `Decimal`, printed without noise."""

from decimal import Decimal
from typing import Literal

PriceStatus = Literal["priced", "declared", "estimated", "unknown"]
"""`declared`: the spec's price; `priced`: litellm's price map; `estimated`: the tokens were
guessed from the text; `unknown`: nobody knows the price."""

_MICRO = Decimal("0.000001")


def money_text(amount: Decimal) -> str:
    """Write dollars for JSON and tables: at most six decimals, no exponent, no trailing zeros.

    >>> money_text(Decimal("0.000450"))
    '0.00045'
    >>> money_text(Decimal("120"))
    '120'
    """
    text = str(amount.quantize(_MICRO))
    return text.rstrip("0").rstrip(".") if "." in text else text


__all__ = ["PriceStatus", "money_text"]
