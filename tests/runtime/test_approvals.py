"""An answer from the inbox counts for one call, under what it was given for, and for no other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.effects.approvals import ApprovalBinding, Approvals
from agentctl.effects.db import open_db
from agentctl.runtime.approvals.approver import answer_in, given
from agentctl.runtime.approvals.queue import QueueApprover, held_back
from agentctl.runtime.approvals.standing import check_standing
from agentctl.runtime.replay.replay import Replay
from agentctl.specs.shapes.project import Person

NOW = datetime(2026, 1, 15, 9, tzinfo=UTC)
CALL = ApprovalRequest(
    "c1", "refund", "irreversible", {"cents": 100}, (), {"cents": "user"}, "ask", "Why.", "desk", 60
)
BOUND = ApprovalBinding("r1", "order-desk", "cus_7", "policy", "tools")


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return Approvals(open_db(tmp_path / "state.db"))


def approved(approvals: Approvals) -> int:
    """Ask for the call and approve it in the inbox."""
    row = approvals.request(BOUND, CALL, NOW)
    approvals.decide(row.id, "approve", "dana", None, NOW)
    return row.id


def resumed(
    approvals: Approvals,
    answer: Approval,
    binding: ApprovalBinding = BOUND,
    now: datetime = NOW,
    after: tuple[Event, ...] = (),
) -> QueueApprover:
    """Return the approver of a run that goes on from a recorded answer."""
    body = given("c1", CALL.call_hash, answer)
    events = [Event(0, "approval.given", "2026-01-15T09:00:00.000Z", body), *after]
    return QueueApprover(approvals, binding, Replay(events), lambda: now)


def test_an_answer_that_holds_is_taken(approvals: Approvals):
    """The same call of the same run, under the same policy and tools, in time."""
    answer = Approval("approve", "dana", None, None, approved(approvals))
    assert resumed(approvals, answer).ask(CALL) == answer


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"call": CALL._replace(arguments={"cents": 101})}, "it was given for another call"),
        ({"call": CALL._replace(tool="pay")}, "it was given for another call"),
        ({"binding": BOUND._replace(run="r2")}, "it was given for another call"),
        ({"binding": BOUND._replace(policy="other")}, "the policy or a tool changed since"),
        ({"binding": BOUND._replace(tools="other")}, "the policy or a tool changed since"),
        ({"answer": {"answer": "reject"}}, "the inbox says approve, and the trace reject"),
        ({"now": NOW + timedelta(seconds=61)}, "the inbox says expired, and the trace approve"),
        ({"answer": {"id": None}}, "it was given at a terminal, to a process that is gone"),
    ],
)
def test_an_answer_that_does_not_hold_is_void(
    approvals: Approvals, changed: dict[str, Any], why: str
):
    """Nothing runs on it: `approval-void` says why, and the exit code is that of a no."""
    answer = Approval("approve", "dana", None, None, approved(approvals))
    answer = answer._replace(**changed.get("answer", {}))
    approver = resumed(approvals, answer, changed.get("binding", BOUND), changed.get("now", NOW))
    with pytest.raises(Problem) as met:
        approver.ask(changed.get("call", CALL))
    (diagnostic,) = met.value.diagnostics
    assert diagnostic.code == "approval-void"
    assert diagnostic.message == f"the approval cannot be used: {why}"
    assert met.value.exit_code is ExitCode.NO


def test_an_answer_that_was_used_is_not_checked_again(approvals: Approvals):
    """What came after it was decided then; now it is only played back."""
    answer = Approval("approve", "dana", None, None, approved(approvals))
    after = (Event(1, "effect.intended", "2026-01-15T09:00:00.000Z", {"call_id": "c1"}),)
    later = NOW + timedelta(days=9)
    assert resumed(approvals, answer, now=later, after=after).ask(CALL) == answer


def test_without_an_answer_the_call_waits_in_the_inbox(approvals: Approvals):
    """It is found there under what it is bound to."""
    assert QueueApprover(approvals, BOUND, None, lambda: NOW).ask(CALL) is None
    (row,) = approvals.pending(NOW)
    assert (row.run, row.call_hash, row.policy, row.tools) == (
        "r1", CALL.call_hash, "policy", "tools"
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        Approval("approve", "dana"),
        Approval("reject", "dana", "too late", None, 7),
        Approval("modify", "dana", None, {"cents": 50}, 8),
        Approval("timeout"),
    ],
)
def test_an_answer_is_read_from_the_trace_as_it_was_given(answer: Approval):
    """Writing and reading agree on every field."""
    assert answer_in(given("c1", CALL.call_hash, answer)) == answer


PEOPLE = {
    "dana": Person(queues=["desk", "legal"]),
    "boss": Person(queues=["desk"]),
    "intern": Person(queues=["mail"]),
}


@pytest.mark.parametrize(
    ("identity", "queue", "principal"),
    [("dana", "legal", "cus_7"), ("boss", "desk", "dana"), ("intern", None, "cus_7")],
)
def test_who_serves_the_queue_check_standing(identity: str, queue: str | None, principal: str):
    """Anyone of the project where no queue is asked."""
    check_standing(PEOPLE, identity, queue, principal)


def test_without_people_anyone_but_the_principal_check_standing():
    """A project that names nobody has not said who may."""
    check_standing({}, "anyone", "desk", "cus_7")


@pytest.mark.parametrize(
    ("people", "identity", "queue", "code", "hint"),
    [
        (PEOPLE, "DANA", "desk", "self-approval", None),
        ({}, "dana", "desk", "self-approval", None),
        (PEOPLE, "bos", "desk", "unknown-approver", "did you mean `boss`?"),
        (
            PEOPLE, "someone", "desk", "unknown-approver",
            "people who may: boss, dana (agentctl.yaml)",
        ),
        (PEOPLE, "intern", "legal", "not-their-queue", "people who may: dana (agentctl.yaml)"),
        (PEOPLE, "boss", "none", "not-their-queue", "people who may: nobody (agentctl.yaml)"),
        (
            PEOPLE, "someone", None, "unknown-approver",
            "people who may: boss, dana, intern (agentctl.yaml)",
        ),
    ],
)  # fmt: skip
def test_who_may_not_approve_is_refused_with_who_may(
    people: dict[str, Person], identity: str, queue: str | None, code: str, hint: str | None
):
    """Nobody approves for themselves, whatever the case of their name."""
    with pytest.raises(Problem) as met:
        check_standing(people, identity, queue, "dana")
    (diagnostic,) = met.value.diagnostics
    assert (diagnostic.code, diagnostic.hint) == (code, hint)
    assert met.value.exit_code is ExitCode.NO


def test_a_request_is_held_back_when_what_it_was_decided_under_changed(approvals: Approvals):
    """Answering it would approve a call under rules that nobody has asked."""
    row = approvals.request(BOUND, CALL, NOW)
    assert held_back(row, "policy", "tools") is None
    changed = held_back(row, "policy", "other")
    assert changed is not None
    assert changed.diagnostics[0].code == "changed-since"
    assert held_back(row, "other", "tools") is not None
