"""A run, folded from its events: its calls, how it passed to a person, how it ended."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.events import WHILE_PAUSED, Event

Body = Mapping[str, Json]

REFUSALS = frozenset({"denied", "declined", "pending", "not_offered", "unknown_tool"})
"""Errors by which a call is answered without reaching its tool."""
_NOTHING: Body = {}


class CallRecord(NamedTuple):
    """One call, from the model's request to the tool's answer."""

    call_id: str
    tool: str
    arguments: dict[str, Json]
    """Canonical, bound ones included; those of the last decision."""
    bound: tuple[str, ...]
    effect: str
    verdict: str
    stage: str
    rules: tuple[str, ...]
    reason: str
    step: int
    ran: bool
    """Whether it reached its tool."""
    ok: bool
    value: Json
    error: Json
    """`{error, message}` where it failed."""
    asked: bool
    """Whether a person was asked."""
    approval: str | None
    """What the person answered."""
    state: str | None
    """For writes: succeeded, failed, in_doubt, unverified."""
    said: Json
    """The arguments as the model wrote them."""


class EscalationRecord(NamedTuple):
    """One time a case went to a person."""

    body: Body
    """Of the event `escalated`."""
    step: int
    """The model turn at which it happened; 0 before the first."""


class Trajectory(NamedTuple):
    """A run, folded."""

    started: Body
    calls: Sequence[CallRecord]
    escalations: Sequence[EscalationRecord]
    """Every time the case went to a person, in order."""
    ended: Body
    """The body of `run.ended`, or of `run.paused` where that came last; else empty."""
    steps: int


class _Open:
    """A call whose events are still coming."""

    __slots__ = ("approval", "asked", "decided", "effect", "returned", "said", "state", "step")

    def __init__(self, step: int, said: Json) -> None:
        self.step = step
        self.said = said
        self.decided: Body = _NOTHING
        self.returned: Body = _NOTHING
        self.asked = False
        self.approval: str | None = None
        self.state: str | None = None
        self.effect = False


def fold(events: Iterable[Event]) -> Trajectory:
    """Fold the events of one run."""
    started = ended = paused = _NOTHING
    escalations: list[EscalationRecord] = []
    step = 0
    opened: dict[str, _Open] = {}
    # Traces of before had the provider's ids, which may come twice: no call hides another.
    calls: list[tuple[str, _Open]] = []
    for event in events:
        body = event.body
        if paused and event.type not in WHILE_PAUSED:
            paused = _NOTHING
        match event.type:
            case "model.replied":
                step = body["step"]
                for call in body["calls"]:
                    opened[call["id"]] = _Open(step, call["arguments"])
                    calls.append((call["id"], opened[call["id"]]))
            case "call.decided":
                opened[body["call_id"]].decided = body
            case "tool.returned":
                opened[body["call_id"]].returned = body
            case "effect.settled":
                opened[body["call_id"]].state = body["state"]
            case "approval.requested":
                opened[body["call_id"]].asked = True
            case "approval.given":
                opened[body["call_id"]].approval = body["answer"]
            case "escalated":
                escalations.append(EscalationRecord(body, step))
            case "run.started":
                started = body
            case "run.ended":
                ended = body
            case "run.paused":
                paused = body
    records = [_record(call_id, call) for call_id, call in calls if call.decided]
    return Trajectory(started, records, escalations, ended or paused, step)


def _record(call_id: str, call: _Open) -> CallRecord:
    decided, returned = call.decided, call.returned
    ok = bool(returned.get("ok"))
    error = returned.get("error")
    refused = decided["verdict"] == "deny" or (error is not None and error["error"] in REFUSALS)
    ran = bool(returned) and not refused and (error is None or error["error"] != "missing_mock")
    return CallRecord(
        call_id,
        decided["tool"],
        decided["arguments"],
        tuple(decided["bound"]),
        decided["effect"],
        decided["verdict"],
        decided["stage"],
        tuple(decided["rules"]),
        decided["reason"],
        call.step,
        ran,
        ok,
        returned.get("value"),
        error,
        call.asked,
        call.approval,
        call.state,
        call.said,
    )


def own_events(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events of a run without those that a fork played back from another run.

    What was played back was done, decided and paid for there, and is counted there.
    """
    origin = events[0].body.get("forked_from") if events else None
    if origin is None:
        return events
    for number, event in enumerate(events):
        if event.type == "model.replied" and event.body["step"] >= origin["step"]:
            return [events[0], *events[number:]]
    return [events[0], *(e for e in events[1:] if e.type == "run.ended")]


__all__ = ["REFUSALS", "CallRecord", "EscalationRecord", "Trajectory", "fold", "own_events"]
