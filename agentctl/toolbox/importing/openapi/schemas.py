"""Turn the schemas of an OpenAPI document into plain JSON Schema 2020-12, references written out.

What only an editor or a code generator reads is left out; what 3.0 says in a dialect of its own
(`nullable`, `exclusiveMinimum: true`) is said as JSON Schema says it. A schema that contains itself
or grows too large is cut: what lies deeper is not checked, and `losses` says so.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from agentctl.core.canonical import Json
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.toolbox.importing.definitions import clean_description

MOST_PARTS = 1_000
"""Parts of one schema once its references are written out."""
MOST_LEVELS = 40
"""Objects and lists inside each other."""
_CUTS = (MOST_LEVELS, 8, 6, 5, 4, 3, 2, 1)
_KEPT = frozenset((
    "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "items",
    "prefixItems", "contains", "properties", "required", "additionalProperties", "minProperties",
    "maxProperties", "propertyNames", "allOf", "anyOf", "oneOf", "not",
))  # fmt: skip
_INPUT_ONLY = frozenset(("default", "description", "title", "pattern", "format", "x-pii"))
"""What a result is not held to: documents are wrong about it more often than servers are."""
_FORMATS = frozenset((
    "date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "uuid", "regex",
))  # fmt: skip
"""Formats that JSON Schema knows; `int32`, `binary` and the like are OpenAPI's own."""
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE = ("items", "contains", "not", "additionalProperties", "propertyNames")
_DEEPER = frozenset(("properties", "items", "prefixItems", "contains", "additionalProperties"))


class Unusable(Exception):  # noqa: N818 - says what an operation is
    """An operation, or a part of one, cannot be used; the message says why."""


class _TooLarge(Exception):  # noqa: N818 - ends one attempt
    """A schema has more parts than it may."""


