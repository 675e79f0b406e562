"""Checks on words: what a user says, what a tool returns, what an agent answers or hands over.

A pattern is looked for in the text as it is and again with its disguises removed: width,
invisible characters, letters of other scripts that look Latin.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json
from agentctl.core.masking import masked
from agentctl.core.text import unmasked
from agentctl.guardrails.personal_data import Span, personal_data
from agentctl.guardrails.review import contract_terms, prices
from agentctl.guardrails.words import Words
from agentctl.specs.shapes.policy import Action, Guardrail

REDACTED = "[redacted]"

_FEWEST_DIGITS = 10**12
"""Whole numbers from here on may be the number of a card."""


class CompiledGuardrail(Protocol):
    """What can be hit: a guardrail, a claim, the grounding of an answer."""

    @property
    def id(self) -> str:
        """Its name in the policy."""
        ...

    @property
    def action(self) -> Action:
        """What follows from a hit."""
        ...

    @property
    def say(self) -> str | None:
        """With `block`: what the user gets instead."""
        ...


class GuardrailHit(NamedTuple):
    """A rail that found something."""

    rail: CompiledGuardrail
    found: int


class CheckedText(NamedTuple):
    """A text after the guardrails."""

    text: str
    """With redactions made."""
    hits: tuple[GuardrailHit, ...]

    @property
    def blocked(self) -> CompiledGuardrail | None:
        """The first rail that blocks."""
        return blocking(self.hits)


class CheckedValue(NamedTuple):
    """A JSON value after the guardrails."""

    value: Json
    """With redactions made."""
    hits: tuple[GuardrailHit, ...]

    @property
    def blocked(self) -> CompiledGuardrail | None:
        """The first rail that blocks."""
        return blocking(self.hits)


def blocking(hits: Iterable[GuardrailHit], *, unheard: bool = False) -> CompiledGuardrail | None:
    """Return the first rail that blocks.

    Args:
        hits: What was found.
        unheard: No one takes cases over, so a rail that escalates blocks instead.
    """
    stops = ("block", "escalate") if unheard else ("block",)
    return next((hit.rail for hit in hits if hit.rail.action in stops), None)


GuardrailFinder = Callable[[str], Iterable[Span]]
Replacer = Callable[[Json], tuple[Json, int]]


class GuardrailSet:
    """The guardrails of one side, compiled.

    Args:
        rails: In the order in which they are asked; later ones see what earlier ones left.
    """

    def __init__(self, rails: Iterable[Guardrail]) -> None:
        self._rails = [(rail, _replacer(rail)) for rail in rails]

    def __bool__(self) -> bool:
        return bool(self._rails)

    def check(self, text: str) -> CheckedText:
        """Run every rail over `text`."""
        value, hits = self.check_value(text)
        return CheckedText(str(value), hits)

    def check_value(self, value: Json) -> CheckedValue:
        """Run every rail over every text in `value`, the names of fields included."""
        hits = []
        for rail, replace in self._rails:
            redacted, found = replace(value)
            if found:
                hits.append(GuardrailHit(rail, found))
                if rail.action == "redact":
                    value = redacted
        return CheckedValue(value, tuple(hits))


def _replacer(rail: Guardrail) -> Replacer:
    if rail.regex is not None:
        pattern = re.compile(rail.regex)
        return _Redactor(lambda text: (match.span() for match in pattern.finditer(text)))
    if rail.lexicon is not None:
        return _Redactor(Words(rail.lexicon).spans)
    match rail.kind:
        case "pii":
            return _Redactor(personal_data)
        case "prices":
            return _Redactor(prices)
        case "contract":
            return _Redactor(contract_terms)
        case _:
            return _secrets


def _secrets(value: Json) -> tuple[Json, int]:
    clean = masked(value)
    named, in_names = _masked_names(clean)
    return named, _differences(value, clean) + in_names


def _masked_names(value: Json) -> tuple[Json, int]:
    """Mask secrets in the place of a field name."""
    if isinstance(value, list):
        items = [_masked_names(item) for item in value]
        return [item for item, _ in items], sum(found for _, found in items)
    if not isinstance(value, dict):
        return value, 0
    found = 0
    fields: dict[str, Json] = {}
    for key, item in value.items():
        name = _free(str(masked(key)), fields)
        fields[name], below = _masked_names(item)
        found += below + (name != key)
    return fields, found


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _differences(before: Json, after: Json) -> int:
    if isinstance(before, dict) and isinstance(after, dict):
        return sum(_differences(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return sum(_differences(*pair) for pair in zip(before, after, strict=True))
    return int(before != after)


class _Redactor:
    """Replaces what a finder finds, in every text of a value."""

    def __init__(self, find: GuardrailFinder) -> None:
        self._find = find

    def __call__(self, value: Json) -> tuple[Json, int]:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._fields(value)
        if isinstance(value, list):
            items = [self(item) for item in value]
            return [item for item, _ in items], sum(found for _, found in items)
        if isinstance(value, int) and abs(value) >= _FEWEST_DIGITS:
            text, found = self._text(str(value))
            return (text if found else value), found
        return value, 0

    def _text(self, text: str) -> tuple[str, int]:
        spans = list(_merged(self._seen(text)))
        for start, end in reversed(spans):
            text = text[:start] + REDACTED + text[end:]
        return text, len(spans)

    def _seen(self, text: str) -> Iterator[Span]:
        yield from self._find(text)
        if not text.isascii():
            bare, places = unmasked(text)
            for start, end in self._find(bare):
                yield places[start], places[end - 1] + 1

    def _fields(self, value: dict[str, Json]) -> tuple[Json, int]:
        found = 0
        fields: dict[str, Json] = {}
        for key, item in value.items():
            redacted, in_name = self._text(key)
            name = _free(redacted, fields)
            fields[name], in_item = self(item)
            found += in_name + in_item
        return fields, found


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if current is not None and start < current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


__all__ = [
    "REDACTED",
    "CheckedText",
    "CheckedValue",
    "CompiledGuardrail",
    "GuardrailHit",
    "GuardrailSet",
    "blocking",
]
