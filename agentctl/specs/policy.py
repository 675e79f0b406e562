"""The shape of a policy: roles, rules and guardrails."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from agentctl.core.messages import Effect
from agentctl.specs.base import (
    Document,
    Duration,
    Expression,
    JsonObject,
    Many,
    Name,
    Spec,
    Text,
    exactly_one,
    short_form,
)

Verdict = Literal["allow", "ask", "draft", "deny"]
VERDICTS: tuple[Verdict, ...] = ("allow", "ask", "draft", "deny")
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
    return any(selects(selector, name) for selector in role.tools) and set(scopes) <= set(
        role.scopes
    )


class Selector(Spec):
    """Which calls a rule speaks about: named tools, or every tool with one of the effects."""

    tools: Many[Text] | None = None
    """Exact names; `*` stands for any characters and must be written."""
    effects: Many[Effect] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Selector":
        exactly_one(self, ("tools", "effects"))
        return self


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
    when: Expression | None = None
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
    def verdict(self) -> Verdict:
        """What the rule says."""
        return next(v for v in VERDICTS if getattr(self, v) is not None)

    @property
    def selector(self) -> Selector:
        """Which calls it says it about."""
        selector: Selector = getattr(self, self.verdict)
        return selector


class Guardrail(Spec):
    """A check on words: what comes in or goes out."""

    id: Name
    regex: Text | None = None
    lexicon: Many[Text] | None = None
    """Whole words, ignoring case and width."""
    kind: Literal["pii", "secrets"] | None = None
    action: Literal["block", "redact", "escalate"] = "block"
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


class Guardrails(Spec):
    """Checks on what the user says and on what the agent answers."""

    input: Many[Guardrail] = ()
    output: Many[Guardrail] = ()


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
    "FieldPath",
    "Guardrail",
    "Guardrails",
    "Policy",
    "Role",
    "Rule",
    "Selector",
    "Verdict",
    "role_holds",
    "selects",
]
