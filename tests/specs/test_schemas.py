"""JSON Schema: each draft under its own rules, strict, offline, and it cannot be made to hang."""

import time

import pytest

from agentctl.specs.language.schemas import Schema, SchemaProblem, unknown_formats


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
        {"pattern": "("},
        {"pattern": "(?=x)x"},
        {"pattern": "(x)\\1"},
        {"$schema": "https://example.com/my-own-dialect"},
        {"properties": {"definitions": {"$ref": "#/$defs/missing"}}},
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


DRAFT = "json-schema.org/draft-0{}/schema#"
BOUND = {"minimum": 1, "exclusiveMinimum": True}
REFERS = {"$ref": "#/definitions/t", "minLength": 9, "definitions": {"t": {"type": "string"}}}
PAIR = {"items": [{"type": "string"}], "additionalItems": False}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"$schema": "http://" + DRAFT.format(4), **BOUND}, 1, False),
        ({"$schema": "http://" + DRAFT.format(7), **REFERS}, "a", True),
        ({"$schema": "https://" + DRAFT.format(7), **REFERS}, "a", True),
        (REFERS, "a", False),
        ({"$schema": "http://" + DRAFT.format(6), **PAIR}, ["a", "b"], False),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema", **PAIR}, ["a"], True),
        ({"prefixItems": [{"type": "string"}]}, [1], False),
        ({"$schema": "http://" + DRAFT.format(7), "prefixItems": [{"type": "string"}]}, [1], True),
    ],
    ids=str,
)
def test_a_schema_is_read_under_the_rules_of_its_draft(schema, value, fits):
    """`exclusiveMinimum: true`, siblings of `$ref`, lists of items: each means what it meant."""
    assert Schema(schema).ok(value) is fits


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "string"}}},
        {"$ref": "#name", "$defs": {"x": {"$anchor": "name", "type": "string"}}},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$ref": "#name",
            "definitions": {"x": {"$id": "#name", "type": "string"}},
        },
    ],
    ids=str,
)
def test_references_within_a_schema_are_followed(schema):
    """By pointer and by anchor."""
    assert Schema(schema).ok("text") and not Schema(schema).ok(1)


def test_what_looks_like_a_reference_in_an_example_is_none():
    """The values of `enum`, `const`, `default` and `examples` are data."""
    assert Schema({"default": {"$ref": "https://example.com"}, "enum": [{"$ref": 1}]})


def test_a_property_named_like_a_keyword_is_a_property():
    """Its schema counts, and is read, like any other."""
    assert not Schema({"properties": {"definitions": {"type": "string"}}}).ok({"definitions": 1})
    assert unknown_formats({"properties": {"format": {"format": "x"}, "default": {}}}) == ["x"]


def test_an_unknown_format_is_ignored_and_named():
    """Any value fits; formats of the standard are asserted beside it."""
    schema = {"properties": {"n": {"format": "int32"}, "day": {"format": "date"}}}
    assert Schema(schema).ok({"n": 2**40}) and not Schema(schema).ok({"day": "today"})
    assert unknown_formats(schema) == ["int32"]


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, ("properties", "a", "$ref")),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "https://a.example/b"}}}},
            ("$defs", "a", "items", "$ref"),
        ),
        ({"allOf": [{"pattern": "(?=x)x"}]}, ("allOf", 0, "pattern")),
    ],
    ids=str,
)
def test_a_problem_names_its_place_in_the_schema(schema, path):
    """Also where it is reached through a reference."""
    with pytest.raises(SchemaProblem) as met:
        Schema(schema)
    assert met.value.path == path
