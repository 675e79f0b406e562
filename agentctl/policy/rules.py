"""The rules of a policy, compiled for one tool and asked about one call.

Of all rules that match, the strongest verdict holds: deny > draft > ask > allow. No match is a
denial. A rule that cannot be evaluated is a denial too: a policy that errors never allows.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.policy.facts import Facts
from agentctl.specs.language.expressions import Expression, ExpressionError
from agentctl.specs.language.matchers import fields_test, matcher_field_problems
from agentctl.specs.language.schemas import path_text
from agentctl.specs.shapes.base import duration
from agentctl.specs.shapes.policy import VERDICTS, Policy, Rule, RuleVerdict
from agentctl.specs.shapes.tools import ToolSpec

_SEEN = re.compile(r"\bseen\.(\w+)\[((?:args|principal)(?:\.\w+)+)\]")
_ANY_SEEN = re.compile(r"\bseen\b")


class Ruling(NamedTuple):
    """What the rules say together."""

    verdict: RuleVerdict
    rules: tuple[str, ...]
    reason: str
    by: str | None = None
    within_s: int | None = None


_NOTHING_SAID = Ruling("deny", (), "no rule allows this call")


class Condition:
    """A rule's `when:`, given only the records it names.

    CEL copies every variable it is given, so `seen` is narrowed to the records the expression
    looks up by an argument; an expression that uses `seen` in another way gets all of it.
    """

    def __init__(self, text: str) -> None:
        self._expression = Expression(text)
        self._uses = self._expression.roots
        lookups = _SEEN.findall(text)
        narrow = len(lookups) == len(_ANY_SEEN.findall(text))
        self._lookups = [(table, path.split(".")) for table, path in lookups] if narrow else None

    def holds(self, arguments: Mapping[str, Json], facts: Facts) -> bool:
        """Evaluate the condition.

        Raises:
            ExpressionError: If it cannot be evaluated or is not a boolean.
        """
        variables: dict[str, Json] = {
            "args": arguments,
            "principal": facts.principal,
            "now": facts.now,
        }
        if "seen" in self._uses:
            variables["seen"] = self._seen(arguments, facts)
        result = self._expression.evaluate(variables)
        if not isinstance(result, bool):
            raise ExpressionError("the result is not true or false")
        return result

    def _seen(self, arguments: Mapping[str, Json], facts: Facts) -> Json:
        if self._lookups is None:
            return facts.seen
        found: dict[str, dict[str, Json]] = {}
        for table, path in self._lookups:
            value: Json = {"args": arguments, "principal": facts.principal}
            for part in path:
                value = value.get(part) if isinstance(value, Mapping) else None
            known, records = facts.seen.get(table, {}), found.setdefault(table, {})
            if isinstance(value, str) and value in known:
                records[value] = known[value]
        return found


class _RuleInput(NamedTuple):
    """One rule, ready to be asked about a call."""

    fits: Callable[[Mapping[str, Json]], bool] | None
    """Whether the arguments are those it speaks about; `None` = any are."""
    condition: Condition | None
    says: Ruling
    """What it says where it is the strongest that matches."""


class ToolRules:
    """The rules that speak about one tool, the strongest verdict first."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        ordered = sorted(rules, key=lambda rule: -VERDICTS.index(rule.verdict))
        broken = _broken(ordered)
        self._rules = [_asked(rule) for rule in ordered]
        bare = all(not rule.args and rule.when is None for rule in ordered)
        self._always = broken or (_together([r.says for r in self._rules]) if bare else None)
        """The ruling, where it does not depend on the call."""

    def decide(self, arguments: Mapping[str, Json], facts: Facts) -> Ruling:
        """Return the ruling on a call with these arguments."""
        if self._always is not None:
            return self._always
        matched: list[Ruling] = []
        for fits, condition, says in self._rules:
            if fits is not None and not fits(arguments):
                continue
            if condition is not None:
                try:
                    if not condition.holds(arguments, facts):
                        continue
                except ExpressionError as error:
                    return _unjudged(says.rules[0], str(error))
            matched.append(says)
        return _together(matched)


def _asked(rule: Rule) -> _RuleInput:
    return _RuleInput(
        fields_test(rule.args) if rule.args else None,
        Condition(rule.when) if rule.when else None,
        Ruling(
            rule.verdict,
            (rule.id,),
            rule.reason or f"rule `{rule.id}`",
            rule.by,
            int(duration(rule.within).total_seconds()) if rule.within else None,
        ),
    )


def _broken(rules: Iterable[Rule]) -> Ruling | None:
    """Return the denial of every call, where a matcher of some rule is written wrongly."""
    for rule in rules:
        for path, fault in matcher_field_problems(rule.args):
            return _unjudged(rule.id, f"{path_text(path)}: {fault}")
    return None


def _unjudged(rule_id: str, why: str) -> Ruling:
    return Ruling("deny", (rule_id,), f"rule `{rule_id}` cannot be evaluated: {why}")


def _together(matched: Sequence[Ruling]) -> Ruling:
    """Return what rules that match say together; the strongest comes first."""
    if not matched:
        return _NOTHING_SAID
    first = matched[0]
    if len(matched) == 1:
        return first
    names = tuple([said.rules[0] for said in matched])
    return Ruling(first.verdict, names, first.reason, first.by, first.within_s)


def rules_for(tool: ToolSpec, policy: Policy) -> ToolRules:
    """Return the policy's rules that speak about `tool`."""
    return ToolRules(rule for rule in policy.rules if rule.selector.takes(tool.name, tool.effect))


__all__ = ["Condition", "Ruling", "ToolRules", "rules_for"]
