"""Help, completion and commands that are started where there is no project."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command import agentctl, command, environment


@pytest.mark.parametrize("words", [(), ("run",), ("eval",), ("trace", "show"), ("resume",)])
def test_a_flag_takes_no_value_in_help(tmp_path: Path, words: tuple[str, ...]):
    """`--full` is listed as it is typed, without the type of a value, and `-h` beside `--help`."""
    shown = agentctl(tmp_path, *words, "--help").stdout
    assert "<bool>" not in shown
    assert "--no-" not in shown
    assert [line for line in shown.splitlines() if "--help" in line and "-h" in line.split()]


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("agentctl tr", "trace"),
        ("agentctl trace sh", "show"),
        ("agentctl eval --juni", "--junit"),
        ("agentctl trace show --pa", "--packet"),
    ],
)
def test_a_shell_completes_commands_and_options(tmp_path: Path, line: str, completed: str):
    """Only the command that is typed is loaded, and its options are known."""
    asked = environment() | {
        "_AGENTCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(
        command(), cwd=tmp_path, env=asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [completed]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "desk", "Hello"),
        ("trace", "list"),
        ("trace", "show", "latest"),
        ("trace", "report"),
        ("inbox", "list"),
        ("resume", "latest"),
        ("golden", "status"),
        ("tools", "list"),
    ],
    ids=" ".join,
)
def test_outside_a_project_a_command_says_so(tmp_path: Path, words: tuple[str, ...]):
    """Nothing is made up where there is neither a project nor anything a run left behind."""
    done = agentctl(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error[no-project]: no project in {tmp_path}" in done.stderr
    assert "agentctl init DIR" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_run_cannot_be_compared(tmp_path: Path):
    """`trace diff` with one argument says what it compares."""
    done = agentctl(tmp_path, "trace", "diff", "latest")
    assert done.returncode == 2
    assert "compares two runs" in done.stderr


@pytest.mark.parametrize("name", ["seal", "checkpoint", "erase", "report"])
def test_rare_commands_of_traces_stand_behind_one_word(tmp_path: Path, name: str):
    """`trace audit` lists them; their former names work and are listed nowhere."""
    listed = agentctl(tmp_path, "trace", "--help").stdout
    assert f"│ {name} " not in listed
    assert f" {name} " in agentctl(tmp_path, "trace", "audit", "--help").stdout
    now, before = (
        agentctl(tmp_path, "trace", *words, "--help").stdout for words in (("audit", name), (name,))
    )
    assert now.splitlines()[4:] == before.splitlines()[4:]
