"""Write the reports of an evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.app.evaluating.evaluation import Evaluation
from agentctl.app.output_files import REPORT_FOLDER
from agentctl.core.errors import problem
from agentctl.core.files import write_whole
from agentctl.evals.running.runner import SetResult
from agentctl.reports.registry import REPORTS, report_function
from agentctl.specs.reading.locate import state_folder


class ReportFile(NamedTuple):
    """A report that is asked for, and the file it goes into."""

    report: str
    """A name of `REPORTS`, or of another package's."""
    path: Path


def parse_output(text: str) -> ReportFile:
    """Read `NAME=FILE`.

    Raises:
        Problem: If it is not of that form.
    """
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise problem(
            "bad-output",
            f"expected NAME=FILE, got `{text}`",
            hint=f"names are {', '.join(REPORTS)}, and those of installed packages",
        )
    return ReportFile(name, Path(file))


def report_text(report: str, results: Sequence[SetResult]) -> str:
    """Return a report.

    Raises:
        Problem: If it does not exist, or another package's breaks.
    """
    function = report_function(report)
    try:
        text = function(results)
        if not isinstance(text, str):
            raise TypeError(f"expected text, got {type(text).__name__}")
    except Exception as error:
        if report in REPORTS:
            raise
        raise problem(
            "broken-report", f"report `{report}` failed: {type(error).__name__}: {error}"
        ) from error
    return text


def write_outputs(outputs: Sequence[ReportFile], evaluation: Evaluation, root: Path) -> None:
    """Write the reports that are asked for.

    Args:
        outputs: Which reports, and where.
        evaluation: What goes into them.
        root: The project's folder: beside the JSON report, times are kept in its state.

    Raises:
        Problem: As `report_text`.
    """
    for report, path in outputs:
        write_whole(path, report_text(report, evaluation.results))
    if any(report == "json" for report, _ in outputs):
        # What differs from run to run stays out of the report.
        folder = state_folder(root) / REPORT_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        trials = sum(result.summary.trials for result in evaluation.results)
        times = f'{{"seconds": {evaluation.seconds:.3f}, "trials": {trials}}}\n'
        write_whole(folder / "timings.json", times)


__all__ = ["ReportFile", "parse_output", "report_text", "write_outputs"]
