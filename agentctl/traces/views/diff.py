"""Lay two runs side by side and say where they part.

Calls are paired by edit distance in which side effects weigh most: a changed refund is a greater
difference than a changed sentence. Ids, times and hashes do not count; two runs that differ in
nothing else are equal.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from agentctl.core.alignment import align
from agentctl.core.canonical import Json, same_value
from agentctl.core.events import Event

_WEIGHT = {
    "irreversible": 16.0,
    "external_write": 8.0,
    "escalation": 8.0,
    "internal_write": 4.0,
    "none": 2.0,
}
_WORDS = 1.0
_ENDED = ("stop", "reason", "answer", "output", "intent", "steps", "calls", "usage", "cost")
_MISSING = object()

ChangeKind = Literal["input", "words", "call", "event"]


class Item(NamedTuple):
    """One thing a reader would compare: an input, the model's words, a call, another event."""

    kind: ChangeKind
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


def diff(left: Sequence[Event], right: Sequence[Event]) -> TraceDiff:
    """Compare two runs."""
    before, after = items(left), items(right)
    found: list[StepDifference] = []
    for a, b in align(before, after, _change_cost, lambda item: item.weight):
        if a is None and b is not None:
            found.append(StepDifference("added", after[b]))
        elif b is None and a is not None:
            found.append(StepDifference("removed", before[a]))
        elif a is not None and b is not None:
            changed = tuple(changes(before[a].content, after[b].content))
            if changed:
                found.append(StepDifference("changed", before[a], changed))
    ending = tuple(changes(_ending(left), _ending(right)))
    return TraceDiff(found[0] if found else None, tuple(found), ending)


def items(events: Sequence[Event]) -> list[Item]:
    """Return what a reader would compare of a run, in order."""
    found: list[Item] = []
    calls: dict[str, Item] = {}
    step = 0
    for event in events:
        body = event.body
        match event.type:
            case "input.received":
                found.append(Item("input", body["source"], step, dict(body), _WORDS * 4))
            case "model.replied":
                step = body["step"]
                words = {key: body[key] for key in ("text", "output") if body.get(key)}
                if words:
                    found.append(Item("words", "the model's words", step, words, _WORDS))
            case "call.decided":
                keys = ("arguments", "verdict", "stage", "rules", "reason", "effect")
                content = {key: body[key] for key in keys}
                weight = _WEIGHT[body["effect"]]
                item = Item("call", body["tool"], step, content, weight)
                calls[body["call_id"]] = item
                found.append(item)
            case "tool.returned" | "effect.settled" | "approval.given" if body["call_id"] in calls:
                skipped = {"call_id", "tool", "call_hash", "attempts"}
                own = {key: value for key, value in body.items() if key not in skipped}
                calls[body["call_id"]].content.setdefault(event.type, own)
            case "escalated":
                content = {key: body[key] for key in ("queue", "reason", "trigger", "by")}
                found.append(Item("event", event.type, step, content, 8.0))
            case "guardrail.hit" | "question.asked" | "correction.made" | "limit.warned":
                content = {key: value for key, value in body.items() if key != "call_id"}
                found.append(Item("event", event.type, step, content, 2.0))
    return found


def _change_cost(left: Item, right: Item) -> float:
    if (left.kind, left.name) != (right.kind, right.name):
        # Never cheaper than taking one out and putting the other in.
        return left.weight + right.weight + 1
    if same_value(left.content, right.content):
        return 0.0
    both = (left.weight + right.weight) / 2
    if left.kind == "call" and same_value(left.content["arguments"], right.content["arguments"]):
        return both / 4
    return both


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
        if event.type == "run.ended":
            return {key: event.body.get(key) for key in _ENDED}
    return {"stop": None}


__all__ = ["Change", "Item", "StepDifference", "TraceDiff", "changes", "diff", "items"]
