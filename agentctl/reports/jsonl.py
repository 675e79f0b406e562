"""The report as JSON Lines: a trial, a set or the verdict a line, for programs that stream."""

import json
from collections.abc import Sequence

from agentctl.evals.results.report import report_records
from agentctl.evals.running.runner import SetResult


def jsonl_text(results: Sequence[SetResult]) -> str:
    """Return the records of the report as lines, keys in the order given."""
    records = report_records(results)
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


__all__ = ["jsonl_text"]
