"""What a recorded run says of itself: who was heard, what the model replied, what comes next."""

from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval, ModelReply, ToolCall, ToolError, ToolResult, Usage
from agentctl.runtime.replay.replay import Replay

AT = "2026-01-15T09:00:00.000Z"


def replay(*recorded: tuple[str, dict[str, Any]]) -> Replay:
    """Return a run with these events."""
    return Replay([Event(n, kind, AT, body) for n, (kind, body) in enumerate(recorded)])


def test_lines_of_the_user_are_counted_and_notes_of_a_person_are_not():
    """A note came from the person who took the case over; the script goes on after it."""
    recorded = replay(
        ("input.received", {"source": "user", "content": "Hi"}),
        ("model.replied", {"source": "user"}),
        ("input.received", {"source": "person", "content": "I called them."}),
        ("input.received", {"source": "event", "content": {}}),
    )
    assert recorded.inputs_recorded == 2
    assert (recorded.count("input.received"), recorded.count("model.replied")) == (3, 1)


def test_a_reply_is_given_back_as_it_was():
    """Tokens, structured output and a refusal included."""
    body = {
        "text": None,
        "calls": [
            {"id": "c1", "name": "get_order", "arguments": {"order_id": "o_1"}},
            {"id": "c2", "name": "get_order", "arguments": {}, "provider_id": "toolu_2"},
        ],
        "output": {"ok": True},
        "usage": {"in": 5, "out": 6, "estimated": True, "cached": 2, "reasoning": 3},
        "model": "m",
        "refused": True,
    }
    assert replay(("model.replied", body)).reply() == ModelReply(
        None,
        (
            ToolCall("c1", "get_order", {"order_id": "o_1"}),
            ToolCall("c2", "get_order", {}, "toolu_2"),
        ),
        {"ok": True},
        Usage(5, 6, True, 2, 3),
        "m",
        True,
    )
    plain = {
        "text": "Hi",
        "calls": [],
        "usage": {"in": 1, "out": 2, "estimated": False},
        "model": "m",
    }
    assert replay(("model.replied", plain)).reply() == ModelReply(
        "Hi", (), None, Usage(1, 2, False), "m"
    )
    assert replay(("run.paused", {})).reply() is None


def test_the_next_event_is_looked_at_past_those_that_stand_aside():
    """A limit that was warned of then need not be warned of again."""
    recorded = replay(("limit.warned", {}), ("input.received", {"content": "Hi"}))
    assert recorded.peek("input.received") == {"content": "Hi"}
    assert recorded.peek("model.replied") is None
    assert not recorded.over


def test_what_happens_again_is_passed_with_what_stood_before_it():
    """The recorded events come back, and nothing is recorded twice."""
    recorded = replay(
        ("limit.warned", {}), ("input.received", {"content": "Hi"}), ("escalated", {})
    )
    before, known = recorded.through("input.received", {"content": "Hi"})
    assert ([event.seq for event in before], known) == ([0, 1], True)
    assert recorded.through("guardrail.hit", {}) == ((), True)
    assert not recorded.over


def test_an_event_that_may_stand_aside_is_found_where_it_was_recorded():
    """A correction that happens again is the recorded one."""
    recorded = replay(("guardrail.hit", {}), ("correction.made", {"by": "dana"}), ("escalated", {}))
    before, known = recorded.through("correction.made", {"by": "dana"})
    assert ([event.seq for event in before], known) == ([0, 1], True)


def test_where_the_recording_stops_what_happens_is_new():
    """Except to pause at the same place again."""
    fresh = replay(("run.paused", {}))
    again = replay(("limit.warned", {}), ("run.paused", {}))
    before, known = fresh.through("model.replied", {})
    assert ([event.type for event in before], known, fresh.over) == (["run.paused"], False, True)
    assert again.through("run.paused", {})[1]


