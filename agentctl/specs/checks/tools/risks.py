"""Does a tool do what is hard to take back, and does its manifest say so?

A manifest declares it (`risk:`). Where it says nothing, the words of the tool are read: its name
weighs most, a verb at the name's start more than any other word, then how its description begins.
This finds the honest omission, in English words; it is no proof that a tool is harmless. What it
finds without cause is answered with `risk: []`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.values import arguments_of
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.tools import Risk, ToolManifest, ToolSpec

DOES: dict[Risk, str] = {
    "moves_money": "moves money",
    "deletes": "deletes",
    "cancels": "cancels",
    "changes_account": "changes an account's settings",
    "sends_to_many": "sends to many",
    "commits_legally": "commits legally",
}
"""Each class as a sentence says it."""
OUTWARD: frozenset[Risk] = frozenset({"moves_money", "sends_to_many", "commits_legally"})
"""What leaves the house: no `internal_write`."""
ENOUGH = 2
"""The weight of words from which a tool counts as one of a class."""


class _Words(NamedTuple):
    verbs: frozenset[str]
    """They do it themselves: `refund_order`."""
    things: frozenset[str] = frozenset()
    """What is only touched to do it: `set_password`."""
    together: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()
    """Words that mean it in one name only: `transfer` with `funds`."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LISTS: dict[Risk, _Words] = {
    "moves_money": _Words(
        _set(
            "refund pay charge reimburse withdraw deposit remit disburse purchase buy donate debit"
        ),
        _set("payment payments payout payouts chargeback refunds reimbursement compensation"),
        (
            (_set("transfer wire send move"), _set("money funds balance amount")),
            (_set("issue add grant give apply"), _set("credit credits voucher vouchers goodwill")),
        ),
    ),
    "deletes": _Words(
        _set("delete remove purge erase destroy wipe truncate drop trash"), _set("deletion removal")
    ),
    "cancels": _Words(
        _set("cancel terminate revoke rescind annul void"), _set("cancellation termination")
    ),
    "changes_account": _Words(
        _set("deactivate suspend ban impersonate"),
        _set(
            "password passwords passwd credential credentials permission permissions mfa 2fa totp"
        ),
        (
            (
                _set("update change set reset edit modify close disable enable grant add create"),
                _set("account accounts role roles access login subscription plan privileges"),
            ),
        ),
    ),
    "sends_to_many": _Words(
        _set("broadcast blast"),
        _set("newsletter newsletters campaign mailshot everyone subscribers"),
        ((_set("bulk mass all"), _set("send mail email message notify sms")),),
    ),
    "commits_legally": _Words(
        _set("sign countersign notarize notarise ratify"),
        _set("contract contracts agreement agreements lease nda"),
    ),
}
_HARMLESS = _set(
    """calculate check comment compute count describe draft estimate explain export fetch find get
    label list look lookup note prepare preview propose quote read route search show suggest
    summarise summarize tag validate verify view"""
)
_BEFORE_THE_VERB = _set("auto bulk force hard soft mass")
_NOT_SIGNING = _set("in up out on off")
_MANY = _set("recipients to emails addresses cc bcc")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]*")


def manifest_risks(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield where a manifest keeps quiet about what its tools do."""
    for index, tool in enumerate(manifest.tools):
        if tool.effect == "escalation":
            continue
        if tool.risk is None:
            at = source.at("tools", index, "name")
            for risk, sign in signs(tool).items():
                message = f"`{tool.name}` looks like a tool that {DOES[risk]}: {sign}"
                hint = f"declare `risk: [{risk}]`, or `risk: []` if it does not"
                yield Diagnostic("undeclared-risk", message, at, hint)
            continue
        for risk in tool.risk:
            if tool.effect == "none" or (tool.effect == "internal_write" and risk in OUTWARD):
                at = source.at("tools", index, "effect")
                message = f"`{tool.name}` {DOES[risk]}: its effect cannot be `{tool.effect}`"
                worse = "`external_write` or `irreversible`"
                hint = f"say {worse}" if risk in OUTWARD else f"say `internal_write`, {worse}"
                yield Diagnostic("effect-too-mild", message, at, hint)


def signs(tool: ToolSpec) -> dict[Risk, str]:
    """Return the classes a tool's words point to, each with the word that weighs most.

    A tool that only reads is one only where its name begins with such a verb, and its description
    does not begin with one that reads.
    """
    before, _, last = tool.name.rpartition(".")
    name = words(last)
    described = words(tool.description)
    arguments = [word for argument in arguments_of(tool.input_schema) for word in words(argument)]
    found: dict[Risk, str] = {}
    for risk, lists in _LISTS.items():
        weights = _weights(lists, name, described, arguments)
        # `contracts.add`: where a tool lives says something, and not much.
        weights += [(1, f"`{w}` in its name") for w in words(before) if w in lists.things][:1]
        if risk == "sends_to_many" and _takes_many(tool):
            weights.append((2, "it takes a list of recipients"))
        if tool.effect == "none":
            reads = described[:1] and described[0] in _HARMLESS
            weights = [] if reads else [found for found in weights if found[0] > ENOUGH]
        if sum(weight for weight, _ in weights) >= ENOUGH:
            found[risk] = max(weights, key=lambda pair: pair[0])[1]
    return found


def _weights(
    lists: _Words, name: list[str], described: list[str], arguments: list[str]
) -> list[tuple[int, str]]:
    """Return what speaks for a class, each with its weight: one of the name, one of each else."""
    found: list[tuple[int, str]] = []
    known = lists.verbs | lists.things
    verb = next((word for word in name if word not in _BEFORE_THE_VERB), "")
    rest = [word for word in name if word in known]
    paired = [
        (first, second)
        for one, other in lists.together
        for first in name
        for second in (*name, *arguments)
        if first in one and second in other
    ]
    if verb in lists.verbs and not _signs_in(verb, name):
        found.append((3, f"`{verb}` in its name"))
    elif paired and verb not in _HARMLESS:
        found.append((3, f"`{paired[0][0]}` with `{paired[0][1]}`"))
    elif rest and verb not in _HARMLESS and not _signs_in(rest[0], name):
        found.append((2, f"`{rest[0]}` in its name"))
    if described[:1] and described[0] in lists.verbs and not _signs_in(described[0], described):
        found.append((2, f"its description begins with `{described[0]}`"))
    elif any(word in known for word in described):
        word = next(word for word in described if word in known)
        found.append((1, f"`{word}` in its description"))
    for word in arguments:
        if word in known:
            found.append((1, f"`{word}` among its arguments"))
            break
    return found


def _signs_in(verb: str, text: list[str]) -> bool:
    after = text[text.index(verb) + 1 : text.index(verb) + 2]
    return verb == "sign" and bool(after) and after[0] in _NOT_SIGNING


def _takes_many(tool: ToolSpec) -> bool:
    if tool.effect not in ("external_write", "irreversible"):
        return False
    properties = tool.input_schema.get("properties")
    parts = properties.items() if isinstance(properties, dict) else ()
    return any(
        name.casefold() in _MANY and isinstance(part, dict) and part.get("type") == "array"
        for name, part in parts
    )


def words(text: str) -> list[str]:
    """Return the words of a name or a sentence, in lower case.

    >>> words("issueRefund_v2 now")
    ['issue', 'refund', 'v', '2', 'now']
    """
    return [word.lower() for word in _WORD.findall(text)]


__all__ = ["DOES", "ENOUGH", "OUTWARD", "manifest_risks", "signs", "words"]
