"""Start the command line and compare its CPU time with that of a bare Python.

    python -m benchmarks.startup [--format json] [--rounds N]

`--version` may cost at most 2 times `python -c pass`, `trace list` of ten runs 18 times, `--help`
20 times, an eval of a small set and `trace show` 25 times. Processes are started in rounds, each
with a bare Python of its own, and the median ratio counts: a machine that is slow for a while is
slow for both. What a command imports is named beside it, with its share of the time for imports.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.specs.loading.project import Project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

BARE = (sys.executable, "-c", "pass")
ROUNDS = 15
_IMPORTED = re.compile(r"import time: +(?P<own>\d+) \| +\d+ \| +(?P<module>\S+)$")
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
    Command(("trace", "list"), 18),
    Command(("trace", "show", "latest"), 25),
    Command(("eval",), 25),
)
RUNS = 10
"""Runs that `trace list` finds."""
MOST_NAMED = 6
"""Packages that are named for a command."""


class StartupTiming(NamedTuple):
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


def imports(command: Command, folder: Path) -> list[tuple[str, float]]:
    """Return the packages that a command imports, ours by floor, with their share of the time."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "agentctl", *command.arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    spent: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        told = _IMPORTED.match(line)
        if told is not None:
            parts = told["module"].split(".")
            depth = 2 if parts[0] == "agentctl" else 1
            name = ".".join(parts[:depth])
            spent["the standard library" if name in sys.stdlib_module_names else name] += int(
                told["own"]
            )
    return [(name, own / spent.total()) for name, own in spent.most_common()]


def measure(folder: Path, rounds: int) -> tuple[float, list[StartupTiming]]:
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
        StartupTiming(
            command,
            1000 * statistics.median(cost for cost, _ in pairs),
            statistics.median(ratio for _, ratio in pairs),
        )
        for command, pairs in found.items()
    ]
    return 1000 * statistics.median(bare), timings


def report(
    bare_ms: float,
    timings: Sequence[StartupTiming],
    named: Mapping[str, Sequence[tuple[str, float]]],
    rounds: int,
) -> BenchmarkResult:
    """Return what the timings come to."""
    bounded = [timing for timing in timings if timing.command.bound is not None]
    good = all(timing.good for timing in timings)
    figures = ", ".join(
        f"{t.command.name} {t.ratio:.1f}x (at most {t.command.bound:g}x)" for t in bounded
    )
    return BenchmarkResult(
        title=f"Starting agentctl: medians of {rounds} rounds",
        header=HEADER,
        rows=[
            ("python -c pass", f"{bare_ms:.0f}", "1.0", ""),
            *((t.command.name, f"{t.cpu_ms:.0f}", f"{t.ratio:.1f}", _bound(t)) for t in timings),
        ],
        remarks=[
            f"{command} imports {', '.join(f'{n} {share:.0%}' for n, share in found[:MOST_NAMED])}"
            for command, found in named.items()
        ],
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
                    "imports": {n: round(s, 3) for n, s in named.get(t.command.name, ())},
                }
                for t in timings
            },
        },
    )


def _bound(timing: StartupTiming) -> str:
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
        for _ in range(RUNS):
            cpu_seconds([*agentctl(), "run", "--scenario", _first_scenario(project)], project)
        bare, timings = measure(project, given.rounds)
        named = {c.name: imports(c, project) for c in COMMANDS if c.arguments[0][0] != "-"}
        return show(report(bare, timings, named, given.rounds), given.format)


def _first_scenario(project: Path) -> str:
    name = Project.find(project).golden_set_files()[0].stem
    return f"{name}:{Project.find(project).golden_set(name).ids()[0]}"


__all__ = ["Command", "StartupTiming", "cpu_seconds", "imports", "measure", "report"]

if __name__ == "__main__":
    sys.exit(main())
