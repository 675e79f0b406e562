"""How an event is declared: what it means, its fields, and how the rest of the package treats it.

Nothing else in the package lists event types or their fields: what a trace keeps of content, what
must agree when a run is played back, what `trace diff` compares, what `trace show` prints and the
reference page are derived from these declarations.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

EventType = str
"""The name of a declared event, such as `call.decided`."""

Phase = Literal["perceive", "plan", "act", "observe"]

Keep = Literal["whole", "hash", "values"] | Mapping[str, "Keep"]
"""What a trace keeps of a value in a project that does not keep content.

`whole` is for structure: names, ids, counts, states. `hash` replaces the value by one keyed hash,
`values` does so for each value of an object. A mapping says it for the parts of an object, or of
each object in a list; a part that it does not name is hashed.
"""

Compared = Literal["event", "input", "words", "call", "part", "end"]
"""What an event is in a diff: a place of its own, part of its call's place, or the run's end."""


class EventField(NamedTuple):
    """One field of an event's body."""

    name: str
    meaning: str
    keep: Keep
    agrees: Literal["replay", "resume"] | None
    """Where it must be as recorded: in every run that is played back, or only in a resumed one,
    since a fork may change the prompt, the model, the tools and the policy."""
    compared: bool
    """Whether two runs that differ in it differ."""
    optional: bool


class EventDeclaration(NamedTuple):
    """One type of event."""

    type: EventType
    meaning: str
    fields: tuple[EventField, ...]
    phase: Phase | None = None
    """The phase of the loop it belongs to; `None` for the frame around the loop."""
    barrier: bool = False
    """It is on the disk before anything else happens."""
    aside: bool = False
    """A run that is played back need not come to it again."""
    while_paused: bool = False
    """A paused run may record it without going on; the time after it is not the run's."""
    compared: Compared | None = "event"
    weight: float = 2.0
    """What a difference in it counts in a diff; a call counts by its effect."""


def structure(
    name: str,
    meaning: str,
    *,
    keep: Keep = "whole",
    agrees: Literal["replay", "resume"] | None = None,
    compared: bool = True,
    optional: bool = False,
) -> EventField:
    """Declare a field that stays readable where a project does not keep content."""
    return EventField(name, meaning, keep, agrees, compared, optional)


def content(
    name: str,
    meaning: str,
    *,
    keep: Keep = "hash",
    agrees: Literal["replay", "resume"] | None = None,
    compared: bool = True,
    optional: bool = False,
) -> EventField:
    """Declare a field that may hold what people said or what tools returned."""
    return EventField(name, meaning, keep, agrees, compared, optional)


__all__ = [
    "Compared",
    "EventDeclaration",
    "EventField",
    "EventType",
    "Keep",
    "Phase",
    "content",
    "structure",
]
