"""A trace as people read it: step by step, each with its four phases."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentctl.cli.render.console import paint
from agentctl.cli.render.events import as_text, event_lines
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import PHASES, Event
from agentctl.core.text import neutralised, shorten
from agentctl.traces.log.store import ERASED, StoredRun, moment_of
from agentctl.traces.views.diff import Change, StepDifference, TraceDiff

_WIDTH = 96


class View:
    """Renders events.

    Args:
        full: Whether long values are written out.
    """

    def __init__(self, *, full: bool) -> None:
        self._full = full

    def lines(self, run: str, events: Sequence[Event]) -> Iterator[str]:
        """Yield the lines of one run."""
        started = events[0].body
        yield f"run {run}  {events[0].at}"
        if started != ERASED:
            yield from self._start(started)
        for event in events[1:]:
            if event.type == "model.replied" and event.body != ERASED:
                yield ""
                yield paint(f"step {event.body['step']}", "bold")
            phase = PHASES.get(event.type, "")
            for number, line in enumerate(event_lines(event, self._value)):
                label = phase if number == 0 else ""
                yield f"  {label:<9}  {line}"

    def _start(self, started: Mapping[str, Json]) -> Iterator[str]:
        who = started["principal"]
        model = f"{started['model']} ({started['mode']})"
        yield f"agent {started['agent']}  model {model}  for {who['role']}:{who['id']}"
        yield f"may use: {', '.join(started['rights']['tools'])}"
        if "forked_from" in started:
            origin = started["forked_from"]
            yield f"forked from {origin['run']}: before step {origin['step']} it is that run's"
        if started.get("content") == "hashed":
            yield "content is kept as keyed hashes"

    def _value(self, value: Json) -> str:
        text = neutralised(as_text(value))
        return text if self._full else shorten(text, _WIDTH)


def run_lines(runs: Sequence[StoredRun], width: int) -> Iterator[str]:
    """Yield a line a run: when it was really started, whatever the clock of its world said.

    Args:
        runs: The runs.
        width: Columns of the terminal; without room for it, a column is left out.
    """
    room = (width - 51) // 2
    agent = min(24, room if room >= 9 else width - 51)
    whom = min(24, room) if room >= 9 else 0
    head = f"{'run':<15} {'started (UTC)':<17}"
    yield f"{head}{'agent':<{agent}} " + (f"{'for':<{whom}} " if whom else "") + "stop"
    for run in runs:
        who = run.started["principal"]
        moment = moment_of(run.run)
        started = f"{moment:%Y-%m-%d %H:%M}" if moment is not None else run.at[:16]
        line = f"{run.run:<15} {started:<17}{shorten(run.started['agent'], agent):<{agent}} "
        if whom:
            principal = neutralised(f"{who['role']}:{who['id']}")
            line += f"{shorten(principal, whom):<{whom}} "
        yield line + (run.stop or "not ended")


def run_json(run: StoredRun) -> dict[str, Any]:
    """Return a run of the list as JSON."""
    started = run.started
    return {
        "run": run.run,
        "at": run.at,
        "agent": started["agent"],
        "principal": started["principal"],
        "model": started["model"],
        "stop": run.stop,
        "path": str(run.path),
    }


def diff_lines(left: str, right: str, found: TraceDiff, *, full: bool) -> Iterator[str]:
    """Yield where two runs differ."""
    yield f"--- {left}"
    yield f"+++ {right}"
    if found.first is not None:
        yield f"first difference: {_where(found.first)}"
    for difference in found.differences:
        sign = {"added": "+", "removed": "-", "changed": "~"}[difference.kind]
        colour = {"added": "green", "removed": "red", "changed": "yellow"}[difference.kind]
        item = difference.item
        yield paint(f"{sign} step {item.step}: {neutralised(item.name)}{_head(difference)}", colour)
        for change in difference.changes:
            yield f"    {_change(change, full=full)}"
    for change in found.ending:
        yield f"~ end: {_change(change, full=full)}"


def _where(difference: StepDifference) -> str:
    item = difference.item
    what = {"added": "only in the second", "removed": "only in the first"}
    return f"step {item.step}, {neutralised(item.name)}: {what.get(difference.kind, 'changed')}"


def _head(difference: StepDifference) -> str:
    if difference.kind == "changed" or difference.item.kind != "call":
        return ""
    content = difference.item.content
    return (
        f" {shorten(neutralised(canonical_text(content['arguments'])), 60)} ({content['verdict']})"
    )


def _change(change: Change, *, full: bool) -> str:
    old = "(nothing)" if change.missing == "old" else canonical_text(change.old)
    new = "(nothing)" if change.missing == "new" else canonical_text(change.new)
    if not full:
        old, new = shorten(old, 44), shorten(new, 44)
    return neutralised(f"{change.path}: {old} -> {new}")


def diff_json(left: str, right: str, found: TraceDiff) -> dict[str, Any]:
    """Return where two runs differ as JSON."""
    return {
        "schema_version": "1",
        "left": left,
        "right": right,
        "equal": found.equal,
        "first": _difference_json(found.first) if found.first else None,
        "differences": [_difference_json(difference) for difference in found.differences],
        "ending": [change._asdict() for change in found.ending],
    }


def _difference_json(difference: StepDifference) -> dict[str, Any]:
    item = difference.item
    return {
        "kind": difference.kind,
        "step": item.step,
        "what": item.kind,
        "name": item.name,
        "content": item.content if difference.kind != "changed" else None,
        "changes": [change._asdict() for change in difference.changes],
    }


__all__ = [
    "View",
    "diff_json",
    "diff_lines",
    "run_json",
    "run_lines",
]
