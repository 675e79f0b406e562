"""Arguments and names made to be misread: what the authorizer makes of them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.messages import ToolCall
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.facts import Decision, Facts
from tests.support.build import CANCEL, GET, ORDERS, bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
REFUND = {
    "name": "refund",
    "description": "Pay back.",
    "effect": "irreversible",
    "inputSchema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "amount"],
        "properties": {
            "order_id": {"type": "string"},
            "amount": {"type": "number"},
            "count": {"type": "integer", "default": 1},
            "notify": {"type": "boolean", "default": True},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
    },
}
FREE = {**GET, "name": "note", "inputSchema": {"type": "object"}, "records": None, "mock": None}
RULES = [{"id": "all", "allow": ["*"]}]
GATE = Authorizer(bundle(tools=[GET, CANCEL, REFUND, FREE], rules=RULES), {})
FACTS = Facts(
    {"id": "cus_7", "role": "customer"},
    NOW,
    frozenset(GATE.tools),
    {"orders": ORDERS},
    None,
    frozenset(),
    {},
)


def decide(arguments: Any, name: str = "refund", given: Facts = FACTS) -> Decision:
    return GATE.decide(ToolCall("c1", name, arguments), given)


def refused(decision: Decision, stage: str, error: str) -> bool:
    return (decision.verdict, decision.stage, decision.error) == ("deny", stage, error)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1e309"])
def test_a_number_that_is_none_is_refused(number: str):
    """Neither NaN nor an infinity is an amount, however it is written."""
    written = f'{{"order_id": "o_1", "amount": {number}}}'
    assert refused(decide(written), "parse", "invalid")
    assert refused(decide({"order_id": "o_1", "amount": float(number)}), "parse", "invalid")


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("number", [2**53, 2**53 + 1, 10**30, 10**400])
def test_an_integer_that_loses_digits_is_refused(sign: str, number: int):
    """2^53 + 1 would reach another reader as 2^53: an id or an amount nobody approved."""
    if number != 2**53 or sign:
        written = f'{{"order_id": "o_1", "amount": {sign}{number}}}'
        assert refused(decide(written), "parse", "invalid") or number == 2**53
    amount = -number if sign else number
    assert refused(decide({"order_id": "o_1", "amount": amount}), "parse", "invalid")
    exact = decide({"order_id": "o_1", "amount": 2**53 - 1})
    assert (exact.verdict, exact.arguments["amount"]) == ("allow", 2**53 - 1)


@pytest.mark.parametrize(
    "written",
    [
        '{"order_id": "o_1", "order_id": "o_2", "amount": 1}',
        '{"order_id": "o_1", "amount": 1, "amount": 1000}',
        '{"order_id": "o_1", "amount": 1, "\\u0061mount": 1000}',
        '{"order_id": "o_1", "amount": 1, "tags": [{"a": 1, "a": 2}]}',
    ],
)
def test_a_key_that_stands_twice_is_refused(written: str):
    """Two readers may take different ones, so neither is taken, at any depth or spelling."""
    assert refused(decide(written), "parse", "invalid")


@pytest.mark.parametrize("depth", [48, 65, 200, 1_000, 10_000, 100_000])
def test_arguments_nested_too_deeply_are_refused(depth: int):
    """Ten thousand levels end in a refusal, not in a stack that is full."""
    written = '{"note": ' + "[" * depth + "]" * depth + "}"
    assert refused(decide(written, "note"), "parse", "invalid")
    assert refused(decide('{"note":' * depth + "1" + "}" * depth, "note"), "parse", "invalid")
    assert refused(decide({"note": nested(depth)}, "note"), "parse", "invalid")


def test_text_and_objects_may_be_nested_equally_deep():
    """What is refused does not depend on who has parsed it."""
    for depth in (45, 46, 47, 48, 49, 63, 64, 65):
        value = {"note": nested(depth)}
        verdict = "allow" if depth < 47 else "deny"
        assert decide(json.dumps(value), "note").verdict == verdict
        assert decide(value, "note").verdict == verdict


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc80\ud800"])
def test_a_lone_surrogate_is_refused(text: str):
    """It is no text: one reader drops it, the next one breaks."""
    for arguments in ({"note": text}, {text: 1}, {"note": [{"x": text}]}):
        assert refused(decide(arguments, "note"), "parse", "invalid")
        assert refused(decide(json.dumps(arguments), "note"), "parse", "invalid")
        assert refused(
            decide(json.dumps(arguments, ensure_ascii=False), "note"), "parse", "invalid"
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", True), ("count", False), ("amount", True), ("notify", 1), ("notify", 0),
        ("count", "1"), ("amount", "1e3"), ("amount", "1000"), ("amount", "0x10"), ("count", 1.5),
        ("amount", None), ("amount", [1]), ("tags", "a"), ("tags", [1]), ("order_id", 1),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_and_not_converted(field: str, value: Any):
    """True is no integer, "1e3" is no 1000: nothing is read into what the model wrote."""
    arguments = {"order_id": "o_1", "amount": 1, field: value}
    for written in (arguments, json.dumps(arguments)):
        decision = decide(written)
        assert refused(decision, "arguments", "invalid")
        assert field in decision.reason


def test_a_megabyte_of_arguments_is_refused_and_cut_in_the_record():
    """A flood neither reaches a rule nor fills the trace."""
    flood = json.dumps({"note": "x" * 1_000_000})
    decision = decide(flood, "note")
    assert refused(decision, "parse", "invalid")
    assert len(decision.arguments[""]) == 2000
    assert len(decision.key) < 2100
    assert decide(json.dumps({"note": "x" * 900_000}), "note").verdict == "allow"


@pytest.mark.parametrize("value", [(1, 2), {1, 2}, b"x", NOW, object()])
def test_a_value_that_is_no_json_is_refused(value: Any):
    """Arguments from a program get no further than those from a model."""
    assert refused(decide({"note": value}, "note"), "parse", "invalid")
    assert refused(decide({1: "x"}, "note"), "parse", "invalid")


@pytest.mark.parametrize("written", ["[]", '"{}"', "1", "true", "null", " ", "{", "{}{}", "﻿{}"])
def test_arguments_that_are_no_object_are_refused(written: str):
    """Neither a list nor text that holds an object is one; nothing at all means no arguments."""
    assert refused(decide(written, "note"), "parse", "invalid")
    assert decide("", "note").arguments == {}


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "Refund", "REFUND", "refund ", " refund", "refund\n", "refund\x00", "refund()",
        "r\u0435fund", "refund\u200b", "\uff52efund", "ref\u00adund", "refu\u0301nd", "../refund",
        "refund{}", "\ud800", "__class__", "decide", "tools.refund",
    ],
)  # fmt: skip
def test_a_name_that_only_looks_like_a_tool_is_no_tool(name: str):
    """Case, space, look-alike letters, nothing: only the exact name is the tool."""
    offered = FACTS._replace(offered=FACTS.offered | {name})
    decision = decide({"order_id": "o_1", "amount": 1}, name, offered)
    assert refused(decision, "offer", "unknown_tool")
    assert decision.effect == "none"


SAME = [
    {"order_id": "o_1", "amount": 5},
    {"amount": 5.0, "order_id": "o_1"},
    {"order_id": "o_1", "amount": 5, "count": 1},
    {"order_id": "o_1", "amount": 5, "count": 1.0, "notify": True, "tags": []},
    '{"order_id":"o_1","amount":5}',
    '\n{ "amount" : 5.000 ,\t"order_id" : "\\u006f_1" }',
    '{"order_id": "o_1", "amount": 0.5e1, "notify": true}',
    '{"order_id": "o_1", "amount": 50E-1, "tags": [ ]}',
]
OTHER = [
    {"order_id": "o_1", "amount": 5.01},
    {"order_id": "o_2", "amount": 5},
    {"order_id": "o_1", "amount": 5, "count": 2},
    {"order_id": "o_1", "amount": 5, "notify": False},
    {"order_id": "o_1", "amount": 5, "tags": ["o_1"]},
    {"order_id": "o_1 ", "amount": 5},
    {"order_id": "O_1", "amount": 5},
]


@pytest.mark.parametrize("first", SAME, ids=str)
def test_a_rejected_call_in_other_words_stays_rejected(first: Any):
    """Order, space, escapes, 5.0 for 5, defaults written out: the call is the same, and denied."""
    declined = FACTS._replace(declined={decide(first).key})
    for again in SAME:
        assert refused(decide(again, given=declined), "declined", "declined")
    for other in OTHER:
        assert decide(other, given=declined).verdict == "allow"


def test_a_rejection_is_of_one_tool():
    """The same arguments for another tool are another call."""
    declined = FACTS._replace(declined={decide({"order_id": "o_1"}, "get_order").key})
    assert decide({"order_id": "o_1"}, "cancel_order", declined).verdict == "allow"


def test_a_default_that_a_tool_changes_stays_as_it_is():
    """A list or object filled in for one call is not the one filled in for the next."""
    decide({"order_id": "o_1", "amount": 1}).arguments["tags"].append("cus_8")
    assert decide({"order_id": "o_1", "amount": 1}).arguments["tags"] == []


def test_a_refusal_of_something_unreadable_can_always_be_recorded():
    """Whatever was sent, the decision holds plain JSON and a signature."""
    for sent in ("\ud800", {"a": float("nan")}, {"a": {1: 2}}, "x" * 5000, nested(9), None, 7):
        for name in ("note", "nothing"):
            decision = decide(sent, name)
            json.dumps(decision.arguments, allow_nan=False).encode()
            assert decision.key.startswith(name)
            assert decision.verdict == "deny"
