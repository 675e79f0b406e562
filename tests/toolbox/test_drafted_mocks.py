"""Mocks drafted for imported tools: a value that fits what the tool says it returns."""

from typing import Any

import pytest

from agentctl.specs.language.schemas import Schema
from agentctl.toolbox.importing.mocks import drafted_mock, example_of

SCHEMAS: dict[str, tuple[dict[str, Any], Any]] = {
    "fields": (
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        {"id": "text"},
    ),
    "an enum": ({"enum": ["open", "closed"]}, "open"),
    "bounds": ({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}, 5),
    "below zero": ({"type": "number", "maximum": -2}, -2),
    "a list": ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
    "a nullable": ({"type": ["null", "string"], "minLength": 6}, "textxx"),
    "a format": ({"type": "string", "format": "date"}, "2026-01-15"),
    "a choice": ({"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]}, "te"),
    "parts": (
        {"allOf": [{"properties": {"a": {"const": 1}}}], "properties": {"b": {"default": "x"}}},
        {"a": 1, "b": "x"},
    ),
    "a reference": (
        {"$ref": "#/$defs/Id", "$defs": {"Id": {"type": "string", "format": "uuid"}}},
        "00000000-0000-4000-8000-000000000000",
    ),
}


@pytest.mark.parametrize(("schema", "value"), SCHEMAS.values(), ids=SCHEMAS)
def test_an_example_is_made_of_a_schema(schema: dict[str, Any], value: Any):
    """It is small, and it fits."""
    assert example_of(schema) == value
    assert Schema(schema).ok(value)
    assert drafted_mock(schema) == {"replies": [{"return": value}]}


def test_the_first_example_that_fits_is_the_reply():
    """An example of a document is a claim: one that breaks the schema is skipped."""
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    found = drafted_mock(schema, {"id": "seven"}, {"id": 7})
    assert found == {"replies": [{"return": {"id": 7}}]}


def test_an_example_that_begins_with_an_equals_sign_is_text():
    """Text after `=` is an expression in a mock, and a document must not write any."""
    assert drafted_mock(None, "=1+1") == {"replies": [{"return": '="=1+1"'}]}


def test_no_reply_is_drafted_that_breaks_the_schema():
    """A pattern is not solved: then there is no mock, and `check` says so."""
    assert drafted_mock({"type": "string", "pattern": "^[0-9]{4}$"}) is None


def test_a_schema_that_doubles_at_each_level_costs_little():
    """A hostile schema draws neither a large value nor a long wait."""
    defs = {
        f"L{n}": {
            "type": "object",
            "required": list("abcdefgh"),
            "properties": {key: {"$ref": f"#/$defs/L{n + 1}"} for key in "abcdefgh"},
        }
        for n in range(12)
    }
    root = {"$ref": "#/$defs/L0", "$defs": {**defs, "L12": {"type": "string"}}}
    assert len(str(example_of(root))) < 100_000
    assert len(example_of({"type": "array", "minItems": 10**9})) <= 20
