"""A hand-over packet as Markdown, for the person who takes the case over.

Words of the model, of users and of tools are data here: they are escaped and quoted, so that none
of them can pass for a heading or for an instruction of this page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import Event
from agentctl.core.text import neutralised

_SPECIAL = re.compile(
    r"[\\`*<>\[\]|~&]"  # code, emphasis, HTML, links, tables, fences, entities
    r"|(?<!\w)_|_(?!\w)"  # emphasis, and not the inside of `o_1001`
    r"|^[#+=-]|^\d+(?=[.)])"  # what opens a block at the start of a line
    r"|:(?=//)|(?<=www)\."  # links that some viewers make of plain words
)
_PARTS = (
    ("done", "Done", "Nothing was changed."),
    ("drafts", "Drafts", None),
    ("pending", "Waiting for a decision", None),
    ("doubts", "In doubt: it is not known whether this happened", None),
    ("blocked", "Not allowed", None),
    ("corrections", "Corrected by a person", None),
    ("facts", "What tools returned", "Nothing was looked up."),
    ("guardrails", "Guardrails that were hit", None),
)
"""Key of the packet, heading, and what is said when it is empty; `None` leaves it out."""


def handed_over(events: Sequence[Event]) -> dict[str, Json] | None:
    """Return the body of the last `escalated` event; `None` if the case was not handed over."""
    return next((event.body for event in reversed(events) if event.type == "escalated"), None)


def packet_markdown(body: Mapping[str, Any], run: str = "RUN") -> str:
    """Render what a person needs to take a case over.

    Args:
        body: The body of the `escalated` event: queue, reason, trigger, by and packet.
        run: The run's id, for the commands.
    """
    packet = body["packet"]
    lines = [f"# Hand-over of run {_code(run)} to {_code(body['queue'])}", ""]
    lines += [*_why(body), ""]
    lines += ["## What was asked", ""]
    for asked in packet["request"]:
        lines += [*_quoted(asked), ""]
    lines += ["## Next", "", *_next(packet, run), ""]
    for key, heading, empty in _PARTS:
        lines += _part(heading, packet.get(key) or [], empty)
    lines += _part("Open questions", packet["questions"], "The agent asked nothing.")
    summary = packet["summary"]
    lines += ["## Summary in the model's own words (a claim, not a fact)", ""]
    lines += [*(_quoted(summary["text"]) if summary else ["The model gave none."]), ""]
    lines += ["## Cost so far", "", _cost(packet["cost"])]
    return "\n".join(lines) + "\n"


def _why(body: Mapping[str, Any]) -> Iterator[str]:
    packet = body["packet"]
    trigger = body["trigger"]["kind"]
    yield f"- Passed on by: {_escaped(body['by'])} ({_escaped(trigger)})"
    yield f"- Reason: {_escaped(body['reason'])}"
    if packet.get("principal"):
        who = packet["principal"]
        yield f"- On behalf of: {_code(who['id'])}, role {_code(who['role'])}"
    if packet.get("agent"):
        yield f"- Agent: {_code(packet['agent'])}"
    if packet.get("intent"):
        yield f"- Intent the model declared: {_code(packet['intent'])}"


def _next(packet: Mapping[str, Any], run: str) -> Iterator[str]:
    yield f"{_escaped(packet['how_to_continue'][:1].upper() + packet['how_to_continue'][1:])}."
    for command in packet.get("commands", ()):
        yield ""
        yield f"    {neutralised(command).replace('RUN', run)}"


def _part(heading: str, entries: list[Json], empty: str | None) -> list[str]:
    if not entries and empty is None:
        return []
    shown = [f"- {_entry(entry)}" for entry in entries] or [str(empty)]
    return [f"## {heading}", "", *shown, ""]


def _entry(entry: Json) -> str:
    if isinstance(entry, str):
        return _escaped(entry)
    fields = dict(entry)
    fields.pop("call_id", None)
    if "rail" in fields:
        return (
            f"{_code(fields['rail'])} on {_escaped(fields['on'])}: {_escaped(fields['action'])},"
            f" {fields['found']} found"
        )
    name = fields.pop("tool", None)
    arguments = fields.pop("arguments", None)
    head = f"{_code(name)} {_code(arguments)}" if name is not None else ""
    rest = [f"{key} {_value(value)}" for key, value in fields.items() if value is not None]
    return ": ".join(part for part in (head, ", ".join(rest)) if part)


def _value(value: Json) -> str:
    return _escaped(value) if isinstance(value, str) else _code(value)


def _cost(cost: Mapping[str, Any]) -> str:
    if cost["usd"] is None:
        return "Unknown: the model has no price."
    about = "about " if cost["status"] == "estimated" else ""
    return f"{about}{_escaped(cost['usd'])} US dollars ({_escaped(cost['status'])})"


def _quoted(value: Json) -> Iterator[str]:
    text = value if isinstance(value, str) else canonical_text(value)
    for line in text.splitlines() or [""]:
        yield f"> {_escaped(line)}"


def _escaped(value: Json) -> str:
    """Return words on one line in which nothing means anything to Markdown."""
    return _SPECIAL.sub(_escape, " ".join(neutralised(str(value)).split()))


def _escape(found: re.Match[str]) -> str:
    text = found.group()
    # A number is made harmless behind it: `1\.` opens no list.
    return f"{text}\\" if text[0].isdigit() else f"\\{text}"


def _code(value: Json) -> str:
    """Return a value on one line, as code that it cannot close."""
    text = value if isinstance(value, str) else canonical_text(value)
    text = " ".join(neutralised(text).split())
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


__all__ = ["handed_over", "packet_markdown"]
