"""A file that holds no recorded runs is named by what it looks like, with the way out."""

import gzip
import json
from pathlib import Path

import pytest

from agentctl.core.errors import Diagnostic, Problem
from agentctl.interop.reading import RunsFile, find_runs, read_runs
from agentctl.specs.loading.project import Project
from tests.support.project import SAY, make, passing

GOOD = json.dumps({"scenario": "a", "turns": [SAY]})
SPAN = {"traceId": "5b8e", "spanId": "0517", "name": "chat", "attributes": []}


def problems(root: Path, content: bytes | str, name: str = "runs.jsonl") -> list[Diagnostic]:
    """Return what is wrong with a file of this content."""
    make(root, [passing("a")])
    path = root / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Problem) as met:
        read_runs(find_runs(path, root), Project.find(root).golden_set("orders"))
    return list(met.value.diagnostics)


@pytest.mark.parametrize(
    ("content", "looks_like", "way_out"),
    [
        ({"resourceSpans": []}, "an OpenTelemetry export", "export the messages of each run"),
        (SPAN, "an OpenTelemetry export", "export the messages of each run"),
        ({"eval_set_id": "x", "eval_cases": []}, "an ADK evalset", "export the messages"),
        ({"run_type": "llm", "inputs": {}, "id": "x"}, "a LangSmith export", "export the"),
        ({"id": "t", "projectId": "p", "observations": []}, "a Langfuse export", "export the"),
        ({"eval": {}, "samples": []}, "an Inspect log", "export the messages"),
        ({"conversations": [{"from": "human", "value": "x"}]}, "a ShareGPT log", "export the"),
        ({"custom_id": "1", "response": {}}, "output of a batch API", "export the messages"),
        ({"choices": []}, "the reply of a chat API", "its whole conversation"),
        ({"kind": "GoldenSet", "scenarios": []}, "a golden set", "without --traces"),
        ({"scenario": "a", "trial": 1, "turn": 1, "asked": []}, "a cassette", "--replay"),
        ({"role": "user", "content": "x"}, "a single chat message", "a line holds a whole run"),
        ({"q": 1, "a": 2}, "an object with `q`, `a`", '"messages"'),
        ({}, "an empty object", '"messages"'),
        ([{"messages": []}], "a JSON array", "jq -c '.[]' FILE"),
        ("a,b,c\n1,2,3\n", "a table (CSV)", "export the messages"),
        ("kind: GoldenSet\n", "YAML", '"messages"'),
        ("<html></html>", "XML or HTML", "export the messages"),
        ("hello", "text that is not JSON", '"messages"'),
        (gzip.compress(GOOD.encode(), mtime=0), "a gzip file", "gunzip -k FILE"),
        (b"PAR1\x00\x00", "a Parquet file", "export the messages"),
        (b"SQLite format 3\x00", "a SQLite database", "export the messages"),
        (GOOD.encode("utf-16"), "UTF-16 text", "iconv -f UTF-16 -t UTF-8"),
        ("größe".encode("latin-1"), "not UTF-8", "iconv"),
    ],
    ids=str,
)
def test_a_file_of_another_format_is_named(
    tmp_path: Path, content: object, looks_like: str, way_out: str
):
    """One problem says what the file looks like, and its hint how to go on."""
    raw = content if isinstance(content, bytes | str) else json.dumps(content) + "\n"
    (found,) = problems(tmp_path, raw)
    assert found.code == "foreign-format"
    assert found.message.startswith(f"this is {looks_like}")
    assert way_out in (found.hint or "")
    assert found.location is not None
    assert found.location.line == 1


@pytest.mark.parametrize(
    ("document", "looks_like"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "one JSON document over several lines"),
        ({"eval_set_id": "x", "eval_cases": [{"eval_id": "y"}]}, "an ADK evalset"),
        ({"resourceSpans": [{"resource": {}}]}, "an OpenTelemetry export"),
        ({"verdict": {}, "kind": "eval-report", "sets": []}, "a report of agentctl eval"),
    ],
)
def test_a_document_over_several_lines_is_one_problem(
    tmp_path: Path, document: object, looks_like: str
):
    """An indented document is named as a whole, not line by line."""
    (found,) = problems(tmp_path, json.dumps(document, indent=2))
    assert found.message == f"this is {looks_like}"


def test_a_stray_line_is_named_by_its_line(tmp_path: Path):
    """Among recorded runs, each line that is none is reported by itself."""
    found = problems(tmp_path, "\n".join([GOOD, json.dumps(SPAN), "", "{oops", "[]"]))
    assert [(d.code, d.location.line) for d in found if d.location] == [
        ("foreign-format", 2),
        ("bad-line", 4),
        ("bad-line", 5),
    ]


def test_an_event_of_a_trace_among_recordings_is_named_by_its_line(tmp_path: Path):
    """Traces stand in files of their own."""
    event = {"run": "r", "seq": 0, "type": "run.started", "body_hash": "x"}
    (found,) = problems(tmp_path, f"{GOOD}\n{json.dumps(event)}\n")
    assert found.message == "an event of a trace stands among recorded runs"
    assert found.location is not None
    assert found.location.line == 2


def test_a_folder_is_all_its_files(tmp_path: Path):
    """Runs of every `.jsonl` file of a folder are read; problems name their file."""
    make(tmp_path, [passing("a")])
    folder = tmp_path / "runs"
    folder.mkdir()
    loaded = Project.find(tmp_path).golden_set("orders")
    with pytest.raises(Problem, match=r"no \.jsonl file in"):
        find_runs(folder, tmp_path)
    (folder / "2.jsonl").write_text(GOOD + "\n")
    (folder / "1.jsonl").write_text(GOOD + "\n" + GOOD + "\n")
    (folder / "notes.txt").write_text("not read")
    assert len(read_runs(find_runs(folder, tmp_path), loaded)["a"]) == 3
    (folder / "3.jsonl").write_text("hello\n")
    with pytest.raises(Problem) as met:
        read_runs(find_runs(folder, tmp_path), loaded)
    (found,) = met.value.diagnostics
    assert found.location is not None
    assert found.location.file.endswith("3.jsonl")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    """A name with an ending is a file; any other may be a run, and is looked for among them."""
    make(tmp_path, [passing("a")])
    loaded = Project.find(tmp_path).golden_set("orders")
    with pytest.raises(Problem, match=r"cannot read .*none\.jsonl: No such file"):
        read_runs([RunsFile(tmp_path / "none.jsonl")], loaded)
    with pytest.raises(Problem, match="no run `none`"):
        find_runs(Path("none"), tmp_path)
