"""Every check is declared once, and what is declared can be reported."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.app.checking.table import CHECKS
from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from agentctl.specs.reading import yaml as strict
from tests.specs.test_bad_specs import HERE, PEOPLE

ROOT = Path(__file__).parent.parent.parent
CHECKED = [
    *sorted((ROOT / "agentctl" / "specs").rglob("*.py")),
    *sorted((ROOT / "agentctl" / "app" / "checking").rglob("*.py")),
    ROOT / "agentctl" / "evals" / "results" / "gates.py",
    ROOT / "agentctl" / "runtime" / "harness.py",
    ROOT / "agentctl" / "runtime" / "trial.py",
    ROOT / "agentctl" / "toolbox" / "mock" / "tools.py",
]
"""The modules whose diagnostics reach `agentctl check`."""
NEVER_OF_CHECK = {
    "unknown-check",
    "unknown-golden-set",
    "unknown-scenario",
}
"""Codes of those modules that only other requests can give."""
CALLS = {"Diagnostic", "problem", "complain", "_warning"}


def codes_in(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in CALLS:
                found.add(node.args[0].value)
            if name == "unknown_name":
                found.add(f"unknown-{node.args[0].value}")
    return found


def test_every_code_of_a_diagnostic_is_declared():
    """No module that takes part in a check reports a code that the table does not explain."""
    raised = {code: path.name for path in CHECKED for code in codes_in(path)}
    assert len(raised) > 80
    undeclared = raised.keys() - CHECKS.keys() - NEVER_OF_CHECK
    assert not {code: raised[code] for code in undeclared}


@pytest.fixture
def sound(tmp_path, monkeypatch):
    shutil.copytree(HERE / "_base", tmp_path, dirs_exist_ok=True)
    (tmp_path / "agentctl.yaml").write_text(PEOPLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def not_utf8(folder: Path, _) -> None:
    (folder / "agents" / "policy.yaml").write_bytes(b"kind: Policy # \xfc")


def too_large(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(strict, "MAX_BYTES", 100)


def too_many_nodes(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(strict, "MAX_NODES", 10)


def unreadable_file(folder: Path, _) -> None:
    agent = folder / "agents" / "desk.yaml"
    name_beyond_the_file_system = "a" * 300
    agent.write_text(agent.read_text() + f"manifests: [{name_beyond_the_file_system}.yaml]\n")


def secret_in_git(folder: Path, _) -> None:
    (folder / ".env").write_text("DESK_TOKEN=x\n")
    (folder / "agentctl.yaml").write_text(
        f"{PEOPLE}environments: {{staging: {{env_file: .env}}}}\n"
    )
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", ".env"], check=True)


def broken_tool(folder: Path, monkeypatch) -> None:
    info = folder / "broken_pigeon-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-pigeon\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[agentctl.tools]\npigeon = no_such_module:BACKEND\n")
    monkeypatch.syspath_prepend(str(folder))
    manifest = folder / "tools" / "desk.yaml"
    live = "    mock: {get: tickets}\n    live: {kind: pigeon}\n"
    manifest.write_text(manifest.read_text().replace("    mock: {get: tickets}\n", live))


BROKEN = (not_utf8, too_large, too_many_nodes, unreadable_file, secret_in_git, broken_tool)


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda function: function.__name__)
def test_what_no_text_file_can_show_is_reported_too(break_it, sound, monkeypatch, capsys):
    """Encoding, size, unreadable files, files in git and foreign backends have their codes."""
    break_it(sound, monkeypatch)
    code = break_it.__name__.replace("_", "-")
    assert run_cli(["check"]) == ExitCode.NO
    assert f"error[{code}]" in capsys.readouterr().out


def test_files_that_cannot_be_checked_are_named(sound, capsys):
    """A file that is not YAML is reported, and a folder without YAML ends the command."""
    (sound / "notes.txt").write_text("hello")
    (sound / "empty").mkdir()
    assert run_cli(["check", "notes.txt"]) == ExitCode.NO
    assert "error[not-yaml]" in capsys.readouterr().out
    assert run_cli(["check", "empty"]) == ExitCode.USAGE
    assert "error[nothing-to-check]" in capsys.readouterr().err


def test_every_declared_check_is_produced_by_a_case():
    """Nothing in the table is dead: a broken file or a test above gives each of its codes."""
    texts = "".join(path.read_text() for path in HERE.rglob("*.txt"))
    produced = set(re.findall(r"^(?:error|warning)\[([a-z0-9-]+)\]", texts, re.MULTILINE))
    produced |= {function.__name__.replace("_", "-") for function in BROKEN}
    assert CHECKS.keys() - produced == {"not-yaml", "nothing-to-check"}


def test_explain_shows_title_reason_and_example(capsys):
    """`check --explain CODE` says what is wrong, why it matters, and shows a case."""
    assert run_cli(["check", "--explain", "shadowed-rule"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert said.startswith("shadowed-rule (error): A rule never decides\n")
    assert "Reorder them" in said
    assert "\n    - {id: never, deny: [refund]}\n" in said


def test_explain_suggests_what_was_meant(capsys):
    """An unknown code ends with the closest one, or with where all of them are listed."""
    assert run_cli(["check", "--explain", "shadowd-rule"]) == ExitCode.USAGE
    assert "did you mean `shadowed-rule`?" in capsys.readouterr().err
    assert run_cli(["check", "--explain", "xyz"]) == ExitCode.USAGE
    assert "check --explain all" in capsys.readouterr().err


def test_explain_all_lists_every_check(capsys):
    """`check --explain all` has a line a check; as JSON it holds all that is declared."""
    assert run_cli(["check", "--explain", "all"]) == ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == len(CHECKS)
    assert run_cli(["check", "--explain", "all", "--format", "json"]) == ExitCode.OK
    listed = json.loads(capsys.readouterr().out)["checks"]
    assert {check["code"]: check["severity"] for check in listed} == {
        code: check.severity for code, check in CHECKS.items()
    }


RULE = '''
"""Warn of agents whose goal shouts."""

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.declared.check import Check

SHOUTING = Check("shouting-goal", "A goal shouts", "Write it quietly.", "goal: HELP", "warning")


def shouting(agent, source):
    if agent.goal.isupper():
        yield Diagnostic(SHOUTING.code, f"`{agent.goal}` shouts", source.at("goal"))
'''
ROW = """from agentctl.specs.checks import shouting
RULES = (*RULES, CheckRow(AgentSpec, lambda c: shouting.shouting(c.model, c.source), (shouting.SHOUTING,)))
"""  # noqa: E501


def test_a_check_is_added_by_one_file_and_one_row(sound):
    """With a new file and a row of the table, `check` reports it, explains it and documents it."""
    package = sound / "with_a_new_check"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "agentctl", package / "agentctl", ignore=skip)
    shutil.copytree(ROOT / "docs", package / "docs", ignore=skip)
    (package / "agentctl" / "specs" / "checks" / "shouting.py").write_text(RULE)
    table = package / "agentctl" / "app" / "checking" / "table.py"
    table.write_text(table.read_text().replace("\n_DECLARED = ", f"\n{ROW}_DECLARED = "))
    agent = sound / "agents" / "desk.yaml"
    agent.write_text(agent.read_text().replace("Close the ticket.", "CLOSE IT."))

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        environment = {"PYTHONPATH": str(package), "PATH": "", "HOME": str(sound)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "warning[shouting-goal]: `CLOSE IT.` shouts" in run("-m", "agentctl", "check")
    assert "Write it quietly." in run("-m", "agentctl", "check", "--explain", "shouting-goal")
    run(str(package / "docs" / "generate.py"))
    assert "## shouting-goal" in (package / "docs" / "reference" / "checks.md").read_text()
