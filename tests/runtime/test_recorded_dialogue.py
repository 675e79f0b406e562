"""Recordings that carry their own dialogue: who speaks next, and how the run ends."""

from typing import Any

import pytest

from agentctl.models.port import ModelFault, Request
from agentctl.runtime.recorded_dialogue import RecordedDialogue
from agentctl.runtime.run import AGENT_SPEAKS
from agentctl.specs.shapes.chat import turns_of_messages
from agentctl.specs.shapes.turns import Recording, Turn

ASKED = Request(())
CHAT = [
    {"role": "system", "content": "You help."},
    {"role": "user", "content": [{"type": "text", "text": "Where is"}, {"text": "my order?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "function": {"name": "get_order", "arguments": '{"order_id": "o_1"}'}},
            {"id": "b", "function": {"name": "get_order", "arguments": "{not json"}},
        ],
    },
    {"role": "tool", "tool_call_id": "b", "content": "Error: no order"},
    {"role": "tool", "tool_call_id": "a", "content": '{"status": "sent"}'},
    {"role": "assistant", "content": "It was sent."},
    {"role": "user", "content": "Thanks. Bye"},
]


def recording(**more: Any) -> Recording:
    return Recording.model_validate({"scenario": "a", **more})


def test_chat_messages_are_turns_with_their_results():
    """Words, calls, results by id and arguments that are not JSON come out as they were said."""
    found = recording(messages=CHAT)
    user, calls, words, bye = found.turns
    assert (user.user, words.say, bye.user) == (
        "Where is\nmy order?",
        "It was sent.",
        "Thanks. Bye",
    )
    assert [(c.args, c.result) for c in calls.calls] == [
        ({"order_id": "o_1"}, {"status": "sent"}),
        ("{not json", "Error: no order"),
    ]
    assert found.end == "user_left"


def test_a_chat_that_says_how_it_ended_keeps_that():
    """`end:` beside the messages holds over what the last message suggests."""
    assert recording(messages=CHAT, end="limit").end == "limit"


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ({}, "expected a list of chat messages, got dict"),
        ([{"role": "robot"}], "message 0: expected role system, user, assistant or tool"),
        ([{"role": "user", "content": 3}], "message 0: `content` must be text or a list"),
        ([{"role": "assistant", "tool_calls": [{"id": "x"}]}], "message 0: a tool call has no"),
    ],
)
def test_messages_of_another_shape_are_named_by_their_position(messages: Any, problem: str):
    """A log that cannot be read says which message is wrong."""
    with pytest.raises(ValueError, match=problem):
        turns_of_messages(messages)


def test_the_older_function_call_is_a_call():
    """Logs from before `tool_calls` are read too."""
    (turn,) = turns_of_messages(
        [{"role": "assistant", "function_call": {"name": "f", "arguments": ""}, "content": None}]
    )
    assert turn == {"calls": [{"tool": "f", "args": {}}]}


def test_each_side_gets_only_its_own_next_entry():
    """The agent may speak first and twice in a row; the user is asked when it is their turn."""
    turns = [
        Turn(say="Welcome"),
        Turn(user="Hi"),
        Turn(say="One"),
        Turn(say="Two"),
        Turn(user="Bye"),
    ]
    dialogue = RecordedDialogue(turns, "m")
    assert dialogue.next(None) is AGENT_SPEAKS
    assert dialogue.reply(ASKED, 1).text == "Welcome"
    assert dialogue.next(None) == "Hi"
    assert dialogue.reply(ASKED, 1).text == "One"
    assert dialogue.next(None) is AGENT_SPEAKS
    assert dialogue.left == 1
    assert dialogue.reply(ASKED, 1).text == "Two"
    assert dialogue.next(None) == "Bye"
    assert dialogue.next(None) is None
    with pytest.raises(ModelFault, match="all 3 recorded turns were played") as met:
        dialogue.reply(ASKED, 1)
    assert met.value.kind == "exhausted"


def test_an_agent_that_fell_silent_leaves_the_turn_to_its_user():
    """Where the recording goes on with the user, the agent is not asked for words it never said."""
    dialogue = RecordedDialogue([Turn(user="Hi"), Turn(user="Hello?"), Turn(say="Yes")], "m")
    assert dialogue.next(None) == "Hi"
    with pytest.raises(ModelFault) as met:
        dialogue.reply(ASKED, 1)
    assert met.value.kind == "silent"
    assert dialogue.next(None) == "Hello?"


def test_a_run_that_is_taken_up_again_goes_on_where_it_was():
    """Replies and lines that were played before are passed over, in whatever order they came."""
    turns = [Turn(user="Hi"), Turn(say="One"), Turn(user="More"), Turn(say="Two")]
    assert RecordedDialogue(turns, "m", replied=1, heard=2).reply(ASKED, 1).text == "Two"
    assert RecordedDialogue(turns, "m", replied=1, heard=1).next(None) == "More"
