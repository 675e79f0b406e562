"""Recorded runs of real models, scored by agentctl, get the verdict that was recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crm import __main__ as command
from benchmarks.crm.compare import Comparison, compare
from benchmarks.crm.convert import convert
from benchmarks.recordings import VARIABLE, MissingRecordingsError, source

CRM = "customer_relationship_manager"
UPDATE = f"{CRM}.update_customer"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    try:
        crm = source("crm")
    except MissingRecordingsError as error:
        pytest.skip(str(error))
    return compare(*convert(crm, tmp_path_factory.mktemp("crm")))


def test_every_recorded_run_gets_its_recorded_verdict(recorded: Comparison) -> None:
    """All 640 runs are judged as their reward says: 108 correct, none inconclusive."""
    assert [c.run for c in recorded.runs if not c.agrees] == []
    assert len(recorded.runs) == 640
    assert sum(c.passed for c in recorded.runs) == 108


def test_comparing_arguments_alone_would_be_wrong(recorded: Comparison) -> None:
    """A comparison of arguments alone errs in 27 runs, both ways, and each has its reason."""
    wrong = [c for c in recorded.runs if c.why is not None]
    assert sum(c.passed for c in wrong) == 17
    assert sum(not c.passed for c in wrong) == 10
    assert all(c.arguments_only != c.passed for c in wrong)
    report = command.report(recorded)
    assert report.data["arguments_only"]["wrong"] == 27
    assert report.figure.startswith("crm: 640 of 640 agree, ")


# What follows needs no recordings: the same path over customers made up here.


def _customer(number: int, **fields: str) -> dict[str, str]:
    return {
        "customer_id": f"{number:08d}",
        "assigned_to_email": "lee@example.com",
        "customer_name": f"Customer {number}",
        "customer_email": f"c{number}@example.com",
        "customer_phone": "",
        "last_contact_date": f"2023-11-{number:02d}",
        "product_interest": "Software",
        "status": "Lead",
        "follow_up_by": "2023-12-01",
        "notes": "",
        **fields,
    }


def _said(*calls: tuple[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "please"}]
    for number, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        call = {"id": f"c{number}", "function": {"name": name, "arguments": text}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "content": "ignored", "tool_call_id": f"c{number}"})
    return [*messages, {"role": "assistant", "content": "Done."}]


def _made(
    folder: Path, expected: list[tuple[str, dict[str, str]]], runs: list[dict[str, Any]]
) -> Comparison:
    """Write one task with these runs in the public format, and score them."""
    actions = [{"tool": tool, "args": args} for tool, args in expected]
    task = {"id": f"{CRM}-1", "instruction": "Do it", "expected_actions": actions, "tags": []}
    database = {
        f"{CRM}_data": [_customer(7), _customer(3), *(_customer(n) for n in range(10, 16))],
        "company_directory": ["lee@example.com", "kim@example.com"],
    }
    (folder / "db.json").write_text(json.dumps(database))
    (folder / "scenarios.jsonl").write_text(json.dumps(task) + "\n")
    lines = [
        {"task_id": task["id"], "model": "m", "tool_selection": "all", "error": "", **run}
        for run in runs
    ]
    (folder / "trajectories.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    out = folder / "generated"
    out.mkdir()
    return compare(*convert(folder, out))


def _run(*calls: tuple[str, Any], reward: int, error: str = "") -> dict[str, Any]:
    return {"messages": _said(*calls), "reward": reward, "error": error}


def _update(field: str, value: str, customer: str = "00000003") -> tuple[str, dict[str, str]]:
    return UPDATE, {"customer_id": customer, "field": field, "new_value": value}


def test_the_state_decides_and_not_the_path(tmp_path: Path) -> None:
    """Other calls to the same state pass; the right calls with one write too many do not."""
    won = _update("status", "Won")
    found = _made(
        tmp_path,
        [won],
        [
            _run(won, reward=1),
            _run(_update("status", "Lost"), won, reward=1),
            _run(_update("status", "won"), won, reward=1),
            _run(won, _update("notes", "called"), reward=0),
            _run(reward=0),
        ],
    )
    assert [c.passed for c in found.runs] == [True, True, True, False, False]
    assert all(c.agrees for c in found.runs)
    assert [c.calls_and_state for c in found.runs] == [True, False, True, False, False]
    assert found.runs[2].why == "further calls failed and changed nothing"


def test_calls_that_nobody_can_read_change_nothing(tmp_path: Path) -> None:
    """Unknown tools, unknown arguments and arguments that are not JSON leave the state alone."""
    won = _update("status", "Won")
    found = _made(
        tmp_path,
        [won],
        [
            _run(("search_tasks", {"a": "b"}), (UPDATE, {**won[1], "why": "x"}), won, reward=1),
            _run((UPDATE, json.dumps({"__raw": "update(customer"})), won, reward=1),
            _run((UPDATE, "{not json"), won, reward=1),
            _run(won, (f"{CRM}.delete_customer", {"customer_id": "00000099"}), reward=1),
        ],
    )
    assert [c.row.status for c in found.runs] == ["passed"] * 4


def test_a_run_that_broke_off_fails_with_the_right_state(tmp_path: Path) -> None:
    """A recorded error fails a run whatever state it reached, and is not inconclusive."""
    won = _update("status", "Won")
    broken = _run(won, reward=0, error="Context window exceeded")
    limit = _run(won, reward=0, error="stopped due to iteration limit")
    nothing = {**broken, "messages": broken["messages"][:1]}
    found = _made(tmp_path, [won], [broken, limit, nothing])
    assert [c.row.status for c in found.runs] == ["failed"] * 3
    assert [c.end for c in found.runs] == ["error", "limit", "error"]
    assert "the run then ended with: error" in (found.runs[0].why or "")


def test_a_task_without_actions_wants_no_change(tmp_path: Path) -> None:
    """Where nothing was to be done, reading and failing pass, and any change fails."""
    search = (f"{CRM}.search_customers", {"customer_name": "customer 1"})
    found = _made(
        tmp_path,
        [],
        [
            _run(search, reward=1),
            _run(_update("status", "Gone"), reward=1),
            _run(_update("status", "Won"), reward=0),
        ],
    )
    assert [c.passed for c in found.runs] == [True, True, False]


def test_case_counts_in_the_status_alone(tmp_path: Path) -> None:
    """Text is compared ignoring case, except the status of a customer that was added."""
    added = {"customer_name": "Ann Lee", "assigned_to_email": "Kim@example.com", "status": "Lead"}
    add = f"{CRM}.add_customer"
    found = _made(
        tmp_path,
        [(add, added)],
        [
            _run((add, {**added, "customer_name": "ANN LEE"}), reward=1),
            _run((add, {**added, "notes": "", "customer_phone": ""}), reward=1),
            _run((add, {**added, "status": "lead"}), reward=0),
            _run((add, {k: v for k, v in added.items() if k != "status"}), reward=0),
        ],
    )
    assert [c.passed for c in found.runs] == [True, True, False, False]
    assert all(c.agrees for c in found.runs)


def test_without_recordings_the_command_says_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the recordings the benchmark exits with 2 and names their public source."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("sys.argv", ["crm"])
    assert command.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "WorkBench" in said.err
    assert "benchmarks/README.md" in said.err
