"""Write arguments into a path, a query, a header or a form, as OpenAPI's parameter styles say.

What the styles leave undefined is written as most servers read it: an object inside an object is
`a[b][c]=` in the style `deepObject`, and JSON text in every other.
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from agentctl.core.canonical import Json, canonical_text

_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


class ParameterForm(NamedTuple):
    """How one argument is written."""

    name: str
    """What the system calls it."""
    style: str
    explode: bool


def query_pairs(form: ParameterForm, value: Json) -> list[str]:
    """Return the `name=value` pairs of one argument, escaped; none for null and an empty list.

    >>> query_pairs(ParameterForm("tags", "form", True), ["a", "b c"])
    ['tags=a', 'tags=b+c']
    >>> query_pairs(ParameterForm("tags", "form", False), ["a", "b,c"])
    ['tags=a,b%2Cc']
    """
    return [f"{_escaped(name)}={text}" for name, text in _pairs(form, value)]


def form_fields(form: ParameterForm, value: Json) -> list[tuple[str, str]]:
    """Return the parts of a multipart form for one argument; an object is JSON text."""
    if form.style == "json" or isinstance(value, dict):
        return [(form.name, _text(value))]
    items = value if isinstance(value, list) and form.explode else [value]
    return [(form.name, _text(item)) for item in items if item is not None]


def path_segment(form: ParameterForm, value: Json) -> str:
    """Return what stands for one argument in a path, escaped.

    >>> path_segment(ParameterForm("id", "matrix", True), ["a", "b"])
    ';id=a;id=b'
    """
    name, style, explode = form
    if style == "json":
        return quote(canonical_text(value), safe="")
    keyed = isinstance(value, dict)
    items = list(_items(value, explode=explode))
    if style == "simple":
        return ",".join(items)
    if style == "label":
        return "." + ("." if explode else ",").join(items)
    if explode and isinstance(value, dict | list):
        return "".join(f";{item}" if keyed else f";{quote(name, safe='')}={item}" for item in items)
    return f";{quote(name, safe='')}={','.join(items)}"


def header_value(form: ParameterForm, value: Json) -> str:
    """Return what stands for one argument in a header."""
    if form.style == "json" or not isinstance(value, dict | list):
        return _text(value)
    if isinstance(value, list):
        return ",".join(map(_text, value))
    between = "=" if form.explode else ","
    return ",".join(f"{key}{between}{_text(item)}" for key, item in value.items())


def _pairs(form: ParameterForm, value: Json) -> Iterator[tuple[str, str]]:
    """Yield names as they are, and values escaped."""
    name, style, explode = form
    if value is None:
        return
    if style == "json" or not isinstance(value, dict | list):
        yield name, _escaped(_text(value))
    elif style == "deepObject":
        yield from _deep(name, value)
    elif not explode:
        items = list(_items(value, explode=False))
        if items:
            yield name, _DELIMITERS.get(style, ",").join(items)
    elif isinstance(value, list):
        yield from ((name, _escaped(_text(item))) for item in value if item is not None)
    else:
        yield from ((key, _escaped(_text(v))) for key, v in value.items() if v is not None)


def _deep(name: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in entries:
            yield from _deep(f"{name}[{key}]", item)
    elif value is not None:
        yield name, _escaped(_text(value))


def _items(value: Json, *, explode: bool) -> Iterator[str]:
    """Yield the items of a value, escaped: of an object `k=v`, or key and value by turns."""
    if isinstance(value, dict):
        for key, item in value.items():
            if explode:
                yield f"{quote(key, safe='')}={quote(_text(item), safe='')}"
            else:
                yield from (quote(key, safe=""), quote(_text(item), safe=""))
    else:
        for item in value if isinstance(value, list) else [value]:
            yield quote(_text(item), safe="")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else canonical_text(value)


def _escaped(text: str) -> str:
    return quote_plus(text)


__all__ = ["ParameterForm", "form_fields", "header_value", "path_segment", "query_pairs"]
