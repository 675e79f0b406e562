"""A figure is declared once, and everything that shows, bounds or explains it reads that."""

import pytest

from agentctl.app.checking.schemas import schema_of
from agentctl.cli.program import run_cli
from agentctl.core.errors import Problem
from agentctl.evals.results.figure import FigureSpec, Tally, mean_figure
from agentctl.evals.results.figures import FIGURES, gated_figures, summarise
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.specs.loading.project import Project
from docs.generate import pages
from tests.evals.test_summary import BAD, GOOD
from tests.support.project import failing, make, passing


def tokens(tally: Tally):
    return mean_figure(sum(row.tokens[0] for row in tally.scored), len(tally.scored), "trials")


@pytest.fixture
def figure(monkeypatch):
    """A figure in a file of its own, and its line in the table."""
    spec = FigureSpec(
        "tokens_in", "tokens read", "input tokens", "scored trials", "lower", "mean", tokens
    )
    monkeypatch.setitem(FIGURES, spec.name, spec)
    return spec


def test_a_figure_is_one_function_and_one_line(figure, tmp_path, monkeypatch, capsys):
    """It appears in text, JSON report, schema and docs, and a gate can bound it."""
    make(tmp_path, [passing("a"), passing("b")], gates={"tokens_in": {"max": 10}})
    monkeypatch.chdir(tmp_path)
    assert run_cli(["eval"]) == 1
    text = capsys.readouterr().out
    assert "\n  tokens read " in text
    assert "NOT MET  tokens_in at most 10" in text
    loaded = Project.find(tmp_path).golden_set("orders")
    summary = evaluate_set(loaded, EvalPlan()).summary
    assert summary.as_json()["figures"]["tokens_in"]["denominator"] == 2
    known = schema_of("GoldenSet")["$defs"]["Gates"]
    assert known["properties"]["tokens_in"]["$ref"] == "#/$defs/GateSpec"
    assert known["additionalProperties"] is False
    assert "| `tokens_in` | tokens read | input tokens | scored trials |" in pages()["figures.md"]


def test_a_gate_on_an_unknown_figure_stops_the_evaluation_with_its_place(tmp_path, capsys):
    """Nothing is played for a gate that nobody can decide."""
    make(tmp_path, [failing("a")], gates={"tokens_inn": {"max": 10}})
    loaded = Project.find(tmp_path).golden_set("orders")
    with pytest.raises(Problem) as met:
        evaluate_set(loaded, EvalPlan())
    (found,) = met.value.diagnostics
    assert found.code == "unknown-field"
    assert found.location.text[found.location.column - 1 :].lstrip('"').startswith("tokens_inn")


def test_every_figure_has_its_words_and_a_value_of_its_unit():
    """Titles and names are unique, and what a share comes to lies between 0 and 1."""
    summary = summarise([GOOD, BAD])
    known = gated_figures()
    assert len({spec.title for spec in known.values()}) == len(known)
    for name, spec in known.items():
        assert (name, bool(spec.numerator and spec.denominator)) == (spec.name, True)
        figure = summary.figures.get(name)
        if figure is not None and figure.value is not None and spec.unit == "share":
            assert 0 <= figure.value <= 1, name
