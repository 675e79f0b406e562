"""What may run, and what may not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.messages import ToolCall
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.facts import Decision, Facts
from tests.support.build import CANCEL, GET, ORDERS, bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
SEEN = {"orders": {"o_1": ORDERS["o_1"], "o_4": ORDERS["o_4"]}}


def facts(**changed: Any) -> Facts:
    base = Facts(
        principal={"id": "cus_7", "role": "customer", "name": "Ana"},
        now=NOW,
        offered=frozenset({"get_order", "cancel_order"}),
        seen=SEEN,
        tainted_by=None,
        declined=frozenset(),
        ran={},
    )
    return base._replace(**changed)


def decide(
    name: str = "cancel_order",
    arguments: Any = None,
    given: Facts | None = None,
    **agent: Any,
) -> Decision:
    call = ToolCall("c1", name, {"order_id": "o_1"} if arguments is None else arguments)
    return Authorizer(bundle(**agent), {}).decide(call, given or facts())


def test_a_call_no_rule_matches_is_denied():
    """Nothing is allowed unless a rule says so."""
    decision = decide(rules=[{"id": "reads", "allow": ["get_order"]}])
    assert (decision.verdict, decision.reason) == ("deny", "no rule allows this call")


def test_the_strictest_rule_that_matches_decides():
    """deny beats draft beats ask beats allow, in whatever order they are written."""
    weaker: list[dict[str, Any]] = [{"id": "a", "allow": ["cancel_order"]}]
    for stronger in ("ask", "draft", "deny"):
        weaker.append({"id": stronger, stronger: ["cancel_order"]})
        assert decide(rules=weaker).verdict == stronger
        assert decide(rules=weaker[::-1]).verdict == stronger


def test_a_condition_over_a_seen_record_decides():
    """A rule may look at what tools returned in this run."""
    rules = [
        {"id": "cancel", "allow": ["cancel_order"]},
        {
            "id": "large",
            "ask": ["cancel_order"],
            "when": "seen.orders[args.order_id].total > 200.0",
            "by": "order-desk",
            "within": "30m",
        },
    ]
    assert decide(rules=rules).verdict == "allow"
    large = decide(arguments={"order_id": "o_4"}, rules=rules)
    assert (large.verdict, large.by, large.within_s) == ("ask", "order-desk", 1800)
    assert large.rules == ("large", "cancel")


@pytest.mark.parametrize(
    "when", ["seen.orders['o_9'].total > 1.0", "args.nothing == 1", "args.order_id", "1 / 0 == 1"]
)
def test_a_rule_that_errors_denies(when: str):
    """A condition that cannot be evaluated, or is no boolean, never allows."""
    rules = [
        {"id": "all", "allow": ["cancel_order"]},
        {"id": "odd", "ask": ["cancel_order"], "when": when},
    ]
    decision = decide(rules=rules)
    assert decision.verdict == "deny"
    assert "rule `odd` cannot be evaluated" in decision.reason


def test_a_name_matches_exactly_unless_a_star_is_written():
    """Allowing `cancel` does not allow `cancel_order`."""
    assert decide(rules=[{"id": "a", "allow": ["cancel"]}]).verdict == "deny"
    assert decide(rules=[{"id": "a", "allow": ["cancel_*"]}]).verdict == "allow"


@pytest.mark.parametrize(
    ("arguments", "stage"),
    [
        ("[1, 2]", "parse"),
        ("not json", "parse"),
        ('{"order_id": NaN}', "parse"),
        ('{"order_id": "o_1", "order_id": "o_4"}', "parse"),
        ('{"order_id": 9007199254740993}', "parse"),
        ('{"order_id": "\\ud800"}', "parse"),
        ('{"order_id": ' + "[" * 10_000 + "]" * 10_000 + "}", "parse"),
        ({"order_id": float("inf")}, "parse"),
        ({"order_id": True}, "arguments"),
        ({"order_id": 1}, "arguments"),
        ({}, "arguments"),
        ({"order_id": "o_1", "force": True}, "arguments"),
    ],
)
def test_arguments_that_could_be_misread_are_refused(arguments: Any, stage: str):
    """What has no unambiguous canonical form, or breaks the schema, is denied before any rule."""
    decision = decide(arguments=arguments)
    assert (decision.verdict, decision.stage, decision.error) == ("deny", stage, "invalid")


def test_true_is_not_an_integer():
    """A boolean does not pass where the schema wants an integer."""
    tool = {**GET, "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    assert decide("get_order", {"n": True}, tools=[tool, CANCEL]).verdict == "deny"
    assert decide("get_order", {"n": 1}, tools=[tool, CANCEL]).verdict == "allow"


def bound_tool() -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "customer_id"],
        "properties": {"order_id": {"type": "string"}, "customer_id": {"type": "string"}},
    }
    return {**CANCEL, "inputSchema": schema, "bind": {"customer_id": "principal.id"}}


def test_a_bound_argument_is_filled_from_the_principal():
    """The model neither sees nor needs the argument."""
    made = bundle(tools=[GET, bound_tool()])
    authorizer = Authorizer(made, {})
    shown = authorizer.tools["cancel_order"].parameters()
    assert "customer_id" not in shown["properties"]
    assert shown["required"] == ["order_id"]
    decision = authorizer.decide(ToolCall("c", "cancel_order", {"order_id": "o_1"}), facts())
    assert decision.arguments == {"order_id": "o_1", "customer_id": "cus_7"}
    assert decision.bound == ("customer_id",)


@pytest.mark.parametrize("value", ["cus_8", "cus_7", None])
def test_a_model_that_sets_a_bound_argument_is_refused(value: Any):
    """Even the right value is refused: it is not the model's to say."""
    decision = decide(
        arguments={"order_id": "o_1", "customer_id": value}, tools=[GET, bound_tool()]
    )
    assert (decision.verdict, decision.stage) == ("deny", "arguments")
    assert decision.arguments["customer_id"] == "cus_7"


