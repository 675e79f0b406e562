"""Answer a run that waits: the answer is written to its trace first, then it counts.

The run's own process is gone; anyone who holds its trace may add to it. Each addition is sealed,
so that removing an answer is noticed.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.clock import stamp
from agentctl.core.errors import problem
from agentctl.core.events import Event, EventType
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval, ToolError, ToolResult
from agentctl.effects.approvals import Approvals, PendingApproval, not_pending
from agentctl.effects.ledger import SETTLED, EffectRecord, EffectState, Ledger
from agentctl.runtime.approvals.approver import answer_in, given
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import read_events


class TracePlace(NamedTuple):
    """Where the traces of a project are."""

    traces: Path
    journal: Path


class Responder(NamedTuple):
    """Who does it: asserted, with the operating-system user beside it."""

    id: str
    os_user: str


def answer_approval(
    place: TracePlace,
    approvals: Approvals,
    row: PendingApproval,
    answered: Approval,
    person: Responder,
) -> None:
    """Answer one request.

    Args:
        place: Where the run's trace is.
        approvals: The inbox.
        row: The request.
        answered: The answer: approve, reject, or modify with new arguments.
        person: Who answers; whether they may was looked at before.

    Raises:
        Problem: If it no longer waits, the run is being resumed right now, or its trace is damaged.
    """
    now = datetime.now(UTC)
    if approvals.current(row.id, now).standing != "pending":
        raise not_pending(approvals.find(row.id))
    answer = answered._replace(by=person.id, id=row.id)
    body = {**given(row.call_id, row.call_hash, answer), "os_user": person.os_user}
    trace, events = FileTrace.reopen(place.traces / f"{row.run}.jsonl", row.run, place.journal)
    with trace:
        recorded = _answered(events, row)
        if recorded is None:
            _add(place, trace, row.run, events, "approval.given", body, now)
        elif (recorded.answer, recorded.by) != (answer.answer, answer.by):
            # Its process died between the trace and the inbox: the trace holds.
            _decide(approvals, row, recorded, now)
            raise not_pending(approvals.find(row.id))
        _decide(approvals, row, answer, now)


def _decide(approvals: Approvals, row: PendingApproval, answer: Approval, now: datetime) -> None:
    approvals.decide(row.id, answer.answer, answer.by or "", answer.reason, now)  # type: ignore[arg-type]  # never a time-out


def _answered(events: list[Event], row: PendingApproval) -> Approval | None:
    """Return the recorded answer to a request, if there is one.

    Raises:
        Problem: If the run is not waiting for it.
    """
    asked, answer = None, None
    for event in events:
        if event.type == "approval.requested":
            asked, answer = event.body["call_hash"], None
        elif event.type == "approval.given":
            answer = answer_in(event.body)
    if asked != row.call_hash:
        raise problem(
            "not-waiting",
            f"run {row.run} does not wait for approval {row.id}",
            hint=f"agentctl trace show {row.run}",
            exit_code=ExitCode.NO,
        )
    return answer


def settle_effect(
    place: TracePlace,
    ledger: Ledger,
    effect: EffectRecord,
    call_id: str,
    state: EffectState,
    reason: str | None,
    person: Responder,
) -> None:
    """Record the outcome of an effect in doubt.

    Raises:
        Problem: If it is settled already, or its run is being resumed right now.
    """
    if effect.state in SETTLED:
        raise problem(
            "already-settled",
            f"effect {effect.id} is {effect.state}, by {effect.settled_by}",
            exit_code=ExitCode.NO,
        )
    now = datetime.now(UTC)
    result = ToolResult()
    if state == "failed":
        result = ToolResult(error=ToolError("unavailable", reason or "it did not happen"))
    path = place.traces / f"{effect.run}.jsonl"
    _, events = read_events(path, effect.run)
    if events[-1].type == "run.ended":
        ledger.settle(effect, state, result, now, person.id, reason)
        return
    body: dict[str, Json] = {
        "by": person.id,
        "os_user": person.os_user,
        "call_id": call_id,
        "before": {"effect": effect.id, "tool": effect.tool, "state": effect.state},
        "after": {"state": state, "reason": reason},
    }
    trace, events = FileTrace.reopen(path, effect.run, place.journal)
    with trace:
        _add(place, trace, effect.run, events, "correction.made", body, now)
        ledger.settle(effect, state, result, now, person.id, reason)


def _add(
    place: TracePlace,
    trace: FileTrace,
    run: str,
    events: list[Event],
    kind: EventType,
    body: dict[str, Json],
    now: datetime,
) -> None:
    trace.record(Event(len(events), kind, stamp(now), body))
    seal_run(place.journal, Seal(run, len(events) + 1, trace.head), stamp(now))


__all__ = ["Responder", "TracePlace", "answer_approval", "settle_effect"]
