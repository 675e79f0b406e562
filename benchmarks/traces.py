"""Verify, add up, report and compare traces, and count the CPU it takes.

    python -m benchmarks.traces [--format json] [--runs N] [--rounds N]

A project of 2,000 runs is verified, its costs are added up and its audit report is made, in turns
with a baseline that reads the same files, parses every line with `json` and hashes it. Twice the
runs may cost at most 2.3 times as much. Two runs of 10,000 steps are compared, from their events in
memory: equal ones, ones that differ at both ends, and ones with 100 changed calls.
"""

import gc
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple
from unittest.mock import patch

from agentctl.core.events import Event
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.traces.audit.project import verify_project
from agentctl.traces.audit.report import audit_report
from agentctl.traces.log.chain import Chain
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import journal_file, run_files, trace_of, traces_folder
from agentctl.traces.views.cost import read_costs
from agentctl.traces.views.diff import diff_events
from benchmarks.made_project import make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

RUNS = 2_000
ROUNDS = 5
STEPS = 10_000
MOST_RATIO = {"verify": 2.5, "cost": 1.2, "report": 4.0}
MOST_GROWTH = 2.3
MOST_MS = {"equal": 200.0, "changed at both ends": 500.0}
HEADER = ("what", "of", "CPU ms", "ratio", "at most")
_AT = "2026-01-15T09:00:00.000Z"


class TraceTiming(NamedTuple):
    """What one piece of work costs."""

    name: str
    size: str
    cpu_ms: float
    ratio: float | None
    """To the baseline of the same round; of twice the runs, to half of them."""
    bound: str
    good: bool


def real_events(folder: Path) -> list[Event]:
    """Return the events of a trial, as those of a run."""
    loaded = Project.find(folder).golden_set(str(make_project(folder, 1)))
    scenario = loaded.find(loaded.ids()[0]).scenario
    harness = Harness(loaded.bundle)
    played = play_trial(harness, scenario, loaded.tables, set_name=loaded.name, now=loaded.head.now)
    first, *rest = played.events
    body = {name: value for name, value in first.body.items() if name != "scenario"}
    return [first._replace(body=body), *rest]


def write_runs(root: Path, events: Sequence[Event], runs: int) -> None:
    """Write the traces of a project and seal them."""
    traces_folder(root).mkdir(parents=True)
    for number in range(runs):
        run = f"{number:014d}"
        chain = Chain(run, lambda _seq: os.urandom(16).hex())
        trace_of(root, run).write_text("".join(f"{chain.line(event)}\n" for event in events))
        seal_run(journal_file(root), Seal(run, len(events), chain.head), events[-1].at)


def baseline(root: Path) -> int:
    """Parse and hash every line, and do nothing with it."""
    found = 0
    for path in run_files(root):
        for line in path.read_bytes().splitlines():
            found += len(json.loads(line)) + len(hashlib.sha256(line).hexdigest())
    return found


