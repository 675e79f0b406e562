"""The report and the table hold everything, and nothing of the machine."""

import json
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.evals.results.report import report_data
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.reports.registry import report_function, table_for
from agentctl.reports.table import flat
from agentctl.specs.loading.project import Project
from tests.evals.test_summary import GOOD
from tests.support.project import failing, make, passing


@pytest.fixture
def result(tmp_path):
    file = make(tmp_path, [passing("a"), failing("b")])
    return evaluate_set(Project.find(tmp_path).golden_set(str(file)), EvalPlan())


def test_the_report_is_versioned_and_says_why(result):
    """The verdict, the gates, the figures and each trial's reasons are in the report."""
    found = report_data([result])
    assert list(found) == ["schema_version", "kind", "verdict", "sets"]
    assert found["verdict"]["outcome"] == "failed"
    (one,) = found["sets"]
    assert [trial["status"] for trial in one["trials"]] == ["passed", "failed"]
    assert one["trials"][1]["reasons"][0]["kind"] == "missing-call"
    figure = one["summary"]["figures"]["pass_rate"]
    assert (figure["value"], figure["numerator"], figure["denominator"]) == (0.5, 1, 2)


def test_the_report_holds_nothing_of_the_machine(result, tmp_path):
    """No path, no date and no wall time is in the report."""
    text = json.dumps(report_data([result]))
    assert str(tmp_path) not in text
    assert "2026" not in text


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.json", "t.HTML"])
def test_the_table_has_a_line_a_trial(result, name):
    """Every kind of table names both scenarios and why one failed."""
    text = report_function(table_for(Path(name)))([result])
    assert "missing: cancel_order" in text
    assert text.count("written") == 2


def test_another_ending_is_refused():
    """A table of no known kind is a wrong request, told before anything runs."""
    with pytest.raises(Problem, match="is not a kind of table"):
        table_for(Path("t.xlsx"))


def test_a_spreadsheet_does_not_calculate_what_a_model_said():
    """Text that begins like a formula is made harmless in tables for spreadsheets."""
    row = GOOD._replace(model="=cmd()")
    assert flat("s", row, guard=True)["model"] == "'=cmd()"
    assert flat("s", row)["model"] == "=cmd()"
