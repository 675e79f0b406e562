"""Lay two runs side by side and say where they part.

Calls are paired by edit distance in which side effects weigh most: a changed refund is a greater
difference than a changed sentence. Ids, times and hashes do not count; two runs that differ in
nothing else are equal.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from agentctl.core.alignment import align
from agentctl.core.canonical import Json, canonical_text, same_value
from agentctl.core.events import EVENTS, Event, EventDeclaration

_WEIGHT = {
    "irreversible": 16.0,
    "external_write": 8.0,
    "escalation": 8.0,
    "internal_write": 4.0,
    "none": 2.0,
}
_COMPARED = {d.type: tuple(f.name for f in d.fields if f.compared) for d in EVENTS.values()}
_DECLARED = {d.type: frozenset(f.name for f in d.fields) for d in EVENTS.values()}
_UNKNOWN = EventDeclaration("", "An event that another version recorded.", ())
_NOTHING: frozenset[str] = frozenset()
_MISSING = object()

ItemKind = Literal["input", "words", "call", "event"]


class Item(NamedTuple):
    """One thing a reader would compare: an input, the model's words, a call, another event."""

    kind: ItemKind
    name: str
    step: int
    content: dict[str, Json]
    weight: float


class Change(NamedTuple):
    """One field that differs: `old -> new`."""

    path: str
    old: Json
    new: Json
    missing: Literal["old", "new"] | None = None
    """On which side nothing stands."""


class StepDifference(NamedTuple):
    """One place where the runs differ."""

    kind: Literal["added", "removed", "changed"]
    item: Item
    """The item on the left, or the added one."""
    changes: tuple[Change, ...] = ()


class TraceDiff(NamedTuple):
    """Everything in which two runs differ."""

    first: StepDifference | None
    """Where they part."""
    differences: tuple[StepDifference, ...]
    ending: tuple[Change, ...]
    """Stop reason, answer, cost and so on."""

    @property
    def equal(self) -> bool:
        """Whether the runs are the same but for ids and times."""
        return not self.differences and not self.ending


def diff_events(left: Sequence[Event], right: Sequence[Event]) -> TraceDiff:
    """Compare two runs."""
    before, after = items(left), items(right)
    numbers = _Numbers()
    old, new = [numbers.of(item) for item in before], [numbers.of(item) for item in after]
    found: list[StepDifference] = []
    for a, b in align(old, new, numbers.change_cost, numbers.weight):
        if a is None and b is not None:
            found.append(StepDifference("added", after[b]))
        elif b is None and a is not None:
            found.append(StepDifference("removed", before[a]))
        elif a is not None and b is not None and old[a] != new[b]:
            changed = tuple(changes(before[a].content, after[b].content))
            found.append(StepDifference("changed", before[a], changed))
    ending = tuple(changes(_ending(left), _ending(right)))
    return TraceDiff(found[0] if found else None, tuple(found), ending)


def items(events: Sequence[Event]) -> list[Item]:
    """Return what a reader would compare of a run, in order."""
    found: list[Item] = []
    calls: dict[str, Item] = {}
    step = 0
    for event in events:
        body, declared = event.body, EVENTS.get(event.type, _UNKNOWN)
        match declared.compared:
            case "words":
                step = body["step"]
                words = {key: value for key, value in _content(event).items() if value}
                if words:
                    name = "the model's words"
                    found.append(Item("words", name, step, words, declared.weight))
            case "call":
                item = Item("call", body["tool"], step, _content(event), _WEIGHT[body["effect"]])
                calls[body["call_id"]] = item
                found.append(item)
            case "part" if body["call_id"] in calls:
                calls[body["call_id"]].content.setdefault(event.type, _content(event))
            case "input" | "event" as kind:
                name = body["source"] if kind == "input" else event.type
                found.append(Item(kind, name, step, _content(event), declared.weight))
    return found


def _content(event: Event) -> dict[str, Json]:
    """Return what counts of an event; a field that is not declared does."""
    body = event.body
    content = {name: body[name] for name in _COMPARED.get(event.type, ()) if name in body}
    declared = _DECLARED.get(event.type, _NOTHING)
    if not declared.issuperset(body):
        content.update({name: body[name] for name in body if name not in declared})
    return content


class _Numbers:
    """Numbers items, equal ones alike, so that the many comparisons of an alignment cost little."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._items: list[Item] = []
        self._arguments: dict[int, str] = {}

    def of(self, item: Item) -> int:
        key = (item.kind, item.name, canonical_text(item.content))
        number = self._numbers.setdefault(key, len(self._items))
        if number == len(self._items):
            self._items.append(item)
        return number

    def weight(self, number: int) -> float:
        return self._items[number].weight

    def change_cost(self, a: int, b: int) -> float:
        """Return what it costs to pair two items that are not equal."""
        left, right = self._items[a], self._items[b]
        if left.name != right.name or left.kind != right.kind:
            # Never cheaper than taking one out and putting the other in.
            return left.weight + right.weight + 1
        both = (left.weight + right.weight) / 2
        same_call = left.kind == "call" and self._arguments_of(a) == self._arguments_of(b)
        return both / 4 if same_call else both

    def _arguments_of(self, number: int) -> str:
        found = self._arguments.get(number)
        if found is None:
            found = canonical_text([self._items[number].content["arguments"]])
            self._arguments[number] = found
        return found


def changes(left: Json, right: Json, path: str = "") -> list[Change]:
    """Return every field in which two values differ."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        found: list[Change] = []
        for key in [*left, *(key for key in right if key not in left)]:
            below = f"{path}.{key}" if path else str(key)
            found += _below(left.get(key, _MISSING), right.get(key, _MISSING), below)
        return found
    if isinstance(left, list) and isinstance(right, list):
        longest = max(len(left), len(right))
        found = []
        for index in range(longest):
            a = left[index] if index < len(left) else _MISSING
            b = right[index] if index < len(right) else _MISSING
            found += _below(a, b, f"{path}[{index}]")
        return found
    return [] if same_value(left, right) else [Change(path, left, right)]


def _below(left: Json, right: Json, path: str) -> list[Change]:
    if left is _MISSING:
        return [Change(path, None, right, "old")]
    if right is _MISSING:
        return [Change(path, left, None, "new")]
    return changes(left, right, path)


def _ending(events: Sequence[Event]) -> dict[str, Json]:
    for event in reversed(events):
        if EVENTS.get(event.type, _UNKNOWN).compared == "end":
            return {key: event.body.get(key) for key in _COMPARED[event.type]}
    return {"stop": None}


__all__ = ["Change", "Item", "StepDifference", "TraceDiff", "changes", "diff_events", "items"]
