"""What a model costs: the spec's own price, the project's, else litellm's price map, else unknown.

The map is read as the JSON file that ships inside litellm: importing litellm for a number would
cost seconds.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agentctl.core.money import PriceStatus
from agentctl.specs.agent import Price

PRICE_MAP = "model_prices_and_context_window_backup.json"
_MILLION = Decimal(1_000_000)


def price_of(
    model: str, declared: Price | None, project: Mapping[str, Price]
) -> tuple[Price | None, PriceStatus]:
    """Return the price of a model and how it is known.

    Args:
        model: As litellm names it: `provider/model`.
        declared: The price in the agent's spec.
        project: Prices of `agentctl.yaml` by model.
    """
    own = declared or project.get(model)
    if own is not None:
        return own, "declared"
    entry = _price_map().get(model) or _price_map().get(model.partition("/")[2])
    if entry is None or "input_cost_per_token" not in entry:
        return None, "unknown"
    return (
        Price(
            input_per_mtok=_per_million(entry["input_cost_per_token"]),
            output_per_mtok=_per_million(entry.get("output_cost_per_token", 0)),
        ),
        "priced",
    )


def _per_million(per_token: float) -> Decimal:
    return Decimal(str(per_token)) * _MILLION


@lru_cache(maxsize=1)
def _price_map() -> dict[str, Any]:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    try:
        found: dict[str, Any] = json.loads((Path(spec.origin).parent / PRICE_MAP).read_text())
    except (OSError, ValueError):
        return {}
    return found


__all__ = ["PRICE_MAP", "price_of"]
