"""The how-tos on golden sets, matchers and gates, run as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import ROOT, agentctl, copy_shipped

PAGES = {"golden-sets": "first", "matchers": "matchers", "gates": "gates"}
"""How-to -> the set that its page builds."""


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_what_its_commands_print(tmp_path: Path, page: str):
    """The set of the page is sound, and every line under a command is one that it prints."""
    text = (ROOT / "docs" / f"howto-{page}.md").read_text(encoding="utf-8")
    (golden_set,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    (console,) = re.findall(r"```console\n(.*?)```", text, re.S)
    root = copy_shipped(tmp_path)
    (root / "golden_sets" / f"{PAGES[page]}.yaml").write_text(golden_set, encoding="utf-8")
    assert agentctl(root, "check").returncode == 0
    for part in console.split("$ agentctl ")[1:]:
        command, *shown = part.splitlines()
        done = agentctl(root, *shlex.split(command), env={"COLUMNS": "100"})
        printed = iter(done.stdout.splitlines())
        assert [line for line in shown if line not in printed] == [], done.stdout + done.stderr
        assert done.returncode == 0
