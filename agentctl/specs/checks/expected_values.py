"""Can an expected value be met? Its matchers, and the names in it, held against its schema.

A schema says where a mapping can stand. Where none can, a mapping has to be a matcher; where its
fields are known, so is every name that leads nowhere. Without a schema only what other tools call a
matcher is taken for one: `{greater: 5}`, but not `{note: late}`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.values import CheckedPlace, unknown_name
from agentctl.specs.language.matchers import (
    HOLD_MATCHERS,
    MATCHERS,
    matcher_name,
    matcher_problems,
    meant_matcher,
)
from agentctl.specs.language.schemas import path_text
from agentctl.specs.reading.yaml import Source

TEXT: Mapping[str, Any] = {"type": "string"}
"""The schema of what is always text."""
_OPEN = frozenset(
    ("patternProperties", "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "not")
)
"""Keywords by which a schema may allow for fields that `properties` does not name."""


def expected_field_problems(
    expected: Mapping[str, Json],
    source: Source,
    here: CheckedPlace,
    schema: Mapping[str, Any],
    what: str = "field",
    path: CheckedPlace = (),
) -> Iterator[Diagnostic]:
    """Yield what is wrong with expected fields; none of their names is a matcher.

    Args:
        expected: A value or matcher by name.
        source: The file.
        here: Where the fields stand in it.
        schema: JSON Schema of the object that has them.
        what: What a field is called.
        path: Where they stand below what is expected as a whole, for messages.
    """
    known = _fields(schema)
    for name, value in expected.items():
        if _closed(schema) and name not in known:
            yield unknown_name(what, name, known, source.key_at(*here, name))
        else:
            yield from expected_value_problems(
                value, source, (*here, name), known.get(name, {}), (*path, name)
            )


def expected_value_problems(
    expected: Json,
    source: Source,
    here: CheckedPlace,
    schema: Mapping[str, Any] = {},
    path: CheckedPlace = (),
) -> Iterator[Diagnostic]:
    """Yield what is wrong with one expected value.

    Args:
        expected: A value, with matchers anywhere in it.
        source: The file.
        here: Where it stands in it.
        schema: JSON Schema of what is compared with it; empty = anything.
        path: Where it stands below what is expected as a whole, for messages.
    """
    name = matcher_name(expected)
    if name is not None:
        fault = next(matcher_problems(expected), None)
        if fault is not None:
            yield _wrong(fault[1], source, (*here, *fault[0]), (*path, *fault[0]))
        elif name in HOLD_MATCHERS:
            yield from _held(name, expected[name], source, (*here, name), schema, (*path, name))
    elif isinstance(expected, dict):
        (first, *more) = expected or ("",)
        meant = meant_matcher(first) if not more else None
        if not _may_be(schema, "object"):
            message, hint = _no_mapping(first, single=not more)
            yield _wrong(message, source, (*here, first), path, hint)
        elif meant is not None and first not in _fields(schema):
            hint = f"did you mean `{meant}`? If not, write {{equals: {{{first}: ...}}}}"
            yield _wrong(f"no matcher `{first}`", source, (*here, first), path, hint)
        else:
            yield from expected_field_problems(expected, source, here, schema, path=path)
    elif isinstance(expected, list):
        for index, item in enumerate(expected):
            part = (*path, index)
            yield from expected_value_problems(item, source, (*here, index), _items(schema), part)


def _held(
    name: str,
    held: Json,
    source: Source,
    here: CheckedPlace,
    schema: Mapping[str, Any],
    path: CheckedPlace,
) -> Iterator[Diagnostic]:
    if name == "contains":
        yield from expected_value_problems(held, source, here, _items(schema), path)
        return
    parts = [((), held)] if name == "not" else [((n,), part) for n, part in enumerate(held)]
    for at, part in parts:
        yield from expected_value_problems(part, source, (*here, *at), schema, (*path, *at))


def _no_mapping(first: str, *, single: bool) -> tuple[str, str | None]:
    """Return message and hint for a mapping where the schema allows none."""
    if not single:
        return "a mapping is expected where the schema allows none", None
    meant = meant_matcher(first)
    hint = f"did you mean `{meant}`?" if meant else did_you_mean(first, MATCHERS)
    return f"no matcher `{first}`", hint or f"there are: {', '.join(MATCHERS)}"


def _wrong(
    message: str, source: Source, here: CheckedPlace, path: CheckedPlace, hint: str | None = None
) -> Diagnostic:
    where = f"{path_text(path)}: " if path else ""
    return Diagnostic("bad-matcher", f"{where}{message}", source.key_at(*here), hint)


def _may_be(schema: Mapping[str, Any], kind: str) -> bool:
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return any(isinstance(value, dict) for value in values)
    types = schema.get("type", kind)
    return kind == types or (isinstance(types, list) and kind in types)


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = schema.get("properties")
    found = fields if isinstance(fields, dict) else {}
    return {name: part if isinstance(part, dict) else {} for name, part in found.items()}


def _closed(schema: Mapping[str, Any]) -> bool:
    """Whether an object has no other fields than those its schema names."""
    more = schema.get("additionalProperties")
    if more is False:
        return not schema.keys() & _OPEN
    return more is None and bool(_fields(schema)) and not schema.keys() & _OPEN


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    items = schema.get("items")
    return items if isinstance(items, dict) else {}


__all__ = ["TEXT", "expected_field_problems", "expected_value_problems"]
