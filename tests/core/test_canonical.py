"""Canonical JSON, and JSON that is read only where it can be read in one way."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    NotCanonical,
    canonical_text,
    digest,
    parse_line,
    parse_strict,
    read_canonical,
    rewritten,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(
    allow_nan=False, allow_infinity=False
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_the_fast_way_writes_what_the_standard_says(value):
    """Whatever the value, the text is byte for byte that of RFC 8785."""
    assert canonical_text(value).encode() == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        1e21,
        1e-7,
        1.0,
        -0.0,
        5e-324,
        1e16,
        123456789012345.0,
        10**15,
        {"\U0001f600": 1, "\ufb33": 2},
    ],
    ids=repr,
)
def test_numbers_and_keys_that_python_writes_otherwise(value):
    """Exponents, whole fractions and keys beyond the basic plane follow the standard too."""
    assert canonical_text(value).encode() == rfc8785.dumps(value)


@given(VALUES)
def test_what_is_written_can_be_read_again(value):
    """Reading canonical text and writing it again gives the same text."""
    text = canonical_text(value)
    assert canonical_text(parse_strict(text)) == text


@pytest.mark.parametrize("number", [2.0**53, 1e16, -1e16, 1e20, 123456789012345680000.0])
def test_large_fractions_survive_a_round_trip(number):
    """A number that is written like an integer beyond 2^53 is read as what was written."""
    text = canonical_text([number])
    assert parse_strict(text) == [number]
    assert canonical_text(parse_strict(text)) == text


@given(st.dictionaries(TEXT, VALUES, min_size=2, max_size=5))
def test_the_order_of_keys_does_not_count(value):
    """Two objects with the same fields have one digest, in whatever order they were made."""
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {"a": object}],
    ids=repr,
)
def test_what_has_no_one_form_is_refused(value):
    """NaN, integers beyond 2^53, lone surrogates and keys that are not text have no form."""
    with pytest.raises(NotCanonical):
        canonical_text(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        "9007199254740993",
        "12345678901234567890",
        "1" * 5000,
        '"\\ud800"',
        '{"\\udc00": 1}',
        "1e999",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 100_000,
        "1 2",
    ],
    ids=lambda text: text[:20],
)
def test_ambiguous_json_is_not_read(text):
    """Two readers could differ on it, so nobody reads it here."""
    with pytest.raises(NotCanonical):
        parse_strict(text)


def test_the_size_of_what_is_read_is_limited():
    """Text longer than the limit is refused before it is parsed."""
    with pytest.raises(NotCanonical, match="longer than 10"):
        parse_strict(json.dumps("x" * 20), max_bytes=10)


@given(VALUES | st.lists(VALUES, max_size=80))
def test_canonical_lines_are_read_fast_and_exactly(value):
    """What a log reads is what the strict reader reads, and is written again as it was."""
    line = canonical_text(value).encode()
    assert repr(parse_line(line)) == repr(parse_strict(line.decode()))
    known = read_canonical(line)
    if known is not None:
        assert repr(known) == repr(parse_strict(line.decode()))
        assert rewritten(known) == line


@given(VALUES)
def test_a_line_in_another_form_is_read_and_is_not_canonical(value):
    """A space more changes nothing of the value, and proves nothing."""
    line = json.dumps([value], ensure_ascii=False, indent=1).encode()
    assert repr(parse_line(line)) == repr(parse_strict(line.decode()))
    assert read_canonical(line) is None


DEEP = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b"[9007199254740993]",
        b"[18446744073709551616]",
        b"[NaN]",
        b'["\\ud800"]',
        b'["\xff"]',
        b"[1",
        b"",
        DEEP,
    ],
)
def test_an_ambiguous_line_is_refused_and_never_canonical(line):
    """The fast reader takes nothing that the strict one refuses."""
    assert read_canonical(line) is None
    with pytest.raises(NotCanonical):
        parse_line(line)


def test_a_number_or_key_that_orjson_writes_otherwise_is_left_to_the_slow_way():
    """A whole fraction, an exponent and keys in another order are not canonical as they stand."""
    for line in (b"[1.0]", b"[1e-07]", '{"\ufb33":2,"\U0001f600":1}'.encode()):
        assert read_canonical(line) is None
        assert parse_line(line) == json.loads(line)


def test_a_line_longer_than_asked_for_is_refused():
    """The bound counts for canonical lines too."""
    with pytest.raises(NotCanonical, match="longer than 3 bytes"):
        parse_line(b"[10]", max_bytes=3)
    assert parse_line(b"[1]", max_bytes=3) == [1]
