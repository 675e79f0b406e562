"""Write the files of an evaluation; one that could not be written is refused before playing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.app.evaluating.evaluation import Evaluation
from agentctl.core.errors import problem
from agentctl.core.files import write_whole
from agentctl.evals.results.report import report_json_text
from agentctl.evals.running.runner import SetResult
from agentctl.reports.junit import junit_text
from agentctl.reports.table import check_suffix, table_text
from agentctl.specs.reading.locate import state_folder


class EvalOutputs(NamedTuple):
    """Files that are asked for."""

    junit: Path | None = None
    report: Path | None = None
    """The JSON report."""
    table: Path | None = None
    """.csv, .tsv, .json or .html."""


_TEXTS: dict[str, Callable[[Sequence[SetResult], Path], str]] = {
    "junit": lambda results, _: junit_text(results),
    "report": lambda results, _: report_json_text(results),
    "table": table_text,
}


def check_outputs(outputs: EvalOutputs) -> None:
    """Refuse files that could not be written.

    Raises:
        Problem: Naming the first of them.
    """
    if outputs.table is not None:
        check_suffix(outputs.table)
    for path in outputs:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            why = "it is a folder" if path.is_dir() else "its folder does not exist"
            raise problem("cannot-write", f"cannot write {path}: {why}")


def write_outputs(outputs: EvalOutputs, evaluation: Evaluation, root: Path) -> None:
    """Write the files that are asked for.

    Args:
        outputs: Which files.
        evaluation: What goes into them.
        root: The project's folder: beside the JSON report, times are kept in its state.
    """
    for name, path in outputs._asdict().items():
        if path is not None:
            write_whole(path, _TEXTS[name](evaluation.results, path))
    if outputs.report is not None:
        # What differs from run to run stays out of the report.
        folder = state_folder(root) / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        trials = sum(result.summary.trials for result in evaluation.results)
        times = f'{{"seconds": {evaluation.seconds:.3f}, "trials": {trials}}}\n'
        write_whole(folder / "timings.json", times)


__all__ = ["EvalOutputs", "check_outputs", "write_outputs"]
