"""A report that was written can be read again, and damage to it is found."""

import json

import pytest

from agentctl.core.errors import Problem
from agentctl.evals.results.report import report_json_text
from agentctl.evals.results.stored import read_report
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.scorers.reasons import FailureReason, Score
from agentctl.specs.loading.project import Project
from tests.evals.test_summary import BAD, GOOD
from tests.support.project import failing, make, passing, unclear


@pytest.fixture
def result(tmp_path):
    forbidden = passing("c", expect={"state": {}, "forbid": ["cancel_order"]})
    make(tmp_path, [passing("a"), failing("b"), forbidden, unclear("d")])
    return evaluate_set(Project.find(tmp_path).golden_set("orders"), EvalPlan())


@pytest.fixture
def file(result, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(report_json_text([result]))
    return path


def test_a_report_comes_back_as_it_was_written(result, file):
    """Rows, gates, figures and verdict are those of the evaluation, breaches included."""
    stored = read_report(file)
    (one,) = stored.sets
    assert (stored.outcome, one.outcome) == ("failed", result.verdict.outcome)
    assert one.rows == result.rows
    assert [row.breaches for row in one.rows] == [0, 0, 1, 0]
    assert [gate.name for gate in one.gates] == [gate.name for gate in result.verdict.gates]
    assert one.figures == result.summary.as_json()["figures"]
    assert (one.name, one.agent) == ("orders", "order-desk")


def test_every_field_of_a_row_comes_back(result, tmp_path):
    """Also what the shipped sets never hold: unknown prices, offers in words, other scores."""
    rows = (
        GOOD._replace(offered=True, cost_usd=None, cost_status="unknown", stop=None, calls=None),
        BAD._replace(
            checks={"length": Score(12), "tone": Score("warm", "it says so"), "x": Score(0.5)},
            reasons=(FailureReason("state", "m", "a.b", "1", "2"),),
            notes=(FailureReason("failed-write", "n"),),
        ),
    )
    path = tmp_path / "rows.json"
    path.write_text(report_json_text([result._replace(rows=rows)]))
    assert read_report(path).sets[0].rows == rows


def damaged(file, change):
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data, indent=1))


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda d: d.update(schema_version="2"), "report-version", "version 2"),
        (lambda d: d.update(kind="trace"), "not-a-report", "`trace`"),
        (lambda d: d.pop("kind"), "damaged-report", "kind"),
        (
            lambda d: d["sets"][0]["trials"][1].update(status="green"),
            "damaged-report",
            "`sets.0.trials.1.status`",
        ),
        (lambda d: d["sets"][0]["trials"][1].pop("cost"), "damaged-report", "cost"),
        (lambda d: d["sets"][0].update(trials={}), "damaged-report", "`sets.0.trials`"),
    ],
)
def test_what_is_wrong_with_a_report_is_named(file, change, code, said):
    """Another version, another kind of file and a wrong value are told apart."""
    damaged(file, change)
    with pytest.raises(Problem) as met:
        read_report(file)
    (found,) = met.value.diagnostics
    assert (found.code, said in found.message) == (code, True), found.message


def test_damage_has_its_line(file):
    """A wrong value is shown where it stands; so is the place where a file stops being JSON."""
    damaged(file, lambda d: d["sets"][0]["trials"][1].update(status="green"))
    with pytest.raises(Problem) as met:
        read_report(file)
    assert '"status": "green"' in met.value.diagnostics[0].location.text
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:7], "]", *lines[7:]]))
    with pytest.raises(Problem) as met:
        read_report(file)
    assert met.value.diagnostics[0].location.line == 8
    file.write_text("\n".join(lines[:7]))
    with pytest.raises(Problem):
        read_report(file)


def test_a_report_that_is_not_there_is_a_problem(tmp_path):
    """A missing file and a folder are named."""
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(Problem, match="cannot read"):
            read_report(path)
