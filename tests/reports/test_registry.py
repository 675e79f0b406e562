"""Reports: one table, and those of other packages beside it."""

import json

import pytest

from agentctl.cli.program import run_cli
from agentctl.reports.registry import REPORTS, ReportFormat
from tests.support.packages import install
from tests.support.project import failing, make, passing

BADGE = """
def badge(results):
    passed = sum(result.summary.passed for result in results)
    return f"{passed} passed\\n"


def broken(results):
    raise RuntimeError("no ink")
"""
POINTS = {"agentctl.reports": "badge = badge_report:badge\nink = badge_report:broken"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    make(tmp_path, [passing("a"), failing("b")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def badge(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch, name="badge_report", code=BADGE, points=POINTS)


def test_a_report_of_an_installed_package_is_written_by_its_name(project, badge, capsys):
    """It goes into a file or to stdout like a built-in one; the verdict stays the exit code."""
    assert run_cli(["eval", "--output", "badge=badge.txt", "--output", "json=all.json"]) == 1
    assert (project / "badge.txt").read_text() == "1 passed\n"
    assert json.loads((project / "all.json").read_text())["kind"] == "eval-report"
    capsys.readouterr()
    assert run_cli(["eval", "--format", "badge"]) == 1
    assert capsys.readouterr().out == "1 passed\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("bagde=x.txt", "did you mean `badge`?"),
        ("badge", "expected NAME=FILE, got `badge`"),
        ("badge=nowhere/x.txt", "its folder does not exist"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_playing(
    project, badge, capsys, output, said
):
    """Name, form and place are checked first; nothing is written."""
    assert run_cli(["eval", "--output", output]) == 2
    assert said in capsys.readouterr().err
    assert not list(project.glob("*.txt"))


def test_a_foreign_report_that_breaks_is_named(project, badge, capsys):
    """It is a problem of the package, not a fault of agentctl."""
    assert run_cli(["eval", "--output", "ink=x.txt"]) == 2
    assert "report `ink` failed: RuntimeError: no ink" in capsys.readouterr().err


def test_a_report_is_one_function_and_one_line(project, monkeypatch, capsys):
    """With its line in the table, `--output`, `--format` and `--table` know it."""
    names = ReportFormat(
        "names", ".names", lambda results: "".join(r.loaded.name for r in results), table=True
    )
    monkeypatch.setitem(REPORTS, names.name, names)
    assert run_cli(["eval", "--output", "names=a.txt", "--table", "b.names"]) == 1
    assert (project / "a.txt").read_text() == (project / "b.names").read_text() == "orders"
    capsys.readouterr()
    assert run_cli(["eval", "--format", "names"]) == 1
    assert capsys.readouterr().out == "orders"


def test_the_older_options_are_the_same_reports(project):
    """`--junit`, `--report` and `--table` write what `--output` writes."""
    older = ["--junit", "a.xml", "--report", "a.json", "--table", "a.csv"]
    newer = ["--output", "junit=b.xml", "--output", "json=b.json", "--output", "csv=b.csv"]
    run_cli(["eval", *older, *newer])
    for ending in ("xml", "json", "csv"):
        assert (project / f"a.{ending}").read_bytes() == (project / f"b.{ending}").read_bytes()
