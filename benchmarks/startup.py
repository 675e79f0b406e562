"""Start the command line and compare its CPU time with that of a bare Python.

    python -m benchmarks.startup [--format json] [--rounds N]

`--version` may cost at most 2 times, `--help` at most 20 times `python -c pass`. Processes are
started in rounds, each with a bare Python of its own, and the median ratio counts: a machine that
is slow for a while is slow for both.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.output import Result, byte_compile, options, show

BARE = (sys.executable, "-c", "pass")
ROUNDS = 15
HEADER = ("command", "CPU ms", "x bare Python", "at most")


class Command(NamedTuple):
    """A command line and the most it may cost."""

    arguments: tuple[str, ...]
    bound: float | None = None
    """Times a bare Python."""

    @property
    def name(self) -> str:
        """The arguments as one would type them."""
        return " ".join(self.arguments)


COMMANDS = (
    Command(("--version",), 2),
    Command(("--help",), 20),
    Command(("check",)),
    Command(("trace", "list")),
)


class Timing(NamedTuple):
    """What one command cost."""

    command: Command
    cpu_ms: float
    ratio: float

    @property
    def good(self) -> bool:
        """Whether its bound holds."""
        return self.command.bound is None or self.ratio <= self.command.bound


def agentctl() -> tuple[str, ...]:
    """Return how agentctl is started: the installed script, else the package."""
    script = Path(sys.executable).with_name("agentctl")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "agentctl")


def cpu_seconds(command: Sequence[str], folder: Path) -> float:
    """Run a command in `folder` and return its user and system CPU seconds.

    Raises:
        RuntimeError: If it does not exit with 0.
    """
    child = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"`{' '.join(command)}` exits with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(folder: Path, rounds: int) -> tuple[float, list[Timing]]:
    """Time every command in a project and return the median ms of a bare Python, and of each."""
    script = agentctl()
    for command in COMMANDS:
        cpu_seconds([*script, *command.arguments], folder)
    bare: list[float] = []
    found: dict[Command, list[tuple[float, float]]] = {command: [] for command in COMMANDS}
    for _ in range(rounds):
        for command, pairs in found.items():
            bare.append(cpu_seconds(BARE, folder))
            cost = cpu_seconds([*script, *command.arguments], folder)
            pairs.append((cost, cost / bare[-1]))
    timings = [
        Timing(
            command,
            1000 * statistics.median(cost for cost, _ in pairs),
            statistics.median(ratio for _, ratio in pairs),
        )
        for command, pairs in found.items()
    ]
    return 1000 * statistics.median(bare), timings


def report(bare_ms: float, timings: Sequence[Timing], rounds: int) -> Result:
    """Return what the timings come to."""
    bounded = [timing for timing in timings if timing.command.bound is not None]
    good = all(timing.good for timing in timings)
    figures = ", ".join(
        f"{t.command.name} {t.ratio:.1f}x (at most {t.command.bound:g}x)" for t in bounded
    )
    return Result(
        title=f"Starting agentctl: medians of {rounds} rounds",
        header=HEADER,
        rows=[
            ("python -c pass", f"{bare_ms:.0f}", "1.0", ""),
            *((t.command.name, f"{t.cpu_ms:.0f}", f"{t.ratio:.1f}", _bound(t)) for t in timings),
        ],
        remarks=[],
        figure=f"startup: {figures}: {'PASS' if good else 'FAIL'}",
        good=good,
        data={
            "benchmark": "startup",
            "rounds": rounds,
            "bare_ms": round(bare_ms, 2),
            "commands": {
                t.command.name: {
                    "cpu_ms": round(t.cpu_ms, 2),
                    "ratio": round(t.ratio, 2),
                    "bound": t.command.bound,
                }
                for t in timings
            },
        },
    )


def _bound(timing: Timing) -> str:
    return "" if timing.command.bound is None else f"{timing.command.bound:g}"


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-startup-") as folder:
        project = Path(folder) / "project"
        cpu_seconds([*agentctl(), "init", str(project)], Path(folder))
        return show(report(*measure(project, given.rounds), given.rounds), given.format)


__all__ = ["Command", "Timing", "cpu_seconds", "measure", "report"]

if __name__ == "__main__":
    sys.exit(main())
