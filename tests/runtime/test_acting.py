"""From the authorizer's word to the tool's answer: approvals, effects, faults, filters."""

from typing import Any

import pytest

from tests.support.build import ALLOW_ALL, CANCEL, GET, ORDERS, bundle, ended, events, trial

CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SAY = {"say": "Done."}
ASK = [
    {"id": "reads", "allow": {"effects": ["none"]}},
    {"id": "cancel", "ask": ["cancel_order"], "by": "order-desk", "within": "30m"},
]


def states(played: Any) -> list[str]:
    return [body["state"] for body in events(played, "effect.settled")]


def test_an_approved_call_runs():
    """The approver sees what will run and where its arguments came from."""
    played = trial(
        bundle(rules=ASK), [CALL_GET, CALL_CANCEL, SAY], approvals={"cancel_order": "approve"}
    )
    (asked,) = events(played, "approval.requested")
    assert asked["arguments"] == {"order_id": "o_1"}
    assert asked["origins"] == {"order_id": "tool result 1.1"}
    assert asked["by"] == "order-desk"
    assert events(played, "approval.given")[0]["call_hash"] == asked["call_hash"]
    assert states(played) == ["succeeded"]


def test_an_approver_sees_who_brought_each_argument():
    """The user, the result of a tool, the model itself, or the system for a bound argument."""
    refund = {
        "name": "refund",
        "description": "Refund.",
        "inputSchema": {
            "type": "object",
            "properties": {n: {"type": "string"} for n in ("order", "owner", "said", "why", "who")},
        },
        "bind": {"who": "principal.id"},
        "effect": "irreversible",
        "mock": {"insert": "refunds", "record": {"id": "r_1"}},
    }
    sent = {"order": "o_1", "owner": "cus_7", "said": "cancel", "why": "goodwill"}
    played = trial(
        bundle(
            tools=[GET, refund],
            tables={"orders": "order_id", "refunds": "id"},
            rules=[ASK[0], {"id": "ask", "ask": ["refund"]}],
        ),
        [CALL_GET, {"call": {"refund": sent}}, SAY],
        approvals={"refund": "approve"},
    )
    (asked,) = events(played, "approval.requested")
    assert asked["arguments"] == {**sent, "who": "cus_7"}
    assert asked["origins"] == {
        "order": "tool result 1.1",
        "owner": "tool result 1.1",
        "said": "user",
        "why": "model",
        "who": "system",
    }


def test_a_rejected_call_does_not_run_and_stays_denied():
    """The rejection goes back as a result; the same call again is denied without asking."""
    played = trial(
        bundle(rules=ASK),
        [CALL_GET, CALL_CANCEL, CALL_CANCEL, SAY],
        approvals={"cancel_order": {"answer": "reject", "reason": "too late"}},
    )
    refused = [body["error"] for body in events(played, "tool.returned") if not body["ok"]]
    assert refused[0]["message"] == "declined by a person; do not retry: too late"
    assert refused[1]["error"] == "declined"
    assert len(events(played, "approval.requested")) == 1
    assert played.world.changes() == {}


def test_an_approval_nobody_gives_is_a_time_out():
    """An unscripted approval is not an approval."""
    played = trial(bundle(rules=ASK), [CALL_GET, CALL_CANCEL, SAY])
    assert ended(played)["stop"] == "waiting_approval"
    assert played.world.changes() == {}


def test_a_modified_call_runs_with_the_new_arguments():
    """What the person changed is decided anew and recorded as a correction."""
    played = trial(
        bundle(rules=ASK),
        [CALL_GET, {"call": {"get_order": {"order_id": "o_4"}}}, CALL_CANCEL, SAY],
        approvals={"cancel_order": {"modify": {"order_id": "o_4"}}},
    )
    (changed,) = events(played, "correction.made")
    assert (changed["before"], changed["after"]) == ({"order_id": "o_1"}, {"order_id": "o_4"})
    assert list(played.world.changes()["orders"]) == ["o_4"]


def test_a_modification_that_is_not_allowed_does_not_run():
    """A person's change passes the authorizer like a model's call."""
    played = trial(
        bundle(rules=ASK),
        [CALL_GET, CALL_CANCEL, SAY],
        approvals={"cancel_order": {"modify": {"order_id": "o_3"}}},
    )
    assert played.world.changes() == {}
    assert events(played, "call.decided")[-1]["stage"] == "visibility"


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_a_rule_may_ask_about_a_built_in_tool(answer: str):
    """It waits for a person like any other call; nothing is asked of the user before."""
    made = bundle(rules=[{"id": "careful", "ask": ["ask_user"]}], escalation={"queue": "desk"})
    turns = [{"call": {"ask_user": {"question": "Which order?"}}}, {"say": "Thanks."}]
    played = trial(made, turns, approvals={"ask_user": answer}, conversation=["Hi", "o_1"])
    assert len(events(played, "approval.given")) == 1
    assert len(events(played, "question.asked")) == (answer == "approve")


