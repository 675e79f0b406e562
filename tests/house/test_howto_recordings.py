"""The how-to on recordings, run as it stands there."""

import re
import shlex
from pathlib import Path

from tests.support.command import ROOT, agentctl, copy_shipped

PAGE = ROOT / "docs" / "howto-recordings.md"
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.S)


def test_the_page_shows_what_its_commands_print(tmp_path: Path):
    """Every line under a command is one that the command prints, in that order."""
    root = copy_shipped(tmp_path)
    example = root / "docs" / "examples" / "chats.jsonl"
    example.parent.mkdir(parents=True)
    example.write_bytes((ROOT / "docs" / "examples" / "chats.jsonl").read_bytes())
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        for part in block.split("$ agentctl ")[1:]:
            command, *shown = part.splitlines()
            done = agentctl(root, *shlex.split(command), env={"COLUMNS": "100"})
            printed = iter(done.stdout.splitlines())
            assert [line for line in shown if line not in printed] == [], done.stdout + done.stderr
            assert done.returncode == (1 if "FAILED" in part else 0)


def test_the_example_line_of_the_page_is_one_of_the_example(tmp_path: Path):
    """The page quotes the beginning of a real line."""
    (quoted,) = re.findall(r"```json\n(.*?), …\]}\n```", PAGE.read_text(), re.S)
    lines = (ROOT / "docs" / "examples" / "chats.jsonl").read_text().splitlines()
    assert any(line.startswith(quoted) for line in lines)
