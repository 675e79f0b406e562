"""Recorded dialogues of a real agent, scored by agentctl, get the verdict that was recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.airline import __main__ as command
from benchmarks.airline.convert import PROJECT, AirlineRun, convert
from benchmarks.output import BenchmarkResult
from benchmarks.recordings import VARIABLE, MissingRecordingsError, score_recordings, source


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    try:
        airline = source("airline")
    except MissingRecordingsError as error:
        pytest.skip(str(error))
    generated, runs = convert(airline, tmp_path_factory.mktemp("airline"))
    return command.report(score_recordings(PROJECT, generated), runs)


def test_every_recorded_dialogue_gets_its_recorded_verdict(report: BenchmarkResult) -> None:
    """All 48 dialogues are judged as their reward says."""
    assert report.data["disagree"] == []
    assert (report.data["agree"], report.data["runs"]) == (48, 48)
    assert (report.data["passed"], report.data["correct"]) == (11, 11)
    assert report.figure.startswith("airline: 48 of 48 agree, ")
    assert report.good


def test_reliability_and_escalations_are_those_of_the_recordings(report: BenchmarkResult) -> None:
    """pass^k over four trials a task, and the escalation table, come out as recorded."""
    assert report.data["pass_hat_k"] == {"1": 0.2292, "2": 0.0972, "3": 0.0833, "4": 0.0833}
    assert report.data["escalations"] == {"expected": 8, "made": 5, "both": 2}


# What follows needs no recordings: the same path over a passenger made up here.


def _source(folder: Path, trajectories: list[dict[str, Any]]) -> Path:
    user = {"name": {"first_name": "Ann", "last_name": "Lee"}, "payment_methods": {}}
    database = {"users": {"ann_1": user}, "reservations": {}, "flights": {}}
    sent = {"tool": "send_certificate", "args": {"user_id": "ann_1", "amount": 50}}
    task = {
        "id": "airline-1",
        "instruction": "You want a certificate.",
        "expected_actions": [sent],
        "expected_outputs": ["50"],
        "tags": [],
    }
    (folder / "db.json").write_text(json.dumps(database))
    (folder / "scenarios.jsonl").write_text(json.dumps(task) + "\n")
    lines = [
        {"task_id": "airline-1", "trial": number, "model": "m", "finished": True, **run}
        for number, run in enumerate(trajectories)
    ]
    (folder / "trajectories.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "out").mkdir()
    return folder


def _dialogue(amount: int, last: str) -> list[dict[str, Any]]:
    arguments = json.dumps({"user_id": "ann_1", "amount": amount})
    call = {"id": "c1", "function": {"name": "send_certificate", "arguments": arguments}}
    return [
        {"role": "user", "content": "My flight was late."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sent"},
        {"role": "assistant", "content": last},
        {"role": "user", "content": "Thank you."},
    ]


def test_a_dialogue_that_was_cut_off_fails_with_the_right_state(tmp_path: Path) -> None:
    """`finished: false` fails a run; the same messages pass where the user ended it."""
    said = _dialogue(50, "You get 50 dollars.")
    runs = [
        {"messages": said, "reward": 1},
        {"messages": said, "reward": 0, "finished": False},
        {"messages": _dialogue(60, "You get 50 dollars."), "reward": 0},
        {"messages": _dialogue(50, "Sent."), "reward": 0},
    ]
    folder = _source(tmp_path, runs)
    generated, listed = convert(folder, folder / "out")
    scored = score_recordings(PROJECT, generated)
    rows = scored.rows()
    assert [rows["airline-1", n].status for n in (1, 2, 3, 4)] == ["passed", *["failed"] * 3]
    found = command.report(scored, listed)
    assert (found.data["agree"], found.good) == (4, True)


def test_a_verdict_that_differs_from_the_reward_breaks_the_bound(tmp_path: Path) -> None:
    """One run that is judged otherwise than it was rewarded is named, and the exit code is 1."""
    folder = _source(tmp_path, [{"messages": _dialogue(50, "50 it is."), "reward": 0}])
    generated, _ = convert(folder, folder / "out")
    report = command.report(score_recordings(PROJECT, generated), [AirlineRun("airline-1", 1, 0)])
    assert report.data["disagree"] == ["airline-1#1"]
    assert "airline-1#1: passed, recorded reward 0: everything as expected" in report.remarks
    assert not report.good


def test_without_recordings_the_command_says_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the recordings the benchmark exits with 2 and names their public source."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("sys.argv", ["airline"])
    assert command.main() == 2
    assert "tau-bench" in capsys.readouterr().err
