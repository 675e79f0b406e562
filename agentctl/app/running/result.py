"""A finished or paused run as one JSON object: what `run`, `resume` and `tools call` return."""

from collections.abc import Sequence
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.events import Event, StopReason
from agentctl.traces.views.fold import fold

SCHEMA_VERSION = "1"


def run_result(run_id: str, events: Sequence[Event], trace: str) -> dict[str, Any]:
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


__all__ = ["SCHEMA_VERSION", "next_safe_action", "pending_calls", "run_result"]
