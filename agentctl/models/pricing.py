"""What a model's tokens cost: the spec's price, the project's, else litellm's price list.

The list is a JSON file inside the litellm package; it is read as a file, because importing litellm
takes seconds. Nothing here guesses: a model that nobody priced is `unknown`, never free.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agentctl.core.messages import Usage
from agentctl.core.money import PriceStatus, money_text
from agentctl.specs.shapes.agent import Price

LOCAL_PROVIDERS = frozenset(
    {"docker_model_runner", "hosted_vllm", "lemonade", "llamafile", "lm_studio", "ollama"}
    | {"ollama_chat", "oobabooga", "triton", "xinference"}
)
"""Servers of one's own: they need no key, and a listed price of nothing is meant."""

_LIST = "model_prices_and_context_window_backup.json"
_PER_MTOK = 1_000_000
_decode = json.JSONDecoder(parse_float=Decimal).raw_decode


def price_of(
    model: str, declared: Price | None, project_prices: Mapping[str, Price]
) -> tuple[Price | None, PriceStatus]:
    """Return what `model` costs and who says so.

    Args:
        model: `provider/model`.
        declared: The price in the agent's spec; it wins.
        project_prices: Prices of `agentctl.yaml`, by model name; they come next.

    Returns:
        A price with `declared` or `priced`, or `(None, "unknown")`.
    """
    price = declared or project_prices.get(model)
    if price is not None:
        return price, "declared"
    price = _listed_price(model)
    return (price, "priced") if price is not None else (None, "unknown")


def cost(usage: Usage, price: Price) -> Decimal:
    """Return the dollars for one model turn.

    >>> cost(Usage(1000, 100), Price(input_per_mtok="0.25", output_per_mtok="2"))
    Decimal('0.00045')
    """
    input_tokens, output_tokens = usage.input_tokens, usage.output_tokens
    dollars = input_tokens * price.input_per_mtok + output_tokens * price.output_per_mtok
    if usage.cached_tokens and price.cached_input_per_mtok is not None:
        dollars -= usage.cached_tokens * (price.input_per_mtok - price.cached_input_per_mtok)
    return dollars / _PER_MTOK


@lru_cache(maxsize=256)
def price_list_entry(model: str) -> Mapping[str, Any] | None:
    """Return the entry of litellm's list for `model`, or `None`.

    A name is looked up whole, then without its provider where the entry is of that provider.
    """
    entry = _entry(model)
    if entry is not None:
        return entry
    provider, slash, rest = model.partition("/")
    entry = _entry(rest) if slash else None
    if entry is None:
        return None
    owner = str(entry.get("litellm_provider", ""))
    # Some providers have several families: `bedrock_converse`, `vertex_ai-language-models`.
    same = owner == provider or owner.startswith((f"{provider}-", f"{provider}_"))
    return entry if same else None


def _listed_price(model: str) -> Price | None:
    entry = price_list_entry(model)
    if entry is None:
        return None
    input_cost, output_cost = (entry.get(f"{side}_cost_per_token") for side in ("input", "output"))
    if not isinstance(input_cost, Decimal | int) or not isinstance(output_cost, Decimal | int):
        return None
    # Elsewhere a price of nothing means a preview or a plan, and would make every budget endless.
    if not input_cost and not output_cost and entry.get("litellm_provider") not in LOCAL_PROVIDERS:
        return None
    cached = entry.get("cache_read_input_token_cost")
    return Price(
        input_per_mtok=_per_mtok(input_cost),
        output_per_mtok=_per_mtok(output_cost),
        cached_input_per_mtok=_per_mtok(cached) if isinstance(cached, Decimal | int) else None,
    )


def _per_mtok(per_token: Decimal | int) -> Decimal:
    return Decimal(money_text(Decimal(per_token) * _PER_MTOK))


def _entry(model: str) -> Mapping[str, Any] | None:
    """Decode one entry of the list: decoding all 4,000 would cost more than a replayed eval."""
    text = _list_text()
    key = json.dumps(model)
    start = text.find(f"\n    {key}: {{")
    if start < 0:
        return None
    found, _ = _decode(text, text.index("{", start + len(key)))
    return found if isinstance(found, dict) and "litellm_provider" in found else None


@lru_cache(maxsize=1)
def _list_text() -> str:
    spec = find_spec("litellm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            return (Path(folder) / _LIST).read_text(encoding="utf-8")
        except OSError:
            continue
    return ""


__all__ = ["LOCAL_PROVIDERS", "cost", "price_list_entry", "price_of"]