class References:
    """The references of one document, and the schemas behind them.

    Args:
        document: The document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = 0
        self._is_input = True
        self.losses: dict[str, None] = {}
        """What schemas lost since this was last cleared."""

    def followed(self, node: Any) -> dict[str, Any]:
        """Return what a node refers to, or the node itself.

        Raises:
            Unusable: If it refers elsewhere, to nothing, or in a circle.
        """
        reference = None
        for _ in range(32):
            if not isinstance(node, dict):
                raise Unusable(f"expected an object {f'at `{reference}`' if reference else ''}")
            if not isinstance(node.get("$ref"), str):
                return node
            reference = node["$ref"]
            node = self._at(reference)
        raise Unusable(f"`$ref: {reference}` leads in a circle")

    def cleaned(
        self, schema: Any, *, is_input: bool = True, most: int = MOST_PARTS
    ) -> dict[str, Json]:
        """Return a schema on its own, in JSON Schema 2020-12.

        Args:
            schema: From the document.
            is_input: Of arguments; of results, less is kept.
            most: Parts it may have; what is deeper than fits is not checked.

        Raises:
            Unusable: If a reference cannot be followed, or nothing fits.
        """
        self._is_input = is_input
        for levels in _CUTS:
            self._left = most
            try:
                found = self._cleaned(schema, (), levels)
            except _TooLarge:
                continue
            if levels != MOST_LEVELS:
                self.losses[f"what lies deeper than {levels} levels is not checked"] = None
            return found
        raise Unusable(f"a schema has more than {most} parts")

    def object_of(self, schema: Any, depth: int = 0) -> dict[str, Json] | None:
        """Return the schema of a body as one object with fields, the parts of an `allOf` joined.

        `None` where it is anything else: a list, a choice of objects, an object of any fields.

        Raises:
            Unusable: If a reference cannot be followed, or it contains itself.
        """
        if depth > MOST_LEVELS:
            raise Unusable("its body contains itself")
        raw = self.followed(schema)
        parts = [*(raw.get("allOf") or []), {k: v for k, v in raw.items() if k != "allOf"}]
        together: dict[str, Json] = {"type": "object", "properties": {}, "required": []}
        for part in parts:
            plain = self.followed(part)
            nested = "allOf" in plain and plain is not raw
            one = self.object_of(plain, depth + 1) if nested else self.cleaned(plain)
            if one is None or one.get("type", "object") != "object" or self._is_choice(one):
                return None
            writable = {
                key: value
                for key, value in (one.get("properties") or {}).items()
                if nested or not self._flagged(plain, key, "readOnly")
            }
            together["properties"] |= writable
            together["required"] += [key for key in one.get("required") or [] if key in writable]
            if "additionalProperties" in one:
                together["additionalProperties"] = one["additionalProperties"]
        return together if together["properties"] else None

    def _is_choice(self, schema: Mapping[str, Json]) -> bool:
        """Whether a body is one of several objects, and not only of several required fields."""
        for branch in (*(schema.get("oneOf") or ()), *(schema.get("anyOf") or ())):
            if not isinstance(branch, dict) or not branch.keys() <= {"required", "type", "not"}:
                return True
            self.losses["which of its fields are required together is not checked"] = None
        return False

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise Unusable(f"`$ref: {reference}` leads out of the document: bundle it first")
        node: Any = self._document
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                raise Unusable(f"`$ref: {reference}` leads to nothing")
        return node

    def _cleaned(self, schema: Any, above: tuple[str, ...], levels: int) -> dict[str, Json]:
        self._left -= 1
        if self._left < 0:
            raise _TooLarge
        if not isinstance(schema, dict):
            return {} if schema is not False else {"not": {}}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            target = self._at(reference)
            if reference in above:
                self.losses[f"`{reference}` contains itself: its inner levels are not checked"] = (
                    None
                )
                return _outline(target)
            return self._cleaned(target, (*above, reference), levels)
        if levels <= 0:
            return _outline(schema)
        found: dict[str, Json] = {}
        for key, value in schema.items():
            if self._is_kept(key, value):
                found[key] = self._part(key, value, schema, above, levels - (key in _DEEPER))
        return _modern(found, nullable=schema.get("nullable") is True)

    def _part(
        self, key: str, value: Any, schema: Mapping[str, Any], above: tuple[str, ...], levels: int
    ) -> Json:
        if key == "properties":
            left_out = "readOnly" if self._is_input else "writeOnly"
            return {
                name: self._cleaned(one, above, levels)
                for name, one in value.items()
                if not self._flagged(schema, name, left_out)
            }
        if key == "required":
            fields = schema.get("properties")
            hidden = "readOnly" if self._is_input else "writeOnly"
            return [
                name
                for name in value
                if not (isinstance(fields, dict) and self._flagged(schema, name, hidden))
            ]
        if key in _MANY and isinstance(value, list):
            return [self._cleaned(one, above, levels) for one in value]
        if key in _ONE and not isinstance(value, bool):
            return self._cleaned(value, above, levels)
        if key in ("description", "title"):
            return clean_description(str(value))
        return value

    def _is_kept(self, key: str, value: Any) -> bool:
        """Whether a keyword is JSON Schema's, and written as it wants it."""
        match key:
            case "type":
                return value in _TYPES if isinstance(value, str) else isinstance(value, list)
            case "required" | "enum":
                return isinstance(value, list) and bool(value)
            case "properties":
                return isinstance(value, dict)
            case "pattern" if self._is_input:
                if isinstance(value, str) and _compiles(value):
                    return True
                self.losses[f"the pattern {str(value)[:60]!r} is not checked"] = None
                return False
            case "format":
                return self._is_input and isinstance(value, str) and value in _FORMATS
            case "additionalProperties" if not self._is_input:
                return isinstance(value, dict)
        return key in _KEPT or (self._is_input and key in _INPUT_ONLY)

    def _flagged(self, schema: Mapping[str, Any], name: str, flag: str) -> bool:
        """Whether a field of an object is marked, say as `readOnly`."""
        field = (schema.get("properties") or {}).get(name)
        return isinstance(field, dict) and (
            field.get(flag) is True or ("$ref" in field and self.followed(field).get(flag) is True)
        )


def _outline(schema: Any) -> dict[str, Json]:
    """Return what is left of a schema that is cut."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"type": kind} if isinstance(kind, str) and kind in _TYPES else {}


def _modern(schema: dict[str, Json], *, nullable: bool) -> dict[str, Json]:
    """Say what 3.0 says in its own way as JSON Schema says it."""
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(bound), bool) and schema.pop(bound) and limit in schema:
            schema[bound] = schema.pop(limit)
    if not nullable or not schema:
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


@lru_cache(maxsize=1024)
def _compiles(pattern: str) -> bool:
    try:
        Schema({"pattern": pattern})
    except SchemaProblem:
        return False
    return True


__all__ = ["MOST_LEVELS", "MOST_PARTS", "References", "Unusable"]
