"""What an API says of a refused call, as far as a model may see it: so that it can correct itself.

An error body may hold anything, other people's records and stack traces included. Only the parts
on an allow-list are read out of it, at any depth; secrets in them are masked, and they are short.
"""

from collections.abc import Collection, Iterator

from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.masking import masked
from agentctl.core.text import shorten

MOST_CHARACTERS = 400
"""Of all parts together."""
MOST_BODY_BYTES = 64_000
_MOST_ITEMS = 5
_DEEPEST = 4


def problem_text(content: bytes, parts: Collection[str]) -> str:
    """Return the allowed parts of an error body in one line; empty where there are none.

    >>> body = b'{"message": "not valid", "trace": "at x", "errors": [{"field": "age", "v": 7}]}'
    >>> problem_text(body, ["message", "errors", "field"])
    'message: not valid; errors.field: age'

    Args:
        content: The body, as it came.
        parts: The fields that may be shown, wherever they stand.
    """
    try:
        body = parse_strict(content.decode(), max_bytes=MOST_BODY_BYTES)
    except (NotCanonical, UnicodeDecodeError):
        return ""
    found = [f"{name}: {text}" for name, text in _allowed(body, frozenset(parts), "", 0)]
    return shorten(" ".join(str(masked("; ".join(found))).split()), MOST_CHARACTERS)


def _allowed(
    value: Json, parts: frozenset[str], name: str, depth: int
) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if key in parts:
                yield from _allowed(item, parts, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(value, list):
        for item in value[:_MOST_ITEMS]:
            yield from _allowed(item, parts, name, depth + 1)
    elif name and value is not None:
        yield name, str(value)


__all__ = ["MOST_BODY_BYTES", "MOST_CHARACTERS", "problem_text"]
