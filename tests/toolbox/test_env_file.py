"""An environment's file is what other tools call a `.env` file."""

from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.toolbox.variables import read_env_file


def test_a_file_says_names_and_values_in_the_usual_ways(tmp_path: Path):
    """Quotes, `export`, comments, a mark at the start, values of several lines."""
    text = (
        "\ufeffA0=1\n# shop\nA=1\nexport B='two words'\nC = a#b # why\nD=\n\n"
        'E="a\\nb"\nF="-----\nkey\n-----"\nG=${A}\nA=2\n'
    )
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert read_env_file(tmp_path / ".env") == {
        "A0": "1",
        "A": "2",
        "B": "two words",
        "C": "a#b",
        "D": "",
        "E": "a\nb",
        "F": "-----\nkey\n-----",
        "G": "${A}",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\nhunter2 is my secret\nB=2\n", 3),
        ("A=1\nhunter2\n", 2),
        ("=hunter2\n", 1),
        ('A="hunter2\nB=2\n', 1),
    ],
)
def test_a_line_that_is_neither_is_named_by_its_number_alone(tmp_path: Path, text: str, line: int):
    """It may hold a secret, so it is not repeated."""
    (tmp_path / ".env").write_text(text)
    with pytest.raises(Problem) as met:
        read_env_file(tmp_path / ".env")
    assert f".env:{line} is not NAME=value" in str(met.value)
    assert "hunter2" not in str(met.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path):
    """It is not there, or no text."""
    with pytest.raises(Problem, match=r"cannot read \.env: No such file"):
        read_env_file(tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(Problem, match="it is not UTF-8"):
        read_env_file(tmp_path / ".env")
