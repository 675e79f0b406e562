"""The one door to JSON Schema: strict, offline, and it cannot be made to hang."""

import time

import pytest

from agentctl.specs.language.schemas import Schema, SchemaProblem


def doubling(levels: int) -> dict:
    """Return a schema whose references, written out, have 2^levels parts."""
    defs = {"d0": {"type": "string"}}
    for level in range(1, levels + 1):
        twice = {"$ref": f"#/$defs/d{level - 1}"}
        defs[f"d{level}"] = {"allOf": [twice, {"title": "again", **twice}]}
    return {"$defs": defs, "$ref": f"#/$defs/d{levels}"}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "integer"}, True, False),
        ({"type": "integer"}, 1.0, True),
        ({"type": "number"}, False, False),
        ({"type": "string", "format": "date-time"}, "yesterday", False),
        ({"type": "string", "format": "email"}, "ana@example.com", True),
        ({"type": "string", "format": "email"}, "ana", False),
        ({"enum": [1]}, True, False),
    ],
)
def test_what_fits(schema, value, fits):
    """Booleans are no numbers, and formats are asserted."""
    assert Schema(schema).ok(value) is fits
    assert bool(Schema(schema).errors(value)) is not fits


def test_errors_name_the_place():
    """An error begins with the path of the value it is about, and there are not too many."""
    schema = Schema({"properties": {"items": {"items": {"type": "integer"}}}})
    assert schema.errors({"items": [1, "x"]})[0].startswith("items[1]: ")
    assert len(schema.errors({"items": ["x"] * 50})) == 5


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/a.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "other.json"}}},
        {"$ref": "#/$defs/missing"},
        {"$dynamicRef": "#node"},
        {"type": "text"},
        {"format": "order-number"},
        {"pattern": "("},
        {"pattern": "(?=x)x"},
        {"pattern": "(x)\\1"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"const": 2**60},
        doubling(30),
    ],
    ids=str,
)
def test_schemas_that_are_refused(schema):
    """A schema that is wrong, refers elsewhere or would cost too much is refused, not used."""
    with pytest.raises(SchemaProblem):
        Schema(schema)


def test_no_pattern_can_make_a_validation_hang():
    """The pattern on which backtracking engines take longer than anybody waits is quick."""
    started = time.process_time()
    assert not Schema({"pattern": "^(a+)+$"}).ok("a" * 50_000 + "!")
    assert time.process_time() - started < 1


def test_a_schema_may_refer_to_itself():
    """Recursion is fine: it goes as deep as the value does."""
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert Schema(tree).ok({"next": {"next": {}}})
    assert not Schema(tree).ok({"next": {"last": {}}})
    assert Schema({"$ref": "#"}).ok(1)
