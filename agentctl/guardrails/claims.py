"""Hold what an agent says it did against what it did.

A claim is found clause by clause. A clause that denies, asks, sets a condition or speaks of what
may or will be is not a claim, nor is one about what the user did. A statement without "I" or "we"
may also report what someone else did before: with a word such as "already", or where a tool of this
run returned that very status, it is not a claim of this run.

What this cannot see: a claim in words that no pattern has, and one effect behind two claims.
"""

import re
from collections.abc import Iterable, Iterator, Set
from functools import cache
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.core.text import unmasked
from agentctl.guardrails.rails import GuardrailHit
from agentctl.guardrails.vocabulary import LANGUAGES, vocabulary, words_for
from agentctl.specs.shapes.policy import ClaimRule, any_selects

_SENTENCE = re.compile(r"[^.!?;\n]+(?:[.](?=\S)[^.!?;\n]*)*[.!?;\n]*")
_GAP = r"(?:(?:[^\s,.;:!?]|[.,](?=\d))+ ){0,4}?"
"""A few words in between: `<gap>` in the lists."""


class _Grammar(NamedTuple):
    """What makes words a claim, in every language, compiled."""

    clause: re.Pattern[str]
    hedge: re.Pattern[str]
    not_hedge: re.Pattern[str]
    first_person: re.Pattern[str]
    already: re.Pattern[str]
    others: re.Pattern[str]
    """Before a claim: someone else did it."""
    determiner: re.Pattern[str]
    noun: re.Pattern[str]
    """After a claim that follows a determiner: it only describes."""


@cache
def _grammar() -> _Grammar:
    def either(*path: str) -> str:
        return "|".join(words_for("claims", *path))

    def word(*path: str) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w'])(?:{either(*path)})(?![\w'])")

    hedges = "|".join(either("hedges", kind) for kind in ("no", "not_yet", "condition"))
    return _Grammar(
        re.compile(rf"[,:()–—]\s|\s-\s|\b(?=(?:{either('clause_starts')})\b)"),  # noqa: RUF001 - dashes are meant
        re.compile(rf"(?<![\w'])(?:{hedges})(?![\w'])"),
        word("not_hedges"),
        word("first_person"),
        word("already"),
        re.compile(rf"(?:^|\s)(?:{either('others')}) $"),
        re.compile(rf"(?:^|\b(?:{either('determiners')}) )$"),
        re.compile(rf"\s+(?:{either('nouns')})\b"),
    )


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
    written = _shipped(says) if isinstance(says, str) else says
    return [re.compile(pattern, re.IGNORECASE) for pattern in written]


def _shipped(deed: str) -> Iterator[str]:
    """Yield the expressions that claim one deed, in every language."""
    for language in LANGUAGES:
        lists = vocabulary(language)["claims"]
        for pattern in lists["done"][deed]:
            yield pattern.replace("<past>", lists["past"]).replace("<gap>", _GAP)


def _states(claim: ClaimRule) -> Set[str]:
    said = claim.says
    return frozenset(words_for("claims", "states", said)) if isinstance(said, str) else frozenset()


def _backed(claim: ClaimRule, done: Deeds) -> bool:
    needs = claim.needs
    if needs.effects is not None:
        return not done.effects.isdisjoint(needs.effects)
    wanted, held = (needs.tools, done.tools) if needs.tools else (needs.offered or (), done.offered)
    return any(any_selects(wanted, name) for name in held)


def _clauses(text: str) -> Iterator[str]:
    bare = unmasked(text)[0].casefold().replace("\u2019", "'")
    for sentence in _SENTENCE.findall(bare):
        if sentence.rstrip().endswith("?"):
            continue
        for clause in _grammar().clause.split(sentence):
            if clause.strip():
                yield " ".join(clause.split())


def _claims(
    clause: str, patterns: Iterable[re.Pattern[str]], *, shipped: bool, reported: bool
) -> bool:
    grammar = _grammar()
    clause = grammar.not_hedge.sub("", clause)
    for pattern in patterns:
        for match in pattern.finditer(clause):
            # What an expression of the policy says itself is meant: "I can" is its own business.
            hedged = shipped and grammar.hedge.search(match.group())
            if not hedged and _meant(clause, match, reported=reported):
                return True
    return False


def _meant(clause: str, match: re.Match[str], *, reported: bool) -> bool:
    grammar = _grammar()
    before = clause[: match.start()]
    if grammar.hedge.search(before) or grammar.others.search(before):
        return False
    if grammar.determiner.search(before) and grammar.noun.match(clause[match.end() :]):
        return False
    return bool(grammar.first_person.search(clause)) or not (
        reported or grammar.already.search(clause)
    )


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


__all__ = ["Claims", "Deeds", "deeds"]
