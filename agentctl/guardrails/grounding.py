"""Hold the amounts, dates, times and ids of an answer against what this run has seen.

Each must occur in what a tool returned, in what the user said, or in the instructions, however it
is written there. A sum or a duration that the model worked out itself occurs nowhere: let a tool
work it out, or allow it. An error message counts without what it only repeats from the call.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.guardrails.quantities import QuantityKind, amount, lowered, numbers, quantities
from agentctl.guardrails.rails import GuardrailHit
from agentctl.specs.shapes.policy import Grounding

_KINDS: tuple[QuantityKind, ...] = ("amounts", "dates", "times", "ids")
_WORD = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_STAMP = re.compile(r"(?<=\d)[t ](?=\d{2}:\d{2})")
_MINOR = re.compile(r"(?:^|_)(?:cents?|minor(?:_units?)?)$", re.IGNORECASE)


def _said(text: str) -> tuple[tuple[QuantityKind, frozenset[str]], ...]:
    """Return what a text says of each kind, in all its readings."""
    known: dict[QuantityKind, set[str]] = {kind: set() for kind in _KINDS}
    written = lowered(text)
    plain = _STAMP.sub(" ", written)
    for form in {written, plain}:
        for found in quantities(form, _KINDS):
            known[found.kind].update(found.readings)
    known["amounts"].update(numbers(plain))
    for word in _WORD.findall(plain):
        known["ids"].add(word)
        known["ids"].update(re.split(r"[_-]", word))
    return tuple((kind, frozenset(readings)) for kind, readings in known.items())


_said_before = lru_cache(maxsize=1024)(_said)
_MOST_KEPT = 20_000
"""Longest text that is kept, in characters."""


class Sources:
    """What answers may rest on, in normal forms."""

    def __init__(self) -> None:
        self._known: dict[QuantityKind, set[str]] = {kind: set() for kind in _KINDS}

    def text(self, text: str) -> None:
        """Take in everything a text says."""
        # Instructions, names of fields and short values come again in every turn and every trial.
        found = _said_before(text) if len(text) <= _MOST_KEPT else _said(text)
        for kind, readings in found:
            self._known[kind].update(readings)

    def value(self, value: Json, name: str = "") -> None:
        """Take in a JSON value, field by field.

        Args:
            value: What a tool returned.
            name: The field it stands in; one such as `total_cents` counts in hundredths too.
        """
        if isinstance(value, dict):
            for key, item in value.items():
                self.text(key)
                self.value(item, key)
        elif isinstance(value, list):
            for item in value:
                self.value(item, name)
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._known["amounts"].add(amount(value))
            if _MINOR.search(name):
                self._known["amounts"].add(amount(value / 100))
            self.text(str(value))

    def without(self, other: "Sources") -> "Sources":
        """Return what stands here and not in `other`."""
        left = Sources()
        for kind in _KINDS:
            left._known[kind] = self._known[kind] - other._known[kind]
        return left

    def add(self, other: "Sources") -> None:
        """Take in what `other` holds."""
        for kind in _KINDS:
            self._known[kind] |= other._known[kind]

    def holds(self, kind: QuantityKind, readings: Iterable[str]) -> bool:
        """Whether one of the readings is known; a date without a year fits every year."""
        known = self._known[kind]
        if kind != "dates":
            return not known.isdisjoint(readings)
        return any(_same_day(reading, day) for reading in readings for day in known)


def _same_day(left: str, right: str) -> bool:
    years = {left.rpartition("-")[0].partition("-")[0], right.partition("-")[0]}
    return left[-5:] == right[-5:] and (len(years) == 1 or "*" in years)


def sources(events: Iterable[Event], instructions: Iterable[str]) -> Sources:
    """Fold the events of a run into what its answers may rest on.

    Args:
        events: The run so far.
        instructions: The system prompt and what tools are described as.
    """
    known = Sources()
    for text in instructions:
        known.text(text)
    arguments: dict[str, Mapping[str, Json]] = {}
    for event in events:
        body = event.body
        match event.type:
            case "input.received":
                known.value(body["content"])
            case "call.decided":
                arguments[body["call_id"]] = body["arguments"]
            case "tool.returned" if body["ok"]:
                known.value(body["value"])
            case "tool.returned":
                told, asked = Sources(), Sources()
                told.text(body["error"]["message"])
                asked.value(dict(arguments.get(body["call_id"], {})))
                known.add(told.without(asked))
    return known


class Grounded(NamedTuple):
    """The grounding of a policy, compiled."""

    spec: Grounding
    allowed: Sources

    def check(self, texts: Iterable[str], known: Sources) -> tuple[GuardrailHit, ...]:
        """Return the hit, if `texts` say what neither `known` nor the policy holds."""
        unknown = {
            (found.kind, found.text)
            for text in texts
            for found in quantities(text, self.spec.check)
            if not known.holds(found.kind, found.readings)
            and not self.allowed.holds(found.kind, found.readings)
        }
        return (GuardrailHit(self.spec, len(unknown)),) if unknown else ()


def grounded(spec: Grounding | None) -> Grounded | None:
    """Compile the grounding of a policy; `None` where it has none."""
    if spec is None:
        return None
    allowed = Sources()
    for text in spec.allow:
        allowed.text(text)
    return Grounded(spec, allowed)


__all__ = ["Grounded", "Sources", "grounded", "sources"]
