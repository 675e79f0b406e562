"""What a file of runs looks like that is not one of those that are read, and the way out.

A format is recognised by the keys of an object, or by the first bytes of a file. Nothing is
guessed: what is not known is described by its keys.
"""

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from agentctl.core.text import count

WAY_OUT = (
    'write one line a run: {"scenario": ID, "messages": [OpenAI chat messages]}; see'
    " docs/howto-recordings.md"
)
_EXPORT = f"export the messages of each run, then {WAY_OUT}"


class ForeignFormat(NamedTuple):
    """A format that is recognised, and not read."""

    name: str
    """As it stands after `this is`."""
    way_out: str = WAY_OUT


_BY_KEYS: tuple[tuple[frozenset[str], ForeignFormat], ...] = tuple(
    (frozenset(keys.split()), ForeignFormat(name, way_out))
    for keys, name, way_out in (
        ("resourceSpans", "an OpenTelemetry export", _EXPORT),
        ("scopeSpans", "an OpenTelemetry export", _EXPORT),
        ("traceId spanId", "an OpenTelemetry export", _EXPORT),
        ("trace_id span_id", "an OpenTelemetry export", _EXPORT),
        ("context attributes start_time", "an OpenTelemetry export", _EXPORT),
        ("eval_cases", "an ADK evalset", _EXPORT),
        ("eval_id conversation", "a case of an ADK evalset", _EXPORT),
        ("run_type inputs", "a LangSmith export", _EXPORT),
        ("run_type dotted_order", "a LangSmith export", _EXPORT),
        ("projectId observations", "a Langfuse export", _EXPORT),
        ("traceId observationId", "a Langfuse export", _EXPORT),
        ("traceId type startTime", "a Langfuse export", _EXPORT),
        ("eval samples", "an Inspect log", _EXPORT),
        ("conversations", "a ShareGPT log", _EXPORT),
        ("custom_id response", "output of a batch API", _EXPORT),
        ("request response", "a log of API requests", "keep the messages of a run's last request"
         f" and reply, then {WAY_OUT}"),
        ("choices", "the reply of a chat API", "a run needs its whole conversation:"
         f" {WAY_OUT}"),
        ("kind scenarios", "a golden set", "name it without --traces: agentctl eval FILE"),
        ("kind verdict sets", "a report of agentctl eval", "score the runs that it was made from"),
        ("scenario trial turn", "a cassette of agentctl", "play it: agentctl eval SET --replay"),
        ("tool", "part of a cassette of agentctl", "play it: agentctl eval SET --replay"),
        ("tools", "part of a cassette of agentctl", "play it: agentctl eval SET --replay"),
        ("set scenario status reasons", "a report of agentctl eval", "score the runs that it was"
         " made from"),
        ("task status", "results of agentctl run --batch", "score their traces: --traces RUN"),
        ("role content", "a single chat message", f"a line holds a whole run: {WAY_OUT}"),
    )
)  # fmt: skip
_BY_BYTES = (
    (b"\x1f\x8b", ForeignFormat("a gzip file", "unpack it first: gunzip -k FILE")),
    (b"PK\x03\x04", ForeignFormat("a zip file", "unpack it first: unzip FILE")),
    (b"(\xb5/\xfd", ForeignFormat("a zstd file", "unpack it first: zstd -d FILE")),
    (b"PAR1", ForeignFormat("a Parquet file", _EXPORT)),
    (b"SQLite format 3", ForeignFormat("a SQLite database", _EXPORT)),
    (b"\xff\xfe", ForeignFormat("UTF-16 text", "write it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE")),
    (b"\xfe\xff", ForeignFormat("UTF-16 text", "write it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE")),
)


def foreign_object(data: Mapping[str, Any]) -> ForeignFormat:
    """Return what an object looks like that is not a run: its format, or its keys."""
    known = _format_of(data.keys())
    if known is not None:
        return known
    shown = ", ".join(f"`{key}`" for key in list(data)[:5])
    more = f" and {count(len(data) - 5, 'more key')}" if len(data) > 5 else ""
    return ForeignFormat(f"an object with {shown}{more}" if data else "an empty object")


def foreign_file(start: bytes) -> ForeignFormat | None:
    """Return what a file is that does not hold an object a line; `None` where it may.

    Args:
        start: Its first bytes, some thousand.
    """
    for magic, found in _BY_BYTES:
        if start.startswith(magic):
            return found
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    first = text.split("\n", 1)[0].strip()
    if text.startswith("["):
        return ForeignFormat("a JSON array", "write one element a line: jq -c '.[]' FILE > LINES")
    if first.startswith("{") and first[-1] in "{[,:":
        way_out = "write it on one line: jq -c . FILE > LINES"
        document = ForeignFormat("one JSON document over several lines", way_out)
        return _format_of(_outer_keys(text)) or document
    if not text or text.startswith("{"):
        return None
    if first.startswith("<"):
        return ForeignFormat("XML or HTML", _EXPORT)
    if re.match(r"(---|#|[\w-]+:(\s|$))", first):
        return ForeignFormat("YAML")
    if "," in first or "\t" in first:
        return ForeignFormat("a table (CSV)", _EXPORT)
    if "\ufffd" in first:
        return ForeignFormat("not UTF-8", "write it as UTF-8: iconv -f ENCODING -t UTF-8 FILE")
    return ForeignFormat("text that is not JSON")


def _format_of(keys: Set[str]) -> ForeignFormat | None:
    return next((found for needed, found in _BY_KEYS if needed <= keys), None)


def _outer_keys(text: str) -> frozenset[str]:
    """Return the keys of an indented document: those that are indented least."""
    found = re.findall(r'^(\s*)"([^"]+)"\s*:', text, re.MULTILINE)
    least = min((len(indent) for indent, _ in found), default=0)
    return frozenset(key for indent, key in found if len(indent) == least)


__all__ = ["WAY_OUT", "ForeignFormat", "foreign_file", "foreign_object"]
