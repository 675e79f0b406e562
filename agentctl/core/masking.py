"""Secrets never reach a trace: values under telling names and well-known shapes are masked.

So are those that are known, because a live run was given them.

One scan of the text decides whether there is anything to look at; nearly always there is not.
"""

import re
from collections.abc import Iterable, Mapping

from agentctl.core.canonical import Json, NotCanonical, canonical_text

MASK = "[secret]"

_SHAPES = (
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}=*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
)
_SHAPE = re.compile("|".join(_SHAPES))
_NAME = re.compile(
    r"(?i)^(?:.*[_-])?(?:password|passwd|passphrase|secret|client_secret|api[_-]?key"
    r"|access_?token|refresh_?token|id_?token|auth_?token|token|authorization|private_?key"
    r"|credentials?)$"
)
_GITHUB = re.compile("gh[pousr]_")
_TELLING = (
    ("j", ("eyj",)),
    ("x", ("xox",)),
    ("z", ("aiza", 'authorization"')),
    ("v", ("private",)),
    ("w", ("passw",)),
    ("k", ("sk-", "akia", 'token"')),
    ("api", ("api_key", "apikey", "api-key")),
    ("asia", ("asia",)),
    ("bearer ", ("bearer ",)),
    ("passphrase", ("passphrase",)),
    ("secret", ("secret",)),
    ("credential", ("credential",)),
)
"""Every secret that is masked has one of the parts in its JSON text, in whatever case; before them
what stands in all of them, because one letter is found ten times faster than three."""


def suspicious(text: str) -> bool:
    """Whether a JSON text may hold a secret; if not, masking it changes nothing."""
    lowered = text.lower()
    for mark, parts in _TELLING:
        if mark in lowered:
            for part in parts:
                if part in lowered:
                    return True
    # Five texts to look for, and one place to look where there is any: `rights`, `through`.
    return "gh" in lowered and _GITHUB.search(lowered) is not None


def masked(value: Json) -> Json:
    """Return `value` with secrets replaced by a mark.

    >>> masked({"api_key": "abc", "note": "a token of thanks", "max_tokens": 5})
    {'api_key': '[secret]', 'note': 'a token of thanks', 'max_tokens': 5}
    """
    if isinstance(value, str):
        return _SHAPE.sub(MASK, value)
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(item, str) and _NAME.match(key) else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def without_secrets(body: dict[str, Json]) -> dict[str, Json]:
    """Return an object as it may be shown and kept; itself where it holds no secret."""
    try:
        clean = not suspicious(canonical_text(body))
    except NotCanonical:
        # Whoever writes it refuses it, and says why.
        clean = False
    return body if clean else dict(masked(body))


def secret_field(fields: Mapping[str, Json]) -> str | None:
    """Return the name of the first field that holds a secret, or the mark of one.

    >>> secret_field({"order": "o_1", "api_key": "abc"})
    'api_key'
    """
    for name, value in fields.items():
        clean = canonical_text(masked({name: value}))
        if MASK in clean or clean != canonical_text({name: value}):
            return name
    return None


def without(value: Json, secrets: Iterable[str]) -> Json:
    """Return `value` with every occurrence of known secrets replaced by a mark, in keys too.

    >>> without({"said": ["your key is k-123456"]}, {"k-123456"})
    {'said': ['your key is [secret]']}
    """
    longest_first = sorted(secrets, key=len, reverse=True)
    if not longest_first:
        return value
    return _without(value, re.compile("|".join(re.escape(secret) for secret in longest_first)))


def _without(value: Json, secrets: re.Pattern[str]) -> Json:
    if isinstance(value, str):
        return secrets.sub(MASK, value)
    if isinstance(value, dict):
        return {secrets.sub(MASK, key): _without(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secrets) for item in value]
    return value


__all__ = ["MASK", "masked", "secret_field", "suspicious", "without", "without_secrets"]
