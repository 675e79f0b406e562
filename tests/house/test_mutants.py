"""The golden sets notice when the shipped agents are broken, and say what broke."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import ROOT, Mutant, load, mutants, plant, replay
from tests.mutants.__main__ import main

MUTANTS = mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_mutant_turns_the_matching_scenarios_red(mutant: Mutant, tmp_path: Path) -> None:
    """A broken agent fails exactly where it should, each time with the right reason."""
    plant(mutant, tmp_path)

    code, report = replay(tmp_path, mutant.golden_set)

    rows = {row["scenario"]: row for row in report["trials"]}
    for scenario, kind in mutant.expect.items():
        row = rows[scenario]
        kinds = {reason["kind"] for reason in row["reasons"]}
        assert row["status"] == "failed", f"{scenario}: {row['status']}, {row['reasons']}"
        assert kind in kinds, f"{scenario}: {row['reasons']}"
    assert code == 1, "a failed gate is exit code 1"
    assert report["verdict"]["outcome"] == "failed"
    green = [row for row in rows.values() if row["status"] == "passed"]
    assert len(green) >= len(rows) // 3, "a mutant breaks one thing, not everything"


def test_every_kind_of_mutation_is_there() -> None:
    """Specs and turns are both broken: a rule, a bind, an argument, an escalation."""
    names = {mutant.name for mutant in MUTANTS}
    folders = {mutant.file.split("/")[0] for mutant in MUTANTS}

    assert {
        "drop-cancel-rule",
        "drop-cancel-bind",
        "drop-list-bind",
        "swap-an-argument",
        "skip-the-escalation",
    } <= names
    assert folders == {"agents", "tools", "golden_sets"}


def test_mutant_that_no_longer_fits_is_an_error(tmp_path: Path) -> None:
    """A change whose text is gone from the file is refused: it would test nothing."""
    mutant = load("drop-cancel-rule")
    stale = mutant._replace(edits=(mutant.edits[0]._replace(old="a rule long gone"),))

    with pytest.raises(ValueError, match="0 places"):
        plant(stale, tmp_path)


def test_demo_shows_the_change_and_the_red_reason() -> None:
    """The command that `make demo` plays prints what was broken and what the set said to it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "drop-cancel-rule"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "-  - {id: cancel, allow: [cancel_order]}" in done.stdout
    assert "failed  cancel-last-order: missing: cancel_order" in done.stdout
    assert "caught: " in done.stdout


def test_mutants_are_played_in_a_copy(capsys: pytest.CaptureFixture[str]) -> None:
    """Playing a mutant leaves the shipped files as they are."""
    before = {path: path.read_bytes() for path in (ROOT / "agents").rglob("*.yaml")}

    assert main(["drop-cancel-window"]) == 0

    assert {path: path.read_bytes() for path in (ROOT / "agents").rglob("*.yaml")} == before


def test_unknown_mutant_is_a_wrong_request(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no mutant ends with exit code 2 and the names there are."""
    assert main(["drop-everything"]) == 2

    shown = capsys.readouterr()
    assert "drop-cancel-rule" in shown.err
    assert shown.out == ""