@pytest.mark.parametrize(
    ("kind", "body", "code", "message"),
    [
        ("escalated", {}, "cannot-play-back", "event 0 recorded `call.decided`"),
        ("call.decided", {"tool": "y"}, "cannot-play-back", "event 0 recorded another `tool`"),
    ],
)
def test_a_run_that_would_go_another_way_is_refused(
    kind: str, body: dict[str, Any], code: str, message: str
):
    """Before anything of it is done: what was recorded after it would not follow."""
    with pytest.raises(Problem) as met:
        replay(("call.decided", {"tool": "x"})).through(kind, body)
    (diagnostic,) = met.value.diagnostics
    assert (diagnostic.code, met.value.exit_code) == (code, ExitCode.NO)
    assert message in diagnostic.message


def test_a_changed_agent_is_named_as_that():
    """Another fingerprint in `run.started` means the agent, its tools or its policy."""
    recorded = replay(("run.started", {"fingerprints": "a"}))
    with pytest.raises(Problem) as met:
        recorded.through("run.started", {"fingerprints": "b"})
    (diagnostic,) = met.value.diagnostics
    assert diagnostic.code == "changed-since"
    assert diagnostic.message.endswith("changed since the run was paused (fingerprints)")


def test_a_run_was_active_except_while_it_waited_for_a_person():
    """The time limit counts 3 s before the pause and 5 s after it; a clock set back counts none."""
    moments = (
        ("run.started", "09:00:00"),
        ("run.paused", "09:00:03"),
        ("approval.given", "10:00:00"),
        ("call.dispatched", "10:00:07"),
        ("tool.returned", "10:00:04"),
        ("model.replied", "10:00:09"),
    )
    events = [Event(n, kind, f"2026-01-15T{at}.000Z", {}) for n, (kind, at) in enumerate(moments)]
    assert Replay(events).active_s == 3 + 5


def test_an_answer_is_used_once_something_follows_it():
    """A person's answer after which nothing was recorded still has to be acted on."""
    given = {"answer": "modify", "by": "dana", "reason": "less", "arguments": {"n": 1}}
    unused = replay(("approval.given", given))
    used = replay(("limit.warned", {}), ("approval.given", given), ("call.dispatched", {}))
    answer = Approval("modify", "dana", "less", {"n": 1})
    assert (unused.approval(), unused.approval_used()) == (answer, False)
    assert (used.approval(), used.approval_used()) == (answer, True)
    assert replay(("call.dispatched", {})).approval() is None


def returned(call_id: str, **body: Any) -> tuple[str, dict[str, Any]]:
    """Return the event of a call that brought a result, at the first attempt unless named."""
    brought = {"call_id": call_id, "ok": True, "value": {"n": 1}, "error": None, "attempts": 1}
    return "tool.returned", {**brought, **body}


def test_the_result_of_a_call_is_its_own():
    """Not that of a call beside it, and with the state its own effect was left in."""
    recorded = replay(
        ("effect.settled", {"call_id": "c1", "state": "succeeded"}),
        ("effect.settled", {"call_id": "c2", "state": "failed"}),
        ("limit.warned", {}),
        returned("c1", attempts=2),
        returned("c2", value={"n": 2}),
        returned("c3", value={"n": 3}),
    )
    assert recorded.result("c1") == (ToolResult({"n": 1}, None, 2), "succeeded")
    assert recorded.result("c2") == (ToolResult({"n": 2}, None, 1), "failed")
    assert recorded.result("c3") == (ToolResult({"n": 3}, None, 1), None)
    assert recorded.result("c4") is None


def test_a_failed_call_fails_again_as_it_did():
    """Its error and its attempts are the recorded ones; no value comes with it."""
    error = {"error": "timeout", "message": "no answer within 5 s", "retryable": True}
    recorded = replay(returned("c1", ok=False, value={"n": 1}, error=error, attempts=3))
    failed = ToolError("timeout", "no answer within 5 s")
    assert recorded.result("c1") == (ToolResult(None, failed, 3), None)


@pytest.mark.parametrize("kind", ["call.decided", "model.replied"])
def test_a_later_call_with_the_same_id_lends_no_result(kind: str):
    """A call that was cut off has none, whatever a model called another one afterwards."""
    recorded = replay(("call.dispatched", {"call_id": "c1"}), (kind, {}), returned("c1"))
    assert recorded.result("c1") is None
