"""Recorded runs of an agent of any make, scored: their results, their cost, whose they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.evaluating.evaluation import EvalRequest, evaluate_sets
from agentctl.app.evaluating.turn_sources import TurnSourceOptions
from agentctl.core.errors import Problem
from agentctl.evals.results.report import report_data
from agentctl.evals.running.runner import SetResult
from agentctl.runtime.recorded_dialogue import recorded_reads
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.turns import Turn, TurnCall
from agentctl.traces.log.store import evals_folder, read_events
from tests.support.project import CANCEL, GET, SAY, WANTED, make, passing

GONE = {"tool": "get_order", "args": {"order_id": "o_9"}}
"""A read of an order that the world does not hold."""
SEEN = {"order_id": "o_9", "customer_id": "cus_7", "status": "pending", "total": 5}


def score(root: Path, *recordings: dict[str, Any], **request: Any) -> SetResult:
    """Score recordings of scenario `a`."""
    lines = [json.dumps({"scenario": "a", **one}) + "\n" for one in recordings]
    (root / "runs.jsonl").write_text("".join(lines))
    wanted = EvalRequest(traces=root / "runs.jsonl", keep="all", **request)
    return evaluate_sets(Project.find(root), wanted).results[0]


def returned(root: Path, tool: str) -> dict[str, Any]:
    """Return what a tool answered in the first trial that is kept."""
    _, events = read_events(evals_folder(root) / "orders.jsonl")
    bodies = [event.body for event in events if event.type == "tool.returned"]
    return next(body for body in bodies if body["tool"] == tool)


def test_reads_are_answered_with_recorded_results(tmp_path: Path):
    """With `tools: recorded` a read returns what it returned then, not what the world holds."""
    make(tmp_path, [passing("a")])
    read = {"call": {**GONE, "result": SEEN}}
    score(tmp_path, {"turns": [read, SAY]})
    assert returned(tmp_path, "get_order")["error"]["error"] == "not_found"
    result = score(tmp_path, {"turns": [read, SAY]}, tools="recorded")
    assert returned(tmp_path, "get_order")["value"] == SEEN
    assert any("recorded results" in said for said in result.summary.untested)


def test_writes_always_act_on_the_world(tmp_path: Path):
    """A recorded result of a write is not believed: the write is made, and the state decides."""
    make(tmp_path, [passing("a", expect={"state": {"orders": {"o_1": {"status": "cancelled"}}}})])
    write = {"tool": "cancel_order", "args": {"order_id": "o_1"}, "result": {"status": "kept"}}
    found = score(tmp_path, {"turns": [GET, {"call": write}, SAY]}, tools="recorded")
    assert found.rows[0].status == "passed"
    assert returned(tmp_path, "cancel_order")["value"]["status"] == "cancelled"


def test_a_recorded_error_is_an_error_again(tmp_path: Path):
    """`{error, message}` of a known kind is what a tool said when it failed; other results are
    values."""
    make(tmp_path, [passing("a")])
    failed = {"error": "unavailable", "message": "down"}
    read = {"call": {**GONE, "result": failed}}
    score(tmp_path, {"turns": [read, SAY]}, tools="recorded")
    assert returned(tmp_path, "get_order")["error"] == failed
    call = TurnCall(tool="get_order", result={"error": "odd", "message": "down"})
    found = recorded_reads([Turn(calls=[call])], {"get_order": "none"})
    assert found["1.1", "get_order"].ok


def test_results_that_are_not_json_are_text(tmp_path: Path):
    """A result that a log holds as plain text reaches the run as that text."""
    tools = tmp_path / "tools/orders.yaml"
    make(tmp_path, [passing("a")])
    tools.write_text(
        tools.read_text().replace(
            "    records: {table: orders}\n    visible_when: record.customer_id == principal.id\n"
            "    mock: {get: orders}",
            "    mock: {get: orders}",
        )
    )
    call = {"id": "x", "function": {"name": "get_order", "arguments": '{"order_id": "o_9"}'}}
    messages = [
        {"role": "user", "content": "where is it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x", "content": "Error: <html>"},
        {"role": "assistant", "content": "I cannot see it."},
    ]
    score(tmp_path, {"messages": messages}, tools="recorded")
    assert returned(tmp_path, "get_order")["value"] == "Error: <html>"


def test_reads_without_a_recorded_result_ask_the_world(tmp_path: Path):
    """Where a call carries no result, its mock answers; a mock is needed only there."""
    make(tmp_path, [passing("a")])
    found = score(tmp_path, {"turns": [GET, CANCEL, SAY]}, tools="recorded")
    assert found.rows[0].status == "passed"
    tools = tmp_path / "tools/orders.yaml"
    tools.write_text(tools.read_text().replace("    mock: {get: orders}\n", ""))
    read = {"call": {"tool": "get_order", "args": {"order_id": "o_1"}, "result": SEEN}}
    assert score(tmp_path, {"turns": [GET, SAY]}).rows[0].status == "inconclusive"
    found = score(tmp_path, {"turns": [read, SAY]}, tools="recorded")
    assert found.rows[0].status == "failed"
    assert found.rows[0].reasons[0].kind == "missing-call"


@pytest.mark.parametrize(
    ("options", "other"),
    [
        (TurnSourceOptions(live=True), "--live"),
        (TurnSourceOptions(record="all"), "--record"),
        (TurnSourceOptions(replay=True), "--replay"),
    ],
)
def test_recorded_results_need_recorded_turns(
    tmp_path: Path, options: TurnSourceOptions, other: str
):
    """A model that is asked, or a cassette, carries no results: the two options are refused."""
    make(tmp_path, [passing("a")])
    with pytest.raises(Problem) as met:
        evaluate_sets(Project.find(tmp_path), EvalRequest(turns=options, tools="recorded"))
    assert f"`--tools recorded` cannot be used with `{other}`" in str(met.value)


def test_the_recorded_cost_is_the_trials_cost(tmp_path: Path):
    """A cost that was recorded is taken as it is, to the last digit, and says where it is from."""
    make(tmp_path, [passing("a", expect=WANTED)])
    turns = [GET, CANCEL, SAY]
    runs = [{"trial": 1, "cost": "0.1000000000000000001"}, {"trial": 2, "cost": 0.2}]
    result = score(tmp_path, *({"turns": turns, **run} for run in runs))
    assert [(row.cost_usd, row.cost_status) for row in result.rows] == [
        ("0.1000000000000000001", "recorded"),
        ("0.2", "recorded"),
    ]
    figure = result.summary.as_json()["figures"]["cost_per_scenario_usd"]
    assert (figure["numerator"], figure["status"]) == ("0.3", "ok")


def test_a_recorded_cost_takes_the_place_of_estimates(tmp_path: Path):
    """Neither estimated tokens nor a limit of the agent change what a recorded run cost."""
    make(tmp_path, [passing("a")])
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text() + "limits: {cost_usd: {session: 0.0000001}}\n")
    turns = [GET, CANCEL, {"say": "Order o_1 is cancelled."}]
    assert score(tmp_path, {"turns": turns}).rows[0].status == "failed"
    row = score(tmp_path, {"turns": turns, "cost": "0.05"}).rows[0]
    assert (row.status, row.cost_usd, row.cost_status) == ("passed", "0.05", "recorded")
    shown = report_data([score(tmp_path, {"turns": turns, "cost": "0.05"})])
    assert shown["sets"][0]["trials"][0]["cost"] == {"usd": "0.05", "status": "recorded"}
