"""What the authorizer makes of a tool before a call: schema, built-in tools, records acted on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.messages import ToolCall
from agentctl.policy.authorizer import MOST_DEPTH, MOST_SHOWN, TAINTED_EFFECTS, Authorizer
from agentctl.policy.facts import Decision, Facts
from agentctl.runtime.built_in import built_in_tools
from agentctl.specs.shapes.agent import AgentSpec
from tests.support.build import CANCEL, GET, ORDERS, bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
BASE: dict[str, Any] = {"id": "cus_7", "role": "customer"}
ESCALATION = {"escalation": {"queue": "desk"}, "ask_user": True}
ASK_USER = {"question": "Which one?"}


def decide(authorizer: Authorizer, name: str, arguments: Any, **changed: Any) -> Decision:
    facts = Facts(BASE, NOW, frozenset(authorizer.tools), {"orders": ORDERS}, None, frozenset(), {})
    return authorizer.decide(ToolCall("c1", name, arguments), facts._replace(**changed))


def with_built_in(rules: list[dict[str, Any]], **policy: Any) -> Authorizer:
    made = bundle(rules=rules, policy=policy or None, **ESCALATION)
    agent: AgentSpec = made.agent
    return Authorizer(made, built_in_tools(agent))


def test_a_built_in_tool_no_rule_names_is_allowed_where_it_is_offered():
    """The agent's spec offered it; the rule that speaks is called `built-in`."""
    authorizer = with_built_in([])
    decision = decide(authorizer, "ask_user", ASK_USER)
    assert (decision.verdict, decision.stage, decision.rules) == ("allow", "rule", ("built-in",))
    assert decision.reason == "offered by the agent's spec"
    assert decide(authorizer, "ask_user", ASK_USER, offered=frozenset()).error == "not_offered"
    assert decide(authorizer, "ask_user", {}).error == "invalid"


def test_rules_about_tools_in_general_leave_built_in_ones_alone():
    """A star or an effect means the manifest's tools: nobody loses the way to a person by it."""
    for rule in (
        {"deny": ["*"]},
        {"deny": {"effects": ["none", "escalation"]}},
        {"deny": ["ask*"]},
    ):
        authorizer = with_built_in([{"id": "no", **rule}])
        assert decide(authorizer, "ask_user", ASK_USER).verdict == "allow"
        assert decide(authorizer, "escalate", {"reason": "x"}).verdict == "allow"


def test_a_rule_that_names_a_built_in_tool_holds_for_it():
    """Named exactly, it is a tool like any other: denied, asked about, denied by default."""
    when = {"id": "long", "allow": ["ask_user"], "when": "size(args.question) > 100"}
    for rule, verdict in (
        ({"id": "no", "deny": ["ask_user"]}, "deny"),
        ({"id": "ask", "ask": ["get_order", "ask_user"]}, "ask"),
        (when, "deny"),
    ):
        authorizer = with_built_in([rule])
        assert decide(authorizer, "ask_user", ASK_USER).verdict == verdict
        assert decide(authorizer, "escalate", {"reason": "x"}).verdict == "allow"


def test_the_schema_shown_is_the_manifest_s_own_without_bound_arguments():
    """Nothing is left out, nothing is added, where nothing is bound."""
    authorizer = Authorizer(bundle(), {})
    assert authorizer.tools["get_order"].parameters() == GET["inputSchema"]
    free = {**GET, "inputSchema": {"type": "object"}}
    shown = Authorizer(bundle(tools=[free, CANCEL]), {}).tools["get_order"].parameters()
    assert shown == {"type": "object"}


@pytest.mark.parametrize("required", [None, ["order_id"], ["who", "order_id"]])
def test_a_bound_argument_is_left_out_of_the_schema_shown(required: list[str] | None):
    """Neither its description nor its being required is shown; all else stays."""
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"order_id": {"type": "string"}, "who": {"type": "string"}},
    }
    if required is not None:
        schema["required"] = required
    tool = {**GET, "inputSchema": schema, "bind": {"who": "principal.id"}}
    shown = Authorizer(bundle(tools=[tool, CANCEL]), {}).tools["get_order"].parameters()
    assert shown == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"order_id": {"type": "string"}},
        "required": [] if required is None else ["order_id"],
    }


def test_a_bound_argument_without_a_schema_is_filled_too():
    """A manifest that describes no arguments still has its bound ones filled."""
    tool = {**GET, "inputSchema": {"type": "object"}, "bind": {"who": "principal.id"}}
    authorizer = Authorizer(bundle(tools=[tool, CANCEL]), {})
    shown = authorizer.tools["get_order"].parameters()
    assert shown == {"type": "object", "properties": {}, "required": []}
    decision = decide(authorizer, "get_order", {"x": 1})
    assert decision.arguments == {"x": 1, "who": "cus_7"}
    assert decide(authorizer, "get_order", {"who": "cus_8"}).verdict == "deny"


