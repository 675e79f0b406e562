"""Evaluate with a model that takes its time, many trials at once, and compare with the ideal.

    python -m benchmarks.live [--format json] [--scenarios N] [--in-flight N]

200 scenarios of three turns, asked through litellm of a server in another process, which takes
500 ms an answer, 50 in flight: the wall time may be at most 1.25 times the ideal. The ideal is what
waiting alone takes: each of the 50 plays its scenarios one after the other. Importing litellm and
the first scenario are not timed. What the time above the ideal went into is named.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

from agentctl.evals.runner import Plan, SetResult, evaluate_set
from agentctl.evals.voices import Studio
from agentctl.models.live import open_litellm
from agentctl.models.opening import open_model
from agentctl.specs.load import Project
from benchmarks.made_project import TURNS, make_project
from benchmarks.output import Result, byte_compile, options, show

SCENARIOS, IN_FLIGHT = 200, 50
ANSWER_S = 0.5
MOST_RATIO = 1.25
HEADER = ("what", "seconds")
MODEL = "openai/slow-1"


class Timing(NamedTuple):
    """One evaluation against the slow server."""

    scenarios: int
    in_flight: int
    wall_s: float
    cpu_s: float
    """Of the process that asks."""
    server: dict[str, Any]
    """What the server saw, the first scenario included."""

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


def evaluate(folder: Path, scenarios: int, address: str, in_flight: int) -> SetResult:
    """Evaluate a set live, as `agentctl eval SET --live --in-flight N` does.

    Raises:
        RuntimeError: If not every scenario passes: then it is not the same work.
    """
    golden_set = make_project(folder, scenarios)
    loaded = Project.find(folder).golden_set(str(golden_set))
    spec = loaded.bundle.agent.model.model_copy(update={"name": MODEL, "base_url": address})
    studio = Studio(live=lambda: open_model(spec, env={}), in_flight=in_flight)
    result = evaluate_set(loaded, Plan(keep="none", voice="live", studio=studio))
    if result.summary.passed != scenarios:
        raise RuntimeError(f"{result.summary.passed} of {scenarios} scenarios passed")
    return result


def measure(folder: Path, scenarios: int, in_flight: int) -> Timing:
    """Warm up with one scenario, then time them all."""
    with slow_provider() as served:
        open_litellm()
        evaluate(folder / "warm", 1, served.address, 1)
        cpu, wall = process_time(), perf_counter()
        evaluate(folder / "timed", scenarios, served.address, in_flight)
        wall, cpu = perf_counter() - wall, process_time() - cpu
    return Timing(scenarios, in_flight, wall, cpu, served.seen)


def limit_of(timing: Timing) -> str:
    """Name what keeps the evaluation from its ideal."""
    above = max(0.0, timing.wall_s - timing.ideal_s)
    each = 1000 * timing.cpu_s / timing.calls
    late = timing.server["late_ms"] / 1000 * TURNS * math.ceil(timing.scenarios / timing.in_flight)
    if late > above / 2:
        return f"the server: its answers were {timing.server['late_ms']:.1f} ms late on average"
    return (
        f"the processor: {each:.1f} ms CPU a request in one Python process, of which one thread"
        f" runs at a time, make {timing.cpu_s:.1f} s that waiting hides only in part"
    )


def report(timing: Timing) -> Result:
    """Return what the timing comes to."""
    good = timing.ratio <= MOST_RATIO
    what = f"{timing.scenarios} scenarios x {TURNS} turns, {timing.in_flight} in flight"
    return Result(
        title=f"Live: {what}, {1000 * ANSWER_S:.0f} ms an answer",
        header=HEADER,
        rows=[
            ("ideal: waiting alone", f"{timing.ideal_s:.2f}"),
            ("wall time", f"{timing.wall_s:.2f}"),
            ("CPU of the process that asks", f"{timing.cpu_s:.2f}"),
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
            "server": timing.server,
            "limit": limit_of(timing),
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    given = parser.parse_args()
    byte_compile()
    with tempfile.TemporaryDirectory(prefix="agentctl-live-") as folder:
        timing = measure(Path(folder), given.scenarios, given.in_flight)
        return show(report(timing), given.format)


__all__ = ["Timing", "evaluate", "limit_of", "measure", "report", "slow_provider"]

if __name__ == "__main__":
    sys.exit(main())