def test_a_draft_of_a_built_in_tool_is_refused():
    """There is no tool that saves it."""
    made = bundle(rules=[{"id": "careful", "draft": ["ask_user"]}], escalation={"queue": "desk"})
    turns = [{"call": {"ask_user": {"question": "Which order?"}}}, {"say": "Thanks."}]
    played = trial(made, turns, conversation=["Hi", "o_1"])
    assert events(played, "question.asked") == []
    assert "names no draft tool" in events(played, "tool.returned")[0]["error"]["message"]


def test_a_draft_is_saved_where_sending_is_not_allowed():
    """A rule that says draft turns the call into the tool's draft tool, through the authorizer."""
    mail = {
        "type": "object",
        "required": ["text"],
        "properties": {"text": {"type": "string"}},
    }
    send = {
        "name": "send_mail",
        "description": "Send.",
        "inputSchema": mail,
        "effect": "external_write",
        "draft": "save_draft",
        "mock": {"insert": "sent", "record": {"text": "=args.text"}},
    }
    save = {
        **send,
        "name": "save_draft",
        "effect": "internal_write",
        "draft": None,
        "mock": {"insert": "drafts", "record": {"text": "=args.text"}},
    }
    made = bundle(
        tools=[send, save],
        tables={"sent": "id", "drafts": "id"},
        rules=[{"id": "d", "draft": ["send_mail"]}, {"id": "s", "allow": ["save_draft"]}],
    )
    played = trial(made, [{"call": {"send_mail": {"text": "Hi"}}}, SAY])
    assert played.world.changes() == {"drafts": {"drafts_1": {"id": "drafts_1", "text": "Hi"}}}


def test_foreign_records_never_reach_the_model_or_the_trace():
    """What the principal may not see is dropped; only the number is kept."""
    find = {
        "name": "list_orders",
        "description": "List.",
        "effect": "none",
        "records": {"table": "orders"},
        "visible_when": "record.customer_id == principal.id",
        "mock": {"find": "orders"},
    }
    foreign = {f"f_{n}": {"customer_id": "cus_8", "secret": f"s{n}"} for n in range(500)}
    played = trial(
        bundle(tools=[find]), [{"call": {"list_orders": {}}}, SAY], orders={**foreign, **ORDERS}
    )
    (returned,) = events(played, "tool.returned")
    assert returned["dropped"] == 501
    assert {record["customer_id"] for record in returned["value"]} == {"cus_7"}
    assert "s499" not in str(played.events)


def test_a_single_foreign_record_is_not_found():
    """Whether the record exists at all is not told."""
    played = trial(bundle(), [{"call": {"get_order": {"order_id": "o_3"}}}, SAY])
    (returned,) = events(played, "tool.returned")
    assert (returned["ok"], returned["error"]["error"], returned["dropped"]) == (
        False,
        "not_found",
        1,
    )


def test_a_read_that_fails_for_a_moment_is_tried_again():
    """Retries are the dispatcher's, within the attempts the manifest allows."""
    get = {**GET, "retry": {"errors": ["timeout"], "attempts": 3}}
    faults = [{"tool": "get_order", "times": 2, "fault": "timeout"}]
    played = trial(bundle(tools=[get, CANCEL]), [CALL_GET, SAY], faults=faults)
    (returned,) = events(played, "tool.returned")
    assert (returned["ok"], returned["attempts"]) == (True, 3)


def test_a_lost_acknowledgement_under_an_idempotency_key_cancels_once():
    """The retry carries the same key, and the system answers without a second effect."""
    counter = {
        **CANCEL,
        "retry": {"errors": ["timeout"], "attempts": 2},
        "mock": {"update": "orders", "set": {"total": "=record.total + 1.0"}},
    }
    faults = [{"tool": "cancel_order", "fault": "lost_acknowledgement"}]
    played = trial(bundle(tools=[GET, counter]), [CALL_GET, CALL_CANCEL, SAY], faults=faults)
    assert states(played) == ["succeeded"]
    assert played.world.changes()["orders"]["o_1"]["total"] == pytest.approx(50.9)