def test_defaults_come_only_from_properties_that_have_one():
    """A property that is `true`, or has no default, fills in nothing; a null default is one."""
    parts = {"a": True, "b": {"type": "string"}, "c": {"default": None}, "d": {"default": {}}}
    tool = {**GET, "inputSchema": {"type": "object", "properties": parts}}
    authorizer = Authorizer(bundle(tools=[tool, CANCEL]), {})
    assert authorizer.tools["get_order"].defaults == {"c": None, "d": {}}
    assert decide(authorizer, "get_order", {"d": {"x": 1}}).arguments == {"c": None, "d": {"x": 1}}
    assert decide(authorizer, "get_order", {}).arguments == {"c": None, "d": {}}


def test_a_target_that_cannot_be_determined_is_refused():
    """A write whose record nobody can name does not run; a read needs none."""
    target = {"table": "orders", "key": "args.order.id"}
    for effect, verdict in (("irreversible", "deny"), ("none", "allow")):
        tool = {**CANCEL, "effect": effect, "target": target}
        decision = decide(
            Authorizer(bundle(tools=[GET, tool]), {}), "cancel_order", {"order_id": "o_1"}
        )
        assert decision.verdict == verdict
        if verdict == "deny":
            assert (decision.stage, decision.error) == ("visibility", "not_found")
            assert "cannot be determined: no such key: order" in decision.reason


@pytest.mark.parametrize(
    ("when", "verdict"),
    [
        (None, "allow"),
        ("record.customer_id == principal.id", "allow"),
        ("record.customer_id == 'cus_8'", "deny"),
        ("record.missing == principal.id", "deny"),
        ("record.customer_id", "deny"),
        ("record.total", "deny"),
    ],
)
def test_only_true_makes_a_record_the_principal_s(when: str | None, verdict: str):
    """An error, text or a number instead of true keeps the record from being acted on."""
    tool = {**CANCEL, "visible_when": when}
    decision = decide(
        Authorizer(bundle(tools=[GET, tool]), {}), "cancel_order", {"order_id": "o_1"}
    )
    assert decision.verdict == verdict
    if verdict == "deny":
        assert (decision.stage, decision.reason) == ("visibility", "no record `o_1` in orders")


def test_a_table_nobody_has_read_from_holds_no_record():
    """Without any look-up there is nothing to act on."""
    decision = decide(Authorizer(bundle(), {}), "cancel_order", {"order_id": "o_1"}, seen={})
    assert decision.reason == "no record `o_1` of orders was seen in this run; look it up first"


@pytest.mark.parametrize("effect", ["none", "internal_write", "external_write", "irreversible"])
@pytest.mark.parametrize("taint", ["ask", "ignore"])
@pytest.mark.parametrize("verdict", ["allow", "ask", "draft"])
def test_taint_asks_only_where_an_outward_effect_would_run(effect: str, taint: str, verdict: str):
    """What asks or is drafted anyway stays as its rule says; what stays inside runs."""
    tool = {**CANCEL, "effect": effect}
    rules = [{"id": "r", verdict: ["cancel_order"]}]
    authorizer = Authorizer(bundle(tools=[GET, tool], rules=rules, policy={"taint": taint}), {})
    tainted = decide(authorizer, "cancel_order", {"order_id": "o_1"}, tainted_by="read_mail")
    clean = decide(authorizer, "cancel_order", {"order_id": "o_1"})
    assert (clean.verdict, clean.stage) == (verdict, "rule")
    outward = effect in ("external_write", "irreversible")
    if outward and taint == "ask" and verdict == "allow":
        assert (tainted.verdict, tainted.stage, tainted.rules) == ("ask", "taint", ("r",))
    else:
        assert tainted == clean
    assert {"external_write", "irreversible"} == TAINTED_EFFECTS


def test_a_limit_holds_from_the_number_on_and_for_its_tool_alone():
    """Two may run: the third and every later one is denied, another tool is not."""
    authorizer = Authorizer(bundle(limits={"per_tool": {"cancel_order": 2}}), {})
    for ran, verdict in ((0, "allow"), (1, "allow"), (2, "deny"), (3, "deny")):
        decision = decide(
            authorizer, "cancel_order", {"order_id": "o_1"}, ran={"cancel_order": ran}
        )
        assert decision.verdict == verdict
    assert (decision.error, decision.reason) == (
        "denied", "`cancel_order` may run 2 times in one run",
    )  # fmt: skip
    assert (
        decide(authorizer, "cancel_order", {"order_id": "o_1"}, ran={"get_order": 9}).verdict
        == "allow"
    )
    assert (
        decide(authorizer, "get_order", {"order_id": "o_1"}, ran={"get_order": 9}).verdict
        == "allow"
    )


