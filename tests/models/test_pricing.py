"""Prices and keys: who says what a model costs, and which variable opens it."""

import json
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from agentctl.core.messages import Usage
from agentctl.models.pricing import cost, price_list_entry, price_of
from agentctl.models.provider.keys import SERVER_KEY, credentials, provider_of, secrets_in
from agentctl.specs.shapes.agent import Price

DEAR = Price(input_per_mtok=Decimal(9), output_per_mtok=Decimal(90))
CHEAP = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(2))


def test_the_specs_price_wins_over_the_projects_and_the_list():
    """Declared first, then the project's prices, then litellm's list."""
    model = "openai/gpt-5-mini"
    assert price_of(model, DEAR, {model: CHEAP}) == (DEAR, "declared")
    assert price_of(model, None, {model: CHEAP}) == (CHEAP, "declared")
    price, status = price_of(model, None, {"openai/other": CHEAP})
    assert status == "priced"
    assert price is not None
    assert Decimal(0) < price.input_per_mtok < price.output_per_mtok < Decimal(100)


def test_input_from_the_cache_is_cheaper_where_somebody_says_so():
    """At the declared price or the list's; at the full price where neither has one."""
    turn = Usage(1_000_000, 0, cached_tokens=400_000)
    assert cost(turn, CHEAP) == Decimal(1)
    declared = CHEAP.model_copy(update={"cached_input_per_mtok": Decimal("0.1")})
    assert cost(turn, declared) == Decimal("0.64")
    listed_price, status = price_of("openai/gpt-5-mini", None, {})
    assert status == "priced"
    assert listed_price is not None
    assert listed_price.cached_input_per_mtok is not None
    assert listed_price.cached_input_per_mtok < listed_price.input_per_mtok
    assert cost(turn, listed_price) < cost(Usage(1_000_000, 0), listed_price)


def test_nobody_priced_it():
    """A model without a price is unknown, never free."""
    assert price_of("openai/no-such-model", None, {}) == (None, "unknown")
    assert price_of("scripted", None, {}) == (None, "unknown")
    assert price_of("sample_spec", None, {}) == (None, "unknown")


def test_a_name_is_not_priced_as_another_providers_model():
    """The price of OpenAI's model says nothing about a model of that name elsewhere."""
    assert price_of("groq/gpt-5-mini", None, {}) == (None, "unknown")


def test_the_list_is_read_as_the_library_reads_it():
    """Entries cut out of the text are the entries of the whole list; prices are exact decimals."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "model_prices_and_context_window_backup.json"
    whole = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    names = [name for name, entry in whole.items() if "litellm_provider" in entry]
    assert len(names) > 1000
    for name in names[:: len(names) // 150]:
        assert price_list_entry(name) == whole[name], name
    price, _ = price_of("gpt-5-mini", None, {})
    assert price is not None
    tokens = whole["gpt-5-mini"]["input_cost_per_token"]
    assert price.input_per_mtok == tokens * 1_000_000


def test_a_listed_price_of_nothing_is_believed_of_ones_own_server_only():
    """A preview that is free today would make a budget endless."""
    free = Price(input_per_mtok=Decimal(0), output_per_mtok=Decimal(0))
    assert price_of("ollama/llama3", None, {}) == (free, "priced")
    preview = "gemini/gemini-exp-1206"
    entry = price_list_entry(preview)
    if entry is None or entry["output_cost_per_token"]:
        pytest.skip("the installed price list has no such preview any more")
    assert price_of(preview, None, {}) == (None, "unknown")


def test_cost_is_exact():
    """Money is counted in decimals."""
    price = Price(input_per_mtok=Decimal("0.1"), output_per_mtok=Decimal("0.2"))
    assert cost(Usage(3, 3), price) == Decimal("0.0000009")


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("openai/gpt-5-mini", ("OPENAI_API_KEY",)),
        ("gpt-5-mini", ("OPENAI_API_KEY",)),
        ("anthropic/claude-haiku-4-5", ("ANTHROPIC_API_KEY",)),
        ("gemini/gemini-2.5-flash", ("GEMINI_API_KEY",)),
        ("azure/mine", ("AZURE_API_KEY", "AZURE_API_BASE")),
        ("openrouter/openai/gpt-5-mini", ("OPENROUTER_API_KEY",)),
        ("ollama_chat/llama3", ()),
        ("bedrock/some-model", ()),
    ],
)
def test_each_provider_has_its_variable(model: str, missing: tuple[str, ...]):
    """What is missing is named by its variable; an empty value counts as missing."""
    assert credentials(model, None, {}).missing == missing
    assert credentials(model, None, dict.fromkeys(missing, "")).missing == missing
    found = credentials(model, None, dict.fromkeys(missing, "value"))
    assert (found.missing, found.key) == ((), "value" if missing else None)


def test_either_of_two_variables_will_do():
    """Gemini's key may stand under Google's name."""
    found = credentials("gemini/gemini-2.5-flash", None, {"GOOGLE_API_KEY": "value"})
    assert (found.variable, found.key, found.missing) == ("GOOGLE_API_KEY", "value", ())


def test_a_server_of_ones_own_needs_no_key():
    """With `base_url` only a variable of our own is sent, or a word that is no key."""
    env = {"OPENAI_API_KEY": "secret"}
    assert credentials("openai/x", "http://127.0.0.1/v1", env).key == "none"
    env[SERVER_KEY] = "mine"
    assert credentials("openai/x", "http://127.0.0.1/v1", env).key == "mine"


def test_a_key_does_not_show():
    """Credentials printed by accident do not hold the key."""
    assert "hidden-value" not in repr(
        credentials("openai/x", None, {"OPENAI_API_KEY": "hidden-value"})
    )


def test_secrets_are_found_by_their_names():
    """What must be masked is the value of any key, token, secret or password."""
    env = {"A_KEY": "12345678", "B_TOKEN": "123456789", "HOME": "/home/someone", "C_KEY": "short"}
    assert secrets_in(env) == ("123456789", "12345678")


def test_the_provider_of_a_name():
    """The provider is the prefix where it is one, else what the list says."""
    assert provider_of("hosted_vllm/meta-llama/x") == "hosted_vllm"
    assert provider_of("meta-llama/Llama-3.1-8B") is None
    assert provider_of("no-such-model") is None
