"""A command loads itself and nothing of its neighbours."""

import subprocess
import sys

import pytest

from agentctl.cli.program import COMMANDS, run_cli


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a process has after it ran a command line."""
    code = (
        "import sys; from agentctl.cli.program import run_cli; run_cli(sys.argv[1:]);"
        " print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


def test_a_subcommand_loads_neither_its_neighbours_nor_specs():
    """`trace list` needs no spec, no policy and no other command of `trace`."""
    modules = loaded("trace", "list")
    assert "agentctl.cli.trace.list" in modules
    found = {name for name in modules if name.startswith("agentctl.")}
    assert not {
        name
        for name in found
        if name.startswith(("agentctl.cli.trace.cost", "agentctl.specs.shapes", "agentctl.policy"))
    }


@pytest.mark.parametrize("command", ["trace", "tools"])
def test_help_lists_every_subcommand(command, capsys):
    """Without a subcommand, or with an unknown one, all are there to be named."""
    assert run_cli([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(f" {name} " in told for name in COMMANDS[command].where)
    assert run_cli([command, "lst"]) == 2
    assert "Did you mean 'list'?" in capsys.readouterr().err


def test_a_subcommand_is_named_even_if_it_is_the_only_one_loaded(capsys):
    """The name of a subcommand is not taken for its argument."""
    assert run_cli(["trace", "show", "--help"]) == 0
    assert "Usage: agentctl trace show" in capsys.readouterr().out
