"""A stamp changes one key of the file and nothing else."""

import pytest
import yaml

from agentctl.core.errors import Problem
from agentctl.evals.running.stamp import stamped, write_stamp
from agentctl.specs.shapes.golden import Stamp

STAMP = Stamp(instructions="123456789012", tools="abcdefabcdef", model="openai/gpt-5: mini")
LINE = (
    'made_for: {instructions: "123456789012", tools: "abcdefabcdef", model: "openai/gpt-5: mini"}'
)
SET = """\
# yaml-language-server: $schema=x
kind: GoldenSet
agent: a   # who
# the cases
scenarios:
  - id: one
    made_for: {instructions: own, tools: own, model: own}
"""


def test_a_new_stamp_goes_before_the_scenarios():
    """Every other line stays, comments included."""
    after = stamped(SET, STAMP).splitlines()
    assert LINE in after
    assert [line for line in after if line != LINE] == SET.splitlines()
    assert after.index(LINE) == 3


@pytest.mark.parametrize(
    "old",
    [
        "made_for: {instructions: a, tools: b, model: c}  # old\n",
        "made_for:\n  instructions: a\n  tools: b\n  model: c\n",
        "made_for:\n  {instructions: a,\n   tools: b, model: c}\n",
    ],
)
def test_an_old_stamp_is_replaced_where_it_stands(old):
    """A stamp in one line or several is replaced; the scenario's own is left alone."""
    text = SET.replace("# the cases\n", old + "# the cases\n")
    assert stamped(text, STAMP) == SET.replace("# the cases\n", LINE + "\n# the cases\n")


def test_the_result_says_what_was_meant():
    """What is written reads back as the stamp, digits as text."""
    assert yaml.safe_load(stamped(SET, STAMP))["made_for"] == STAMP.model_dump()


def test_stamping_twice_changes_nothing():
    """A stamp on a stamped set is the same set."""
    once = stamped(SET, STAMP)
    assert stamped(once, STAMP) == once


def test_line_endings_are_kept():
    """A file with Windows line endings keeps them."""
    text = SET.replace("\n", "\r\n")
    assert stamped(text, STAMP) == stamped(SET, STAMP).replace("\n", "\r\n")


def test_a_file_without_a_last_newline(tmp_path):
    """A stamp at the end of a file without a newline stands on a line of its own."""
    assert stamped("agent: a", STAMP) == f"agent: a\n{LINE}\n"


def test_only_yaml_is_stamped(tmp_path):
    """A set in JSON Lines is refused with the way out."""
    file = tmp_path / "set.jsonl"
    file.write_text("{}")
    with pytest.raises(Problem, match="only YAML"):
        write_stamp(file, "set.jsonl", STAMP)


def test_writing_says_whether_it_changed(tmp_path):
    """The file is replaced once, and no temporary file stays."""
    file = tmp_path / "set.yaml"
    file.write_text(SET)
    assert write_stamp(file, "set.yaml", STAMP)
    assert not write_stamp(file, "set.yaml", STAMP)
    assert [path.name for path in tmp_path.iterdir()] == ["set.yaml"]
