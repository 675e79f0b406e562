"""The ways a run passes to a person: a trigger, a limit, a loop, the model's own wish."""

from collections.abc import Iterable
from typing import Literal

from agentctl.core.events import StopReason
from agentctl.guardrails.rails import GuardrailHit
from agentctl.guardrails.triggers import TriggerHit
from agentctl.runtime.conversation.packet import packet
from agentctl.runtime.run import Ending, Run

Door = Literal["model", "runtime", "tool"]
"""Who escalates: the built-in tool, a trigger or limit, or a domain tool."""
Side = Literal["input", "tool", "output", "handoff"]
"""The boundary at which a guardrail looks."""


def note_hits(run: Run, on: Side, hits: Iterable[GuardrailHit]) -> None:
    """Record what guardrails hit: how often, never what."""
    for hit in hits:
        run.record(
            "guardrail.hit",
            {"rail": hit.rail.id, "on": on, "action": hit.rail.action, "found": hit.found},
        )


def note_escalation(run: Run, trip: TriggerHit, by: Door, summary: str | None = None) -> None:
    """Record that the case goes to a person, with the hand-over packet.

    The guardrails on hand-overs look at the model's words first; they never stop the hand-over.
    """
    summary, reason = _railed(run, summary or run.said, trip.detail)
    trip = trip._replace(detail=reason)
    run.escalated = trip
    run.record(
        "escalated",
        {
            "queue": trip.queue,
            "reason": reason,
            "trigger": {"kind": trip.kind, "detail": reason},
            "by": by,
            "packet": packet(run, summary),
        },
    )


def _railed(run: Run, summary: str | None, reason: str) -> tuple[str | None, str]:
    checked = run.harness.rails_handoff.check_value([summary, reason])
    note_hits(run, "handoff", checked.hits)
    if checked.blocked is not None:
        return None, f"withheld by guardrail `{checked.blocked.id}`"
    summary, reason = checked.value
    return summary, reason


def escalate(run: Run, trip: TriggerHit, by: Door, summary: str | None = None) -> Ending:
    """Pass the case to a person and end the run."""
    note_escalation(run, trip, by, summary)
    detail = run.escalated.detail if run.escalated else trip.detail
    return Ending("escalated", detail, run.said)


def stop_or_escalate(run: Run, stop: StopReason, kind: str, detail: str) -> Ending:
    """End a run that cannot go on: with a person where the agent has a queue, else alone."""
    trip = run.triggers.always(kind, detail)
    return escalate(run, trip, by="runtime") if trip else Ending(stop, detail, run.said)


def limit_stop(run: Run, limit: str, detail: str) -> Ending:
    """End a run at a limit; only a trigger on that limit makes it a case for a person."""
    trip = run.triggers.on_limit(limit, detail)
    return escalate(run, trip, by="runtime") if trip else Ending("limit", detail, run.said)


__all__ = [
    "Door",
    "Side",
    "escalate",
    "limit_stop",
    "note_escalation",
    "note_hits",
    "stop_or_escalate",
]
