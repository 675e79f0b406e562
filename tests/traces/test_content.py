"""A project may keep keyed hashes instead of content: comparable, and not readable."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.canonical import canonical_text
from agentctl.core.errors import Problem
from agentctl.core.events import EVENT_TYPES, Event
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.content import KEY_VARIABLE, MARK, Hashed, kept_content
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import read_events
from agentctl.traces.views.fold import fold
from tests.support.build import bundle, trial
from tests.traces.test_trace_verify import made, traces

AT = "2026-01-15T09:00:00.000Z"
KEY = "k" * 32
__all__ = ["made"]


@pytest.fixture
def desk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "desk"
    shutil.copytree(made, folder)
    shutil.rmtree(folder / ".agentctl")
    with (folder / "agentctl.yaml").open("a") as file:
        file.write("\naudit: {content: hashed}\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    yield folder


def played(desk: Path) -> Path:
    known = set(traces(desk))
    assert run_cli(["run", "--scenario", "library-desk:renew-a-loan", "-q"]) == 0
    (path,) = set(traces(desk)) - known
    return path


def body(kind: str, event_body: dict[str, object]) -> dict[str, object]:
    event = Event(1, kind, AT, event_body)  # type: ignore[arg-type]
    return Hashed(KEY.encode())(event).body


def test_no_message_argument_or_result_is_in_a_trace_of_hashes(desk, capsys):
    """The trace verifies, its shape can be read, and its content is nowhere in it."""
    assert (
        run_cli(["run", "--scenario", "library-desk:renew-a-loan", "-q", "--format", "json"]) == 0
    )
    answer = json.loads(capsys.readouterr().out)["answer"]
    (path,) = traces(desk)
    text = path.read_text()
    (check,) = verify_file(path)
    assert (check.tampering, check.ended) == (None, True)
    _, events = read_events(path)
    trajectory = fold(events)
    assert [call.verdict for call in trajectory.calls] == ["allow"] * len(trajectory.calls)
    assert trajectory.calls
    assert answer
    assert answer not in text
    for event in events:
        if event.type == "input.received":
            assert str(event.body["content"]).startswith(MARK)
    for call in trajectory.calls:
        assert all(str(value).startswith(MARK) for value in call.arguments.values())
        assert call.value is None or str(call.value).startswith(MARK)


def test_equal_values_can_be_compared_with_the_same_key_only(desk, monkeypatch):
    """Two runs of one case have equal hashes; with another key they have not."""
    one, two = played(desk), played(desk)
    monkeypatch.setenv(KEY_VARIABLE, "x" * 32)
    three = played(desk)

    def contents(path: Path) -> list[str]:
        _, events = read_events(path)
        return [
            canonical_text(event.body)
            for event in events
            if event.type in ("input.received", "tool.returned", "call.decided")
        ]

    assert contents(one) == contents(two)
    assert not set(contents(one)) & set(contents(three))


@pytest.mark.parametrize("key", ["", "short"])
def test_without_a_key_no_run_starts(desk, monkeypatch, capsys, key: str):
    """Hashes without a secret could be guessed: refused before anything happens."""
    monkeypatch.setenv(KEY_VARIABLE, key)
    assert run_cli(["run", "--scenario", "library-desk:renew-a-loan", "-q"]) == 2
    assert KEY_VARIABLE in capsys.readouterr().err
    assert not traces(desk)


def test_what_needs_content_says_that_there_is_none(desk, capsys):
    """`trace diff` and resuming are wrong requests; `trace show` shows what is left."""
    one, two = played(desk), played(desk)
    assert run_cli(["trace", "diff", one.stem, two.stem]) == 2
    assert f"run {one.stem} keeps hashes of its content" in capsys.readouterr().err
    assert run_cli(["trace", "show", one.stem]) == 0
    assert "content is kept as keyed hashes" in capsys.readouterr().out
    path = one.with_name("paused.jsonl")
    started = Event(0, "run.started", AT, {"agent": "a"})
    with FileTrace(path, "paused", Hashed(KEY.encode())) as trace:
        trace.record(started)
    with pytest.raises(Problem, match="cannot be continued") as met:
        FileTrace.reopen(path, "paused")
    assert met.value.exit_code == 2


def test_full_content_is_the_default():
    """A project that says nothing keeps everything, and needs no key."""
    assert kept_content("full", {}) is None


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_field_nobody_thought_of_is_hashed(kind: str):
    """Only what is known as structure stays readable, whatever the event."""
    made = body(kind, {"new": "private", "list": ["private"], "object": {"a": "private"}})
    assert "private" not in canonical_text(made)


def test_hashes_keep_the_shape_of_calls_and_errors():
    """Names, ids and error kinds stay; every value of an argument has a hash of its own."""
    calls = [{"id": "c1", "name": "pay", "arguments": {"to": "Ana", "sum": 5}, "why": "private"}]
    made = body("model.replied", {"step": 1, "text": "", "calls": calls, "output": None})
    assert (made["step"], made["text"], made["output"]) == (1, "", None)
    (call,) = made["calls"]  # type: ignore[misc]
    assert (call["id"], call["name"], sorted(call["arguments"])) == ("c1", "pay", ["sum", "to"])
    assert "Ana" not in canonical_text(made)
    decided = body("call.decided", {"call_id": "c1", "arguments": {"to": "Ana"}})
    assert decided["arguments"]["to"] == call["arguments"]["to"]  # type: ignore[index]
    error = body("tool.returned", {"ok": False, "error": {"error": "conflict", "message": "Ana"}})
    assert error["error"]["error"] == "conflict"  # type: ignore[index]
    assert "Ana" not in canonical_text(error)
    raw = body("model.replied", {"calls": [{"id": "c1", "name": "pay", "arguments": "Ana"}]})
    assert "Ana" not in canonical_text(raw)
    assert "Ana" not in canonical_text(body("model.replied", {"calls": "Ana"}))
    assert "Ana" not in canonical_text(body("tool.returned", {"error": "Ana"}))


def test_every_event_of_a_run_with_an_escalation_can_be_shown_and_folded(tmp_path, capsys):
    """Whatever happens in a run, its hashed trace has the same shape."""
    turns = [
        {"call": {"get_order": {"order_id": "o_1"}}},
        {"call": {"escalate": {"reason": "angry Ana", "queue": "desk"}}},
    ]
    events = trial(bundle(escalation={"queue": "desk"}), turns).events
    path = tmp_path / "r.jsonl"
    with FileTrace(path, "r", Hashed(KEY.encode())) as trace:
        for event in events:
            trace.record(event)
    assert any(event.type == "escalated" for event in events)
    assert "angry" not in path.read_text()
    assert run_cli(["trace", "show", str(path)]) == 0
    assert "escalated to desk" in capsys.readouterr().out
    assert fold(read_events(path)[1]).ended["stop"] == "escalated"


def test_of_attempts_without_a_reply_only_the_structure_is_kept():
    """Which model and what kind of fault stay readable; the provider's words do not."""
    attempt = {"model": "openai/x", "kind": "unavailable", "message": "Ana was not found"}
    made = body("model.replied", {"attempts": [attempt], "refused": True})
    assert made["refused"] is True
    (kept,) = made["attempts"]  # type: ignore[misc]
    assert (kept["model"], kept["kind"]) == ("openai/x", "unavailable")
    assert str(kept["message"]).startswith(MARK)
