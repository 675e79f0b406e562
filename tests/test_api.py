"""The Python interface: what the commands do, as functions that return data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl import api
from agentctl.app.new_project import start_project
from agentctl.traces.log.chain import chain_lines
from agentctl.traces.log.store import read_events
from tests.support.command import agentctl

ROOT = Path(__file__).parent.parent
SET = Path("golden_sets") / "library-desk.yaml"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    start_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(root: Path, old: str, new: str) -> None:
    text = (root / SET).read_text()
    assert old in text
    (root / SET).write_text(text.replace(old, new, 1))


def test_evaluate_returns_the_verdict_that_the_command_exits_with(root):
    """The verdict, the rows and the exit code are those of `agentctl eval`."""
    change(root, "renewals: 1}}}", "renewals: 7}}}")
    done = api.evaluate(api.load_project(root))
    code, _, _ = agentctl(root, "eval")
    assert done.verdict.outcome == "failed"
    assert done.verdict.exit_code == code == 1
    failed = [row for result in done.results for row in result.rows if row.status == "failed"]
    assert [row.scenario for row in failed] == ["renew-a-loan"]
    assert "renewals" in failed[0].reasons[0].message


def test_evaluate_reports_progress_and_prints_nothing(root, capfd):
    """Progress reaches the callback, scenario by scenario; stdout and stderr stay empty."""
    seen: list[api.SetProgress] = []
    done = api.evaluate(api.load_project(root), on_progress=seen.append)
    played = done.results[0].summary.trials
    assert [progress.done for progress in seen] == list(range(1, played + 1))
    assert {(one.golden_set, one.noun) for one in seen} == {("library-desk", "scenario")}
    assert capfd.readouterr() == ("", "")


def test_evaluate_plays_what_is_selected(root):
    """`select` takes ids with `*`; nothing selected is a problem with its code."""
    project = api.load_project(root)
    done = api.evaluate(project, ["library-desk"], select=["renew-*"])
    assert [row.scenario for row in done.results[0].rows] == ["renew-a-loan"]
    with pytest.raises(api.Problem) as met:
        api.evaluate(project, select=["nothing-like-this"])
    assert met.value.diagnostics[0].code == "nothing-selected"


def test_check_returns_diagnostics_with_places(root):
    """`check` returns what the command prints: code, severity, message, place and hint."""
    assert api.check(root).diagnostics == ()
    change(root, "agent: library-desk", "agent: library-dsek")
    (found,) = api.check(root).diagnostics
    assert (found.code, found.severity) == ("unknown-agent", "error")
    assert str(found.location).endswith("library-desk.yaml:4:8")
    assert found.hint == "did you mean `library-desk`?"


def test_two_kept_traces_are_read_and_compared(root):
    """Traces that an evaluation kept are read by set and scenario, and differ in their calls."""
    project = api.load_project(root)
    api.evaluate(project, keep="all")
    left = api.read_trace(project, "library-desk/renew-a-loan")
    right = api.read_trace(project, "library-desk/reserved-by-another-reader")
    assert [call.tool for call in left.trajectory.calls] == ["list_loans", "renew_loan"]
    assert left.events[-1].type == "run.ended"
    assert api.diff(left, left).equal
    assert not api.diff(left, right).equal


def test_what_is_returned_is_frozen(root):
    """Nothing that the interface returns can be changed by accident."""
    done = api.evaluate(api.load_project(root))
    with pytest.raises(AttributeError):
        done.verdict = None  # type: ignore[misc]


TURNS = [
    {"call": {"list_loans": {}}},
    {"call": {"renew_loan": {"loan_id": "l_1"}}},
    {"say": "Renewed."},
]


def test_run_plays_one_task_on_mocks(root, capfd):
    """Without a key: the turns are given, tools are mocked, events reach the callback."""
    seen: list[api.Event] = []
    project = api.load_project(root)
    done = api.run(project, "library-desk", "Renew it.", turns=TURNS, on_event=seen.append)
    assert done.result["stop"] == "answered"
    assert done.result["answer"] == "Renewed."
    assert [call["tool"] for call in done.result["calls"]] == ["list_loans", "renew_loan"]
    assert seen == done.events
    assert capfd.readouterr() == ("", "")
    assert api.read_trace(project, done.result["run"]).events == tuple(done.events)


def test_run_refuses_turns_that_are_none(root):
    """A turn that says nothing is a problem that names it."""
    with pytest.raises(api.Problem) as met:
        api.run(api.load_project(root), "library-desk", "Renew it.", turns=[{"say": 3}])
    assert met.value.diagnostics[0].code == "wrong-type"
    assert "turn 1" in str(met.value)


def test_a_replayed_task_agrees_until_the_agent_changes(root):
    """A kept run is played again with what was said, and differs once a limit stops it."""
    project = api.load_project(root)
    kept = api.run(project, "library-desk", "Renew it.", turns=TURNS).result["run"]
    assert api.replay(project, kept).agrees
    agent = root / "agents" / "library-desk.yaml"
    agent.write_text(agent.read_text().replace("tool_calls: 8", "tool_calls: 1"))
    changed = api.replay(api.load_project(root), kept)
    assert not changed.agrees
    assert {difference.item.name for difference in changed.difference.differences} >= {"renew_loan"}


def test_every_kept_trial_agrees_with_its_replay(root):
    """Trials are played again with their own world, clock, people and faults."""
    project = api.load_project(root)
    done = api.evaluate(project, keep="all")
    for row in done.results[0].rows:
        replayed = api.replay(project, f"library-desk/{row.scenario}")
        assert replayed.agrees, (row.scenario, replayed.difference)


RECORDINGS = [
    {"turns": TURNS[:2], "end": "answered"},
    {"turns": [{"say": "Hello."}, {"user": "Renew it."}, *TURNS, {"user": "Bye."}]},
    {"messages": [{"role": "user", "content": "Bye."}], "end": "user_left"},
]


@pytest.mark.parametrize("recording", RECORDINGS, ids=["ends-with-a-call", "dialogue", "silent"])
def test_recorded_runs_of_another_agent_are_replayed_too(root, recording):
    """An agent that speaks first, ends with a call or says nothing replays as it was scored."""
    project = api.load_project(root)
    file = root / "runs.jsonl"
    file.write_text(json.dumps({"scenario": "renew-a-loan", "trial": 1, **recording}) + "\n")
    api.evaluate(project, ["library-desk"], traces=file, keep="all")
    replayed = api.replay(project, "library-desk/renew-a-loan")
    assert replayed.agrees, replayed.difference


def test_live_runs_are_not_replayed(root):
    """A trace whose tools were live is refused: its effects are not to happen again."""
    project = api.load_project(root)
    kept = api.run(project, "library-desk", "Renew it.", turns=TURNS).result["run"]
    path = next((root / ".agentctl" / "traces").glob(f"{kept}.jsonl"))
    _, events = read_events(path)
    events[0].body["mode"] = "live"
    path.write_text("".join(chain_lines(kept, events)))
    with pytest.raises(api.Problem) as met:
        api.replay(project, kept)
    assert met.value.diagnostics[0].code == "live-trace"


def test_the_script_of_the_documentation_runs(root):
    """The example loads, runs a task on mocks, evaluates a set and compares two runs."""
    script = ROOT / "docs" / "examples" / "api_script.py"
    code = [line for line in script.read_text().splitlines() if line.strip()]
    assert len(code) <= 20
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines() == [
        "answered: Renewed.",
        "passed: 5 of 5 trials",
        "renew_loan: removed",
    ]
    assert script.read_text() in (ROOT / "docs" / "api.md").read_text()


def test_everything_public_is_documented():
    """Each function of `__all__` is in docs/api.md, and says what it raises."""
    page = (ROOT / "docs" / "api.md").read_text()
    functions = [name for name in api.__all__ if name.islower()]
    assert {"load_project", "run", "evaluate", "replay", "check", "read_trace", "diff"} == {
        *functions
    }
    for name in functions:
        assert f"### `{name}(" in page
        assert "Raises:" in (getattr(api, name).__doc__ or "")
