"""Append events to a hash-chained trace and say what one costs.

    python -m benchmarks.audit [--format json] [--rounds N]

An event may cost at most 15 CPU microseconds, chained, hashed and written to the file; what a disk
takes to make barriers durable is waiting, not work, and is left out, as are the barriers. The pure
chain, without the file, stands beside it. The events are those of real trials, with their bodies.
The fastest round counts: whatever else the machine does can only add.
"""

import gc
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from time import process_time
from typing import NamedTuple

from agentctl.core.events import BARRIERS, Event
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.chain import Chain
from agentctl.traces.log.file import FileTrace
from benchmarks.made_project import make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

EVENTS = 20_000
ROUNDS = 9
MOST_US = 15.0
HEADER = ("what", "events", "bytes each", "CPU us an event")


class AuditTiming(NamedTuple):
    """One way to append."""

    name: str
    events: int
    bytes_each: float
    cpu_us: float
    """CPU microseconds an event, of the fastest round."""


def real_events(folder: Path) -> list[Event]:
    """Return the events of a trial, without its barriers."""
    loaded = Project.find(folder).golden_set(str(make_project(folder, 1)))
    scenario = loaded.find(loaded.ids()[0]).scenario
    played = play_trial(
        Harness(loaded.bundle),
        scenario,
        loaded.tables,
        set_name=loaded.name,
        now=loaded.head.now,
    )
    return [event for event in played.events if event.type not in BARRIERS]


def repeated(events: Sequence[Event], most: int) -> list[Event]:
    """Return `most` events: those given, over and over, each at a position of its own."""
    return [events[seq % len(events)]._replace(seq=seq) for seq in range(most)]


def append_all(path: Path, events: Sequence[Event]) -> float:
    """Write a trace and return the CPU seconds it took."""
    with FileTrace(path, "r") as trace:
        record = trace.record
        start = process_time()
        for event in events:
            record(event)
        return process_time() - start


def chain_all(events: Sequence[Event]) -> float:
    """Make the lines of a trace and return the CPU seconds it took."""
    chain = Chain("r", lambda _seq: "0" * 32)
    line = chain.line
    start = process_time()
    for event in events:
        line(event)
    return process_time() - start


def measure(folder: Path, events: Sequence[Event], rounds: int) -> list[AuditTiming]:
    """Let both ways take turns; the fastest round of each counts.

    Raises:
        RuntimeError: If what was written does not verify: then it is not the same work.
    """
    numbers = count()

    def to_file() -> float:
        return append_all(folder / f"{next(numbers)}.jsonl", events)

    ways: dict[str, Callable[[], float]] = {
        "append to the trace": to_file,
        "chain alone": lambda: chain_all(events),
    }
    for way in ways.values():
        way()
    (check,) = verify_file(folder / "0.jsonl")
    if check.tampering is not None or check.events != len(events):
        raise RuntimeError(f"the trace does not verify: {check.tampering}")
    size = (folder / "0.jsonl").stat().st_size / len(events)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            taken[name].append(way() / len(events) * 1e6)
    return [AuditTiming(name, len(events), size, min(each)) for name, each in taken.items()]


def report(timings: Sequence[AuditTiming], rounds: int) -> BenchmarkResult:
    """Hold the figures against the bound."""
    written, chained = timings
    good = written.cpu_us <= MOST_US
    word = "PASS" if good else "FAIL"
    return BenchmarkResult(
        title=f"Appending {written.events:,} events to a trace: best of {rounds} rounds",
        header=HEADER,
        rows=[
            (one.name, f"{one.events:,}", f"{one.bytes_each:.0f}", f"{one.cpu_us:.1f}")
            for one in timings
        ],
        remarks=[f"Bound: {MOST_US:g} us an event, written; barriers (fsync) are left out."],
        figure=(
            f"audit: {written.cpu_us:.1f} us an event (at most {MOST_US:g}),"
            f" {chained.cpu_us:.1f} us of it the chain: {word}"
        ),
        good=good,
        data={
            "benchmark": "audit",
            "rounds": rounds,
            "timings": [
                {
                    "name": one.name,
                    "events": one.events,
                    "bytes_per_event": round(one.bytes_each),
                    "cpu_us_per_event": round(one.cpu_us, 2),
                }
                for one in timings
            ],
            "bounds": {"cpu_us_per_event": MOST_US},
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-audit-") as name:
        folder = Path(name)
        events = repeated(real_events(folder / "project"), EVENTS)
        return show(report(measure(folder, events, given.rounds), given.rounds), given.format)


__all__ = ["AuditTiming", "append_all", "chain_all", "measure", "real_events", "repeated", "report"]

if __name__ == "__main__":
    sys.exit(main())
