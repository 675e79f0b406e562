"""The closed sets of what can happen in a run and how it can end, and the event itself.

A run is an ordered list of events; everything else the product shows is a fold over them.

Body of each event (keys marked ? may be absent; `call_id` ties a call's events together):

| event | body |
|---|---|
| run.started | agent, model, mode (mock, live), principal{id, role}, fingerprints{agent, instructions, tools, model, policy}, rights{tools, hash}, limits, scenario?{set, id, trial, kind}, forked_from?{run, step, head} |
| input.received | source (user, event, person), content: text or the event's object |
| model.replied | step, text, calls[{id, name, arguments}], output?, usage{in, out, estimated, cached?, reasoning?}, cost{usd, status}, model, refused?, attempts?[{model, kind, message}] (those before, that brought no reply) |
| call.decided | call_id, tool, arguments (canonical, bound ones included), bound (names of bound arguments), effect, verdict, stage (parse, offer, arguments, rule, taint, declined, limit), rules [ids], reason, policy |
| approval.requested | call_id, tool, arguments, rule, by, reason, within_s?, call_hash |
| approval.given | call_id, answer, by, reason, arguments?, ticket?, call_hash |
| effect.intended | call_id, tool, effect, key |
| effect.settled | call_id, tool, state (succeeded, failed, in_doubt, unverified), by? (look-up, ledger, nobody) |
| tool.returned | call_id, tool, ok, value or error{error, message}, dropped (records filtered), attempts, untrusted?, cost?{usd, status} |
| limit.warned | limit, used, most, asked? (the limit forbade a call of this cost) |
| guardrail.hit | rail, on (input, tool, output, handoff), action, found (count, never the text) |
| question.asked | question |
| handoff.made | agent, reason, confidence |
| escalated | queue, reason, trigger{kind, detail}, by (model, runtime, tool), packet |
| correction.made | by, call_id, before, after |
| content.erased | seq [positions], reason, by, kept (what an auditor counts, without content) |
| run.paused | as run.ended, and pending [call hashes] |
| run.ended | stop, reason, answer, output?, intent?, steps, calls, usage{in, out, estimated}, cost{usd, status}, duration_s |
"""  # noqa: E501 - a table row is one line

from typing import Literal, NamedTuple, get_args

from agentctl.core.canonical import Json

EventType = Literal[
    "run.started",
    "input.received",
    "model.replied",
    "call.decided",
    "approval.requested",
    "approval.given",
    "effect.intended",
    "effect.settled",
    "tool.returned",
    "limit.warned",
    "guardrail.hit",
    "question.asked",
    "handoff.made",
    "escalated",
    "correction.made",
    "content.erased",
    "run.paused",
    "run.ended",
]

StopReason = Literal[
    "answered",
    "escalated",
    "waiting_approval",
    "waiting_reply",
    "goal_not_met",
    "out_of_domain",
    "limit",
    "loop",
    "blocked",
    "model_error",
    "tool_error",
    "stopped",
    "interrupted",
]

Phase = Literal["perceive", "plan", "act", "observe"]

PHASES: dict[str, Phase] = {
    "input.received": "perceive",
    "model.replied": "plan",
    "call.decided": "act",
    "approval.requested": "act",
    "approval.given": "act",
    "effect.intended": "act",
    "effect.settled": "act",
    "question.asked": "act",
    "handoff.made": "act",
    "escalated": "act",
    "tool.returned": "observe",
}
"""The phase of the loop an event belongs to; events of the frame around it have none."""

EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
STOP_REASONS: tuple[StopReason, ...] = get_args(StopReason)

BARRIERS: frozenset[str] = frozenset(
    {"effect.intended", "effect.settled", "approval.given", "run.paused", "run.ended"}
)
"""Events that are on the disk before anything else happens."""


class Event(NamedTuple):
    """One thing that happened. The line on disk adds the run's id and the hash chain."""

    seq: int
    """Position in the run, from 0."""
    type: EventType
    at: str
    """UTC, RFC 3339 with milliseconds and `Z`."""
    body: dict[str, Json]


__all__ = [
    "BARRIERS",
    "EVENT_TYPES",
    "PHASES",
    "STOP_REASONS",
    "Event",
    "EventType",
    "Phase",
    "StopReason",
]
