"""The README's commands, run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, Done, agentctl, copy_shipped, environment

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.S)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
NEEDS_A_KEY = re.compile(r"agentctl run order-support (\"|-)|--record all|--from latest")
PRINTED_ID = "1m7ykx"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what ships, with `agentctl` on the path."""
    folder = copy_shipped(tmp_path_factory.mktemp("readme"))
    (folder / "bin").mkdir()
    script = folder / "bin" / "agentctl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m agentctl "$@"\n')
    script.chmod(0o755)
    return folder


def shell(folder: Path, line: str) -> Done | subprocess.CompletedProcess[str]:
    if line.startswith("agentctl ") and not set(line) & set("|><&;$*"):
        _, *words = shlex.split(line)
        return agentctl(folder, *words, env={"AGENTCTL_HOME": str(folder / "state")})
    path = f"{folder / 'bin'}:{environment()['PATH']}"
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**environment(), "PATH": path, "AGENTCTL_HOME": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_command_of_the_readme_works(shop: Path):
    """Each line does what it says; those that ask a real model get as far as the missing key."""
    tried = 0
    for line in COMMANDS:
        if line.startswith("make ") or PRINTED_ID in line:
            continue
        command, _, remark = line.partition("   #")
        done = shell(shop, command)
        told = re.search(r"exit code (\d)", remark)
        expected = 2 if NEEDS_A_KEY.search(line) else int(told[1]) if told else 0
        assert done.returncode == expected, (line, done.stdout, done.stderr)
        assert expected != 2 or "OPENAI_API_KEY" in done.stderr
        tried += 1
    assert tried >= 9


def test_the_first_screen_is_a_real_session(shop: Path):
    """What the README shows of the first command is what it prints."""
    command, *shown = BLOCKS[0].splitlines()
    done = shell(shop, f"{command.removeprefix('$ ')} 2>&1")
    said = done.stdout.splitlines()
    assert [line for line in shown if line not in said] == []


def test_the_two_commands_exist():
    """`make demo` and `make test` are targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for name in ("demo", "test", "soak", "check", "bench"):
        assert re.search(rf"^{name}:", makefile, re.M)