def test_a_write_on_a_record_that_was_not_seen_is_refused():
    """Nobody acts on a record by guessing its id."""
    decision = decide(arguments={"order_id": "o_3"})
    assert (decision.verdict, decision.stage, decision.error) == ("deny", "visibility", "not_found")


def test_a_write_on_a_record_of_somebody_else_is_refused():
    """Even a record that slipped into the run is not acted on for the wrong person."""
    seen = {"orders": {"o_3": ORDERS["o_3"]}}
    decision = decide(arguments={"order_id": "o_3"}, given=facts(seen=seen))
    assert (decision.verdict, decision.stage) == ("deny", "visibility")


def test_taint_makes_outward_effects_ask():
    """Once text of strangers was read, an irreversible call needs a person; a read does not."""
    tainted = facts(tainted_by="get_ticket")
    decision = decide(given=tainted)
    assert (decision.verdict, decision.stage) == ("ask", "taint")
    assert "get_ticket" in decision.reason
    assert decide("get_order", given=tainted).verdict == "allow"


def test_a_declined_call_stays_denied_however_it_is_written():
    """The same canonical call is denied for the rest of the run."""
    first = decide()
    again = decide(arguments='{ "order_id" : "o_1" }', given=facts(declined={first.key}))
    assert (again.verdict, again.error) == ("deny", "declined")


def test_a_limit_of_a_tool_denies_the_next_call():
    """A tool that may run once is denied the second time."""
    limits = {"per_tool": {"cancel_order": 1}}
    assert decide(limits=limits).verdict == "allow"
    decision = decide(limits=limits, given=facts(ran={"cancel_order": 1}))
    assert (decision.verdict, decision.stage) == ("deny", "limit")


def test_a_tool_that_is_not_offered_now_is_refused():
    """What the role or the intent does not hold does not exist."""
    decision = decide(given=facts(offered=frozenset({"get_order"})))
    assert (decision.verdict, decision.error) == ("deny", "not_offered")
    assert decide("drop_tables").error == "unknown_tool"


def test_defaults_of_the_schema_are_filled_in_before_anything_is_approved():
    """People approve the arguments that will run."""
    schema = {**GET["inputSchema"], "required": [], "properties": {  # type: ignore[dict-item]
        "order_id": {"type": "string", "default": "o_1"}}}  # fmt: skip
    decision = decide("get_order", {}, tools=[{**GET, "inputSchema": schema}, CANCEL])
    assert decision.arguments == {"order_id": "o_1"}


@pytest.mark.parametrize(
    "matcher",
    [{"regex": "("}, {"one_of": "o_1"}, {"approx": {}}, {"lt": [1]}, {"not": {"prefix": 1}}],
)
def test_a_rule_with_a_matcher_that_is_written_wrongly_denies(matcher: Any):
    """A matcher nobody can judge denies every call of the tool, and says which it is."""
    for verdict in ("allow", "ask", "draft", "deny"):
        odd = {"id": "odd", verdict: ["*"], "args": {"order_id": matcher}}
        decision = decide(rules=[{"id": "all", "allow": ["cancel_order"]}, odd])
        assert decision.verdict == "deny"
        assert decision.rules == ("odd",)
        assert decision.reason.startswith("rule `odd` cannot be evaluated: order_id")


def test_an_argument_may_be_named_like_a_matcher():
    """`args:` goes by argument, so a rule about `prefix` sees the argument of that name."""
    get = {**GET, "inputSchema": {"type": "object"}}
    rules = [
        {"id": "all", "allow": ["get_order"]},
        {"id": "abroad", "deny": ["get_order"], "args": {"prefix": {"not": "+49"}}},
    ]
    assert decide("get_order", {"prefix": "+49"}, tools=[get], rules=rules).verdict == "allow"
    assert decide("get_order", {"prefix": "+48"}, tools=[get], rules=rules).verdict == "deny"
    assert decide("get_order", {}, tools=[get], rules=rules).verdict == "allow"


@pytest.mark.parametrize("key", [["o_1"], {"o_1": 1}, 1, 1.0, True, None])
def test_a_record_key_that_is_no_text_is_no_record(key: Any):
    """A list, an object or a number where a key should stand is refused, not looked up."""
    cancel = {**CANCEL, "inputSchema": {"type": "object"}}
    decision = decide(arguments={"order_id": key}, tools=[GET, cancel])
    assert (decision.verdict, decision.stage, decision.error) == ("deny", "visibility", "not_found")


def test_a_bound_argument_the_principal_lacks_is_refused():
    """Nobody's data is not everybody's: a call without its bound value does not run."""
    tool = {**bound_tool(), "bind": {"customer_id": "principal.account.id"}}
    tool["inputSchema"] = {"type": "object"}
    for account in (None, "acc_1", {}, {"id": None}):
        given = facts(principal={"id": "cus_7", "role": "customer", "account": account})
        decision = decide(tools=[GET, tool], given=given)
        assert (decision.verdict, decision.stage) == ("deny", "arguments")
        assert "who has no principal.account.id" in decision.reason
        assert decision.error == "denied"
    given = facts(principal={"id": "cus_7", "role": "customer", "account": {"id": "acc_1"}})
    assert decide(tools=[GET, tool], given=given).arguments["customer_id"] == "acc_1"
