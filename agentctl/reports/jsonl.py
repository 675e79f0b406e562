"""The report as JSON Lines: a trial, a set or the verdict a line, for programs that stream."""

from collections.abc import Sequence

from agentctl.core.text import json_text
from agentctl.evals.results.report import report_records
from agentctl.evals.running.runner import SetResult


def jsonl_text(results: Sequence[SetResult]) -> str:
    """Return the records of the report as lines, keys in the order given."""
    records = report_records(results)
    return "".join(json_text(one) + "\n" for one in records)


__all__ = ["jsonl_text"]
