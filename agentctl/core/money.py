"""US dollars as `Decimal`, printed without noise."""

from decimal import Decimal
from typing import Literal

PriceStatus = Literal["priced", "declared", "estimated", "recorded", "unknown"]
"""`declared`: the spec's price; `priced`: litellm's price map; `estimated`: the tokens were
guessed from the text; `recorded`: what a recorded run says it cost; `unknown`: there is no price
for the model."""

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


def exact_money_text(amount: Decimal) -> str:
    """Write dollars with every decimal they have: what was recorded is not rounded.

    >>> exact_money_text(Decimal("0.0000001230"))
    '0.000000123'
    >>> exact_money_text(Decimal("1E+2"))
    '100'
    """
    return f"{amount.normalize():f}"


__all__ = ["PriceStatus", "exact_money_text", "money_text"]
