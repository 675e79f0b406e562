"""Play one mutant: `python -m tests.mutants drop-cancel-rule`. Exit code 0 = it was caught.

Without a name it lists them. Shown are the change and why each scenario that must notice it failed.
"""

import difflib
import sys
import tempfile
from pathlib import Path

from tests.mutants import ROOT, Mutant, mutants, plant, replay

CAUGHT, SURVIVED, WRONG_REQUEST = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Play the mutants named; none = list all."""
    if not arguments:
        for mutant in mutants():
            print(f"{mutant.name:28}{mutant.about}")
        return CAUGHT
    known = {mutant.name: mutant for mutant in mutants()}
    for name in arguments:
        if name not in known:
            print(f"error: no mutant `{name}`", file=sys.stderr)
            print(f"hint: there are: {', '.join(known)}", file=sys.stderr)
            return WRONG_REQUEST
    caught = [play(known[name]) for name in arguments]
    return CAUGHT if all(caught) else SURVIVED


def play(mutant: Mutant) -> bool:
    """Show one mutant and what became of it; return whether every expected scenario is red."""
    print(f"mutant {mutant.name}: {mutant.about}")
    with tempfile.TemporaryDirectory() as folder:
        changed = plant(mutant, Path(folder))
        before = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
        after = changed.read_text(encoding="utf-8").splitlines()
        for line in difflib.unified_diff(before, after, mutant.file, mutant.file, "", "", 1, ""):
            print(f"  {line}")
        code, report = replay(Path(folder), mutant.golden_set)
    rows = {row["scenario"]: row for row in report["trials"]}
    caught = code == 1
    for scenario, kind in mutant.expect.items():
        row = rows[scenario]
        reasons = [reason for reason in row["reasons"] if reason["kind"] == kind]
        caught = caught and row["status"] == "failed" and bool(reasons)
        shown = reasons or row["reasons"] or [{"message": "no reason"}]
        print(f"  {row['status']}  {scenario}: {shown[0]['message']}")
    failed = sum(row["status"] == "failed" for row in rows.values())
    verdict = "caught" if caught else "NOT caught"
    print(f"{verdict}: {failed} of {len(rows)} scenarios red, exit code {code}\n")
    return caught


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
