"""What can happen in a run and how it can end: the event, its declared types, the closed sets.

A run is an ordered list of events; everything else the product shows is a fold over them. What each
type means and holds is declared in a file of its own; docs/reference/events.md shows all of them.
"""

from typing import Literal, NamedTuple, get_args

from agentctl.core.canonical import Json
from agentctl.core.events.declare import EventDeclaration, EventField, EventType, Keep, Phase
from agentctl.core.events.registry import EVENTS

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

STOP_REASONS: tuple[StopReason, ...] = get_args(StopReason)
EVENT_TYPES: tuple[EventType, ...] = tuple(EVENTS)
PHASES: dict[EventType, Phase] = {d.type: d.phase for d in EVENTS.values() if d.phase is not None}
"""The phase of the loop an event belongs to; events of the frame around it have none."""
BARRIERS: frozenset[EventType] = frozenset(d.type for d in EVENTS.values() if d.barrier)
"""Events that are on the disk before anything else happens."""
WHILE_PAUSED: frozenset[EventType] = frozenset(d.type for d in EVENTS.values() if d.while_paused)
"""Events of a run that waits: it does not go on by them, and the time after them is not its own."""


def must_agree(*levels: Literal["replay", "resume"]) -> dict[EventType, tuple[str, ...]]:
    """Return, by event, the fields that must be as recorded when a run is played back."""
    return {
        declared.type: tuple(f.name for f in declared.fields if f.agrees in levels)
        for declared in EVENTS.values()
    }


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
    "EVENTS",
    "EVENT_TYPES",
    "PHASES",
    "STOP_REASONS",
    "WHILE_PAUSED",
    "Event",
    "EventDeclaration",
    "EventField",
    "EventType",
    "Keep",
    "Phase",
    "StopReason",
    "must_agree",
]
