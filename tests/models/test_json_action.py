"""Answering in JSON actions: what the model is told, and what is read out of what it writes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.messages import Message, ModelReply, ToolCall, Usage
from agentctl.models.json_action import UNREADABLE, JsonActions, as_text_request, parse_action
from agentctl.models.lenient_json import objects_in
from agentctl.models.port import Request, ToolOffer
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.facts import Facts
from tests.support.build import bundle

ORDER = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
OFFERS = (ToolOffer("get_order", "Read one order.", ORDER), ToolOffer("crm.list", "List.", {}))
ASK = Request((Message("system", "Be brief."), Message("user", "Where is o_1?")), OFFERS)
CONTRACT = ASK._replace(output={"type": "object", "required": ["reply"]})
ACTION = '{"action": "get_order", "arguments": {"order_id": "o_1"}}'


def call_in(text: str, request: Request = ASK) -> ToolCall:
    """Return the one call that a text is read as."""
    (call,) = parse_action(ModelReply(text), request).calls
    return call


@pytest.mark.parametrize(
    "text",
    [
        ACTION,
        f"```json\n{ACTION}\n```",
        f"I will look it up.\n\n{ACTION}\nThen I answer.",
        '{"action": "get_order", "arguments": {"order_id": "o_1",},}',
        "{'action': 'get_order', 'arguments': {'order_id': 'o_1'}}",
        '{"name": "get_order", "parameters": {"order_id": "o_1"}}',
        '{"tool": "get_order", "args": "{\\"order_id\\": \\"o_1\\"}"}',
        f"<think>get_order or {{crm.list}}?</think>{ACTION}",
        f'{ACTION}\nResult of get_order: {{"total": 5}}\n{{"answer": "It costs 5."}}',
    ],
)
def test_an_action_is_read_in_whatever_dress(text: str):
    """Fences, prose, a comma too many and other spellings do not hide an action."""
    call = call_in(text)
    given = call.arguments
    assert call.name == "get_order"
    assert (json.loads(given) if isinstance(given, str) else given) == {"order_id": "o_1"}


def test_python_words_and_line_breaks_are_mended_inside_and_outside_of_text():
    """`True` is true as a value and stays a word inside a text."""
    text = '{"action": "crm.list", "arguments": {\'a\': True, \'b\': None, "c": "True\n,}"}}'
    assert call_in(text).arguments == {"a": True, "b": None, "c": "True\n,}"}


def test_prose_before_an_action_is_what_the_model_said():
    """The words before an action are kept as the model's words, the fence is not."""
    got = parse_action(ModelReply(f"I look.\n```json\n{ACTION}\n```"), ASK)
    assert got.text == "I look."
    assert parse_action(ModelReply(ACTION), ASK).text is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"answer": "It is on its way."}', "It is on its way."),
        ("It is on its way.", "It is on its way."),
        ('{"action": null, "answer": "Done"}', "Done"),
        ("", ""),
        ("<think>I wonder", ""),
    ],
)
def test_an_answer_is_read(text: str, answer: str):
    """An answer is the words of `answer`, and a text without any JSON speaks for itself."""
    got = parse_action(ModelReply(text), ASK)
    assert (got.text, got.calls, got.output) == (answer, (), None)


@pytest.mark.parametrize(
    "text", ['{"answer": {"reply": "Done"}}', '{"reply": "Done"}', '{"answer": {"reply": "Done",}}']
)
def test_a_structured_answer_is_read(text: str):
    """With an output contract the answer is the object, in its envelope or bare."""
    assert parse_action(ModelReply(text), CONTRACT).output == {"reply": "Done"}


