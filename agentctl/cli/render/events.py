"""How each type of event reads: a table, and the declared fields of a type that is not in it."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from agentctl.cli.render.console import paint
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import EVENTS, PHASES, Event
from agentctl.core.text import neutralised
from agentctl.traces.log.store import ERASED

Body = Mapping[str, Json]
Value = Callable[[Json], str]
"""Writes a value as text, shortened or not."""


class EventRenderer(NamedTuple):
    """How one type of event reads."""

    lines: Callable[[Body, Value], Iterator[str]] | None = None
    """Its lines in `trace show`; `None` = its fields."""
    note: Callable[[Body], str] | None = None
    """Its line on stderr while the run goes on; `None` = no line."""


def event_lines(event: Event, value: Value) -> Iterator[str]:
    """Yield what `trace show` says of an event."""
    renderer = RENDERERS.get(event.type)
    if event.body == ERASED:
        yield f"{event.type}: content erased"
    elif renderer is not None and renderer.lines is not None:
        yield from renderer.lines(event.body, value)
    else:
        yield _fields(event, value)


def event_note(event: Event) -> str | None:
    """Return what a run says of an event while it goes on; the frame around the loop is silent."""
    renderer = RENDERERS.get(event.type)
    if renderer is not None:
        return renderer.note(event.body) if renderer.note is not None else None
    return _fields(event, as_text) if event.type in PHASES else None


def as_text(value: Json) -> str:
    """Return text as it is, anything else as JSON."""
    return value if isinstance(value, str) else canonical_text(value)


def _fields(event: Event, value: Value) -> str:
    declared = EVENTS.get(event.type)
    names = [field.name for field in declared.fields] if declared is not None else []
    ordered = [name for name in dict.fromkeys([*names, *event.body]) if name in event.body]
    return f"{event.type}: {', '.join(f'{name} {value(event.body[name])}' for name in ordered)}"


def _input_lines(body: Body, value: Value) -> Iterator[str]:
    yield f"{body['source']}: {value(body['content'])}"


def _reply_lines(body: Body, value: Value) -> Iterator[str]:
    usage = body["usage"]
    price = body["cost"]["usd"]
    about = "~" if usage["estimated"] else ""
    cost = f"{about}${price}" if price is not None else "price unknown"
    for attempt in body.get("attempts", ()):
        yield f"no reply from {attempt['model']}: {value(attempt['message'])}"
    if body["text"]:
        yield f"says: {value(body['text'])}"
    if body.get("output") is not None:
        yield f"output: {value(body['output'])}"
    for call in body["calls"]:
        yield f"wants {call['name']} {value(call['arguments'])}"
    heard = f"{about}{usage['in']} tokens in" + _of_these(usage, "cached")
    said = f"{about}{usage['out']} out" + _of_these(usage, "reasoning")
    yield f"{heard}, {said}, {cost}"


def _of_these(usage: Body, part: str) -> str:
    return f" ({usage[part]} {part})" if part in usage else ""


def _reply_note(body: Body) -> str:
    calls = ", ".join(call["name"] for call in body["calls"])
    tries = body.get("attempts", ())
    said = f"step {body['step']}: {calls or body['text'] or canonical_text(body.get('output'))}"
    return f"{said} ({body['model']}, attempt {len(tries) + 1})" if tries else said


def _decision_lines(body: Body, value: Value) -> Iterator[str]:
    colour = {"allow": "green", "deny": "red"}.get(body["verdict"], "yellow")
    verdict = paint(body["verdict"], colour)
    yield f"{verdict} {neutralised(body['tool'])} {value(body['arguments'])}{_rules(body)}"
    if body["verdict"] != "allow":
        yield f"    because ({body['stage']}): {value(body['reason'])}"


def _decision_note(body: Body) -> str:
    why = "" if body["verdict"] == "allow" else f": {body['reason']}"
    arguments = canonical_text(body["arguments"])
    return f"{body['verdict']} {body['tool']} {arguments}{_rules(body)}{why}"


def _rules(body: Body) -> str:
    return f" [{', '.join(body['rules'])}]" if body["rules"] else ""


def _request_lines(body: Body, value: Value) -> Iterator[str]:
    asked = body["by"] or "anyone"
    yield f"approval requested from {asked}: {body['tool']} {value(body['arguments'])}"
    for name, origin in body.get("origins", {}).items():
        yield f"    {name}: from {origin}"


def _answer_lines(body: Body, value: Value) -> Iterator[str]:
    reason = f": {value(body['reason'])}" if body["reason"] else ""
    yield f"{_answer_note(body)}{reason}"


def _answer_note(body: Body) -> str:
    return f"{body['answer']} by {body['by']}" if body["by"] else str(body["answer"])


def _intent_lines(body: Body, _value: Value) -> Iterator[str]:
    yield f"effect of {body['tool']} intended ({body['effect']})"


def _settled_lines(body: Body, _value: Value) -> Iterator[str]:
    yield f"effect of {body['tool']} {body['state']}"


def _result_lines(body: Body, value: Value) -> Iterator[str]:
    dropped = f", {body['dropped']} records not visible" if body["dropped"] else ""
    attempts = f", {body['attempts']} attempts" if body["attempts"] > 1 else ""
    untrusted = ", untrusted" if body.get("untrusted") else ""
    state = "ok" if body["ok"] else "error"
    shown = body["value"] if body["ok"] else body["error"]
    notes = f"{dropped}{attempts}{untrusted}"
    yield f"{neutralised(body['tool'])} {state}{notes}: {value(shown)}"


def _result_note(body: Body) -> str:
    dropped = f" ({body['dropped']} not visible)" if body["dropped"] else ""
    shown = body["value"] if body["ok"] else body["error"]
    return f"{body['tool']}: {canonical_text(shown)}{dropped}"


def _escalation_lines(body: Body, value: Value) -> Iterator[str]:
    yield f"escalated to {body['queue']} by {body['by']}: {value(body['reason'])}"
    packet = body["packet"]
    if not isinstance(packet, dict):
        yield f"    packet: {value(packet)}"
        return
    for part in ("done", "pending", "blocked", "doubts", "questions"):
        for entry in packet.get(part, []):
            yield f"    {part}: {value(entry)}"
    yield f"    next: {packet['how_to_continue']}"


def _end_lines(body: Body, value: Value) -> Iterator[str]:
    price = body["cost"]["usd"]
    about = "~" if body["cost"]["status"] == "estimated" else ""
    cost = f"{about}${price}" if price is not None else "price unknown"
    yield paint(f"ended: {body['stop']}", "bold") + f" ({value(body['reason'])})"
    if body["answer"]:
        yield f"answer: {value(body['answer'])}"
    yield f"{body['steps']} steps, {body['calls']} calls, {cost}, {body['duration_s']} s"


RENDERERS: Mapping[str, EventRenderer] = {
    "input.received": EventRenderer(_input_lines, lambda body: next(_input_lines(body, as_text))),
    "model.replied": EventRenderer(_reply_lines, _reply_note),
    "call.decided": EventRenderer(_decision_lines, _decision_note),
    "approval.requested": EventRenderer(
        _request_lines,
        lambda body: f"approval requested from {body['by'] or 'anyone'} for {body['tool']}",
    ),
    "approval.given": EventRenderer(_answer_lines, _answer_note),
    "effect.intended": EventRenderer(_intent_lines),
    "effect.settled": EventRenderer(
        _settled_lines, lambda body: f"effect of {body['tool']}: {body['state']}"
    ),
    "tool.returned": EventRenderer(_result_lines, _result_note),
    "limit.warned": EventRenderer(
        note=lambda body: f"limit {body['limit']}: {body['used']} of {body['most']}"
    ),
    "guardrail.hit": EventRenderer(
        note=lambda body: f"guardrail {body['rail']} on {body['on']}: {body['action']}"
    ),
    "question.asked": EventRenderer(note=lambda body: f"asks the user: {body['question']}"),
    "escalated": EventRenderer(
        _escalation_lines, lambda body: f"escalated to {body['queue']}: {body['reason']}"
    ),
    "run.ended": EventRenderer(_end_lines),
}

__all__ = ["RENDERERS", "EventRenderer", "as_text", "event_lines", "event_note"]
