"""The strict YAML reader: what it makes of scalars, what it refuses, where things stand."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentctl.core.errors import Problem
from agentctl.specs.reading import yaml as strict
from agentctl.specs.reading.yaml import parse_yaml, read_yaml

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=["Cs"]))
# YAML ends a key after 1,024 characters, escapes included.
KEYS = TEXT.map(lambda text: text[:80])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def data(text: str):
    return parse_yaml(text, "file.yaml").data


def codes(text: str) -> list[str]:
    with pytest.raises(Problem) as caught:
        parse_yaml(text, "file.yaml")
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize("text", ["on", "off", "yes", "no", "y", "2026-01-15", "12:30", "010",
                                  "1_000", "0b1", "1:2", "0x", "+0x1", "1e", "Yes"])  # fmt: skip
def test_words_of_yaml_1_1_are_text(text):
    """What older YAML reads as a boolean, a date, a time or an octal number stays as written."""
    assert data(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-3", -3), ("+3", 3), ("0", 0), ("0x1F", 31), ("0o17", 15),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-1.5e-3", -0.0015),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("'12'", "12"), ('"true"', "true"), ("''", ""),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text, value):
    """Numbers, booleans and null are those of YAML 1.2; quoted text is always text."""
    found = data(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


@given(VALUES)
@settings(max_examples=200)
def test_json_is_read_as_it_is(value):
    """Any JSON is YAML here, and means the same."""
    text = json.dumps({"v": value}, ensure_ascii=True)
    assert data(text) == {"v": value}


@given(TEXT | st.text("{}[],:#&*!|>'\"%@`-?\t\n a0", max_size=40))
@settings(max_examples=400)
def test_any_text_is_read_or_refused(text):
    """Whatever stands in a file, it is either data or a problem with a place, never a crash."""
    try:
        parse_yaml(text, "file.yaml")
    except Problem as problem:
        assert all(d.location is not None for d in problem.diagnostics)


def test_all_problems_come_at_once():
    """Aliases, tags, duplicates and strange keys are all told in one go."""
    found = codes("a: &x 1\nb: *x\nc: !t 1\na: 2\n1: 3\nn: .inf\n<<: {}\n")
    assert found == [
        "anchor", "alias", "tag", "duplicate-key", "key-not-text", "not-finite", "merge-key",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        ("# only a comment\n", "empty-file"),
        ("a: 1\n---\nb: 2\n", "several-documents"),
        ("a:\n\tb: 1\n", "yaml-syntax"),
        ("a: 'x\n", "yaml-syntax"),
        ("a: " + "[" * 70 + "]" * 70, "too-deep"),
        ("a: " + "[" * 100_000, "too-deep"),
        ("a: 9007199254740992", "huge-integer"),
        ("a: " + "9" * 10_000, "huge-integer"),
        ("a: 0x" + "f" * 40, "huge-integer"),
        ("a: 1e999", "not-finite"),
        ("a: b\x07", "control-character"),
        ("a: \x0c\n", "control-character"),
        ('a: "\\ud800"', "yaml-syntax"),
        ("a: ! x", "tag"),
        ("[a]: 1", "key-not-text"),
        ("*x : 1", "key-not-text"),
    ],
    ids=repr,
)
def test_what_is_refused(text, code):
    """Each kind of file that could be misread has a code of its own."""
    assert codes(text)[0] == code


def test_places_count_from_one_in_characters():
    """A value knows its line, column and length, whatever bytes its characters take."""
    source = parse_yaml("ä: {ö: [x, ßß]}\n", "f.yaml")
    at = source.at("ä", "ö", 1)
    assert (at.line, at.column, at.length, at.text) == (1, 12, 2, "ä: {ö: [x, ßß]}")
    assert source.key_at("ä", "ö").column == 5


def test_the_place_of_what_is_not_there_is_its_parent():
    """A missing field is shown where it would stand."""
    source = parse_yaml("a:\n  b: 1\n", "f.yaml")
    assert source.at("a", "c", "d").line == source.at("a").line == 2


def test_control_characters_are_shown_at_their_place_and_not_printed():
    """A bell in a file does not ring in the terminal."""
    with pytest.raises(Problem) as caught:
        parse_yaml("a: 1\nbé: x\x07y\n", "f.yaml")
    (found,) = caught.value.diagnostics
    assert (found.location.line, found.location.column) == (2, 6)
    assert "\x07" not in str(found)


def test_bytes_that_are_no_text(tmp_path):
    """A file that is not UTF-8 is refused with the line; a byte order mark is skipped."""
    file = tmp_path / "f.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(Problem) as caught:
        read_yaml(file, "f.yaml")
    assert caught.value.diagnostics[0].code == "not-utf8"
    assert caught.value.diagnostics[0].location.line == 2
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file, "f.yaml").data == {"a": 1}


def test_size_and_number_of_nodes_are_limited(tmp_path, monkeypatch):
    """A file cannot cost more than the reader is willing to spend."""
    monkeypatch.setattr(strict, "MAX_NODES", 10)
    assert codes("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]") == ["too-many-nodes"]
    monkeypatch.setattr(strict, "MAX_BYTES", 4)
    file = tmp_path / "f.yaml"
    file.write_text("a: 12345\n")
    with pytest.raises(Problem) as caught:
        read_yaml(file, "f.yaml")
    assert caught.value.diagnostics[0].code == "too-large"


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: c, d e}\n",
        "k: |\n  x\n\nl: >-\n  y\n  z\n",
        "a: &x 1\nb: 'q'\n",
        "a:\n - b: 1\n   c: [1, {d}]\n",
    ],
)
def test_the_reader_does_not_need_libyaml(text, monkeypatch):
    """The parser in Python gives the same data, places and problems."""

    def outcome():
        try:
            source = parse_yaml(text, "f.yaml")
        except Problem as problem:
            return str(problem)
        return source.data, source.values, source.keys, source.bare

    fast = outcome()
    monkeypatch.setattr(strict, "_LOADER", yaml.SafeLoader)
    assert outcome() == fast
