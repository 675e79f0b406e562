"""What a check found, in a form that people and programs can read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from agentctl.core.canonical import Json, same_value
from agentctl.core.text import shorten

ReasonKind = Literal[
    "missing-call",
    "extra-call",
    "wrong-argument",
    "wrong-outcome",
    "out-of-order",
    "failed-write",
    "forbidden-call",
    "state",
    "missing-escalation",
    "needless-escalation",
    "late-escalation",
    "wrong-queue",
    "wrong-escalation-reason",
    "packet-incomplete",
    "answer",
    "output",
    "stop",
    "not-blocked",
    "attempted-write",
    "refused-call",
    "invariant",
    "recorded-end",
    "scorer",
    "expected-call",
    "fault",
    "miss",
    "edited",
    "unverified",
]
"""`miss`: a cassette holds no answer to what was asked. `edited`, `unverified`: notes on one.
`failed-write` is reported and never counted: a write that failed changed nothing. `refused-call`
says of a trial that failed which call did not run, and why."""

Freshness = Literal["fresh", "stale", "unstamped", "not_stamped"]
"""Whether written turns were made for this prompt, these tools and this model; `not_stamped` are
turns that a real model said."""

_WIDTH = 120
_LEAD = 40
"""Characters shown before the place where two long texts part."""


class _Missing:
    """Stands for a value that is not there, which is not the same as null."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


class FailureReason(NamedTuple):
    """One thing that is not as expected."""

    kind: ReasonKind
    message: str
    """One sentence that names the tool, table or field."""
    path: str | None = None
    """The argument or field, where one is meant."""
    expected: str | None = None
    got: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the reason without the fields that say nothing."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Score(NamedTuple):
    """What one scorer returns: a bool is a check, a number a score, text a label."""

    value: bool | int | float | str
    reason: str | None = None
    """One sentence; reports show it beside the value."""
    reasons: tuple[FailureReason, ...] = ()
    """Each thing that is wrong, where there may be several."""
    notes: tuple[FailureReason, ...] = ()
    """What is worth reporting without counting."""
    detail: Any = None
    """What figures count besides the value, in a shape of the scorer's own."""

    @classmethod
    def of(
        cls,
        wrong: Iterable[FailureReason],
        notes: tuple[FailureReason, ...] = (),
        detail: Any = None,
    ) -> "Score":
        """Return a check that holds exactly where nothing is wrong.

        >>> Score.of([FailureReason("stop", "ended `loop`")]).value
        False
        """
        reasons = tuple(wrong)
        if not reasons:
            return cls(True, None, (), notes, detail) if notes or detail is not None else _GOOD
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return cls(False, reasons[0].message + more, reasons, notes, detail)

    def as_json(self) -> dict[str, Json]:
        """Return the score; the reason only where there is one."""
        if self.reason is None:
            return {"value": self.value}
        return {"value": self.value, "reason": self.reason}


_GOOD = Score(True)


def shown_value(value: object) -> str:
    """Write a value so that text and numbers cannot be confused, on one short line.

    >>> shown("1"), shown(1), shown(MISSING)
    ('"1"', '1', 'nothing')
    """
    if isinstance(value, _Missing):
        return repr(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return shorten(text, _WIDTH)


def shown_pair(expected: object, got: object) -> tuple[str, str]:
    """Write two values that differ so that the difference shows, however long they are.

    >>> shown_pair("a" * 200 + "b", "a" * 200 + "c")[0][-12:]
    'aaaaaaaaaab"'
    """
    want, have = shown_value(expected), shown_value(got)
    if want != have or not (isinstance(expected, str) and isinstance(got, str)):
        return want, have
    same = next((n for n, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), 0)
    start = max(0, (same or min(len(expected), len(got))) - _LEAD)
    return shown_value("…" + expected[start:]), shown_value("…" + got[start:])


def leaves(expected: object, got: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield where two values differ: the path inside them, and what stands there on either side.

    >>> list(leaves({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}, 4]}))
    [('.a[1].b', 2, 3), ('.a[2]', nothing, 4)]
    """
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name in dict.fromkeys((*expected, *got)):
            yield from leaves(expected.get(name, MISSING), got.get(name, MISSING), f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(got, list):
        pairs = zip_longest(expected, got, fillvalue=MISSING)
        for number, (want, have) in enumerate(pairs):
            yield from leaves(want, have, f"{path}[{number}]")
    elif not same_value(expected, got):
        yield path, expected, got


def shown_call(tool: str, arguments: object) -> str:
    """Write a call as YAML writes it.

    >>> shown_call("cancel_order", {"order_id": "o_1"})
    'cancel_order {"order_id": "o_1"}'
    """
    return f"{tool} {shown_value(arguments)}"


__all__ = [
    "MISSING",
    "FailureReason",
    "Freshness",
    "ReasonKind",
    "Score",
    "leaves",
    "shown_call",
    "shown_pair",
    "shown_value",
]
