"""Play mutants: in a copy of the project, one after the other, against the tests of their file."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.mutation import HERE, ROOT, Mutant, Target, mutants_of

COPIED = ("agentctl", "tests", "benchmarks", "pyproject.toml")
"""What of the project the tests need."""
# Plugins that happen to be installed cost more than the tests, and so do their options.
_PYTEST = ("-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-m", "not soak")


class Copy:
    """A copy of the project, and a process in it that runs the tests each time they are asked for.

    Args:
        folder: Empty.
        tests: In the order in which they are run.
        root: The project.

    Raises:
        RuntimeError: On entering, if the tests do not pass without any mutant.
    """

    def __init__(self, folder: Path, tests: Sequence[str], root: Path = ROOT) -> None:
        self._folder = folder
        self._tests = tuple(tests)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            elif source.exists():
                shutil.copy(source, folder / name)

    def __enter__(self) -> Self:
        server = str(HERE / "server.py")
        self._server = subprocess.Popen(
            [sys.executable, "-P", server, *_PYTEST, *self._tests],
            cwd=self._folder,
            env={
                **os.environ,
                "PYTHONPATH": str(self._folder),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not self._passes():
            self.__exit__()
            raise RuntimeError(f"{', '.join(self._tests)}: red without any mutant")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._server.communicate()

    def survives(self, mutant: Mutant) -> bool:
        """Whether no test notices the mutant."""
        path = self._folder / mutant.file
        before = path.read_text(encoding="utf-8")
        # Byte code is looked up by second and size: a mutant could be taken for the one before.
        for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            stale.unlink()
        path.write_text(mutant.render(), encoding="utf-8")
        try:
            return self._passes()
        finally:
            path.write_text(before, encoding="utf-8")

    def _passes(self) -> bool:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write("run\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the tests has ended")
        return answer == "passed\n"


def sampled(mutants: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw some mutants, in the order of their lines; the same seed draws the same ones."""
    drawn = random.Random(seed).sample(range(len(mutants)), min(number, len(mutants)))
    return [mutants[index] for index in sorted(drawn)]


def survivors(
    target: Target,
    folder: Path,
    root: Path = ROOT,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> Iterator[tuple[Mutant, bool]]:
    """Play the mutants of a file, all or a sample; yield each with whether it survives.

    Raises:
        RuntimeError: If the tests do not pass without any mutant.
    """
    found = mutants_of(target.file, (root / target.file).read_text(encoding="utf-8"))
    with Copy(folder, target.tests, root) as copy:
        for mutant in found if sample is None else sampled(found, sample, seed):
            yield mutant, copy.survives(mutant)


__all__ = ["Copy", "sampled", "survivors"]
