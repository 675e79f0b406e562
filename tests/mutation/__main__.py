"""Play mutants: `python -m tests.mutation [FILE...]`. Exit code 0 = none survives unexplained.

Without a file, all of `targets.yaml` are broken. Every survivor is shown, with the reason where
`equivalent.yaml` names one. `--sample 50 --seed 1` plays 50 mutants of each file.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.mutation import equivalent, targets
from tests.mutation.playing import survivors

HELD, SURVIVED, WRONG_REQUEST = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Break the files named; none = all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("file", nargs="*")
    parser.add_argument("--sample", type=int, help="mutants of each file; all without it")
    parser.add_argument("--seed", type=int, default=0, help="draws the same mutants again")
    asked = parser.parse_args(arguments)
    known = {target.file: target for target in targets()}
    for file in asked.file:
        if file not in known:
            print(f"error: no tests are named for `{file}`", file=sys.stderr)
            print(f"hint: there are: {', '.join(known)}", file=sys.stderr)
            return WRONG_REQUEST
    explained = equivalent()
    code = HELD
    for file in asked.file or known:
        listed = explained.get(file, {})
        played = left = 0
        with tempfile.TemporaryDirectory() as folder:
            found = survivors(known[file], Path(folder), sample=asked.sample, seed=asked.seed)
            for mutant, survives in found:
                played += 1
                if survives:
                    left += 1
                    why = listed.get(mutant.name)
                    print(f"survivor {mutant.name}\n  {why or 'NOT EXPLAINED'}", flush=True)
                    code = code if why else SURVIVED
        print(f"{file}: {played} mutants, {played - left} caught, {left} left", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
