"""Where the public recordings are, and what converting and scoring any of them shares."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from agentctl.evals.running.runner import EvalPlan, SetResult, evaluate_set
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.interop.reading import RunsFile, read_runs
from agentctl.specs.loading.project import Project
from benchmarks.output import BenchmarkResult, byte_compile, options, show

VARIABLE = "AGENTCTL_RECORDINGS"
FILES = ("db.json", "scenarios.jsonl", "trajectories.jsonl")
Object = dict[str, Any]


class MissingRecordingsError(Exception):
    """The recordings are not on this machine."""


class Generated(NamedTuple):
    """The files of the generated golden set."""

    golden_set: Path
    recordings: Path


class ScoredRecordings(NamedTuple):
    """What agentctl found in the recordings of one domain."""

    result: SetResult
    cpu_s: float
    """From reading the generated files to the verdict."""

    def rows(self) -> dict[tuple[str, int], TrialRow]:
        """Return the scored trials by scenario and number."""
        return {(row.scenario, row.trial): row for row in self.result.rows}


def score_recordings(project: Path, generated: Generated) -> ScoredRecordings:
    """Evaluate a generated set with its recordings, as `agentctl eval --traces` does."""
    started = process_time()
    loaded = Project.find(project).golden_set(str(generated.golden_set))
    recordings = read_runs([RunsFile(generated.recordings)], loaded)
    result = evaluate_set(loaded, EvalPlan(recordings=recordings, only_recorded=True, keep="none"))
    return ScoredRecordings(result, process_time() - started)


def agrees(row: TrialRow, reward: int) -> bool:
    """Whether a verdict is the recorded reward; an inconclusive trial agrees with nothing."""
    return row.status != "inconclusive" and (row.status == "passed") == bool(reward)


def disagreement(row: TrialRow, reward: int) -> str:
    """Return one line about a trial whose verdict is not the recorded reward."""
    why = "; ".join(reason.message for reason in row.reasons) or "everything as expected"
    return f"{row.scenario}#{row.trial}: {row.status}, recorded reward {reward}: {why}"


def source(name: str) -> Path:
    """Return the folder of the recordings of one domain.

    Args:
        name: `airline` or `crm`.

    Raises:
        MissingRecordingsError: If the environment names none, or files are missing in it.
    """
    folder = os.environ.get(VARIABLE)
    found = Path(folder or ".") / name
    if not folder or not all((found / file).is_file() for file in FILES):
        raise MissingRecordingsError(
            f"{VARIABLE} must name a folder with {name}/{{{','.join(FILES)}}}: recordings of"
            " WorkBench (github.com/olly-styles/WorkBench) in crm/ and of tau-bench"
            " (github.com/sierra-research/tau-bench) in airline/, both MIT-licensed. The format is"
            " in benchmarks/README.md."
        )
    return found


def lines(path: Path) -> Iterator[Object]:
    """Yield the objects of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write(path: Path, documents: list[Object]) -> None:
    """Write objects as JSON Lines; one alone is a YAML document too."""
    text = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
    path.write_text(text, encoding="utf-8")


def benchmark_command(
    name: str, description: str, project: Path, report: Callable[[Path, Path], BenchmarkResult]
) -> int:
    """Run the benchmark of one domain from a command line.

    Args:
        name: `airline` or `crm`.
        description: What the benchmark says of itself.
        project: Its project; what is generated goes below its `.agentctl`.
        report: Converts from the first folder into the second, and scores.
    """
    given = options(description).parse_args()
    try:
        folder = source(name)
    except MissingRecordingsError as error:
        print(f"error[no-recordings]: {error}", file=sys.stderr)
        return 2
    byte_compile()
    generated = project / ".agentctl"
    generated.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="recorded-", dir=generated) as out:
        return show(report(folder, Path(out)), given.format)


def convert_command(
    name: str, convert: Callable[[Path, Path], tuple[Generated, list[Any]]], arguments: list[str]
) -> int:
    """Convert into the folder named on a command line."""
    if len(arguments) != 1:
        print(f"usage: python -m benchmarks.{name}.convert FOLDER", file=sys.stderr)
        return 2
    out = Path(arguments[0])
    try:
        folder = source(name)
    except MissingRecordingsError as error:
        print(f"error[no-recordings]: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    generated, runs = convert(folder, out)
    print(f"{len(runs)} runs: {generated.golden_set} and {generated.recordings}")
    return 0


__all__ = [
    "VARIABLE",
    "Generated",
    "MissingRecordingsError",
    "ScoredRecordings",
    "agrees",
    "benchmark_command",
    "convert_command",
    "disagreement",
    "lines",
    "score_recordings",
    "source",
    "write",
]
