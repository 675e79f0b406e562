"""Run tests each time a line arrives, and answer `passed` or `failed`.

Each run is a fork, in which the code under test is imported afresh. The first run is of unchanged
code: it writes byte code for the others, finds which packages the tests import, so that the others
find them imported, and says how long the others may take; one that takes longer is stopped and has
failed.
"""

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterable

import pytest

SPARE_S, TIMES = 20, 10
"""A run may take this many seconds, and as many times as long as the first run."""


def _run(arguments: list[str], most_s: int, imported: int | None = None) -> bool:
    """Run the tests in a fork; which packages they import is written to a pipe."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(most_s)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        code = int(pytest.main(arguments))
        if imported is not None:
            os.write(imported, " ".join(_packages()).encode())
        os._exit(code)
    _, status = os.waitpid(child, 0)
    # What a stopped test has started goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return status == 0


def _packages() -> Iterable[str]:
    """Return the installed packages that are imported."""
    for name, module in list(sys.modules.items()):
        if "." not in name and "site-packages" in (getattr(module, "__file__", None) or ""):
            yield name


def _first_run(arguments: list[str]) -> tuple[bool, int]:
    """Return whether the tests pass, and how many seconds another run may take."""
    start = time.monotonic()
    reads, writes = os.pipe()
    passed = _run(arguments, 600, writes)
    most_s = SPARE_S + TIMES * int(time.monotonic() - start + 1)
    os.close(writes)
    for name in os.read(reads, 1 << 16).decode().split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.dont_write_bytecode = True
    return passed, most_s


def main(arguments: list[str]) -> None:
    """Answer each line of standard input."""
    most_s: int | None = None
    for _ in sys.stdin:
        if most_s is None:
            passed, most_s = _first_run(arguments)
        else:
            passed = _run(arguments, most_s)
        print("passed" if passed else "failed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