def test_a_lost_acknowledgement_without_a_key_is_in_doubt_and_not_repeated():
    """Nobody knows whether it happened, so a person has to look."""
    bare = {k: v for k, v in CANCEL.items() if k != "idempotency"}
    bare["retry"] = {"errors": ["timeout"], "attempts": 3}
    faults = [{"tool": "cancel_order", "fault": "lost_acknowledgement"}]
    made = bundle(tools=[GET, bare], escalation={"queue": "order-desk"})
    played = trial(made, [CALL_GET, CALL_CANCEL, SAY], faults=faults)
    assert states(played) == ["in_doubt"]
    assert events(played, "tool.returned")[-1]["attempts"] == 1
    (passed,) = events(played, "escalated")
    assert passed["packet"]["doubts"][0]["tool"] == "cancel_order"


def test_the_same_effect_under_a_new_call_id_does_not_happen_twice():
    """A re-planned duplicate is caught by the fields the manifest names."""
    counter = {**CANCEL, "mock": {"update": "orders", "set": {"total": "=record.total + 1.0"}}}
    played = trial(bundle(tools=[GET, counter]), [CALL_GET, CALL_CANCEL, CALL_CANCEL, SAY])
    assert played.world.changes()["orders"]["o_1"]["total"] == pytest.approx(50.9)


def test_a_write_whose_receipt_breaks_its_schema_is_not_repeated():
    """It took effect; what it returned cannot be read; a person has to look."""
    broken = {
        **CANCEL,
        "outputSchema": {"type": "object", "required": ["receipt"]},
    }
    made = bundle(tools=[GET, broken], escalation={"queue": "order-desk"})
    played = trial(made, [CALL_GET, CALL_CANCEL, SAY])
    assert states(played) == ["unverified"]
    assert ended(played)["stop"] == "escalated"
    assert len(events(played, "effect.intended")) == 1


def test_a_record_that_changed_in_between_is_met_as_it_is_now():
    """Somebody else was faster: the mocked system refuses, nothing is lost."""
    faults = [{"tool": "cancel_order", "world": {"orders": {"o_1": {"status": "shipped"}}}}]
    played = trial(bundle(), [CALL_GET, CALL_CANCEL, SAY], faults=faults)
    assert events(played, "tool.returned")[-1]["error"]["error"] == "conflict"
    assert states(played) == ["failed"]
    assert played.world.changes() == {}


def test_untrusted_text_makes_a_later_effect_ask():
    """Instructions hidden in what a tool returns cannot act by themselves."""
    played = trial(
        bundle(tools=[{**GET, "trust": "untrusted"}, CANCEL]), [CALL_GET, CALL_CANCEL, SAY]
    )
    decided = events(played, "call.decided")[-1]
    assert (decided["verdict"], decided["stage"]) == ("ask", "taint")
    assert played.world.changes() == {}


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("{'total': float('nan')}", "NotCanonical: NaN and infinities are not JSON"),
        ("[now]", "NotCanonical: datetime is not JSON"),
        ("{1: 'o_1'}", "NotCanonical: object keys are text, not int"),
        ("'\\ud800'", "NotCanonical: lone surrogates are not text"),
    ],
)
def test_a_python_mock_that_breaks_is_inconclusive(tmp_path: Any, returned: str, why: str):
    """A bug in a mock is not the agent's failure."""
    (tmp_path / "mocks.py").write_text(
        f"def get(world, args, principal, now):\n    return {returned}\n"
    )
    get = {**GET, "mock": {"python": "mocks.py:get"}}
    played = trial(bundle(tools=[get, CANCEL], folder=tmp_path), [CALL_GET, SAY])
    assert played.fault == f"missing mock: the mock of `get_order` failed: {why}"


@pytest.mark.parametrize("where", ["../mocks.py:get", "missing.py:get", "notes.txt:get"])
def test_a_python_mock_comes_from_beside_its_manifest_only(tmp_path: Any, where: str):
    """A manifest cannot name code elsewhere."""
    (tmp_path / "notes.txt").write_text("")
    (tmp_path.parent / "mocks.py").write_text("get = print\n")
    get = {**GET, "mock": {"python": where}}
    with pytest.raises(Exception, match="not a file beside its manifest"):
        trial(bundle(tools=[get, CANCEL], folder=tmp_path), [CALL_GET, SAY])


def test_rights_are_the_agents_and_the_roles():
    """A tool the role does not hold, or lacks a scope for, does not exist for the model."""
    scoped = {**CANCEL, "scopes": ["orders:write"]}
    made = bundle(tools=[GET, scoped], rules=ALLOW_ALL)
    played = trial(made, [CALL_GET, CALL_CANCEL, SAY])
    assert events(played, "run.started")[0]["rights"]["tools"] == ["get_order"]
    assert events(played, "call.decided")[-1]["stage"] == "offer"