def steps(changed: set[int]) -> list[Event]:
    """Return a run that looks up an order a step; in some steps another one."""
    events: list[Event] = []

    def add(kind: str, body: dict[str, Any]) -> None:
        events.append(Event(len(events), kind, _AT, body))

    for step in range(STEPS):
        call, order = f"c{step}", f"o_{-step if step in changed else step}"
        asked = {"order_id": order, "page": step}
        said = [{"id": call, "name": "get_order", "arguments": asked}]
        add("model.replied", {"step": step + 1, "text": "", "calls": said})
        decided = {"verdict": "allow", "stage": "rule", "rules": ["reads"], "reason": ""}
        named = {"call_id": call, "tool": "get_order"}
        add("call.decided", {**named, "arguments": asked, "effect": "none", **decided})
        value = {"order_id": order, "total": "12.50", "lines": [{"sku": "a", "count": 1}]}
        add("tool.returned", {**named, "ok": True, "value": value, "dropped": 0, "attempts": 1})
    return events


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one piece of work."""
    gc.collect()
    started = process_time()
    work()
    return process_time() - started


def measure_files(folder: Path, runs: int, rounds: int) -> list[TraceTiming]:
    """Let the baseline and each command's work take turns over the same files.

    Raises:
        RuntimeError: If the traces are not intact: then it is not the same work.
    """
    events = real_events(folder / "made")
    half, whole = folder / "half", folder / "whole"
    with patch("os.fsync"):  # what a disk takes is not measured, and would take minutes
        write_runs(half, events, runs // 2)
        write_runs(whole, events, runs)
    audit = verify_project(whole)
    if audit.tampered or audit.contradictions or len(audit.checked) != runs:
        raise RuntimeError("the traces do not verify")
    works: dict[str, Callable[[Path], object]] = {
        "verify": verify_project,
        "cost": read_costs,
        "report": lambda root: audit_report(root, None, None),
    }
    took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        base = cpu(lambda: baseline(whole))
        for name, work in works.items():
            large, small = cpu(lambda: work(whole)), cpu(lambda: work(half))  # noqa: B023
            took[name].append((large, large / base, large / small))
    found = []
    size = f"{runs:,} runs of {len(events)} events"
    for name, each in took.items():
        cost, ratio, growth = (median(column) for column in zip(*each, strict=True))
        most = MOST_RATIO[name]
        found.append(TraceTiming(name, size, 1e3 * cost, ratio, f"{most:g}x", ratio <= most))
        good = growth <= MOST_GROWTH
        grown = TraceTiming(
            f"{name}, over half", size, 1e3 * cost, growth, f"{MOST_GROWTH:g}x", good
        )
        found.append(grown)
    return found


def measure_diff(rounds: int) -> list[TraceTiming]:
    """Compare two runs; the fastest round counts.

    Raises:
        RuntimeError: If another number of differences is found than was made.
    """
    some = set(range(1, STEPS, STEPS // 100))
    cases: dict[str, set[int]] = {
        "equal": set(),
        "changed at both ends": {1, STEPS - 1},
        "100 changed": some,
    }
    left = steps(set())
    found = []
    for name, changed in cases.items():
        right = steps(changed)
        if len(diff_events(left, right).differences) != len(changed):
            raise RuntimeError(f"{name}: not the differences that were made")
        best = 1e3 * min(cpu(lambda: diff_events(left, right)) for _ in range(rounds))  # noqa: B023
        most = MOST_MS.get(name)
        bound = "" if most is None else f"{most:g} ms"
        size = f"{STEPS:,} steps"
        found.append(
            TraceTiming(f"diff, {name}", size, best, None, bound, most is None or best <= most)
        )
    return found


def report(timings: Sequence[TraceTiming], rounds: int) -> BenchmarkResult:
    """Return what the timings come to."""
    good = all(timing.good for timing in timings)
    broken = ", ".join(timing.name for timing in timings if not timing.good)
    return BenchmarkResult(
        title=f"Reading traces: {rounds} rounds",
        header=HEADER,
        rows=[
            (t.name, t.size, f"{t.cpu_ms:.0f}", f"{t.ratio:.2f}x" if t.ratio else "", t.bound)
            for t in timings
        ],
        remarks=["Ratios are to parsing every line with `json` and hashing it."],
        figure=f"traces: {'PASS' if good else f'FAIL ({broken})'}",
        good=good,
        data={
            "benchmark": "traces",
            "rounds": rounds,
            "timings": {
                t.name: {"of": t.size, "cpu_ms": round(t.cpu_ms, 1), "ratio": t.ratio}
                for t in timings
            },
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-traces-") as name:
        timings = measure_files(Path(name), given.runs, given.rounds)
    return show(report([*timings, *measure_diff(given.rounds)], given.rounds), given.format)


__all__ = [
    "TraceTiming",
    "baseline",
    "measure_diff",
    "measure_files",
    "report",
    "steps",
    "write_runs",
]

if __name__ == "__main__":
    sys.exit(main())
