"""The code that decides is held by its tests: no small change of it goes unnoticed."""

from pathlib import Path

import pytest

from tests.mutation import ROOT, Target, equivalent, mutants_of, targets
from tests.mutation.__main__ import main
from tests.mutation.playing import sampled, survivors

SOURCE = '''"""A module."""

from typing import Literal

__all__ = ["adult"]
Answer = Literal["yes", "no"]


def adult(age: int, known: bool) -> bool:
    """Whether somebody may enter."""
    if not known:
        return False
    return age >= 18 and age < 150
'''
LOOSE = "from agentctl.door import adult\n\ndef test():\n    assert adult(30, True)\n"
TIGHT = LOOSE + (
    "    for age, known in ((18, True), (149, True), (17, True), (150, True), (30, False)):\n"
    "        assert adult(age, known) is (known and age in (18, 149))\n"
)


@pytest.mark.soak
@pytest.mark.parametrize("target", targets(), ids=lambda target: target.file)
def test_every_mutant_is_caught_or_known_to_decide_nothing(target: Target, tmp_path: Path):
    """A survivor that nobody has explained is a decision that no test holds."""
    explained = equivalent().get(target.file, {})
    left = {mutant.name for mutant, survives in survivors(target, tmp_path) if survives}
    assert left - explained.keys() == set()
    assert explained.keys() - left == set(), "these are caught: explain them no more"


def test_what_is_explained_is_there():
    """Every explanation is of a mutant that exists, so that none outlives its code."""
    files = {target.file for target in targets()}
    for file, listed in equivalent().items():
        assert file in files
        names = {mutant.name for mutant in mutants_of(file, (ROOT / file).read_text())}
        assert listed.keys() - names == set()
        assert all(listed.values())


def test_every_file_that_decides_is_broken():
    """What authorizes, counts, scores, gates, runs and replays is named with tests that exist."""
    named = {target.file: target.tests for target in targets()}
    decides = {
        "policy": ("authorizer", "loops", "rights", "rules"),
        "effects": ("approvals", "ledger"),
        "runtime/approvals": ("queue",),
        "runtime/replay": ("replay",),
        "evals/scorers": ("answers", "calls", "escalation", "matching", "scoring", "state"),
        "evals/results": ("gates",),
        "app/running": ("resume", "runs"),
    }
    listed = {f"agentctl/{room}/{name}.py" for room, names in decides.items() for name in names}
    assert listed - named.keys() == set()
    assert all((ROOT / test).is_file() for tests in named.values() for test in tests)


def test_a_sample_is_drawn_by_its_seed():
    """The same seed draws the same mutants, in the order of the file, and another draws others."""
    every = mutants_of("door.py", SOURCE)
    names = [[mutant.name for mutant in sampled(every, 5, seed)] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]
    assert [name for name in [mutant.name for mutant in every] if name in names[0]] == names[0]
    assert sampled(every, 99, 1) == every


def test_each_mutant_is_one_small_change():
    """Comparisons, branches, `not`, constants, results, each alone; never docstrings or types."""
    assert [mutant.name for mutant in mutants_of("door.py", SOURCE)] == [
        "adult: if not known: return False -> if True: return False",
        "adult: if not known: return False -> if False: return False",
        "adult: not known -> known",
        "adult: return False -> return None",
        "adult: False -> True",
        "adult: return age >= 18 and age < 150 -> return None",
        "adult: age >= 18 and age < 150 -> age >= 18 or age < 150",
        "adult: age >= 18 and age < 150 -> age < 150",
        "adult: age >= 18 and age < 150 -> age >= 18",
        "adult: age >= 18 -> age > 18",
        "adult: age >= 18 -> age < 18",
        "adult: 18 -> 19",
        "adult: age < 150 -> age <= 150",
        "adult: age < 150 -> age >= 150",
        "adult: 150 -> 151",
    ]
    for mutant in mutants_of("door.py", SOURCE):
        source = mutant.render()
        compile(source, "door.py", "exec")
        assert source != SOURCE


def project(folder: Path, test: str) -> Target:
    """Make a project of one module and one test."""
    (folder / "agentctl").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "agentctl" / "__init__.py").write_text("")
    (folder / "agentctl" / "door.py").write_text(SOURCE)
    (folder / "tests" / "test_door.py").write_text(test)
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["soak: long"]\n')
    return Target("agentctl/door.py", ("tests/test_door.py",))


@pytest.mark.soak
def test_a_loose_test_leaves_survivors_and_a_tight_one_none(tmp_path: Path):
    """A mutant survives exactly where the tests cannot tell it from the code."""
    for name, test, left in (("loose", LOOSE, 10), ("tight", TIGHT, 0)):
        target = project(tmp_path / name, test)
        (tmp_path / f"{name}-copy").mkdir()
        played = list(survivors(target, tmp_path / f"{name}-copy", tmp_path / name))
        found = [mutant.name for mutant, survives in played if survives]
        assert len(played) == 15
        assert len(found) == left, found
        assert (tmp_path / name / "agentctl" / "door.py").read_text() == SOURCE


def test_red_tests_prove_nothing(tmp_path: Path):
    """Where the tests fail without any mutant, that is said instead of counting catches."""
    target = project(tmp_path / "red", "def test():\n    assert False\n")
    (tmp_path / "copy").mkdir()
    with pytest.raises(RuntimeError, match="red without any mutant"):
        list(survivors(target, tmp_path / "copy", tmp_path / "red"))


def test_a_file_without_tests_is_a_wrong_request(capsys: pytest.CaptureFixture[str]):
    """Only files of `targets.yaml` can be broken; the others are named in the hint."""
    assert main(["agentctl/nothing.py"]) == 2
    assert "agentctl/policy/authorizer.py" in capsys.readouterr().err