def test_the_first_check_that_refuses_decides():
    """Parse, offer, arguments, record, declined, limit, rules: in this order, and no other."""
    schema = {"type": "object", "properties": {"order_id": {"type": "string"}}}
    tool = {**CANCEL, "inputSchema": schema, "bind": {"who": "principal.id"}}
    made = bundle(
        tools=[GET, tool],
        rules=[{"id": "no", "deny": ["*"]}],
        limits={"per_tool": {"cancel_order": 1}},
    )
    authorizer = Authorizer(made, {})
    key = decide(authorizer, "cancel_order", {"order_id": "o_1"}).key
    worst: dict[str, Any] = {
        "offered": frozenset(),
        "seen": {},
        "declined": {key},
        "ran": {"cancel_order": 1},
    }
    stages = [decide(authorizer, "cancel_order", '{"order_id": NaN}', **worst).stage]
    for arguments, mended in (
        ({"order_id": 1, "who": "x"}, "offered"),
        ({"order_id": 1, "who": "x"}, ""),
        ({"order_id": 1}, ""),
        ({"order_id": "o_1"}, "seen"),
        ({"order_id": "o_1"}, "declined"),
        ({"order_id": "o_1"}, "ran"),
        ({"order_id": "o_1"}, ""),
    ):
        stages.append(decide(authorizer, "cancel_order", arguments, **worst).stage)
        worst.pop(mended, None)
    assert stages == [
        "parse", "offer", "arguments", "arguments", "visibility", "declined", "limit", "rule",
    ]  # fmt: skip


def test_what_the_model_may_not_set_is_named_before_the_schema_is_looked_at():
    """Every bound argument it tried is told, in the manifest's order, and filled in."""
    tool = {**GET, "bind": {"who": "principal.id", "as_role": "principal.role"}}
    authorizer = Authorizer(bundle(tools=[tool, CANCEL]), {})
    decision = decide(authorizer, "get_order", {"who": "cus_8", "as_role": "boss", "order_id": 5})
    assert decision.reason == "`who`, `as_role` is set by the system, not by the model"
    assert decision.arguments == {"who": "cus_7", "as_role": "customer", "order_id": 5}
    assert (decision.error, decision.bound) == ("denied", ("who", "as_role"))
    one = decide(authorizer, "get_order", {"as_role": "boss", "order_id": "o_1"})
    assert one.reason == "`as_role` is set by the system, not by the model"


def test_a_decision_says_what_was_decided_about_what():
    """Tool, effect, signature, rules, queue and time: all an approver and a trace need."""
    rules = [{"id": "r", "ask": ["cancel_order"], "by": "desk", "within": "1m", "reason": "Sure?"}]
    decision = decide(Authorizer(bundle(rules=rules), {}), "cancel_order", ' {"order_id": "o_1"}')
    assert decision == Decision(
        "ask", "rule", "cancel_order", "irreversible", {"order_id": "o_1"}, (), ("r",), "Sure?",
        'cancel_order{"order_id":"o_1"}', "denied", "desk", 60,
    )  # fmt: skip


def test_a_refusal_says_which_rule_and_which_fault():
    """A denial by rule names it; one by schema names every problem."""
    authorizer = Authorizer(bundle(rules=[{"id": "no", "deny": ["*"], "reason": "Closed."}]), {})
    decision = decide(authorizer, "cancel_order", {"order_id": "o_1"})
    assert (decision.error, decision.rules, decision.reason) == ("denied", ("no",), "Closed.")
    wrong = decide(authorizer, "get_order", {"order_id": 1, "x": 2})
    assert wrong.reason.count("; ") == 1
    unread = decide(authorizer, "get_order", "[")
    assert unread.reason.startswith("arguments refused: not JSON")
    assert (unread.tool, unread.effect, unread.arguments) == ("get_order", "none", {"": "["})
    assert decide(authorizer, "get_order", "[]").reason == "arguments are not an object"
    assert decide(authorizer, "nothing", {"a": 1}).reason == "no tool `nothing` exists"
    assert decide(authorizer, "nothing", {"a": 1}).arguments == {"a": 1}


def test_what_was_sent_is_kept_up_to_a_length_and_a_depth():
    """Long text is cut, deep arguments are shown as text, bytes that are no text are escaped."""
    authorizer = Authorizer(bundle(), {})
    deep: Any = 1
    for _ in range(MOST_DEPTH):
        deep = [deep]
    for sent, start, length in (
        ("[" + "x" * 5000, "[xxx", MOST_SHOWN),
        ({"a": deep}, "{'a': [[[", None),
        ("[\ud800", "[\\ud800", None),
    ):
        (kept,) = decide(authorizer, "get_order", sent).arguments.values()
        assert kept.startswith(start)
        assert length is None or len(kept) == length
    for _ in range(100_000):
        deep = [deep]
    kept = decide(authorizer, "get_order", {"a": deep}).arguments
    assert kept == {"": "nested too deeply to be shown"}
    assert (MOST_DEPTH, MOST_SHOWN) == (48, 2000)
