"""A run as people read it: each step on stderr while it goes, the answer on stdout at the end."""

import shutil
import sys
from typing import Any

from agentctl.app.observer import Observer
from agentctl.app.running.runs import FinishedRun
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import paint
from agentctl.cli.render.events import event_note
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import PHASES, Event
from agentctl.core.text import neutralised, shorten
from agentctl.specs.reading.locate import shown_path

_DEFAULT_WIDTH = 100
"""Columns where no terminal says how many it has."""
_VERDICTS = {"allow": "green", "deny": "red", "ask": "yellow", "draft": "yellow"}


def observed(*, quiet: bool) -> Observer:
    """Return what shows a run on stderr: its steps, and on a terminal the model's words.

    Args:
        quiet: Show warnings only.
    """
    if quiet:
        return Observer(note=note)
    steps = _Steps()
    return Observer(steps.show, steps.words if sys.stderr.isatty() else None, note)


class _Steps:
    """Shows each step of a run once: the last words of a run are its answer, which stdout gets."""

    def __init__(self) -> None:
        self._held: Event | None = None
        self._streamed = False

    def words(self, text: str) -> None:
        """Show words of the model as they arrive."""
        self._streamed = True
        note(neutralised(text), end="")

    def show(self, event: Event) -> None:
        """Show one event, where it says anything to a person."""
        if self._held is not None:
            ends = event.type in ("run.ended", "run.paused")
            self._line(self._held, "answers" if ends or self._streamed else None)
            self._held, self._streamed = None, False
        if event.type == "model.replied" and event.body["text"] and not event.body["calls"]:
            self._held = event
        else:
            self._line(event)

    def _line(self, event: Event, instead: str | None = None) -> None:
        line = event_note(event)
        if line is None:
            return
        if instead is not None:
            line = line.replace(event.body["text"], instead, 1)
        width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
        text = shorten(neutralised(line), max(40, width) - 9)
        if event.type == "call.decided":
            verdict, _, rest = text.partition(" ")
            text = f"{paint(verdict, _VERDICTS.get(verdict, 'yellow'), sys.stderr)} {rest}"
        phase = f"{PHASES.get(event.type, ''):<9}"
        note(f"{paint(phase, 'cyan', sys.stderr)}{text}")


def _text_answer(result: dict[str, Any]) -> str:
    """Return the answer alone."""
    if result["answer"] is not None:
        return neutralised(str(result["answer"]))
    return _json(result["output"]) if result["output"] is not None else ""


def _json(value: Json) -> str:
    return canonical_text(value)


def show_result(done: FinishedRun, format: Format) -> int:
    """Print the result of a run and return its exit code."""
    result, fault = done.result, done.fault
    run_id, stop = result["run"], result["stop"]
    if done.replies is not None:
        file = shown_path(done.replies)
        note(f"what the tools answered: {file}, real data, to copy into their mocks")
    match format:
        case "json":
            write_json(result)
        case "jsonl":
            write_jsonl([result])
        case "text" if result["answer"] is not None or result["output"] is not None:
            write_line(_text_answer(result))
    if fault is not None:
        note(f"error[{fault.kind}]: {fault.message}")
        if fault.hint:
            note(f"hint: {fault.hint}")
    else:
        note(f"{stop}: {result['reason']}")
    for pending in result["pending"]:
        note(f"waiting for {pending['by']}: {pending['tool']} {pending['arguments']}")
    paused = done.events[-1].type != "run.ended"
    following = f"agentctl trace show {run_id}"
    if paused:
        following = "agentctl inbox list"
        if stop == "waiting_reply":
            following = f"agentctl resume {run_id} --reply TEXT"
    note(f"trace {run_id}, head {done.head}, journal {done.journal[:16]}")
    note(f"Next: {following}")
    return done.code


__all__ = ["observed", "show_result"]
