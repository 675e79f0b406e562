"""Score recorded runs of tau-bench's airline agent and compare each verdict with its reward.

AGENTCTL_RECORDINGS=FOLDER python -m benchmarks.airline [--format json]
"""

import sys
from pathlib import Path

from benchmarks.airline.convert import PROJECT, AirlineRun, convert
from benchmarks.output import BenchmarkResult
from benchmarks.recordings import (
    ScoredRecordings,
    agrees,
    benchmark_command,
    disagreement,
    score_recordings,
)

HEADER = ("scenario", "runs", "reward 1", "passed", "agree")


def main() -> int:
    """Run the benchmark."""

    def score(folder: Path, out: Path) -> BenchmarkResult:
        generated, runs = convert(folder, out)
        return report(score_recordings(PROJECT, generated), runs)

    return benchmark_command("airline", __doc__ or "", PROJECT, score)


def report(scored: ScoredRecordings, runs: list[AirlineRun]) -> BenchmarkResult:
    """Return what the comparison came to."""
    summary, rows = scored.result.summary, scored.rows()
    by_scenario: dict[str, list[AirlineRun]] = {}
    for run in runs:
        by_scenario.setdefault(run.scenario, []).append(run)

    def line(name: str, some: list[AirlineRun]) -> tuple[str, ...]:
        found = [(run.reward, rows[run.scenario, run.trial]) for run in some]
        figures = (
            len(some),
            sum(run.reward for run in some),
            sum(row.status == "passed" for _, row in found),
            sum(agrees(row, reward) for reward, row in found),
        )
        return (name, *map(str, figures))

    apart = [run for run in runs if not agrees(rows[run.scenario, run.trial], run.reward)]
    chances = {k: round(figure.value or 0.0, 4) for k, figure in summary.pass_hat.items()}
    cells = summary.confusion
    expected = cells["needed_done"] + cells["needed_not_done"]
    made = cells["needed_done"] + cells["not_needed_done"]
    agree = len(runs) - len(apart)
    rate = len(runs) / scored.cpu_s
    powers = ", ".join(f"pass^{k} {value:.4f}" for k, value in chances.items())
    return BenchmarkResult(
        title="Recorded runs of tau-bench's airline tasks, scored by replaying their messages",
        header=HEADER,
        rows=[*(line(name, by_scenario[name]) for name in by_scenario), line("all", runs)],
        remarks=[
            *(disagreement(rows[run.scenario, run.trial], run.reward) for run in apart),
            f"{powers}.",
            f"Escalations: {expected} expected, {made} made, {cells['needed_done']} both.",
            f"{scored.cpu_s:.2f} CPU s from the generated files to the verdict.",
        ],
        figure=f"airline: {agree} of {len(runs)} agree, {rate:.0f} runs per CPU second",
        good=not apart,
        data={
            "benchmark": "airline",
            "runs": len(runs),
            "agree": agree,
            "disagree": [f"{run.scenario}#{run.trial}" for run in apart],
            "correct": sum(run.reward for run in runs),
            "passed": summary.passed,
            "pass_hat_k": {str(k): value for k, value in chances.items()},
            "escalations": {"expected": expected, "made": made, "both": cells["needed_done"]},
            "cpu_s": round(scored.cpu_s, 3),
            "runs_per_cpu_s": round(rate, 1),
        },
    )


if __name__ == "__main__":
    sys.exit(main())
