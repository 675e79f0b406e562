"""The shape of a policy: roles, rules and guardrails."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from agentctl.core.messages import EffectKind
from agentctl.specs.shapes.base import (
    Document,
    Duration,
    ExpressionText,
    JsonObject,
    Many,
    Name,
    Spec,
    Text,
    exactly_one,
    short_form,
)

RuleVerdict = Literal["allow", "ask", "draft", "deny"]
VERDICTS: tuple[RuleVerdict, ...] = ("allow", "ask", "draft", "deny")
"""From the weakest to the strongest: of all rules that match, the strongest verdict holds."""

FieldPath = Annotated[str, StringConstraints(pattern=r"^[^.]+(\.[^.]+){0,15}$")]
"""A field of a record, or of a record inside it: `iban`, `contact.phone`."""


def selects(selector: str, name: str) -> bool:
    """Whether a selector means this tool: exactly, unless `*` is written.

    >>> selects("send_email", "send_email_bulk"), selects("send_*", "send_email_bulk")
    (False, True)
    """
    if "*" not in selector:
        return selector == name
    first, *middle, last = selector.split("*")
    if not (name.startswith(first) and name.endswith(last)):
        return False
    if len(name) < len(first) + len(last):
        return False
    rest = name[len(first) : len(name) - len(last)]
    for part in filter(None, middle):
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


def any_selects(selectors: Iterable[str], name: str) -> bool:
    """Whether any of the selectors means this tool."""
    return any(selects(selector, name) for selector in selectors)


class Role(Spec):
    """What one kind of person may do; an agent that acts as the role may do no more."""

    tools: Many[Text]
    """Exact names; `*` stands for any characters and must be written."""
    scopes: Many[Text] = ()
    visible_fields: dict[Name, Many[FieldPath]] = {}
    """Table -> the only fields of its records this role sees, besides the table's key:
    `{customers: [name, address.city]}`. A table that is not named is seen whole. What a write on
    the table returns counts as a record of it."""
    hidden_fields: dict[Name, Many[FieldPath]] = {}
    """Table -> the fields this role never sees: `{customers: [iban, contact.phone]}`. They are
    taken out of everything a tool returns that reads or writes the table, at any depth."""


def role_holds(role: Role, name: str, scopes: Iterable[str]) -> bool:
    """Whether a role gives the right to a tool: its name, and all of the scopes it needs."""
    return any_selects(role.tools, name) and set(scopes) <= set(role.scopes)


class Selector(Spec):
    """Which calls a rule speaks about: named tools, tools with one of the effects, or those named
    tools that have one of the effects."""

    tools: Many[Text] | None = None
    """Exact names; `*` stands for any characters and must be written."""
    effects: Many[EffectKind] | None = None

    @model_validator(mode="after")
    def _any(self) -> "Selector":
        if self.tools is None and self.effects is None:
            raise ValueError("give `tools`, `effects` or both")
        return self

    def takes(self, name: str, effect: EffectKind) -> bool:
        """Whether a tool is one of them, whatever the arguments of the call."""
        named = self.tools is None or any_selects(self.tools, name)
        return named and (self.effects is None or effect in self.effects)


def _selector(value: Any) -> Any:
    return {"tools": value} if isinstance(value, list | tuple) else value


Selects = Annotated[Selector, short_form(_selector, Selector | list[str])]


class Rule(Spec):
    """One rule: a verdict on some calls, under a condition."""

    id: Name
    allow: Selects | None = None
    ask: Selects | None = None
    draft: Selects | None = None
    deny: Selects | None = None
    args: JsonObject = {}
    """Matchers by argument, all of which must hold."""
    when: ExpressionText | None = None
    """CEL over `args`, `principal`, `seen`, `now`. An error denies."""
    by: Name | None = None
    """With `ask`: the queue whose people may approve."""
    within: Duration | None = None
    """With `ask`: how long an approval is waited for."""
    reason: Text | None = None
    """Told to the model and the approver."""

    @model_validator(mode="after")
    def _one(self) -> "Rule":
        verdict = exactly_one(self, VERDICTS)
        if verdict != "ask" and (self.by or self.within):
            raise ValueError("`by` and `within` go with `ask`")
        return self

    @property
    def verdict(self) -> RuleVerdict:
        """What the rule says."""
        return next(v for v in VERDICTS if getattr(self, v) is not None)

    @property
    def selector(self) -> Selector:
        """Which calls it says it about."""
        selector: Selector = getattr(self, self.verdict)
        return selector


Action = Literal["block", "redact", "escalate", "flag"]
"""What follows from a hit; `flag` records it and lets the words pass."""


class Guardrail(Spec):
    """A check on words. Exactly one of `regex`, `lexicon` and `kind`."""

    id: Name
    regex: Text | None = None
    """Looked for in the text as it stands and with look-alike letters made Latin."""
    lexicon: Many[Text] | None = None
    """Whole words, ignoring case, width, accents and look-alike letters."""
    kind: Literal["pii", "secrets", "prices", "contract"] | None = None
    """Detectors and word lists that ship; `prices` and `contract` are for `action: escalate`."""
    action: Action = "block"
    say: Text | None = None
    """With `block`: what the user is told instead."""

    @model_validator(mode="after")
    def _one(self) -> "Guardrail":
        exactly_one(self, ("regex", "lexicon", "kind"))
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return self


ClaimTemplate = Literal["refunded", "cancelled", "sent", "booked"]
StopAction = Literal["block", "escalate", "flag"]


class ClaimNeeds(Spec):
    """What must stand behind a claim. Exactly one of `tools`, `effects` and `offered`."""

    tools: Many[Text] | None = None
    """One of these took effect in this run; `*` stands for any characters and must be written."""
    effects: Many[EffectKind] | None = None
    """A tool with one of these effects took effect in this run."""
    offered: Many[Text] | None = None
    """One of these exists for the agent at this moment: for "I can ...", claims of a capability."""

    @model_validator(mode="after")
    def _one(self) -> "ClaimNeeds":
        exactly_one(self, ("tools", "effects", "offered"))
        return self


class ClaimRule(Spec):
    """Something an answer may say only with a deed behind it."""

    id: Name
    says: Annotated[Many[Text] | ClaimTemplate, Field(union_mode="left_to_right")]
    """A template that ships, in five languages, or regular expressions, tried clause by clause on
    lower-case text. A clause that denies, asks, or says "if", "can" or "will" makes no claim, so
    the words "I can" of a capability belong into the expression."""
    needs: ClaimNeeds
    action: StopAction = "block"
    say: Text | None = None
    """With `block`: what the user is told instead."""

    @model_validator(mode="after")
    def _compiles(self) -> "ClaimRule":
        for pattern in self.says if isinstance(self.says, tuple) else ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return self


class Grounding(Spec):
    """Holds what an answer states against what the run has seen.

    Amounts (money, percentages, numbers with cents), dates, times and ids of the answer must occur
    in a tool's result, in what the user said or in the instructions, however they are written.
    """

    id: Name = "grounding"
    check: Annotated[Many[Literal["amounts", "dates", "times", "ids"]], Field(min_length=1)]
    action: StopAction = "block"
    allow: Many[Text] = ()
    """Texts whose amounts, dates, times and ids may always be said."""
    say: Text | None = None
    """With `block`: what the user is told instead."""


class Guardrails(Spec):
    """Checks at every boundary of an agent."""

    input: Many[Guardrail] = ()
    """On what the user says, the answers to questions included, before the model reads it."""
    output: Many[Guardrail] = ()
    """On what the agent answers, every text of a structured answer included."""
    tool: Many[Guardrail] = ()
    """On what a tool returns, before trace and model get it; `block` withholds the whole result."""
    handoff: Many[Guardrail] = ()
    """On the model's words in a hand-over; `block` withholds the words, never the hand-over."""
    claims: Many[ClaimRule] = ()
    """On what the agent says it did."""
    grounding: Grounding | None = None
    """On the amounts, dates, times and ids the agent states."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all checks, for triggers."""
        rails = (*self.input, *self.output, *self.tool, *self.handoff)
        last = (self.grounding.id,) if self.grounding else ()
        return (*(rail.id for rail in rails), *(claim.id for claim in self.claims), *last)


class Policy(Document):
    """Who may do what, with whose approval, and what must not be said."""

    kind: Literal["Policy"] = "Policy"
    description: Text | None = None
    owner: Text | None = None
    roles: dict[Name, Role]
    rules: Many[Rule]
    guardrails: Guardrails = Guardrails()
    taint: Literal["ask", "ignore"] = Field(default="ask")
    """What untrusted content does to later external and irreversible calls."""


__all__ = [
    "VERDICTS",
    "Action",
    "ClaimNeeds",
    "ClaimRule",
    "ClaimTemplate",
    "FieldPath",
    "Grounding",
    "Guardrail",
    "Guardrails",
    "Policy",
    "Role",
    "Rule",
    "RuleVerdict",
    "Selector",
    "StopAction",
    "any_selects",
    "role_holds",
    "selects",
]
