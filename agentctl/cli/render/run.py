"""A run as people read it: each step on stderr while it goes, the answer on stdout at the end."""

from collections.abc import Sequence
from typing import Any

from agentctl.cli.output import note
from agentctl.cli.render.console import neutralised
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.events import PHASES, Event, StopReason
from agentctl.core.text import shorten
from agentctl.runtime.run import EventRecorder
from agentctl.traces.views.fold import fold

SCHEMA_VERSION = "1"
_WIDTH = 100


class RunView:
    """Passes events on to the trace and shows them.

    Args:
        trace: Where events are kept; it comes first, so nothing is shown that is not recorded.
        show: Whether to show them at all.
    """

    def __init__(self, trace: EventRecorder, *, show: bool) -> None:
        self._trace = trace
        self._show = show

    def record(self, event: Event) -> None:
        """Keep and show one event."""
        self._trace.record(event)
        line = _line(event) if self._show else None
        if line is not None:
            phase = PHASES.get(event.type, "")
            note(f"{phase:<9}{shorten(neutralised(line), _WIDTH - 9)}")


def show_text(text: str) -> None:
    """Show words of the model as they arrive."""
    note(neutralised(text), end="")


def _line(event: Event) -> str | None:
    body = event.body
    match event.type:
        case "input.received":
            content = body["content"]
            return f"{body['source']}: {content if isinstance(content, str) else _json(content)}"
        case "model.replied":
            calls = ", ".join(call["name"] for call in body["calls"])
            tries = body.get("attempts", ())
            said = f"step {body['step']}: {calls or body['text'] or _json(body.get('output'))}"
            return f"{said} ({body['model']}, attempt {len(tries) + 1})" if tries else said
        case "call.decided":
            rules = f" [{', '.join(body['rules'])}]" if body["rules"] else ""
            why = "" if body["verdict"] == "allow" else f": {body['reason']}"
            arguments = _json(body["arguments"])
            return f"{body['verdict']} {body['tool']} {arguments}{rules}{why}"
        case "approval.requested":
            return f"approval asked of {body['by'] or 'anybody'} for {body['tool']}"
        case "approval.given":
            return f"{body['answer']} by {body['by'] or 'nobody'}"
        case "effect.settled":
            return f"effect of {body['tool']}: {body['state']}"
        case "tool.returned":
            dropped = f" ({body['dropped']} not visible)" if body["dropped"] else ""
            shown = body["value"] if body["ok"] else body["error"]
            return f"{body['tool']}: {_json(shown)}{dropped}"
        case "limit.warned":
            return f"limit {body['limit']}: {body['used']} of {body['most']}"
        case "guardrail.hit":
            return f"guardrail {body['rail']} on {body['on']}: {body['action']}"
        case "question.asked":
            return f"asks the user: {body['question']}"
        case "escalated":
            return f"escalated to {body['queue']}: {body['reason']}"
    return None


def describe(run_id: str, events: Sequence[Event], trace: str) -> dict[str, Any]:
    """Return a finished run as one JSON object."""
    folded = fold(events)
    end = folded.ended
    started = next(event.body for event in events if event.type == "run.started")
    escalation = next((e.body for e in events if e.type == "escalated"), None)
    declared = end["intent"] or {}
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run_id,
        "agent": started["agent"],
        "model": started["model"],
        "mode": started["mode"],
        **({"environment": started["environment"]} if "environment" in started else {}),
        "principal": started["principal"],
        "stop": end["stop"],
        "reason": end["reason"],
        "answer": end["answer"],
        "output": end.get("output"),
        "intent": declared.get("intent"),
        "confidence": declared.get("confidence"),
        "missing": declared.get("missing", []),
        "next_safe_action": next_safe_action(events, end["stop"]),
        "calls": [_call(call) for call in folded.calls],
        "pending": pending_calls(events),
        "escalation": escalation,
        "usage": end["usage"],
        "cost": end["cost"],
        "steps": end["steps"],
        "rights": started["rights"],
        "trace": trace,
    }


def _call(call: Any) -> dict[str, Json]:
    return {
        "step": call.step,
        "tool": call.tool,
        "arguments": call.arguments,
        "effect": call.effect,
        "decision": {
            "verdict": call.verdict,
            "stage": call.stage,
            "rules": list(call.rules),
            "reason": call.reason,
        },
        "ran": call.ran,
        "ok": call.ok,
        **({"value": call.value} if call.ok else {"error": call.error}),
    }


def pending_calls(events: Sequence[Event]) -> list[dict[str, Json]]:
    """Return the calls that still wait for a person."""
    waiting: dict[str, dict[str, Json]] = {}
    for event in events:
        body = event.body
        if event.type == "approval.requested":
            keys = ("tool", "arguments", "by", "reason", "rule", "within_s", "call_hash")
            waiting[body["call_id"]] = {key: body[key] for key in keys}
        elif event.type == "approval.given" and body["answer"] != "timeout":
            waiting.pop(body["call_id"], None)
    return list(waiting.values())


def next_safe_action(events: Sequence[Event], stop: StopReason) -> str:
    """Say what may safely be done next, from how the run ended."""
    escalation = next((e.body for e in events if e.type == "escalated"), None)
    match stop:
        case "answered":
            return "nothing: the request is answered"
        case "escalated" if escalation is not None:
            return f"queue {escalation['queue']}: {escalation['packet']['how_to_continue']}"
        case "waiting_approval":
            waiting = pending_calls(events)
            tool = waiting[0]["tool"] if waiting else "the call"
            return f"approve or reject `{tool}`; nothing has happened yet"
        case "waiting_reply":
            return "answer the question"
        case "tool_error":
            return "find out whether the last effect happened before trying again"
        case "model_error" | "interrupted":
            return "look at the trace for effects, then run the task again"
        case _:
            return "look at the trace, then decide whether a person takes over"


def text_answer(result: dict[str, Any]) -> str:
    """Return the answer alone."""
    if result["answer"] is not None:
        return neutralised(str(result["answer"]))
    return _json(result["output"]) if result["output"] is not None else ""


def _json(value: Json) -> str:
    return canonical_text(value)


__all__ = [
    "SCHEMA_VERSION",
    "RunView",
    "describe",
    "next_safe_action",
    "pending_calls",
    "show_text",
    "text_answer",
]
