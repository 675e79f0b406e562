"""Hold what an agent says it did against what it did.

A claim is found clause by clause. A clause that denies, asks, sets a condition or speaks of what
may or will be is no claim, nor is one about what the user did. A statement without "I" or "we" may
also report what somebody else did before: it is no claim of this run with a word such as "already",
or where a tool of this run returned that very status.

What this cannot see: a claim in words that no pattern has, and one effect behind two claims.
"""

import re
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.core.text import unmasked
from agentctl.guardrails.claim_words import (
    ALREADY,
    FIRST_PERSON,
    HEDGES,
    NO_HEDGES,
    NOUNS,
    SPLITS,
    TEMPLATES,
)
from agentctl.guardrails.rails import GuardrailHit
from agentctl.specs.shapes.policy import ClaimRule, selects

_SENTENCE = re.compile(r"[^.!?;\n]+(?:[.](?=\S)[^.!?;\n]*)*[.!?;\n]*")
_CLAUSE = re.compile(rf"[,:()–—]\s|\s-\s|\b(?={SPLITS}\b)")  # noqa: RUF001 - dashes are meant
_HEDGE = re.compile(rf"(?<![\w'])(?:{'|'.join(HEDGES)})(?![\w'])")
_NO_HEDGE = re.compile(rf"(?<![\w'])(?:{NO_HEDGES})(?![\w'])")
_FIRST = re.compile(rf"(?<![\w'])(?:{FIRST_PERSON})(?![\w'])")
_ALREADY = re.compile(rf"(?<![\w'])(?:{ALREADY})(?![\w'])")
_OTHERS_DEED = re.compile(r"(?:^|\s)(?:you|they|somebody|someone)(?: have|'ve)?(?: \w+ly| just)? $")
_DESCRIBED = re.compile(r"(?:^|\b(?:the|all|any|for|of|your|an?|every|each) )$")
_NOUN = re.compile(rf"\s+(?:{NOUNS})\b")


class Deeds(NamedTuple):
    """What a run has done, as far as claims need it."""

    tools: Set[str]
    """Tools that took effect."""
    effects: Set[str]
    """The kinds of those effects."""
    states: Set[str]
    """Every whole text value that a tool returned, in lower case."""
    offered: Set[str]
    """Tools that exist for the model at this moment."""


def deeds(events: Iterable[Event], offered: Set[str]) -> Deeds:
    """Fold the events of a run into what it has done."""
    kinds: dict[str, str] = {}
    tools: set[str] = set()
    effects: set[str] = set()
    states: set[str] = set()
    for event in events:
        body = event.body
        match event.type:
            case "effect.intended":
                kinds[body["call_id"]] = body["effect"]
            case "effect.settled" if body["state"] == "succeeded":
                tools.add(body["tool"])
                effects.add(kinds.get(body["call_id"], ""))
            case "tool.returned" if body["ok"]:
                states.update(text.casefold() for text in _texts(body["value"]))
    return Deeds(tools, effects, states, offered)


class Claims:
    """The claims of a policy, compiled.

    Args:
        claims: Each with what must stand behind it.
    """

    def __init__(self, claims: Iterable[ClaimRule]) -> None:
        self._claims = [(claim, _patterns(claim), _states(claim)) for claim in claims]

    def __bool__(self) -> bool:
        return bool(self._claims)

    def check(self, texts: Iterable[str], done: Deeds) -> tuple[GuardrailHit, ...]:
        """Return the claims made in `texts` with nothing behind them."""
        clauses = {clause for text in texts for clause in _clauses(text)}
        hits = []
        for claim, patterns, states in self._claims:
            if _backed(claim, done):
                continue
            reported = not done.states.isdisjoint(states)
            shipped = isinstance(claim.says, str)
            found = sum(
                1
                for clause in clauses
                if _claims(clause, patterns, shipped=shipped, reported=reported)
            )
            if found:
                hits.append(GuardrailHit(claim, found))
        return tuple(hits)


def _patterns(claim: ClaimRule) -> list[re.Pattern[str]]:
    says = claim.says
    written = TEMPLATES[says].patterns if isinstance(says, str) else says
    return [re.compile(pattern, re.IGNORECASE) for pattern in written]


def _states(claim: ClaimRule) -> Set[str]:
    return TEMPLATES[claim.says].states if isinstance(claim.says, str) else frozenset()


def _backed(claim: ClaimRule, done: Deeds) -> bool:
    needs = claim.needs
    if needs.effects is not None:
        return not done.effects.isdisjoint(needs.effects)
    wanted, held = (needs.tools, done.tools) if needs.tools else (needs.offered or (), done.offered)
    return any(selects(selector, name) for selector in wanted for name in held)


def _clauses(text: str) -> Iterator[str]:
    bare = unmasked(text)[0].casefold().replace("\u2019", "'")
    for sentence in _SENTENCE.findall(bare):
        if sentence.rstrip().endswith("?"):
            continue
        for clause in _CLAUSE.split(sentence):
            if clause.strip():
                yield " ".join(clause.split())


def _claims(
    clause: str, patterns: Iterable[re.Pattern[str]], *, shipped: bool, reported: bool
) -> bool:
    clause = _NO_HEDGE.sub("", clause)
    for pattern in patterns:
        for match in pattern.finditer(clause):
            # What an expression of the policy says itself is meant: "I can" is its own business.
            hedged = shipped and _HEDGE.search(match.group())
            if not hedged and _meant(clause, match, reported=reported):
                return True
    return False


def _meant(clause: str, match: re.Match[str], *, reported: bool) -> bool:
    before = clause[: match.start()]
    if _HEDGE.search(before):
        return False
    if _OTHERS_DEED.search(before):
        return False
    if _DESCRIBED.search(before) and _NOUN.match(clause[match.end() :]):
        return False
    return bool(_FIRST.search(clause)) or not (reported or _ALREADY.search(clause))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


__all__ = ["Claims", "Deeds", "deeds"]
