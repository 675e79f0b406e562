"""Whole golden sets: streamed, in one process or several, always the same result."""

import gc
import random
import re

import pytest

from agentctl.core.errors import Problem
from agentctl.evals.results.report import report_json_text, report_records
from agentctl.evals.running import runner
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.running.selection import ScenarioSelection
from agentctl.specs.loading.project import Project
from tests.support.project import failing, make, passing, unclear


def run(root, **plan):
    return evaluate_set(
        Project.find(root).golden_set(str(root / "golden_sets/orders.yaml")), EvalPlan(**plan)
    )


def many(count):
    kinds = [passing, passing, failing, unclear]
    return [kinds[n % 4](f"case-{n:03d}") for n in range(count)]


def test_the_report_is_byte_equal_for_any_jobs_and_order(tmp_path):
    """`--jobs 1` and `--jobs 4`, and the scenarios in any order, give the same bytes."""
    scenarios = many(60)
    make(tmp_path / "one", scenarios)
    random.Random(7).shuffle(scenarios)
    make(tmp_path / "two", scenarios)
    texts = {
        report_json_text([run(tmp_path / where, jobs=jobs)])
        for where in ("one", "two")
        for jobs in (1, 4)
    }
    assert len(texts) == 1
    (text,) = texts
    assert str(tmp_path) not in text


def test_rows_come_sorted_and_complete(tmp_path):
    """Every scenario has a row; the statuses are those of the scenarios."""
    make(tmp_path, many(8))
    result = run(tmp_path)
    assert [row.scenario for row in result.rows] == [f"case-{n:03d}" for n in range(8)]
    summary = result.summary
    assert (summary.passed, summary.failed, summary.inconclusive) == (4, 2, 2)
    assert result.verdict.outcome == "failed"


def test_selection_by_glob_and_tag(tmp_path):
    """`--select` takes ids and tags; several patterns add up."""
    make(tmp_path, [passing("a-1"), passing("a-2"), passing("b-1", tags=["angry"])])
    for patterns, wanted in (
        (("a-*",), ["a-1", "a-2"]),
        (("tag:angry",), ["b-1"]),
        (("a-1", "tag:ang*"), ["a-1", "b-1"]),
    ):
        result = run(tmp_path, selection=ScenarioSelection(patterns))
        assert [row.scenario for row in result.rows] == wanted


def test_selecting_nothing_is_a_wrong_request(tmp_path):
    """A pattern that fits no scenario ends with exit code 2, not with a green verdict."""
    make(tmp_path, [passing("a")])
    with pytest.raises(Problem) as met:
        run(tmp_path, selection=ScenarioSelection(("b*",)))
    assert met.value.exit_code == 2
    assert met.value.diagnostics[0].code == "nothing-selected"


def test_an_unknown_scorer_is_a_wrong_request(tmp_path):
    """A scorer nobody registered ends with exit code 2 and a hint."""
    make(tmp_path, [passing("a")], scorers=["escalaton"])
    with pytest.raises(Problem) as met:
        run(tmp_path)
    assert met.value.exit_code == 2
    assert met.value.diagnostics[0].hint == "did you mean `escalation`?"


def test_an_expected_write_that_fails_costs_its_scenario_only(tmp_path):
    """It is named with file, line and arguments, and the other scenarios are judged."""
    wrong = {"calls": [{"cancel_order": {"order_id": "o_2"}}], "state": "from_calls"}
    make(tmp_path, [*many(40), passing("wrong", expect=wrong)])
    for jobs in (1, 2):
        result = run(tmp_path, jobs=jobs)
        assert result.summary.passed == 20
        (row,) = (row for row in result.rows if row.scenario == "wrong")
        (reason,) = row.reasons
        assert reason.kind == "expected-call"
        assert re.match(
            r".*golden_sets/\w+.yaml:\d+: scenario `wrong`: the expected", reason.message
        )
        assert reason.message.endswith(
            '{"order_id":"o_2"} should succeed, and in this world: shipped'
        )


def test_the_report_says_which_version_it_is(tmp_path):
    """Every record of the report carries the schema version, and the verdict comes last."""
    make(tmp_path, many(4))
    records = list(report_records([run(tmp_path)]))
    assert {record["schema_version"] for record in records} == {"1"}
    assert [record["type"] for record in records] == ["trial"] * 4 + ["set", "verdict"]


def test_stale_turns_are_not_green(tmp_path):
    """Turns made for another prompt pass, and the verdict cannot tell."""
    old = {"instructions": "0" * 12, "tools": "0" * 12, "model": "openai/gpt-4"}
    make(tmp_path, [passing("a")], made_for=old)
    result = run(tmp_path)
    assert (result.summary.passed, result.verdict.exit_code) == (1, 3)
    make(tmp_path, [passing("a")], made_for=old, gates={"stale": "accept"})
    assert run(tmp_path).verdict.exit_code == 0


def test_garbage_is_collected_in_turns_and_the_collector_left_as_it_was(tmp_path, monkeypatch):
    """Every so many trials garbage is looked for; what was automatic before is so after a set."""
    make(tmp_path, many(9))
    monkeypatch.setattr(runner, "COLLECT_AFTER", 4)
    turns = []
    monkeypatch.setattr(runner.gc, "collect", lambda: turns.append(gc.isenabled()))
    run(tmp_path)
    assert turns == [False, False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_report_says_which_checks_a_set_has_not_got(tmp_path):
    """A set without expected answers, and one without forbidden words, say so; others do not."""
    make(tmp_path, [passing("a")])
    (answer,) = (said for said in run(tmp_path).summary.untested if "was not checked" in said)
    assert answer.startswith("no scenario expects an answer")
    for expected, said in (({"mentions": ["o_1"]}, True), ({"never": ["guarantee"]}, False)):
        make(tmp_path, [passing("a", expect={"answer": expected, "state": {}})])
        untested = run(tmp_path).summary.untested
        assert any(line.startswith("no scenario forbids words") for line in untested) is said
        assert answer not in untested
    make(tmp_path, [unclear("a")])
    assert answer not in run(tmp_path).summary.untested
