"""Recorded runs of an agent of any make, scored: their results, their cost, whose they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.evaluating.evaluation import EvalRequest, evaluate_sets
from agentctl.app.evaluating.turn_sources import TurnSourceOptions
from agentctl.cli.render.eval import population_lines
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


def played(model: str, *won: bool, **more: Any) -> list[dict[str, Any]]:
    """Return trials of a model, each with whether it does what is wanted."""
    return [
        {"trial": n, "model": model, "turns": [GET, CANCEL, SAY] if good else [GET, SAY], **more}
        for n, good in enumerate(won, start=1)
    ]


def test_trials_of_different_models_are_never_one_population(tmp_path: Path):
    """pass^k is of each model by itself; the set as a whole has none, and no interval."""
    make(tmp_path, [passing("a")])
    runs = [*played("good", True, True), *played("poor", True, False)]
    result = score(tmp_path, *runs)
    powers = {
        one.name: {k: figure.value for k, figure in one.summary.pass_hat.items()}
        for one in result.populations
    }
    assert powers == {"good": {1: 1.0, 2: 1.0}, "poor": {1: 0.5, 2: 0.0}}
    assert result.summary.pass_hat == {}
    assert result.summary.figures["pass_rate"].interval is None
    assert (result.summary.trials, result.summary.passed) == (4, 3)
    assert [(row.trial, row.model) for row in result.rows] == [
        (1, "good"),
        (2, "good"),
        (3, "poor"),
        (4, "poor"),
    ]


def test_agents_on_one_model_are_told_apart(tmp_path: Path):
    """Two agents of one model are two populations, named in rows, report and gates."""
    make(tmp_path, [passing("a")])
    runs = [*played("m", True, agent="old"), *played("m", False, agent="new")]
    result = score(tmp_path, *runs)
    assert [one.name for one in result.populations] == ["new on m", "old on m"]
    shown = report_data([result])["sets"][0]
    assert {trial["agent"]: trial["status"] for trial in shown["trials"]} == {
        "old": "passed",
        "new": "failed",
    }
    assert [one["agent"] for one in shown["populations"]] == ["new", "old"]
    rates = {g["population"]: g["status"] for g in shown["gates"] if g["gate"] == "pass_rate"}
    assert rates == {"new on m": "failed", "old on m": "passed"}


def test_a_gate_holds_for_each_model(tmp_path: Path):
    """A model that is bad enough fails the set, however good another pulls the mean."""
    make(tmp_path, [passing("a")], gates={"pass_rate": {"min": 0.6}})
    good, poor = played("good", *[True] * 8), played("poor", True, False)
    assert score(tmp_path, *good).verdict.outcome == "passed"
    assert score(tmp_path, *good, *poor).verdict.outcome == "failed"


def test_a_figure_that_no_model_has_data_for_is_decided_once(tmp_path: Path):
    """Where no population can say anything, the gate is unclear, and not left out."""
    make(tmp_path, [passing("a")], gates={"escalation_recall": {"min": 1}})
    result = score(tmp_path, *played("one", True), *played("two", True))
    (gate,) = [g for g in result.verdict.gates if g.name == "escalation_recall"]
    assert (gate.status, gate.population) == ("not_evaluated", None)
    assert result.verdict.outcome == "inconclusive"


def test_one_model_alone_is_reported_as_before(tmp_path: Path):
    """With one agent and model there is no table, and gates name nobody."""
    make(tmp_path, [passing("a")])
    result = score(tmp_path, *played("m", True, True))
    assert result.populations == ()
    assert set(result.summary.pass_hat) == {1, 2}
    assert "populations" not in report_data([result])["sets"][0]
    assert {gate.population for gate in result.verdict.gates} == {None}


def test_the_table_of_models_fits_the_terminal(tmp_path: Path):
    """Each model has a line; of pass^k as many columns are shown as fit."""
    make(tmp_path, [passing("a")])
    result = score(tmp_path, *played("good", *[True] * 5), *played("poor" * 20, *[False] * 5))
    for width in (60, 80, 120):
        lines = list(population_lines(result.populations, width))
        assert len(lines) == 4
        assert all(len(line) <= width for line in lines)
    assert "pass^3" in lines[0]
    assert "1.0000" in lines[1]


def test_trials_without_a_number_are_numbered_in_their_order(tmp_path: Path):
    """`trial` may be left out: a line gets the next number of its scenario."""
    make(tmp_path, [passing("a"), passing("b")])
    turns = [GET, CANCEL, SAY]
    runs = [{"turns": turns}, {"scenario": "b", "turns": turns}, {"turns": turns, "trial": 3}]
    result = score(tmp_path, *runs, {"turns": turns})
    assert [(row.scenario, row.trial) for row in result.rows] == [
        ("a", 1),
        ("a", 3),
        ("a", 4),
        ("b", 1),
    ]


def test_recordings_of_some_scenarios_are_gated_like_a_selection(tmp_path: Path):
    """A figure about scenarios that were not recorded is left out; one about all is not."""
    escalated = passing("b", expect={"escalation": "any"}, turns=[SAY])
    gates = {"escalation_recall": {"min": 1}}
    make(tmp_path, [passing("a"), escalated], gates=gates)
    result = score(tmp_path, *played("m", True))
    assert result.verdict.outcome == "passed"
    assert "escalation_recall" not in {gate.name for gate in result.verdict.gates}
    make(tmp_path, [passing("a")], gates=gates)
    assert score(tmp_path, *played("m", True)).verdict.outcome == "inconclusive"


def test_the_number_of_processes_does_not_show(tmp_path: Path):
    """Recorded results, costs, agents and models reach a trial in another process too."""
    make(tmp_path, [passing(f"s{n}") for n in range(45)])
    read = {"call": {"tool": "get_order", "args": {"order_id": "o_1"}, "result": SEEN}}
    runs = [
        {"scenario": f"s{n}", "model": f"m{n % 2}", "agent": "x", "cost": "0.1", "turns": turns}
        for n in range(45)
        for turns in ([read, SAY], [GET, CANCEL, SAY])
    ]
    one, two = (
        report_data([score(tmp_path, *runs, tools="recorded", jobs=jobs)]) for jobs in (1, 2)
    )
    assert one == two
    assert len(one["sets"][0]["populations"]) == 2
