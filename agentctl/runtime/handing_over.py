"""The ways a run passes to a person: a trigger, a limit, a loop, the model's own wish."""

from typing import Literal

from agentctl.core.events import StopReason
from agentctl.policy.triggers import Trip
from agentctl.runtime.packet import packet
from agentctl.runtime.run import Ending, Run

Door = Literal["model", "runtime", "tool"]
"""Who escalates: the built-in tool, a trigger or limit, or a domain tool."""


def note_escalation(run: Run, trip: Trip, by: Door, summary: str | None = None) -> None:
    """Record that the case goes to a person, with the hand-over packet."""
    run.escalated = trip
    run.record(
        "escalated",
        {
            "queue": trip.queue,
            "reason": trip.detail,
            "trigger": {"kind": trip.kind, "detail": trip.detail},
            "by": by,
            "packet": packet(run, summary or run.said),
        },
    )


def escalate(run: Run, trip: Trip, by: Door, summary: str | None = None) -> Ending:
    """Pass the case to a person and end the run."""
    note_escalation(run, trip, by, summary)
    return Ending("escalated", trip.detail, run.said)


def stop_or_escalate(run: Run, stop: StopReason, kind: str, detail: str) -> Ending:
    """End a run that cannot go on: with a person where the agent has a queue, else alone."""
    trip = run.triggers.always(kind, detail)
    return escalate(run, trip, by="runtime") if trip else Ending(stop, detail, run.said)


def limit_stop(run: Run, limit: str, detail: str) -> Ending:
    """End a run at a limit; only a trigger on that limit makes it a case for a person."""
    trip = run.triggers.on_limit(limit, detail)
    return escalate(run, trip, by="runtime") if trip else Ending("limit", detail, run.said)


__all__ = ["Door", "escalate", "limit_stop", "note_escalation", "stop_or_escalate"]
