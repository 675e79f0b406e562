"""Comparing a value with what was expected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import same_value
from agentctl.specs.language.matchers import (
    MATCHERS,
    ValueDifference,
    field_differences,
    matcher_field_problems,
    matcher_problems,
    matches,
    value_differences,
)
from agentctl.specs.language.schemas import path_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.text(max_size=5).filter(lambda key: key not in MATCHERS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("expected", "actual", "holds"),
    [
        (1, 1.0, True), (1, True, False), (0, False, False), ("1", 1, False), (None, 0, False),
        ({"equals": {"gt": 1}}, {"gt": 1}, True), ({"equals": 1}, 1.0, True),
        ({"one_of": [1, 2]}, 2, True), ({"one_of": [1]}, True, False),
        ({"not": "a"}, "b", True), ({"not": {"one_of": ["a", "b"]}}, "a", False),
        ({"lt": 3}, 2, True), ({"lt": 3}, 3, False), ({"lte": 3}, 3, True),
        ({"gt": 3}, True, False),
        ({"gt": "2026-01-01"}, "2026-02-01", True), ({"gt": 3}, "4", False), ({"gte": 1}, 1, True),
        ({"regex": "^o_\\d+$"}, "o_12", True), ({"regex": "x"}, 5, False),
        ({"prefix": "o_"}, "o_1", True), ({"suffix": "_1"}, "o_2", False),
        ({"contains": "late"}, "too late", True), ({"contains": {"gt": 3}}, [1, 4], True),
        ({"contains": "a"}, {"a": 1}, False), ({"ignore_case": "ÉTÉ"}, "été", True),
        ({"any": True}, None, True), ({"present": True}, None, True),
        ({"absent": True}, None, False),
        ({"all_of": [{"gt": 1}, {"lt": 3}]}, 2, True), ({"any_of": ["a", {"gt": 1}]}, 2, True),
        ({"approx": {"value": 1.0, "within": 0.1}}, 1.05, True),
        ({"approx": {"value": 1, "within": 1}}, True, False),
        ({"a": {"b": {"gt": 1}}}, {"a": {"b": 2, "c": 3}}, True),
        ({"gt": 1, "lt": 3}, {"gt": 1, "lt": 3}, True),
        ([1, {"gt": 1}], [1, 2], True), ([1], [1, 2], False), ({}, {"a": 1}, True),
    ],
    ids=lambda value: json.dumps(value),
)  # fmt: skip
def test_what_matches(expected, actual, holds):
    """Numbers compare by value, booleans and text equal no number, mappings match by field."""
    assert matches(expected, actual) is holds


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("^o_[0-9]+$", "o_1\n", False), ("^o_[0-9]+$", "o_1", True), ("(a|b$)", "b\n", False),
        (r"cost \$", "cost $\n", True), ("[$]", "$\n", True), ("[^]$]x", "ax", True),
        (r"\\$", "\\\n", False), (r"\\$", "\\", True), (r"[\]$]", "$", True),
        ("(?m)^a$", "a\nb", True), ("^a$", "a\nb", False), ("(?i)^A$", "a\n", False),
        ("(?m:^a$)", "a\nb", True),
    ],
)  # fmt: skip
def test_the_end_of_a_pattern_is_the_end_of_the_text(pattern: str, text: str, holds: bool):
    """A rule `^...$` admits no trailing newline; a pattern that says `(?m)` means lines."""
    assert matches({"regex": pattern}, text) is holds


def test_differences_name_the_place_and_both_sides():
    """Every difference comes with its path, and one that is missing says so."""
    expected = {"items": [{"total": 1, "sku": {"prefix": "a"}}], "note": {"absent": True}, "x": 1}
    actual = {"items": [{"total": 2, "sku": "b"}], "note": "hi"}
    assert value_differences(expected, actual) == [
        ValueDifference("items[0].total", 1, 2),
        ValueDifference("items[0].sku", {"prefix": "a"}, "b"),
        ValueDifference("note", {"absent": True}, "hi"),
        ValueDifference("x", 1, None, missing=True),
    ]
    assert value_differences(1, 2, "args.n") == [ValueDifference("args.n", 1, 2)]


def test_fields_that_are_not_listed_count_only_where_told():
    """Extra fields are free unless everything must be listed; then they come in order."""
    assert value_differences({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}) == []
    found = value_differences({"a": {"b": 1}}, {"z": 1, "a": {"b": 1, "c": 2}, "d": 3}, exact=True)
    assert [difference.path for difference in found] == ["a.c", "d", "z"]


@given(VALUES)
def test_a_value_matches_itself(value):
    """Whatever was recorded matches itself, exactly, and through JSON."""
    assert value_differences(value, json.loads(json.dumps(value)), exact=True) == []
    assert same_value(value, value)


@given(VALUES, VALUES)
def test_equality_goes_both_ways(left, right):
    """Equal is equal from either side, and `equals` says the same as `same`."""
    assert same_value(left, right) is same_value(right, left)
    assert matches({"equals": left}, right) is same_value(left, right)


@given(VALUES, VALUES)
def test_not_turns_a_match_around(expected, actual):
    """A value either matches or it matches `not`."""
    assert matches({"not": expected}, actual) is not matches(expected, actual)


@pytest.mark.parametrize(
    ("expected", "path", "says"),
    [
        ({"a": {"regex": "("}}, "a", "no regular expression"),
        ({"a": {"lt": True}}, "a", "a number or text"),
        ({"a": {"one_of": 3}}, "a", "a list"),
        ({"a": [{"prefix": 3}]}, "a[0]", "text"),
        ({"not": {"regex": "["}}, "not", "no regular expression"),
        ({"a": {"any_of": [1, {"all_of": []}]}}, "a.any_of[1]", "a list"),
        ({"contains": {"x": {"gte": None}}}, "contains.x", "a number or text"),
        ({"approx": {"value": 1}}, "", "NUMBER"),
        ({"absent": "yes"}, "", "true or false"),
    ],
)
def test_matchers_that_are_written_wrongly_are_found(expected, path, says):
    """A matcher that could only fail is found at any depth, before anything runs."""
    ((where, fault),) = matcher_problems(expected)
    assert path_text(where) == path
    assert says in fault


def test_literal_data_is_no_matcher():
    """What stands under `equals` or `one_of` is data, and not checked as matchers."""
    assert not list(matcher_problems({"equals": {"regex": "("}}))
    assert not list(matcher_problems({"one_of": [{"regex": "("}]}))
    assert not list(matcher_problems({"regex": "x", "lt": True}))


def test_the_name_of_a_field_is_no_matcher():
    """Where names are expected, `present`, `any` and `prefix` are names like all others."""
    assert not field_differences({"present": True}, {"present": True})
    assert [wrong.got for wrong in field_differences({"present": True}, {"present": False})] == [
        False
    ]
    assert not list(matcher_field_problems({"approx": 1990, "prefix": 5}))
    assert [path for path, _ in matcher_field_problems({"approx": {"approx": 1}})] == [("approx",)]
