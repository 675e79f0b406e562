"""Replay the same scenarios in a small and in a large world, and compare the CPU time.

    python -m benchmarks.worlds [--format json] [--rounds N]

The tools declare whose records they show (`records:`, `visible_when:`), so every trial is scored
for values that its principal may not see. What a trial costs may depend on what it says and
touches, not on the size of its world: in a world of 10,000 records it may cost at most 1.3 times
what it costs in one of 100. Reading the world from its file is not timed; what is worked out of it
once a set is.
"""

import gc
import json
import statistics
import sys
import tempfile
from pathlib import Path
from time import process_time

from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from benchmarks.made_project import make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

SCENARIOS = 5_000
SMALL, LARGE = 100, 10_000
ROUNDS = 7
MOST_RATIO = 1.3


def make_world(folder: Path, records: int) -> Path:
    """Write a project whose world has so many records, and return the golden set's file."""
    golden_set = make_project(folder, SCENARIOS)
    manifest = folder / "tools" / "orders.yaml"
    tools = json.loads(manifest.read_text(encoding="utf-8"))
    for tool in tools["tools"]:
        tool |= {
            "records": {"table": "orders"},
            "visible_when": "record.customer_id == principal.id",
        }
    manifest.write_text(json.dumps(tools), encoding="utf-8")
    orders = {
        f"o_{number:05d}": {
            "customer_id": "cus_1" if number < SMALL else f"cus_{number}",
            "status": "pending",
            "mail": f"person.{number}@example.org",
            "address": f"{number} Long Street, 53{number % 100:03d} Bonn",
        }
        for number in range(records)
    }
    world = {"kind": "World", "tables": {"orders": orders}}
    (folder / "golden_sets" / "world.yaml").write_text(json.dumps(world), encoding="utf-8")
    return golden_set


def load(golden_set: Path) -> LoadedSet:
    """Load a golden set with its world."""
    return Project.find(golden_set.parent).golden_set(str(golden_set))


def evaluate(loaded: LoadedSet) -> float:
    """Evaluate a golden set and return the CPU seconds it took.

    Raises:
        RuntimeError: If not every scenario passes: then it is not the same work.
    """
    gc.collect()
    started = process_time()
    result = evaluate_set(loaded, EvalPlan())
    took = process_time() - started
    if result.summary.passed != len(loaded):
        raise RuntimeError(f"{result.summary.passed} of {len(loaded)} scenarios passed")
    return took


def measure(small: LoadedSet, large: LoadedSet, rounds: int) -> list[tuple[float, float]]:
    """Evaluate both in turns and return the CPU seconds of each pair."""
    return [(evaluate(small), evaluate(large)) for _ in range(rounds)]


def report(pairs: list[tuple[float, float]], scenarios: int = SCENARIOS) -> BenchmarkResult:
    """Return what the measurements come to."""
    ratio = statistics.median(large / small for small, large in pairs)
    medians = map(statistics.median, zip(*pairs, strict=True))
    each = {
        size: 1e6 * took / scenarios for size, took in zip((SMALL, LARGE), medians, strict=True)
    }
    good = ratio <= MOST_RATIO
    return BenchmarkResult(
        title=f"The same {scenarios:,} scenarios in two worlds: medians of {len(pairs)} rounds",
        header=("records", "CPU us a scenario"),
        rows=[(f"{size:,}", f"{cpu_us:.0f}") for size, cpu_us in each.items()],
        remarks=[f"Bound: {MOST_RATIO:g}x."],
        figure=f"worlds: {ratio:.2f}x at {LARGE:,} records: {'PASS' if good else 'FAIL'}",
        good=good,
        data={
            "benchmark": "worlds",
            "rounds": len(pairs),
            "scenarios": scenarios,
            "cpu_us_per_scenario": {str(size): round(us, 2) for size, us in each.items()},
            "ratio": round(ratio, 3),
            "bounds": {"ratio": MOST_RATIO},
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-worlds-") as name:
        small, large = (load(make_world(Path(name) / str(size), size)) for size in (SMALL, LARGE))
        return show(report(measure(small, large, given.rounds)), given.format)


__all__ = ["evaluate", "load", "make_world", "measure", "report"]

if __name__ == "__main__":
    sys.exit(main())
