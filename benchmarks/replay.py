"""Replay generated golden sets and compare the CPU time with the hand-written baseline loop.

    python -m benchmarks.replay [--format json] [--rounds N]

A replayed eval of 1,000 scenarios with three model turns each may cost at most 5 times the CPU of
the baseline; 5,000 scenarios may cost at most 10 % more a scenario; and the peak memory may grow
by at most 20 KB a scenario between the two. An eval is what `agentctl eval` does after its start:
load the agent and the set (from the warm cache of parsed sets), play, score, keep traces, write
the report. Eval and baseline take turns in one process, and the median ratio counts.
"""

import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import NamedTuple

from agentctl.evals.results.report import report_json_text
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.specs.loading.project import Project
from benchmarks.baseline import run_baseline
from benchmarks.made_project import TURNS, make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show
from benchmarks.startup import agentctl

SMALL, LARGE = 1_000, 5_000
ROUNDS = 9
MOST_RATIO = 5.0
MOST_GROWTH = 0.10
MOST_BYTES = 20_000
KEEPS: tuple[KeptTraces, ...] = ("all", "failed")
"""`all` writes every event of every run; `failed` is what `agentctl eval` does by default."""
_RELAY = """
import os, sys
null = os.open(os.devnull, os.O_WRONLY)
quiet = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
HEADER = ("what", "scenarios", "lines each", "CPU us a scenario", "x baseline")


class ReplayTiming(NamedTuple):
    """One way to do the work, at one size."""

    name: str
    scenarios: int
    lines: int
    """JSON lines it writes, all in all."""
    cpu_us: float
    """Median CPU microseconds a scenario."""
    ratio: float
    """Median of the ratios to the baseline run beside it."""


class Memory(NamedTuple):
    """Peak memory of `agentctl eval`, in a process of its own for each size."""

    small_kb: int
    large_kb: int

    @property
    def bytes_each(self) -> float:
        """How much one more scenario adds to the peak."""
        return 1024 * (self.large_kb - self.small_kb) / (LARGE - SMALL)


def evaluate(golden_set: Path, keep: KeptTraces, out: Path) -> float:
    """Evaluate a golden set as the command does, and return the CPU seconds it took.

    Raises:
        RuntimeError: If not every scenario passes: then it is not the same work.
    """
    started = process_time()
    project = Project.find(golden_set.parent)
    loaded = project.golden_set(str(golden_set))
    with out.open("w", encoding="utf-8") as traces:
        result = evaluate_set(loaded, EvalPlan(keep=keep), traces)
    out.with_suffix(".report.json").write_text(report_json_text([result]), encoding="utf-8")
    took = process_time() - started
    if result.summary.passed != len(loaded):
        raise RuntimeError(f"{result.summary.passed} of {len(loaded)} scenarios passed")
    return took


def measure(folder: Path, sets: dict[int, Path], rounds: int) -> list[ReplayTiming]:
    """Time baseline and eval in turns, at every size and with every way to keep traces."""
    baseline, traces = folder / "baseline.jsonl", folder / "traces.jsonl"
    cases = [(size, keep) for keep in KEEPS for size in sets]
    lines: dict[tuple[int, str], int] = {}
    for size, keep in cases:
        # The first evaluation parses the set and fills the cache; none of it is timed.
        evaluate(sets[size], keep, traces)
        lines[size, keep] = _lines(traces)
        run_baseline(size, TURNS, baseline)
        lines[size, "baseline"] = _lines(baseline)
    took: dict[tuple[int, str], list[float]] = {case: [] for case in lines}
    ratios: dict[tuple[int, str], list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for size, keep in cases:
            gc.collect()
            bare = run_baseline(size, TURNS, baseline)
            gc.collect()
            full = evaluate(sets[size], keep, traces)
            took[size, "baseline"].append(bare)
            took[size, keep].append(full)
            ratios[size, keep].append(full / bare)
    return [
        ReplayTiming(
            name,
            size,
            lines[size, name],
            1e6 * statistics.median(seconds) / size,
            statistics.median(ratios.get((size, name), [1.0])),
        )
        for (size, name), seconds in sorted(took.items())
    ]


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def measure_memory(sets: dict[int, Path]) -> Memory:
    """Run `agentctl eval` on both sets and return the peak memory of each process."""
    small, large = (_peak_kb(sets[size]) for size in (SMALL, LARGE))
    return Memory(small, large)


def _peak_kb(golden_set: Path) -> int:
    command = [*agentctl(), "eval", str(golden_set), "--format", "json"]
    # A process inherits the peak of the one that started it: a small one must stand between.
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _RELAY, *command],
        cwd=golden_set.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    peak = int(told.stdout)
    # macOS counts bytes, Linux kilobytes.
    return peak // 1024 if sys.platform == "darwin" else peak


def report(timings: Sequence[ReplayTiming], memory: Memory, rounds: int) -> BenchmarkResult:
    """Return what the measurements come to."""
    by = {(timing.name, timing.scenarios): timing for timing in timings}
    ratio = by["all", SMALL].ratio
    growth = by["all", LARGE].cpu_us / by["all", SMALL].cpu_us - 1
    good = ratio <= MOST_RATIO and growth <= MOST_GROWTH and memory.bytes_each <= MOST_BYTES
    default = by["failed", SMALL].ratio
    by_line = ratio * by["baseline", SMALL].lines / by["all", SMALL].lines
    names = {"all": "eval, all traces kept", "failed": "eval, as by default"}
    return BenchmarkResult(
        title=f"Replaying scenarios of {TURNS} model turns: medians of {rounds} rounds",
        header=HEADER,
        rows=[
            (
                names.get(timing.name, timing.name),
                f"{timing.scenarios:,}",
                f"{timing.lines / timing.scenarios:.0f}",
                f"{timing.cpu_us:.0f}",
                f"{timing.ratio:.2f}",
            )
            for timing in timings
        ],
        remarks=[
            f"Bounds: {MOST_RATIO:g}x with all traces kept at {SMALL:,};"
            f" {MOST_GROWTH:.0%} more a scenario at {LARGE:,}; {MOST_BYTES / 1000:g} KB each.",
            f"For the same number of lines it would be {by_line:.2f}x: the runs have more events"
            " than the baseline writes lines.",
            f"Peak memory of `agentctl eval`: {memory.small_kb / 1024:.1f} MB at {SMALL:,},"
            f" {memory.large_kb / 1024:.1f} MB at {LARGE:,}.",
        ],
        figure=(
            f"replay: {ratio:.2f}x the baseline with all traces kept, {default:.2f}x as by default,"
            f" {growth:+.1%} a scenario at {LARGE:,},"
            f" {memory.bytes_each / 1000:.1f} KB a scenario: {'PASS' if good else 'FAIL'}"
        ),
        good=good,
        data={
            "benchmark": "replay",
            "rounds": rounds,
            "timings": [
                {
                    "name": timing.name,
                    "scenarios": timing.scenarios,
                    "lines": timing.lines,
                    "cpu_us_per_scenario": round(timing.cpu_us, 2),
                    "ratio": round(timing.ratio, 3),
                }
                for timing in timings
            ],
            "ratio": round(ratio, 3),
            "ratio_by_default": round(default, 3),
            "ratio_by_line": round(by_line, 3),
            "growth": round(growth, 4),
            "memory": {
                "small_kb": memory.small_kb,
                "large_kb": memory.large_kb,
                "bytes_per_scenario": round(memory.bytes_each),
            },
            "bounds": {
                "ratio": MOST_RATIO,
                "growth": MOST_GROWTH,
                "bytes_per_scenario": MOST_BYTES,
            },
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-replay-") as name:
        folder = Path(name)
        sets = {size: make_project(folder / "project", size) for size in (SMALL, LARGE)}
        timings = measure(folder, sets, given.rounds)
        return show(report(timings, measure_memory(sets), given.rounds), given.format)


__all__ = ["Memory", "ReplayTiming", "evaluate", "measure", "measure_memory", "report"]

if __name__ == "__main__":
    sys.exit(main())
