"""Evaluate with a model that takes its time, many trials at once, and compare with the ideal.

    python -m benchmarks.live [--format json] [--scenarios N] [--in-flight N] [--rounds N]

200 scenarios of three turns, asked through litellm of a server in another process, which takes
500 ms an answer, 50 in flight: the wall time may be at most 1.25 times the ideal. The ideal is what
waiting alone takes: each of the 50 plays its scenarios one after the other. Starting the processes
that ask, and their first requests, are not timed. What the time above the ideal went into is named.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

from agentctl.core.text import count
from agentctl.evals.running.runner import EvalPlan, SetResult, evaluate_set
from agentctl.evals.running.turn_sources import ModelSource
from agentctl.models.opening import open_model
from agentctl.models.port import Model
from agentctl.models.provider.live import open_litellm
from agentctl.models.provider.workers import ModelWorkers, processes_for
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.agent import ModelSpec
from benchmarks.made_project import TURNS, make_project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

SCENARIOS, IN_FLIGHT = 200, 50
ANSWER_S = 0.5
ROUNDS = 3
MOST_RATIO = 1.25
HEADER = ("what", "seconds")
MODEL = "openai/slow-1"
if sys.platform != "win32":
    import resource


class LiveTiming(NamedTuple):
    """One evaluation against the slow server."""

    scenarios: int
    in_flight: int
    wall_s: float
    cpu_s: float
    """Of the process that plays, and of those that ask."""
    server: dict[str, Any]
    """What the server saw, warming up included."""
    stolen_s: float = 0.0
    """CPU seconds that other machines on the same hardware took meanwhile."""

    @property
    def ideal_s(self) -> float:
        """The waiting alone."""
        return math.ceil(self.scenarios / self.in_flight) * TURNS * ANSWER_S

    @property
    def ratio(self) -> float:
        """Wall time over the ideal."""
        return self.wall_s / self.ideal_s

    @property
    def calls(self) -> int:
        """Requests that were timed."""
        return self.scenarios * TURNS


class Served:
    """The server's address; what it saw, once it has ended."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seen: dict[str, Any] = {}


@contextmanager
def slow_provider() -> Iterator[Served]:
    """Run the server in a process of its own: in this one it would share the interpreter."""
    command = [sys.executable, "-m", "benchmarks.slow_provider", str(ANSWER_S)]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    served = Served(running.stdout.readline().strip())
    try:
        yield served
    finally:
        out, _ = running.communicate(timeout=30)
        served.seen = json.loads(out) if out else {}


@contextmanager
def asking(address: str, in_flight: int) -> Iterator[Callable[[], Model]]:
    """Give what makes the models of trials, as `agentctl eval --live` does."""
    spec = ModelSpec(name=MODEL, base_url=address)
    processes = processes_for(in_flight)
    if not processes:
        open_litellm()
        yield lambda: open_model(spec, env={})
        return
    workers = ModelWorkers(spec, None, processes)
    try:
        yield lambda: workers
    finally:
        workers.close()


def evaluate(folder: Path, scenarios: int, make: Callable[[], Model], in_flight: int) -> SetResult:
    """Evaluate a set live, as `agentctl eval SET --live --in-flight N` does.

    Raises:
        RuntimeError: If not every scenario passes: then it is not the same work.
    """
    golden_set = make_project(folder, scenarios)
    loaded = Project.find(folder).golden_set(str(golden_set))
    model_source = ModelSource(live=make, in_flight=in_flight)
    result = evaluate_set(
        loaded, EvalPlan(keep="none", turn_source="live", model_source=model_source)
    )
    if result.summary.passed != scenarios:
        raise RuntimeError(f"{result.summary.passed} of {scenarios} scenarios passed")
    return result


