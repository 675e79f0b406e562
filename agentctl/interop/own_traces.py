"""Runs of agentctl itself as recordings: events become turns, lines of the user and an end."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.specs.shapes.turns import RecordedEnd

_ENDS: Mapping[str, RecordedEnd] = {
    "answered": "answered",
    "escalated": "escalated",
    "limit": "limit",
    "loop": "limit",
}
"""What a stop says about a recorded run. Others are left to the replay, which stops for the same
reason, or goes no further and is inconclusive."""


def is_trace_line(data: Mapping[str, Any]) -> bool:
    """Whether an object is an event of a trace."""
    return data.keys() >= {"run", "seq", "type", "body_hash"}


def recording_of_run(events: Sequence[Event]) -> dict[str, Any]:
    """Return a run as data of a `Recording`, without its scenario.

    Args:
        events: All of them, with their content.
    """
    turns: list[dict[str, Any]] = []
    calls: dict[str, dict[str, Any]] = {}
    found: dict[str, Any] = {"turns": turns}
    for event in events:
        body = event.body
        match event.type:
            case "run.started":
                found |= {"model": body["model"], "agent": body["agent"]}
            case "input.received" if isinstance(body["content"], str):
                turns.append({"user": body["content"]})
            case "model.replied":
                turns.append(_turn(body, calls))
            case "tool.returned" if body["call_id"] in calls:
                calls[body["call_id"]]["result"] = body.get("value", body.get("error"))
            case "run.ended" | "run.paused":
                found |= _closing(body)
    return found


def _turn(body: Mapping[str, Json], calls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    turn: dict[str, Any] = {}
    for call in body["calls"]:
        made = {"tool": call["name"], "args": call["arguments"]}
        if call.get("provider_id"):
            made["id"] = call["provider_id"]
        calls[call["id"]] = made
        turn.setdefault("calls", []).append(made)
    if body.get("output") is not None:
        turn["output"] = body["output"]
    if body["text"] is not None or not turn:
        turn["say"] = body["text"] or ""
    usage = body["usage"]
    if not usage["estimated"]:
        turn["usage"] = {name: usage[name] for name in usage if name != "estimated"}
    return turn


def _closing(body: Mapping[str, Json]) -> dict[str, Any]:
    cost, end = body["cost"], _ENDS.get(body["stop"])
    found: dict[str, Any] = {} if end is None else {"end": end}
    if cost["usd"] is not None and cost["status"] != "estimated":
        found["cost"] = cost["usd"]
    return found


__all__ = ["is_trace_line", "recording_of_run"]
