"""Records as JSON Lines: one trial, set or verdict a line, for programs that read as it comes."""

from collections.abc import Iterable, Mapping
from io import StringIO

import jsonlines

from agentctl.core.canonical import Json


def jsonl_text(records: Iterable[Mapping[str, Json]]) -> str:
    """Return the records as lines, keys in the order given."""
    text = StringIO()
    with jsonlines.Writer(text) as writer:
        writer.write_all(records)
    return text.getvalue()


__all__ = ["jsonl_text"]
