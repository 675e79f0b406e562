"""Take the values of arguments out of what a database says: it quotes the ones it stumbles over."""

import re
from collections.abc import Iterator, Mapping

from agentctl.core.canonical import Json, canonical_text

_HIDDEN = "***"
_QUOTED = re.compile(r"""(["'])(.+?)\1""")


def without_arguments(message: str, args: Mapping[str, Json]) -> str:
    """Return what a database said without any value of an argument, or a quoted part of one."""
    values = [text for text in _texts(args) if text.strip()]
    for text in sorted(values, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", _HIDDEN, message)

    def hidden(quoted: re.Match[str]) -> str:
        inside = quoted[2].casefold()
        known = any(inside in text.casefold() for text in values)
        return f"{quoted[1]}{_HIDDEN}{quoted[1]}" if known else quoted[0]

    return _QUOTED.sub(hidden, message)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value is not None:
        yield value if isinstance(value, str) else canonical_text(value)


__all__ = ["without_arguments"]
