"""The Python interface: what the commands do, as functions that return data."""

from pathlib import Path

import pytest

from agentctl import api
from agentctl.app.new_project import start_project
from tests.support.command import agentctl

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
    assert str(found.location).endswith("library-desk.yaml:3:8")
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
