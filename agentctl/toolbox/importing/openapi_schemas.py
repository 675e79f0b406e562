"""Turn the schemas of an OpenAPI document into plain JSON Schema 2020-12, references written out.

What only an editor or a code generator reads is left out; what 3.0 says in a dialect of its own
(`nullable`, `exclusiveMinimum: true`) is said as JSON Schema says it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from agentctl.core.canonical import Json
from agentctl.core.errors import problem

MOST_PARTS = 5_000
"""Parts of one schema once its references are written out."""
MOST_REFERENCES = 40
"""References inside each other."""
_KEPT = frozenset((
    "type", "enum", "const", "default", "description", "title", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "format", "minItems", "maxItems", "uniqueItems", "items", "prefixItems", "contains",
    "properties", "required", "additionalProperties", "minProperties", "maxProperties",
    "propertyNames", "allOf", "anyOf", "oneOf", "not", "x-pii",
))  # fmt: skip
_FORMATS = frozenset((
    "date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "uuid", "regex",
))  # fmt: skip
"""Formats that JSON Schema knows; `int32`, `binary` and the like are OpenAPI's own."""
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE = ("items", "contains", "not", "additionalProperties", "propertyNames")


class Unusable(Exception):  # noqa: N818 - says what an operation is
    """An operation cannot be called as a tool; the message says why."""


class References:
    """The references of one document.

    Args:
        document: The document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._parts = 0

    def followed(self, node: Any) -> dict[str, Any]:
        """Return what a node refers to, or the node itself.

        Raises:
            Problem: If it refers elsewhere, to nothing, or in a circle.
        """
        for _ in range(32):
            if not isinstance(node, dict):
                raise problem("not-openapi", "an object was expected where there is none")
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        raise problem("bad-ref", f"`{reference}` leads in a circle")

    def cleaned(self, schema: Any) -> dict[str, Json]:
        """Return a schema on its own, in JSON Schema 2020-12.

        Raises:
            Problem: If a reference cannot be followed.
            Unusable: If it contains itself, or grows too large.
        """
        self._parts = 0
        return self._cleaned(schema, ())

    def object_of(self, schema: Any, depth: int = 0) -> dict[str, Json]:
        """Return the schema of a body as one object, the parts of an `allOf` put together.

        Raises:
            Problem: If a reference cannot be followed.
            Unusable: If it is anything else.
        """
        if depth > MOST_REFERENCES:
            raise Unusable("its body contains itself")
        raw = self.followed(schema)
        parts = [*(raw.get("allOf") or []), {k: v for k, v in raw.items() if k != "allOf"}]
        together: dict[str, Json] = {"type": "object", "properties": {}, "required": []}
        for part in parts:
            plain = self.followed(part)
            if "allOf" in plain and plain is not raw:
                one = self.object_of(plain, depth + 1)
            else:
                one = self.cleaned(plain)
            if one.get("type", "object") != "object" or "oneOf" in one or "anyOf" in one:
                raise Unusable("its body is not an object with fixed fields")
            writable = {
                key: value
                for key, value in (one.get("properties") or {}).items()
                if not _read_only(plain, key, self)
            }
            together["properties"] |= writable
            together["required"] += [key for key in one.get("required") or [] if key in writable]
            if "additionalProperties" in one:
                together["additionalProperties"] = one["additionalProperties"]
        if not together["properties"] and "additionalProperties" not in together:
            together["additionalProperties"] = True
        return together

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise problem(
                "remote-ref",
                f"`$ref: {reference}` leads out of the document, and that is not followed",
                hint="bundle the document into one file first",
            )
        node: Any = self._document
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise problem("bad-ref", f"`$ref: {reference}` leads to nothing")
            node = node[key]
        return node

    def _cleaned(self, schema: Any, above: tuple[str, ...]) -> dict[str, Json]:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unusable(f"a schema has more than {MOST_PARTS} parts")
        if not isinstance(schema, dict):
            return {} if schema is not False else {"not": {}}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in above:
                raise Unusable(f"`{reference}` contains itself")
            if len(above) == MOST_REFERENCES:
                raise Unusable(f"more than {MOST_REFERENCES} references lie inside each other")
            return self._cleaned(self._at(reference), (*above, reference))
        found: dict[str, Json] = {}
        for key, value in schema.items():
            if key not in _KEPT or (key == "format" and value not in _FORMATS):
                continue
            if key == "properties":
                found[key] = {name: self._cleaned(one, above) for name, one in value.items()}
            elif key in _MANY:
                found[key] = [self._cleaned(one, above) for one in value]
            elif key in _ONE and not isinstance(value, bool):
                found[key] = self._cleaned(value, above)
            else:
                found[key] = value
        return _modern(found, nullable=schema.get("nullable") is True)


def _modern(schema: dict[str, Json], *, nullable: bool) -> dict[str, Json]:
    """Say what 3.0 says in its own way as JSON Schema says it."""
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(bound), bool) and schema.pop(bound) and limit in schema:
            schema[bound] = schema.pop(limit)
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _read_only(schema: Mapping[str, Any], key: str, references: References) -> bool:
    field = (schema.get("properties") or {}).get(key)
    return isinstance(field, dict) and references.followed(field).get("readOnly") is True


__all__ = ["MOST_PARTS", "MOST_REFERENCES", "References", "Unusable"]
