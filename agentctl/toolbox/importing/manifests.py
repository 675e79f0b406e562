"""Write a manifest and its rules as YAML that people edit: stable order, short things short."""

import re
from collections.abc import Iterator, Mapping, Sequence

from agentctl.core.canonical import Json

_WIDTH = 96
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./$=-]*(?: [A-Za-z0-9_./$=-]+)*")
"""Text that YAML reads as text, inside braces too."""
_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"])
"""Text that some reader takes for something else."""


def to_yaml(document: Mapping[str, Json], comments: Sequence[str] = ()) -> str:
    """Return a document as YAML, with comments before it."""
    lines = [f"# {_one_line(comment)}".rstrip() for comment in comments]
    return "\n".join([*lines, *_mapping(document, 0)]) + "\n"


def _mapping(value: Mapping[str, Json], indent: int) -> Iterator[str]:
    for key, item in value.items():
        start = f"{' ' * indent}{_scalar(key)}:"
        flow = _flow(item)
        # Tools stand one below the other, however short they are.
        spread = isinstance(item, list) and any(isinstance(one, dict) for one in item)
        if not spread and (len(start) + len(flow) < _WIDTH or not _nested(item)):
            yield f"{start} {flow}"
        else:
            yield start
            yield from _block(item, indent + 2)


def _block(value: Json, indent: int) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _mapping(value, indent)
        return
    for item in value:
        flow = _flow(item)
        if isinstance(item, dict) and (len(flow) + indent >= _WIDTH or "name" in item):
            first, *rest = _mapping(item, indent + 2)
            yield f"{' ' * indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{' ' * indent}- {flow}"


def _nested(value: Json) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _flow(value: Json) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _BARE.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char == "\n":
        return "\\n"
    if char.isprintable():
        return char
    code = ord(char)
    if code < 1 << 8:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


__all__ = ["to_yaml"]
