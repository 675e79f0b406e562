"""Files of recordings: every broken line is named, the others are read as they were written."""

import json

import pytest

from agentctl.core.errors import Problem
from agentctl.interop.reading import RunsFile, read_runs
from agentctl.specs.loading.project import Project
from tests.support.project import make, passing

GOOD = {"scenario": "one", "turns": [{"say": "ü\u2028"}]}


def read(path, *scenarios: str):
    """Return the recordings of a file for a set of these scenarios."""
    make(path.parent, [passing(name) for name in scenarios])
    return read_runs([RunsFile(path)], Project.find(path.parent).golden_set("orders"))


def written(folder, *lines: str, encoding: str = "utf-8"):
    """Return a file of these lines."""
    path = folder / "recordings.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding=encoding)
    return path


def codes(path) -> list[tuple[str, int]]:
    """Return code and line of everything that is wrong with a file."""
    with pytest.raises(Problem) as met:
        read(path, "one", "two")
    return [(d.code, d.location.line) for d in met.value.diagnostics if d.location]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_good_lines_are_read_in_order_of_their_trials(tmp_path, encoding):
    """Blank lines and a byte order mark say nothing; text is what was written."""
    lines = [json.dumps({**GOOD, "trial": n}, ensure_ascii=False) for n in (2, 1)]
    path = written(tmp_path, lines[0], "", "  ", lines[1], encoding=encoding)
    found = read(path, "one")
    said = [(one.trial, one.turns[0].say) for one in found["one"]]
    assert said == [(1, "ü\u2028"), (2, "ü\u2028")]


def test_every_broken_line_is_named(tmp_path):
    """What is no JSON, no object, of another shape, unknown or there twice, each at its line."""
    path = written(
        tmp_path,
        json.dumps({**GOOD, "trial": 1}),
        "{",
        '{"scenario": "one", "scenario": "two"}',
        "null",
        "[1]",
        '{"scenario": "one"}',
        json.dumps({**GOOD, "scenario": "other"}),
        json.dumps({**GOOD, "trial": 1}),
        '{"a": NaN}',
    )
    assert codes(path) == [
        ("bad-line", 2),
        ("bad-line", 3),
        ("bad-line", 4),
        ("bad-line", 5),
        ("bad-recording", 6),
        ("unknown-scenario", 7),
        ("repeated-trial", 8),
        ("bad-line", 9),
    ]


def test_a_file_of_broken_lines_is_not_reported_whole(tmp_path):
    """After twenty problems the rest is left out."""
    assert len(codes(written(tmp_path, *["{x"] * 50))) == 20


def test_a_file_that_is_not_text_is_one_problem(tmp_path):
    """Bytes that are not UTF-8 are named as that."""
    path = written(tmp_path, "ü", encoding="latin-1")
    with pytest.raises(Problem, match="not UTF-8"):
        read(path, "one")
