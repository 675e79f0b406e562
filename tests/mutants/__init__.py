"""Break the shipped systems on purpose, and see the golden sets notice.

Each `tests/mutants/*.yaml` is one small change of a shipped file and the scenarios that must turn
red, each with the kind of reason. A change that no longer fits its file is an error, never a
mutant that was not caught. Nothing is ever changed in place: mutants are played in a copy.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.command import ROOT, agentctl, copy_shipped

HERE = Path(__file__).parent


class Edit(NamedTuple):
    """Text that stands exactly once in the file, and what replaces it."""

    old: str
    new: str


class Mutant(NamedTuple):
    """One change that the golden sets must notice."""

    name: str
    about: str
    file: str
    """Relative to the project's root."""
    edits: tuple[Edit, ...]
    golden_set: str
    expect: Mapping[str, str]
    """Scenario -> kind of reason it must fail with."""


def mutants() -> list[Mutant]:
    """Return all mutants, by name."""
    return [load(path.stem) for path in sorted(HERE.glob("*.yaml"))]


def load(name: str) -> Mutant:
    """Read one mutant.

    Raises:
        FileNotFoundError: If there is none of this name.
    """
    raw = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    edits = tuple(Edit(edit["old"], edit.get("new", "")) for edit in raw["replace"])
    return Mutant(name, raw["about"], raw["file"], edits, raw["golden_set"], raw["expect"])


def plant(mutant: Mutant, folder: Path) -> Path:
    """Copy the shipped project to `folder` with the mutant in it; return the changed file.

    Raises:
        ValueError: If a text to replace does not stand exactly once in the file.
    """
    path = copy_shipped(folder) / mutant.file
    text = path.read_text(encoding="utf-8")
    for edit in mutant.edits:
        found = text.count(edit.old)
        if found != 1:
            raise ValueError(f"{mutant.name}: {found} places in {mutant.file} read {edit.old!r}")
        text = text.replace(edit.old, edit.new)
    path.write_text(text, encoding="utf-8")
    return path


def replay(folder: Path, golden_set: str) -> tuple[int, dict[str, Any]]:
    """Replay a golden set of the project in `folder`; return exit code and report."""
    done = agentctl(folder, "eval", golden_set, "--format", "json", "--keep", "none")
    if not done.stdout:
        raise ValueError(f"no report, exit code {done.returncode}: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report["sets"][0]


__all__ = ["ROOT", "Edit", "Mutant", "load", "mutants", "plant", "replay"]
