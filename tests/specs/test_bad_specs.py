"""Broken YAML files, each with the exact message a user gets.

A case is a file of a small project that is sound otherwise, or several; `# file:` says which. Those
in `warnings/` pass with warnings. Run with `AGENTCTL_REWRITE=1` to rewrite the messages, and read
every line of what changed.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode

HERE = Path(__file__).parent.parent / "bad_specs"
CASES = sorted(HERE.glob("*.yaml"))
WARNINGS = sorted(HERE.glob("warnings/*.yaml"))
PEOPLE = "kind: Project\npeople: {ana: {queues: [desk]}}\n"


def project(case: Path, folder: Path) -> None:
    shutil.copytree(HERE / "_base", folder, dirs_exist_ok=True)
    (folder / "agentctl.yaml").write_text(PEOPLE)
    _, *files = re.split(r"^# file: ", case.read_text(), flags=re.MULTILINE)
    for file in files:
        name, _, text = file.partition("\n")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_there_are_enough_cases():
    """The folder holds at least forty broken files."""
    assert len(CASES) >= 40


def test_the_project_around_the_cases_is_sound(tmp_path, monkeypatch, capsys):
    """What a case breaks is the only thing that is broken."""
    shutil.copytree(HERE / "_base", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert run_cli(["check"]) == ExitCode.OK, capsys.readouterr().out


@pytest.mark.parametrize("case", CASES + WARNINGS, ids=lambda path: path.stem)
def test_a_broken_file_gets_its_exact_message(case, tmp_path, monkeypatch, capsys):
    """The message names the thing, the place and the way out; warnings alone exit with 0."""
    wanted = ExitCode.OK if case in WARNINGS else ExitCode.NO
    project(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    code = run_cli(["check"])
    said = capsys.readouterr()
    expected = case.with_suffix(".txt")
    if os.environ.get("AGENTCTL_REWRITE") and code == wanted:
        expected.write_text(said.out)
    assert said.err == ""
    assert code == wanted, said.out
    assert said.out == expected.read_text()
