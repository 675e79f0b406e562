"""Runs of agentctl itself, scored again: a trace comes to the verdict of its trial."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.evaluating.evaluation import EvalRequest, evaluate_sets
from agentctl.cli.program import run_cli
from agentctl.core.errors import Problem
from agentctl.evals.running.runner import SetResult
from agentctl.interop.reading import find_runs, read_runs
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.turns import Recording
from agentctl.traces.log.store import evals_folder
from tests.support.command import copy_shipped
from tests.support.project import CANCEL, GET, SAY, make, passing


def evaluated(root: Path, golden_set: str, **request: Any) -> SetResult:
    """Evaluate one set of a project."""
    wanted = EvalRequest([golden_set], **{"keep": "none", **request})
    return evaluate_sets(Project.find(root), wanted).results[0]


def kept(root: Path, *scenarios: dict[str, Any]) -> Path:
    """Return the traces of trials of a new project."""
    make(root, list(scenarios))
    evaluated(root, "orders", keep="all")
    return evals_folder(root) / "orders.jsonl"


def read(root: Path, reference: Path) -> dict[str, list[Recording]]:
    """Return the recordings that a reference means."""
    loaded = Project.find(root).golden_set("orders")
    return dict(read_runs(find_runs(reference, root), loaded))


@pytest.mark.parametrize("golden_set", ["order-support", "support-triage"])
def test_a_trial_that_is_scored_again_gets_the_verdict_it_had(tmp_path: Path, golden_set: str):
    """Words, calls, escalations and stops of every shipped trial come out of its trace."""
    root = copy_shipped(tmp_path)
    first = evaluated(root, golden_set, keep="all")
    second = evaluated(root, golden_set, traces=evals_folder(root) / f"{golden_set}.jsonl")
    verdicts = [
        {row.scenario: (row.status, row.stop, row.escalation) for row in one.rows}
        for one in (first, second)
    ]
    assert verdicts[1] == verdicts[0]
    assert second.populations == ()


def test_a_run_that_met_a_limit_meets_it_again(tmp_path: Path):
    """A limit or loop that the replay meets itself is scored as a stop, and fails nothing else."""
    loop = passing("a", turns=[GET] * 5, expect={"stop": "loop", "escalation": "none"})
    make(tmp_path, [loop])
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("escalation: {queue: desk}\n", ""))
    assert evaluated(tmp_path, "orders", keep="all").rows[0].status == "passed"
    trace = evals_folder(tmp_path) / "orders.jsonl"
    assert [one.end for one in read(tmp_path, trace)["a"]] == ["limit"]
    (row,) = evaluated(tmp_path, "orders", traces=trace).rows
    assert (row.status, row.stop) == ("passed", "loop")


def test_a_trace_becomes_turns_with_results_usage_end_and_cost(tmp_path: Path):
    """Nothing that a recording can hold is lost."""
    no_object = {"tool": "get_order", "args": "not json"}
    refused = {"calls": [{"get_order": {"order_id": "o_9"}}, no_object]}
    turns = [{**GET, "say": "One moment."}, refused, CANCEL, SAY]
    usage = {"in": 1, "out": 1}
    turns = [{**turn, "usage": turn.get("usage", usage)} for turn in turns]
    trace = kept(tmp_path, passing("a", turns=turns, conversation=["hi", "bye"], input=None))
    (found,) = read(tmp_path, trace)["a"]
    assert [turn.user for turn in found.turns] == ["hi", None, None, None, None, "bye"]
    get, missing, cancel, said, _ = (t for t in found.turns if t.user != "hi")
    assert (get.say, get.calls[0].args) == ("One moment.", {"order_id": "o_1"})
    assert get.calls[0].result["status"] == "pending"
    assert missing.calls[0].result["error"] == "not_found"
    assert missing.calls[1].args == "not json"
    assert cancel.calls[0].result["status"] == "cancelled"
    assert (said.usage.input, said.usage.output) == (800, 50)
    assert str(found.cost) == "0.000307"


def test_a_run_of_another_set_is_found_by_what_its_user_says(tmp_path: Path):
    """A run that is no trial of the set belongs to the scenario its user begins like."""
    trace = kept(tmp_path, passing("old"))
    make(tmp_path, [passing("new"), passing("other", input="x")], name="later")
    loaded = Project.find(tmp_path).golden_set("later")
    found = read_runs(find_runs(trace, tmp_path), loaded)
    assert list(found) == ["new"]
    make(tmp_path, [passing("other", input="x")], name="later")
    loaded = Project.find(tmp_path).golden_set("later")
    with pytest.raises(
        Problem, match='run orders/old#1: no scenario begins with "cancel my order"'
    ):
        read_runs(find_runs(trace, tmp_path), loaded)


def test_one_trial_is_named_as_everywhere(tmp_path: Path):
    """`SET/SCENARIO#N` means one run of the file of its set."""
    kept(tmp_path, passing("a"), passing("b"))
    assert list(read(tmp_path, Path("orders/b"))) == ["b"]
    assert list(read(tmp_path, Path("orders/a#1"))) == ["a"]


def test_a_run_by_hand_is_scored_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`eval SET --traces latest` scores the run that was just made."""
    make(tmp_path, [passing("a"), passing("b", input="x")])
    monkeypatch.chdir(tmp_path)
    assert run_cli(["run", "--scenario", "orders:a"]) == 0
    capsys.readouterr()
    assert run_cli(["eval", "orders", "--traces", "latest", "--format", "json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["sets"][0]["trials"]
    assert (trial["scenario"], trial["mode"], trial["status"]) == ("a", "recorded", "passed")


def test_a_trace_that_was_changed_is_not_scored(tmp_path: Path):
    """A changed, removed or repeated line is named with its place, and nothing is scored."""
    trace = kept(tmp_path, passing("a"))
    lines = trace.read_text().splitlines(keepends=True)
    for damaged in (
        [line.replace("cancelled", "confirmed") for line in lines],
        [*lines[:3], *lines[4:]],
        [*lines[:3], *lines[2:]],
        [*lines[:4], "{}\n", *lines[4:]],
    ):
        trace.write_text("".join(damaged))
        with pytest.raises(Problem) as met:
            read(tmp_path, trace)
        (found,) = met.value.diagnostics
        assert found.code == "damaged-trace"
        assert found.location is not None
        assert found.location.line > 1


def test_a_run_without_content_cannot_be_scored(tmp_path: Path):
    """Where a trace keeps hashes only, the run says so."""
    make(tmp_path, [passing("a")])
    (tmp_path / "agentctl.yaml").write_text("audit: {content: hashed}\n")
    key = "0123456789abcdef0123456789abcdef"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTCTL_AUDIT_KEY", key)
        patch.chdir(tmp_path)
        assert run_cli(["run", "--scenario", "orders:a"]) == 0
        with pytest.raises(Problem, match="keeps hashes of its content, and cannot be scored"):
            read(tmp_path, Path("latest"))