def measure(folder: Path, scenarios: int, in_flight: int, rounds: int = 1) -> LiveTiming:
    """Warm up with one scenario for each process that asks, then time them all.

    The quickest round counts: neighbours on the machine only ever add to the wall time.
    """
    warm = max(1, processes_for(in_flight))
    with slow_provider() as served:
        with asking(served.address, in_flight) as make:
            evaluate(folder / "warm", warm, make, warm)
        started = _ended_cpu_s()
        with asking(served.address, in_flight) as make:
            evaluate(folder / "warm", warm, make, warm)
            cpu, walls = process_time(), []
            for _ in range(rounds):
                began, stolen = perf_counter(), _stolen_s()
                evaluate(folder / "timed", scenarios, make, in_flight)
                walls.append((perf_counter() - began, _stolen_s() - stolen))
            cpu = process_time() - cpu
        # What the first round of processes took is what starting and warming up takes.
        asked = max(0.0, _ended_cpu_s() - 2 * started)
    wall, stolen = min(walls)
    return LiveTiming(scenarios, in_flight, wall, (cpu + asked) / rounds, served.seen, stolen)


def _stolen_s() -> float:
    """Return the CPU seconds that neighbours on the hardware took, as Linux counts them."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    return int(stat.read_text().split()[8]) / os.sysconf("SC_CLK_TCK")


def _ended_cpu_s() -> float:
    """Return the CPU seconds of the processes that have ended; 0 where nobody counts them."""
    if sys.platform == "win32":
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def limit_of(timing: LiveTiming) -> str:
    """Name what keeps the evaluation from its ideal."""
    above = max(0.0, timing.wall_s - timing.ideal_s)
    each = 1000 * timing.cpu_s / timing.calls
    late = timing.server["late_ms"] / 1000 * TURNS * math.ceil(timing.scenarios / timing.in_flight)
    if late > above / 2:
        return f"the server: its answers were {timing.server['late_ms']:.1f} ms late on average"
    processes = count(processes_for(timing.in_flight) or 1, "process asks", "processes ask")
    return (
        f"the processor: {each:.1f} ms CPU a request make {timing.cpu_s:.1f} s, which waiting"
        f" hides only in part; {processes};"
        f" other machines took {timing.stolen_s:.1f} s of the processors meanwhile"
    )


def report(timing: LiveTiming) -> BenchmarkResult:
    """Return what the timing comes to."""
    good = timing.ratio <= MOST_RATIO
    what = f"{timing.scenarios} scenarios x {TURNS} turns, {timing.in_flight} in flight"
    return BenchmarkResult(
        title=f"Live: {what}, {1000 * ANSWER_S:.0f} ms an answer",
        header=HEADER,
        rows=[
            ("ideal: waiting alone", f"{timing.ideal_s:.2f}"),
            ("wall time", f"{timing.wall_s:.2f}"),
            ("CPU of playing and asking", f"{timing.cpu_s:.2f}"),
            ("CPU of the server", f"{timing.server['cpu_s']:.2f}"),
        ],
        remarks=[
            f"the server saw {timing.server['most_in_flight']} requests at the same time at most,"
            f" on {timing.server['connections']} connections",
            f"what limits it: {limit_of(timing)}",
        ],
        figure=(
            f"live: {timing.ratio:.2f}x the ideal wall time (at most {MOST_RATIO:g}x):"
            f" {'PASS' if good else 'FAIL'}"
        ),
        good=good,
        data={
            "benchmark": "live",
            "scenarios": timing.scenarios,
            "turns": TURNS,
            "in_flight": timing.in_flight,
            "answer_s": ANSWER_S,
            "ideal_s": timing.ideal_s,
            "wall_s": round(timing.wall_s, 3),
            "ratio": round(timing.ratio, 3),
            "bound": MOST_RATIO,
            "cpu_s": round(timing.cpu_s, 3),
            "stolen_s": round(timing.stolen_s, 3),
            "server": timing.server,
            "limit": limit_of(timing),
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-live-") as folder:
        timing = measure(Path(folder), given.scenarios, given.in_flight, given.rounds)
        return show(report(timing), given.format)


__all__ = ["LiveTiming", "asking", "evaluate", "limit_of", "measure", "report", "slow_provider"]

if __name__ == "__main__":
    sys.exit(main())
