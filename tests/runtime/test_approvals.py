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
from agentctl.runtime.approvals.queue import QueueApprover
from agentctl.runtime.replay.replay import Replay

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
