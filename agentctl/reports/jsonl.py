"""The report as JSON Lines: a trial, a set or the verdict a line, for programs that stream."""

from collections.abc import Sequence
from io import StringIO

import jsonlines

from agentctl.evals.results.report import report_records
from agentctl.evals.running.runner import SetResult


def jsonl_text(results: Sequence[SetResult]) -> str:
    """Return the records of the report as lines, keys in the order given."""
    text = StringIO()
    with jsonlines.Writer(text) as writer:
        writer.write_all(report_records(results))
    return text.getvalue()


__all__ = ["jsonl_text"]
