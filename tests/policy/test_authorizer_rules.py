"""The rules of a policy about one tool: what they are told, and what errors do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.canonical import Json
from agentctl.policy.facts import Facts
from agentctl.policy.rules import Condition, Ruling, ToolRules, rules_for
from agentctl.specs.language.expressions import ExpressionError
from agentctl.specs.shapes.policy import Policy, Rule
from agentctl.specs.shapes.tools import ToolSpec

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
SEEN = {"orders": {"o_1": {"total": 49.5}, "o_4": {"total": 900.0}}, "notes": {"n": {"x": 1}}}


def facts(seen: Mapping[str, Any] = SEEN, **principal: Json) -> Facts:
    return Facts({"id": "cus_7", **principal}, NOW, frozenset(), seen, None, frozenset(), {})


def holds(when: str, arguments: dict[str, Json] | None = None, given: Facts | None = None) -> bool:
    return Condition(when).holds(arguments or {}, given or facts())


def rules(*written: dict[str, Any]) -> ToolRules:
    return ToolRules(Rule.model_validate(rule) for rule in written)


def rule(rule_id: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {"id": rule_id, verdict: ["*"], **more}


def tool(name: str = "send", effect: str = "none") -> ToolSpec:
    return ToolSpec.model_validate({"name": name, "description": "A tool.", "effect": effect})


def test_a_condition_knows_arguments_principal_moment_and_records():
    """Each of the four variables reaches the expression that names it."""
    assert holds("args.n == 1", {"n": 1})
    assert holds("principal.id == 'cus_7'")
    assert holds("now == timestamp('2026-01-15T09:00:00Z')")
    assert holds("size(seen.orders) == 2")
    assert not holds("principal.id == 'cus_8' || args.n > 1", {"n": 1})


@pytest.mark.parametrize("when", ["args.id", "principal.id", "now", "1", "null", "seen", "[true]"])
def test_a_condition_that_is_no_truth_is_an_error(when: str):
    """Only true and false are answers; text, numbers and nothing are not."""
    with pytest.raises(ExpressionError, match="not true or false"):
        holds(when, {"id": "o_1"})


def test_a_lookup_by_argument_is_given_that_record_alone():
    """A condition on one record does not pay for the other thousand, nor break on them."""
    given = facts({"orders": {**SEEN["orders"], "odd": {"not": object()}}})
    assert holds("seen.orders[args.id].total > 100.0", {"id": "o_4"}, given)
    assert not holds("seen.orders[args.id].total > 100.0", {"id": "o_1"}, given)
    with pytest.raises(ExpressionError):
        holds("size(seen.orders) == 3", {"id": "o_4"}, given)


@pytest.mark.parametrize(
    ("when", "arguments"),
    [
        ("seen.orders[args.id].total > 100.0", {"id": "o_4"}),
        ("seen.orders[args.id].total > 100.0", {"id": "o_1"}),
        ("seen.orders[args.a.b].total > 100.0", {"a": {"b": "o_4"}}),
        ("seen.orders[principal.order].total > 100.0", {}),
        ("seen.orders[args.id].total > 100.0 && args.id in seen.orders", {"id": "o_4"}),
        (
            "seen.orders[args.id].total < seen.orders[args.other].total",
            {"id": "o_1", "other": "o_4"},
        ),
        ("seen.orders[args.id].total > 1.0 && seen.notes['n'].x == 1", {"id": "o_1"}),
        ("seen.orders[args.id].total > 1.0 && seen.notes[args.n].x == 1", {"id": "o_1", "n": "n"}),
        ("args.note == 'seen.orders[args.id]'", {"note": "seen.orders[args.id]", "id": "o_1"}),
        (
            "args.note == 'seen.orders[args.id]' || size(seen.orders) == 2",
            {"note": "", "id": "o_1"},
        ),
        ("[{'id': 'o_4'}].exists(args, seen.orders[args.id].total > 100.0)", {"id": "o_4"}),
    ],
)
def test_a_lookup_says_the_same_as_with_everything(when: str, arguments: dict[str, Json]):
    """Narrowing what CEL is given changes nothing that comes out."""
    given = facts(order="o_4")
    every = {"args": arguments, "principal": given.principal, "now": NOW, "seen": given.seen}
    condition = Condition(when)
    assert condition.holds(arguments, given) is condition._expression.evaluate(every)


@pytest.mark.parametrize("key", ["o_9", 1, True, None, ["o_1"], {"id": "o_1"}, {}])
def test_a_lookup_of_what_is_not_there_is_an_error(key: Any):
    """No record, no truth: a strange key neither matches nor breaks anything."""
    with pytest.raises(ExpressionError):
        holds("seen.orders[args.id].total > 100.0", {"id": key})
    with pytest.raises(ExpressionError):
        holds("seen.orders[args.id.part].total > 100.0", {"id": key})
    with pytest.raises(ExpressionError):
        holds("seen.parcels[args.id].total > 100.0", {"id": key})


def test_a_condition_is_told_nothing_it_does_not_name():
    """What an expression does not refer to is not copied for it, nor can it break it."""
    odd = Facts({"id": object()}, NOW, frozenset(), {"orders": object()}, None, frozenset(), {})  # type: ignore[dict-item]
    assert holds("args.n == 1", {"n": 1}, odd)
    assert holds("now == timestamp('2026-01-15T09:00:00Z')", {"n": object()}, odd)


def test_the_first_of_the_strongest_rules_speaks():
    """Its reason, queue and time are told; the others are listed after it."""
    said = rules(
        rule("a", "allow"),
        rule("b", "ask", by="desk", within="2h", reason="Large."),
        rule("c", "ask", by="other-desk", args={"n": 1}),
        rule("d", "deny", args={"n": 2}),
    ).decide({"n": 1}, facts())
    assert said == Ruling("ask", ("b", "c", "a"), "Large.", "desk", 7200)


def test_a_rule_without_a_reason_is_named():
    """The model and the approver always learn which rule it was."""
    said = rules(rule("d", "deny")).decide({}, facts())
    assert said == Ruling("deny", ("d",), "rule `d`", None, None)


def test_arguments_and_condition_must_both_hold():
    """A rule with `args:` and `when:` matches only where both do."""
    both = rules(rule("r", "allow", args={"n": {"gt": 1}, "m": 1}, when="args.flag"))
    for n, m, flag, verdict in (
        (2, 1, True, "allow"),
        (1, 1, True, "deny"),
        (2, 2, True, "deny"),
        (2, 1, False, "deny"),
    ):
        assert both.decide({"n": n, "m": m, "flag": flag}, facts()).verdict == verdict


def test_a_condition_is_not_asked_where_the_arguments_do_not_match():
    """A rule about other calls cannot deny this one by its errors."""
    said = rules(rule("a", "allow"), rule("b", "ask", args={"n": 1}, when="args.missing"))
    assert said.decide({"n": 2}, facts()).verdict == "allow"
    assert said.decide({"n": 1}, facts()) == Ruling(
        "deny", ("b",), "rule `b` cannot be evaluated: no such key: missing"
    )


def test_rules_without_conditions_are_decided_once():
    """Where nothing depends on the call, every call gets the same ruling."""
    bare = rules(rule("a", "allow"), rule("b", "draft"))
    assert bare.decide({}, facts()) is bare.decide({"n": 1}, facts())
    assert bare.decide({}, facts()).rules == ("b", "a")
    assert rules(rule("a", "allow", when="true")).decide({}, facts()).verdict == "allow"
    assert rules(rule("a", "allow", when="false")).decide({}, facts()).verdict == "deny"
    assert rules(rule("a", "allow", args={"n": 1})).decide({"n": 2}, facts()).verdict == "deny"
    assert rules().decide({}, facts()) == Ruling("deny", (), "no rule allows this call")


@pytest.mark.parametrize(
    ("selector", "speaks"),
    [
        (["send"], True), (["se*"], True), (["end"], False), (["x", "send"], True),
        ({"tools": ["send"]}, True), ({"effects": ["none"]}, False), ({"tools": []}, False),
        ({"effects": ["external_write", "none"]}, True), ({"effects": []}, False),
    ],
)  # fmt: skip
def test_a_rule_speaks_about_tools_by_name_or_by_effect(selector: Any, speaks: bool):
    """Never by both, and never about a tool that only looks alike."""
    written = Rule.model_validate({"id": "r", "allow": selector})
    made = tool(effect="external_write")
    assert written.selector.takes(made.name, made.effect) is speaks
    policy = Policy.model_validate({"roles": {}, "rules": [{"id": "r", "allow": selector}]})
    said = rules_for(made, policy).decide({}, facts())
    assert said.verdict == ("allow" if speaks else "deny")


def test_a_rule_may_speak_about_named_tools_of_an_effect():
    """A tool whose effect becomes another one leaves the rule."""
    selects = Rule.model_validate(
        {"id": "reads", "allow": {"tools": ["send"], "effects": ["none"]}}
    ).selector
    assert selects.takes("send", "none")
    assert not selects.takes("send", "external_write") and not selects.takes("other", "none")
    with pytest.raises(ValueError, match="give `tools`, `effects` or both"):
        Rule.model_validate({"id": "reads", "allow": {}})
