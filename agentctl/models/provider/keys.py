"""Which key a model's provider needs, and whether the environment holds it.

Keys are named by their variable and never shown. A server of one's own (`base_url`) is never sent
a provider's key: a file in git that names a server must not be able to collect keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentctl.models.pricing import LOCAL_PROVIDERS, price_list_entry

SERVER_KEY = "AGENTCTL_API_KEY"
"""The key for the server at `base_url`, where that server wants one."""

NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "anthropic": (("ANTHROPIC_API_KEY",),),
    "azure": (("AZURE_API_KEY",), ("AZURE_API_BASE",)),
    "cerebras": (("CEREBRAS_API_KEY",),),
    "cohere": (("COHERE_API_KEY",),),
    "deepinfra": (("DEEPINFRA_API_KEY",),),
    "deepseek": (("DEEPSEEK_API_KEY",),),
    "fireworks_ai": (("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),),
    "gemini": (("GEMINI_API_KEY", "GOOGLE_API_KEY"),),
    "groq": (("GROQ_API_KEY",),),
    "mistral": (("MISTRAL_API_KEY",),),
    "openai": (("OPENAI_API_KEY",),),
    "openrouter": (("OPENROUTER_API_KEY",),),
    "perplexity": (("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),),
    "together_ai": (("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),),
    "xai": (("XAI_API_KEY",),),
}
"""Provider -> groups of variables; one of each group must be set, and the first group is the key.
A provider that is not here and not local finds its credentials by itself, or says what it wants."""

_SECRET_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is known about the key for one model."""

    variable: str | None
    """The variable that holds the key, or should."""
    key: str | None = field(default=None, repr=False)
    missing: tuple[str, ...] = ()
    """Variables to set before the provider can be asked."""


def provider_of(model: str) -> str | None:
    """Return the provider that serves `model`; `None` when its name does not tell.

    >>> provider_of("anthropic/claude-haiku-4-5"), provider_of("gpt-5-mini"), provider_of("x/y")
    ('anthropic', 'openai', None)
    """
    prefix, slash, _ = model.partition("/")
    if slash and (prefix in NEEDS or prefix in LOCAL_PROVIDERS):
        return prefix
    entry = price_list_entry(model)
    if entry is None:
        return None
    owner = str(entry["litellm_provider"])
    return prefix if slash and owner.startswith(prefix) else owner


def credentials(model: str, base_url: str | None, env: Mapping[str, str]) -> Credentials:
    """Return the key that a request to `model` carries, or the variables that are missing.

    Args:
        model: `provider/model`.
        base_url: A server of one's own, if the request goes there.
        env: The environment.
    """
    if base_url is not None:
        # litellm wants some key even where the server wants none.
        return Credentials(SERVER_KEY, env.get(SERVER_KEY) or "none")
    groups = NEEDS.get(provider_of(model) or "", ())
    missing = tuple(group[0] for group in groups if not any(env.get(name) for name in group))
    if missing or not groups:
        return Credentials(groups[0][0] if groups else None, missing=missing)
    variable = next(name for name in groups[0] if env.get(name))
    return Credentials(variable, env[variable])


def secrets_in(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of `env` that no message may hold, longest first."""
    found = {
        value
        for name, value in env.items()
        if name.upper().endswith(_SECRET_NAMES) and len(value) >= _SHORTEST_SECRET
    }
    return tuple(sorted(found, key=len, reverse=True))


__all__ = ["NEEDS", "SERVER_KEY", "Credentials", "credentials", "provider_of", "secrets_in"]
