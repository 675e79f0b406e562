"""Replay generated golden sets and compare the CPU time with the hand-written baseline loop.

    python -m benchmarks.replay [--format json] [--rounds N] [--instructions]

A replayed eval of 1,000 scenarios with three model turns each may cost at most 6 times the CPU of
the baseline with every trace kept and 4.5 times as by default (aimed at: 5 and 4); 20,000 scenarios
may cost at most 10 % more a scenario, and 6 KB of peak memory each; two processes must play 5,000
scenarios at least 1.6 times as fast as one, by the clock, which needs two idle cores. An eval is
what `agentctl eval` does after its start: load the agent and the set (from the warm cache of
parsed sets), play, score, keep traces, write the report. Eval and baseline take turns in one
process, and the median ratio counts. `--instructions` counts instructions under valgrind too: they
do not depend on what else the machine does, and take some minutes.
"""

import gc
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from agentctl.evals.results.report import report_json_text
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.specs.loading.project import Project
from benchmarks.baseline import run_baseline
from benchmarks.made_project import TURNS, make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show
from benchmarks.startup import agentctl

SMALL, LARGE = 1_000, 20_000
IN_PROCESSES = 5_000
COUNTED = (100, 400)
"""Sizes between which instructions are counted: what comes before the first is left out."""
ROUNDS, LARGE_ROUNDS = 9, 3
MOST_GROWTH = 0.10
MOST_BYTES = 6_000
LEAST_SPEEDUP = 1.6
KEEPS: tuple[KeptTraces, ...] = ("all", "failed")
"""`all` writes every event of every run; `failed` is what `agentctl eval` does by default."""
MOST_RATIO = {"all": 6.0, "failed": 4.5}
AIMED_RATIO = {"all": 5.0, "failed": 4.0}
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
    for number in range(rounds):
        for size, keep in cases:
            if size == LARGE and number >= LARGE_ROUNDS:
                continue
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


def measure_speedup(golden_set: Path, rounds: int) -> float:
    """Return how many times as fast two processes play a set as one, by the clock."""
    loaded = Project.find(golden_set.parent).golden_set(str(golden_set))
    pairs = []
    for _ in range(rounds):
        took = []
        for jobs in (1, 2):
            started = perf_counter()
            evaluate_set(loaded, EvalPlan(jobs=jobs))
            took.append(perf_counter() - started)
        pairs.append(took[0] / took[1])
    return statistics.median(pairs)


def count_instructions(folder: Path) -> dict[str, int]:
    """Return the instructions that one more scenario takes, by way of doing it.

    Raises:
        FileNotFoundError: If there is no valgrind.
    """
    for size in COUNTED:
        evaluate(make_project(folder, size), "all", folder / "traces.jsonl")
    found = {}
    for name in ("baseline", *KEEPS):
        few, many = (_instructions(name, size, folder) for size in COUNTED)
        found[name] = (many - few) // (COUNTED[1] - COUNTED[0])
    return found


def _instructions(name: str, size: int, folder: Path) -> int:
    code = (
        "import sys; from pathlib import Path; from benchmarks import baseline, replay;"
        "name, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]);"
        "out = folder / 'counted.jsonl';"
        "baseline.run_baseline(size, replay.TURNS, out) if name == 'baseline' else"
        " replay.evaluate(folder / 'golden_sets' / f'orders-{size}.jsonl', name, out)"
    )
    counter = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    done = subprocess.run(
        [*counter, sys.executable, "-c", code, name, str(size), str(folder)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(re.findall(r"Collected : (\d+)", done.stderr)[-1])


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


def report(
    timings: Sequence[ReplayTiming],
    memory: Memory,
    speedup: float,
    rounds: int,
    instructions: Mapping[str, int] | None = None,
) -> BenchmarkResult:
    """Return what the measurements come to."""
    by = {(timing.name, timing.scenarios): timing for timing in timings}
    ratios = {keep: by[keep, SMALL].ratio for keep in KEEPS}
    ratio, default = ratios["all"], ratios["failed"]
    growth = by["all", LARGE].cpu_us / by["all", SMALL].cpu_us - 1
    good = (
        all(ratios[keep] <= most for keep, most in MOST_RATIO.items())
        and growth <= MOST_GROWTH
        and memory.bytes_each <= MOST_BYTES
        and speedup >= LEAST_SPEEDUP
    )
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
            f"Bounds at {SMALL:,}: {MOST_RATIO['all']:g}x with all traces kept,"
            f" {MOST_RATIO['failed']:g}x as by default (aimed at: {AIMED_RATIO['all']:g}x and"
            f" {AIMED_RATIO['failed']:g}x); at {LARGE:,}: {MOST_GROWTH:.0%} more and"
            f" {MOST_BYTES / 1000:g} KB a scenario; two processes: {LEAST_SPEEDUP:g}x as fast.",
            f"For the same number of lines it would be {by_line:.2f}x: the runs have more events"
            " than the baseline writes lines.",
            f"Peak memory of `agentctl eval`: {memory.small_kb / 1024:.1f} MB at {SMALL:,},"
            f" {memory.large_kb / 1024:.1f} MB at {LARGE:,}.",
            *_counted(instructions),
        ],
        figure=(
            f"replay: {ratio:.2f}x the baseline with all traces kept, {default:.2f}x as by default,"
            f" {growth:+.1%} a scenario at {LARGE:,},"
            f" {memory.bytes_each / 1000:.1f} KB a scenario, {speedup:.2f}x as fast in two"
            f" processes: {'PASS' if good else 'FAIL'}"
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
            "speedup": round(speedup, 3),
            "instructions": dict(instructions or {}),
            "bounds": {
                "ratio": MOST_RATIO,
                "speedup": LEAST_SPEEDUP,
                "growth": MOST_GROWTH,
                "bytes_per_scenario": MOST_BYTES,
            },
        },
    )


def _counted(instructions: Mapping[str, int] | None) -> Iterator[str]:
    if instructions:
        bare = instructions["baseline"]
        shown = (f"{name} {n / 1000:.0f}k ({n / bare:.2f}x)" for name, n in instructions.items())
        yield f"Instructions a scenario: {', '.join(shown)}."


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--instructions", action="store_true", help="count them under valgrind")
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-replay-") as name:
        folder = Path(name)
        project = folder / "project"
        sets = {size: make_project(project, size) for size in (SMALL, LARGE)}
        timings, memory = measure(folder, sets, given.rounds), measure_memory(sets)
        speedup = measure_speedup(make_project(project, IN_PROCESSES), given.rounds)
        counted = count_instructions(folder / "counted") if given.instructions else None
        return show(report(timings, memory, speedup, given.rounds, counted), given.format)


__all__ = [
    "Memory",
    "ReplayTiming",
    "count_instructions",
    "evaluate",
    "measure",
    "measure_memory",
    "measure_speedup",
    "report",
]

if __name__ == "__main__":
    sys.exit(main())
