"""The table of reports: each is a function of the finished evaluation that returns its text.

A third party registers `NAME = "package.module:function"` under the entry-point group
`agentctl.reports`; `agentctl eval --output NAME=FILE` writes it. The function is given the results
of all sets and does no more than return text: what is written, and where, is not its business.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from agentctl.core.errors import problem
from agentctl.core.extensions import load_extension
from agentctl.evals.results.report import report_json_text
from agentctl.evals.running.runner import SetResult
from agentctl.reports.jsonl import jsonl_text
from agentctl.reports.junit import junit_text
from agentctl.reports.table import table_text

Report = Callable[[Sequence[SetResult]], str]
"""Returns the text of a report on the results of all sets."""


class ReportFormat(NamedTuple):
    """One report of the table."""

    name: str
    """As `--output NAME=FILE` and `--format NAME` say it."""
    ending: str
    """Of a file that holds it."""
    text: Report
    table: bool = False
    """Whether it is a table of trials, which `--table FILE` chooses by the file's ending."""


REPORTS: dict[str, ReportFormat] = {
    report.name: report
    for report in (
        ReportFormat("json", ".json", report_json_text),
        ReportFormat("jsonl", ".jsonl", jsonl_text),
        ReportFormat("junit", ".xml", junit_text),
        ReportFormat("csv", ".csv", partial(table_text, kind="csv"), table=True),
        ReportFormat("tsv", ".tsv", partial(table_text, kind="tsv"), table=True),
        ReportFormat("html", ".html", partial(table_text, kind="html"), table=True),
        ReportFormat("records", ".json", partial(table_text, kind="records"), table=True),
    )
}


def report_function(name: str) -> Report:
    """Return a report, whether built in or registered by another package.

    Raises:
        Problem: For a name nobody registered, or one whose code cannot be loaded.
    """
    if name in REPORTS:
        return REPORTS[name].text
    loaded: Report = load_extension("report", name, REPORTS)
    return loaded


def table_for(path: Path) -> str:
    """Return the name of the table that the ending of a file asks for.

    Raises:
        Problem: For an ending that none of them has.
    """
    endings = {report.ending: name for name, report in REPORTS.items() if report.table}
    if path.suffix.lower() not in endings:
        raise problem(
            "table-kind",
            f"`{path.suffix or path.name}` is not a kind of table",
            hint=f"end the file's name in one of {', '.join(endings)}",
        )
    return endings[path.suffix.lower()]


__all__ = ["REPORTS", "Report", "ReportFormat", "report_function", "table_for"]
