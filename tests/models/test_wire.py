"""The chat-completions format: names, messages, arguments and structured answers."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.messages import Message, ToolCall, Usage
from agentctl.core.waiting import retry_after_s
from agentctl.models.port import Request, ToolOffer
from agentctl.models.provider.wire import (
    ToolNames,
    parse_reply,
    structured_output,
    wire_messages,
    wire_tools,
)

ACCEPTED = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAMES = st.lists(st.text("ab._-", min_size=1, max_size=64), unique=True, max_size=8)


@given(NAMES)
def test_tool_names_come_back(names: list[str]):
    """Whatever the tools are called, each goes out under an accepted name of its own and back."""
    there = ToolNames(names)
    sent = [there.sent(name) for name in names]
    assert all(ACCEPTED.fullmatch(name) for name in sent)
    assert len(set(sent)) == len(names)
    assert [there.received(name) for name in sent] == names


def test_a_plain_name_is_never_taken_by_a_dotted_one():
    """`a__b` stays `a__b` even when `a.b` stands before it."""
    names = ToolNames(["a.b", "a__b"])
    assert names.sent("a__b") == "a__b"
    assert names.received(names.sent("a.b")) == "a.b"


def test_names_nobody_offered_are_made_acceptable():
    """A call the model invented must not make a provider refuse the conversation."""
    names = ToolNames(["get"])
    assert names.sent("Drop Table; now") == "Drop_Table__now"
    assert names.sent("") == "unnamed"
    assert names.received("other") == "other"


@pytest.mark.parametrize(
    ("told", "usage", "rejected"),
    [
        ((12, 3), Usage(12, 3), None),
        ((12, None), Usage(12, 0), None),
        ((0, 0), None, None),
        ((-5, 3), None, "-5 tokens in, 3 out"),
        ((12, 10**30), None, f"12 tokens in, {10**30} out"),
        ((True, 3), None, "True tokens in, 3 out"),
        ((1.0, 3), None, "1.0 tokens in, 3 out"),
        ((float("nan"), 3), None, "nan tokens in, 3 out"),
        (("12", 3), None, "'12' tokens in, 3 out"),
    ],
)
def test_a_count_that_cannot_be_is_no_count(
    told: tuple[Any, Any], usage: Usage | None, rejected: str | None
):
    """What a provider says of its tokens is taken for a count only where it can be one."""
    counted = SimpleNamespace(prompt_tokens=told[0], completion_tokens=told[1])
    message = SimpleNamespace(content="ok", tool_calls=None)
    response = SimpleNamespace(choices=[SimpleNamespace(message=message)], usage=counted)
    reply = parse_reply(response, Request(()), ToolNames(()), "openai/x")
    assert (reply.text, reply.usage, reply.usage_rejected) == ("ok", usage, rejected)


def test_a_part_of_the_tokens_is_at_most_the_whole():
    """Cached tokens that are negative or more than all make no turn cheaper than it was."""
    details = SimpleNamespace(cached_tokens=10**9)
    thought = SimpleNamespace(reasoning_tokens=-4)
    counted = SimpleNamespace(
        prompt_tokens=12,
        completion_tokens=3,
        prompt_tokens_details=details,
        completion_tokens_details=thought,
    )
    message = SimpleNamespace(content="ok", tool_calls=None)
    response = SimpleNamespace(choices=[SimpleNamespace(message=message)], usage=counted)
    reply = parse_reply(response, Request(()), ToolNames(()), "openai/x")
    assert reply.usage == Usage(12, 3, False, 12, 0)


@pytest.mark.parametrize("text", ["{broken", "[1]", "", '{"a": NaN}'])
def test_malformed_arguments_go_back_as_an_object(text: str):
    """Providers parse the arguments of earlier calls; the model still sees what it wrote."""
    call = ToolCall("c", "get", text)
    (sent,) = wire_messages((Message("assistant", "", (call,)),), ToolNames(["get"]))
    arguments = json.loads(sent["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"malformed_arguments": text}
    assert sent["content"] is None


def test_good_arguments_go_back_as_they_were():
    """Text that is an object is not written anew; an object is written canonically."""
    calls = (ToolCall("1", "get", '{"b": 1,  "a": 2}'), ToolCall("2", "get", {"b": 1, "a": 2}))
    (sent,) = wire_messages((Message("assistant", "hm", calls),), ToolNames(["get"]))
    written = [call["function"]["arguments"] for call in sent["tool_calls"]]
    assert written == ['{"b": 1,  "a": 2}', '{"a":2,"b":1}']
    assert sent["content"] == "hm"


def test_results_are_json_text():
    """A tool's result is sent as JSON, text results included; an event input as well."""
    sent = wire_messages(
        (Message("tool", "ok", call_id="c"), Message("user", {"kind": "mail"})), ToolNames([])
    )
    assert [message["content"] for message in sent] == ['"ok"', '{"kind":"mail"}']


def test_a_tool_without_arguments_is_an_object():
    """Providers want an object schema with properties even where there are none."""
    (tool,) = wire_tools((ToolOffer("list", "List.", {}),), ToolNames(["list"]))
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n[{"a": 1}]\n```', [{"a": 1}]),
        ('It is {"a": [1]}, I think.', {"a": [1]}),
        ("no JSON here", None),
        ("", None),
        ('{"a": 1} or {"a": 2}', None),
        ('{"a": 1, "a": 2}', None),
    ],
)
def test_a_structured_answer_is_found_or_not(text: str, found: object):
    """One JSON value is read out of its wrapping; two, or an ambiguous one, are none."""
    assert structured_output(text) == found


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("nan", None)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None):
    """Seconds are read; what is neither seconds nor a date is no wish."""
    assert retry_after_s({"retry-after": text}) == seconds


def test_retry_after_as_a_date():
    """A date says how long from now."""
    moment = datetime.now(UTC) + timedelta(seconds=30)
    seconds = retry_after_s({"retry-after": format_datetime(moment, usegmt=True)})
    assert seconds is not None
    assert 25 < seconds <= 30


def test_what_a_library_does_to_a_request_does_not_reach_the_manifest():
    """litellm rewrites schemas in place; the next model would be sent what is left."""
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"const": 1}, {"type": "null"}]}}}
    (sent,) = wire_tools([ToolOffer("t", "T.", schema)], ToolNames(["t"]))
    sent["function"]["parameters"]["properties"]["a"]["anyOf"].clear()
    assert schema["properties"]["a"] == {"anyOf": [{"const": 1}, {"type": "null"}]}