def test_a_field_called_action_does_not_turn_an_answer_into_a_call():
    """A structured answer with a field `action` or `name` is an answer unless a tool is meant."""
    for answer in ({"action": "refund", "reply": "x"}, {"name": "Ana", "reply": "x"}):
        got = parse_action(ModelReply(json.dumps(answer)), CONTRACT)
        assert (got.calls, got.output) == ((), answer)
    assert call_in('{"action": "refund", "arguments": {}}', CONTRACT).name == "refund"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"action": "get_order", "arguments": {"order_id": "o_', "get_order"),
        ('{"action": "get_order", "action": "crm.list"}', "get_order"),
        ('{"arguments": {"order_id": }', UNREADABLE),
        ('{"answer": "It is', UNREADABLE),
        ('{"thought": "hm"}', UNREADABLE),
        ('{"step": {"action": "get_order", "arguments": {}}}', UNREADABLE),
        ('{"action": "get_order", "arguments": [1]}', "get_order"),
        ('{"action": "get_order", "arguments": "o_1"}', "get_order"),
        ('{"action": "drop_tables", "arguments": {}}', "drop_tables"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_authorizer(text: str, name: str):
    """Nothing is guessed: half an object, a key twice, no object of arguments, an unknown tool."""
    call = call_in(text)
    assert call.name == name
    tools = [{"name": tool.name.replace(".", "_"), "description": "x", "inputSchema": {},
              "effect": "none"} for tool in OFFERS]  # fmt: skip
    facts: Any = Facts({}, None, frozenset({"get_order"}), {}, None, set(), {})  # type: ignore[arg-type]
    decision = Authorizer(bundle(tools=tools), {}).decide(call, facts)
    assert (decision.verdict, decision.stage) in {("deny", "parse"), ("deny", "offer")}


def test_the_model_is_told_its_tools_and_results_in_words():
    """One system message with the tools, actions as the model's words, results as the user's."""
    call = ToolCall("action_1", "get_order", {"order_id": "o_1"})
    said = (
        Message("assistant", "", (call,)),
        Message("tool", {"total": 5}, call_id="action_1"),
        Message("user", "And?"),
        Message("assistant", "It costs 5."),
    )
    told = as_text_request(ASK._replace(messages=ASK.messages + said))
    assert (told.tools, told.output) == ((), None)
    assert [message.role for message in told.messages] == [
        "system", "user", "assistant", "user", "assistant"
    ]  # fmt: skip
    system, _, action, result, answer = (str(message.content) for message in told.messages)
    assert system.startswith("Be brief.\n\nAnswer with exactly one JSON object")
    assert '- get_order: Read one order. {"properties":{"order_id":{"type":"string"}}' in system
    assert json.loads(action) == json.loads(ACTION)
    assert result == 'Result of get_order: {"total":5}\n\nAnd?'
    assert json.loads(answer) == {"answer": "It costs 5."}


def test_a_model_is_reminded_of_the_form_it_broke():
    """After what could not be read, the result says again what an action looks like."""
    broken = ToolCall("action_1", UNREADABLE, '{"answer": "It')
    said = (Message("assistant", "", (broken,)), Message("tool", {"error": "x"}, (), "action_1"))
    *_, action, result = as_text_request(ASK._replace(messages=ASK.messages + said)).messages
    assert action.content == '{"answer": "It'
    assert "exactly one JSON object" in str(result.content)


class Says:
    """A model that says one thing."""

    name = "local/small"

    def __init__(self, reply: ModelReply) -> None:
        self.said, self.asked = reply, ASK

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        self.asked = request
        return self.said


def test_only_words_and_calls_change():
    """Who answered, and what it cost, pass through; ids are not given twice."""
    inner = Says(ModelReply(ACTION, usage=Usage(7, 3), model="local/other"))
    model = JsonActions(inner)
    first = model.reply(ASK, 5)
    assert (model.name, first.usage, first.model) == ("local/small", Usage(7, 3), "local/other")
    assert inner.asked.tools == ()
    told = (Message("assistant", "", first.calls), Message("tool", 1, call_id=first.calls[0].id))
    second = model.reply(ASK._replace(messages=ASK.messages + told), 5)
    assert [first.calls[0].id, second.calls[0].id] == ["action_1", "action_2"]


def test_calls_a_server_reads_by_itself_are_left_alone():
    """A server that makes tool calls of the model's JSON is not read a second time."""
    reply = ModelReply(None, (ToolCall("c", "get_order", "{}"),))
    assert parse_action(reply, ASK) is reply


WORDS = st.text("ab 'é\"\n,:", max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abé", max_size=3), VALUES, max_size=3), st.booleans())
def test_any_object_is_found_again(value: dict[str, Any], python: bool):
    """What is written as JSON, or as Python writes it, between words, is read as it was."""
    text = f"So: {value!r}." if python else f"So: {json.dumps(value)}."
    assert [found for _, found in objects_in(text)] == [value]


def test_hostile_text_is_read_in_linear_time():
    """A hundred thousand quotes or braces are each looked at once."""
    many = 50_000
    hostile = ('{"' + '\\"' * many, "{" * many, '{"a": ' + "'" * many + "'}", "{}" * many)
    for text in hostile:
        assert parse_action(ModelReply(text), ASK).calls
