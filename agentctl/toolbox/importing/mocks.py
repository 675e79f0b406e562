"""Draft the mock of an imported tool from the example or the schema of what it returns.

A draft makes an import usable offline at once: one reply to any arguments. It says nothing about
the state of a system; replace it with operations on tables where a scenario depends on them.
"""

from collections.abc import Mapping
from typing import Any

from agentctl.core.canonical import Json, NotCanonical, canonical_text, check_plain
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.toolbox.recording import literal

MOST_EXAMPLE = 4_000
"""Characters of an example, as JSON; a longer one is replaced by one made of the schema."""
_DEEPEST = 12
_FULL_DEPTH = 3
"""Down to here optional fields are written too."""
_MOST_ITEMS = 20
_MOST_PARTS = 1_000
_FORMATS: Mapping[str, str] = {
    "date": "2026-01-15", "date-time": "2026-01-15T09:00:00Z", "time": "09:00:00Z",
    "duration": "PT1H", "email": "ana@example.org", "hostname": "example.org",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uri": "https://example.org/",
    "uri-reference": "/", "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
_NO_VALUE = object()


def drafted_mock(schema: dict[str, Any] | None, *examples: Json) -> dict[str, Json] | None:
    """Return a mock that answers every call with one value that fits the schema.

    Args:
        schema: Of what the tool returns (`outputSchema`); left out = it returns text.
        examples: From the document, the preferred one first; one that does not fit is skipped.

    Returns:
        A `mock:`; nothing where no value could be found that fits.
    """
    try:
        fits = Schema(schema).ok if schema is not None else None
    except SchemaProblem:
        return None
    made = example_of(schema) if schema is not None else "ok"
    for value in (*examples, made):
        if _is_short(value) and (fits is None or fits(value)):
            try:
                return {"replies": [{"return": literal(value)}]}
            except ValueError:
                continue
    return None


def example_of(schema: Any) -> Json:
    """Return a small value for a schema; it fits most schemas, and the caller checks it.

    >>> example_of({"type": "object", "required": ["id"], "properties": {"id": {"minimum": 3}}})
    {'id': 3}
    """
    return _Drafter(schema).value(schema, 0)


class _Drafter:
    """Makes a value of a schema, within a number of parts: a schema may be hostile."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST_PARTS

    def value(self, schema: Any, depth: int) -> Json:
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            return None
        said = _said(schema)
        if said is not _NO_VALUE:
            return said
        target = _target(schema.get("$ref"), self._root)
        if target is not None:
            return self.value(target, depth + 1)
        for choice in ("oneOf", "anyOf"):
            if schema.get(choice):
                rest = {key: value for key, value in schema.items() if key != choice}
                first = schema[choice][0]
                return self.value({**rest, **(first if isinstance(first, dict) else {})}, depth + 1)
        if schema.get("allOf"):
            return self._joined(schema, depth)
        return self._of_type(schema, depth)

    def _joined(self, schema: Mapping[str, Any], depth: int) -> Json:
        found: dict[str, Json] = {}
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        for part in (*schema["allOf"], rest):
            value = self.value(part, depth + 1)
            if isinstance(value, dict):
                found |= value
            elif value is not None and part is not rest:
                return value
        return found

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Json:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        match kind or _implied(schema):
            case "object":
                properties = schema.get("properties") or {}
                # What is not required is left out where things get deep.
                wanted = properties if depth < _FULL_DEPTH else schema.get("required") or ()
                return {k: self.value(properties[k], depth + 1) for k in wanted if k in properties}
            case "array":
                if schema.get("prefixItems"):
                    return [self.value(item, depth + 1) for item in schema["prefixItems"]]
                least = min(schema.get("minItems", 0), _MOST_ITEMS)
                item = self.value(schema.get("items", {}), depth + 1)
                return [item] * max(least, 1 if depth < _FULL_DEPTH else 0)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
        return None


def _said(schema: Mapping[str, Any]) -> Any:
    """Return the value that a schema names itself."""
    for key in ("const", "example", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    return _NO_VALUE


def _implied(schema: Mapping[str, Any]) -> str | None:
    for key, kind in (("properties", "object"), ("items", "array"), ("minimum", "integer"),
                      ("maximum", "integer"), ("pattern", "string"), ("format", "string"),
                      ("minLength", "string"), ("maxLength", "string")):  # fmt: skip
        if key in schema:
            return kind
    return None


def _text(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), "text")
    text = text.ljust(min(schema.get("minLength", 0), MOST_EXAMPLE), "x")
    return text[: schema["maxLength"]] if "maxLength" in schema else text


def _number(schema: Mapping[str, Any]) -> Json:
    least = schema.get("minimum")
    if least is None and "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    most = schema.get("maximum", schema.get("exclusiveMaximum", 2) - 1)
    value = least if least is not None else min(1, most)
    step = schema.get("multipleOf")
    return -(-value // step) * step if step else value


def _target(reference: Any, root: Any) -> Any:
    """Return what a reference to `#/$defs/NAME` means."""
    node = root
    for part in reference.split("/")[1:] if isinstance(reference, str) else [None]:
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _is_short(value: Json) -> bool:
    try:
        check_plain(value)
        return len(canonical_text(value)) <= MOST_EXAMPLE
    except NotCanonical:
        return False


__all__ = ["MOST_EXAMPLE", "drafted_mock", "example_of"]
