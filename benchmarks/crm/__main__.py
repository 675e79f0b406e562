"""Score 640 recorded runs of real models and compare each verdict with the recorded reward.

AGENTCTL_RECORDINGS=FOLDER python -m benchmarks.crm [--format json]
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from benchmarks.crm.compare import Compared, Comparison, compare
from benchmarks.crm.convert import PROJECT, convert
from benchmarks.output import BenchmarkResult
from benchmarks.recordings import benchmark_command, disagreement

HEADER = ("model", "runs", "reward 1", "passed", "agree", "calls and state", "arguments only")


def main() -> int:
    """Run the benchmark."""
    return benchmark_command(
        "crm", __doc__ or "", PROJECT, lambda crm, out: report(compare(*convert(crm, out)))
    )


def report(found: Comparison) -> BenchmarkResult:
    """Return what the comparison came to."""
    runs = found.runs
    models = sorted({compared.run.model for compared in runs})
    rows = [_row(model, [c for c in runs if c.run.model == model]) for model in models]
    agree = sum(c.agrees for c in runs)
    rate = len(runs) / found.cpu_s
    by_path = _by_reason((c, _path_reason(c)) for c in runs if c.calls_and_state != c.passed)
    by_arguments = _by_reason((c, c.why) for c in runs if c.why)
    return BenchmarkResult(
        title="Recorded runs of the WorkBench customer tasks, scored by replaying their calls",
        header=HEADER,
        rows=[*rows, _row("all", runs)],
        remarks=[
            *_disagreements(runs),
            *_told("A comparison of tools and arguments alone would be wrong", by_arguments),
            *_told("Calls and state together, without the end, would differ", by_path),
            f"{found.cpu_s:.2f} CPU s from the generated files to the verdict.",
        ],
        figure=f"crm: {agree} of {len(runs)} agree, {rate:.0f} runs per CPU second",
        good=agree == len(runs),
        data={
            "benchmark": "crm",
            "runs": len(runs),
            "agree": agree,
            "disagree": [_name(c) for c in runs if not c.agrees],
            "correct": sum(c.run.reward for c in runs),
            "passed": sum(c.passed for c in runs),
            "calls_and_state": sum(c.calls_and_state for c in runs),
            "arguments_only": {"wrong": sum(c.why is not None for c in runs), **by_arguments},
            "calls_and_state_differ": by_path,
            "models": {
                row[0]: dict(zip(HEADER[1:], map(int, row[1:]), strict=True)) for row in rows
            },
            "cpu_s": round(found.cpu_s, 3),
            "runs_per_cpu_s": round(rate, 1),
        },
    )


def _row(model: str, runs: list[Compared]) -> tuple[str, ...]:
    figures = (
        len(runs),
        sum(c.run.reward for c in runs),
        sum(c.passed for c in runs),
        sum(c.agrees for c in runs),
        sum(c.calls_and_state for c in runs),
        sum(c.arguments_only for c in runs),
    )
    return (model, *map(str, figures))


def _path_reason(compared: Compared) -> str:
    if not compared.passed:
        return f"calls and state are right, and the run then ended with: {compared.end}"
    kinds = sorted({note.kind.replace("-", " ") for note in compared.row.notes})
    return f"the state is right by other calls: {', '.join(kinds)}"


def _by_reason(pairs: Iterable[tuple[Compared, str | None]]) -> dict[str, Any]:
    found: dict[str, list[str]] = defaultdict(list)
    for compared, why in pairs:
        found[why or ""].append(_name(compared))
    return dict(sorted(found.items()))


def _told(what: str, reasons: dict[str, Any]) -> list[str]:
    lines = [f"{what} in {sum(map(len, reasons.values()))} runs:"]
    for why, names in reasons.items():
        lines += [f"  {len(names)}: {why}", f"    {', '.join(names)}"]
    return [*lines, ""]


def _disagreements(runs: list[Compared]) -> list[str]:
    lines = [disagreement(c.row, c.run.reward) for c in runs if not c.agrees]
    return [*lines, ""] if lines else []


def _name(compared: Compared) -> str:
    return f"{compared.run.scenario}#{compared.run.trial}"


if __name__ == "__main__":
    sys.exit(main())
