"""Everything that waits for a person, and what they answer."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from agentctl.app.running.rebuilding import is_lost, state_file
from agentctl.app.running.state import state_of
from agentctl.core.canonical import Json
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.masking import masked, secret_field
from agentctl.core.messages import Approval
from agentctl.effects.approvals import (
    ApprovalStanding,
    PendingApproval,
    not_pending,
    request_row,
)
from agentctl.effects.ledger import EffectRecord, EffectState
from agentctl.runtime.approvals.inbox import Responder, TracePlace, answer_approval, settle_effect
from agentctl.runtime.approvals.queue import held_back
from agentctl.runtime.approvals.recorded import (
    check_effect,
    check_request,
    effect_differences,
    find_effect,
    find_request,
    row_differences,
)
from agentctl.runtime.approvals.standing import check_standing
from agentctl.specs.loading.project import Project
from agentctl.traces.log.recovery import verified_events
from agentctl.traces.log.store import journal_file, read_events, trace_of, traces_folder
from agentctl.traces.views.fold import fold


class WaitingApproval(NamedTuple):
    """A call that waits, or waited, for a person."""

    kind: Literal["approval"]
    id: int
    run: str
    agent: str
    principal: str
    environment: str | None
    tool: str
    effect: str
    arguments: dict[str, Json]
    """With secrets masked."""
    origins: dict[str, str]
    """Argument -> where its value came from."""
    rule: str | None
    reason: str | None
    """Why the rule asks."""
    queue: str | None
    standing: ApprovalStanding
    requested_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None
    said: str | None
    """What the person said about their answer."""
    differs: tuple[str, ...] = ()
    """Where the inbox differs from the trace, a line each; nothing can be approved then."""


class WaitingEffect(NamedTuple):
    """An effect in doubt: it is not known whether it happened."""

    kind: Literal["effect"]
    id: int
    run: str
    tool: str
    arguments: dict[str, Json]
    """With secrets masked."""
    state: EffectState
    since: str
    differs: tuple[str, ...] = ()
    """Where the ledger differs from the trace, a line each; it cannot be settled then."""


class WaitingRun(NamedTuple):
    """A run that can be taken up."""

    kind: Literal["question", "case", "run", "damaged"]
    """It asks the user, went to a person, was answered or cut off, or its trace cannot be read."""
    run: str
    agent: str | None
    since: str | None
    question: str | None


class WaitingHold(NamedTuple):
    """Effects that are not sent: what was sent before is not known for sure."""

    kind: Literal["hold"]
    reason: str


Waiting = WaitingApproval | WaitingEffect | WaitingRun | WaitingHold


def waiting(root: Path) -> list[Waiting]:
    """Return what waits for a person in a project: approvals, effects in doubt, runs."""
    if not state_file(root).is_file() and not is_lost(root):
        return []
    state = state_of(root)
    approvals = [_approval(root, row) for row in state.approvals.pending(datetime.now(UTC))]
    effects = [_effect(root, row) for row in state.ledger.open_effects()]
    asked = {entry.run for entry in approvals}
    runs = [
        _run(root, run)
        for run in sorted(state.sessions.all() - asked)
        if trace_of(root, run).is_file()
    ]
    held = state.ledger.held()
    holds = [WaitingHold("hold", held)] if held is not None else []
    return [*holds, *approvals, *effects, *runs]


def approval_of(root: Path, approval_id: int) -> WaitingApproval:
    """Return one call that waits, or waited, for a person.

    Raises:
        Problem: If there is no such approval.
    """
    state = state_of(root)
    return _approval(root, state.approvals.current(approval_id, datetime.now(UTC)))


def answer(project: Project, approval_id: int, given: Approval, identity: str) -> PendingApproval:
    """Answer one call that waits; the answer goes into the trace of its run.

    Args:
        project: Where the run was started.
        approval_id: The number of the request.
        given: Approve, reject, or modify with new arguments.
        identity: Who answers. Asserted, not proven.

    Raises:
        Problem: If they may not, it does not wait any more, the inbox differs from the trace, or
            what it was decided under changed.
    """
    state = state_of(project.root)
    row = state.approvals.find(approval_id)
    asked = find_request(row.run, _events(project.root, row.run), row)
    principal = asked.binding.principal
    person = check_standing(project.spec.people, identity, asked.request.by, principal)
    secret = secret_field(given.arguments or {})
    if secret is not None:
        raise problem(
            "secret-waits",
            f"`{secret}` holds a secret, which must not wait on disk",
            hint="reject the call, then run the task at a terminal",
            exit_code=ExitCode.NO,
        )
    if row.standing == "pending" and given.answer != "reject":
        check_request(row, asked)
        prints = project.agent(state.sessions.find(row.run).agent).fingerprints
        changed = held_back(row, prints.policy, prints.tools)
        if changed is not None:
            raise changed
        if datetime.now(UTC) >= row.lapses(asked.request):
            raise not_pending(row._replace(standing="expired"))
    answer_approval(_place(project), state.approvals, row, given, _responder(person))
    return row


def settle(
    project: Project, effect_id: int, state: EffectState, reason: str | None, identity: str
) -> EffectRecord:
    """Say what became of an effect in doubt.

    Args:
        project: Where its run was started.
        effect_id: The number of the effect.
        state: `succeeded` or `failed`.
        reason: Kept in the trace.
        identity: Who says so. Asserted, not proven.

    Raises:
        Problem: If they may not, it is settled already, or the ledger differs from the trace.
    """
    ledger = state_of(project.root).ledger
    row = ledger.find(effect_id)
    sent = find_effect(row.run, _events(project.root, row.run), row)
    person = check_standing(project.spec.people, identity, sent.queue, sent.principal)
    check_effect(row, sent)
    settle_effect(_place(project), ledger, row, sent.call_id, state, reason, _responder(person))
    return row


def _events(root: Path, run: str) -> list[Event]:
    return verified_events(trace_of(root, run), run, journal_file(root))


def confirm(project: Project, identity: str) -> str | None:
    """Let effects be sent again that are held back; return why they were, if they were.

    Args:
        project: Whose state was rebuilt.
        identity: Who says so: one of the people of the project. Asserted, not proven.

    Raises:
        Problem: If they may not.
    """
    person = check_standing(project.spec.people, identity, None, "")
    ledger = state_of(project.root).ledger
    held = ledger.held()
    ledger.confirm(person, datetime.now(UTC))
    return held


def _place(project: Project) -> TracePlace:
    return TracePlace(traces_folder(project.root), journal_file(project.root))


def _responder(identity: str) -> Responder:
    return Responder(identity, getpass.getuser())


def _approval(root: Path, row: PendingApproval) -> WaitingApproval:
    """Return a request as its trace says it; the row alone says it only where that is lost."""
    request, agent, principal, environment = row.request, row.agent, row.principal, None
    expires, differs = row.expires_at, list[str]()
    try:
        asked = find_request(row.run, _events(root, row.run), row)
    except Problem as met:
        differs = [one.message for one in met.diagnostics]
    else:
        request, environment = request_row(asked.request), asked.environment
        agent, principal = asked.binding.agent, asked.binding.principal
        expires = stamp(row.lapses(asked.request))
        differs = row_differences(row, asked)
    return WaitingApproval(
        kind="approval",
        id=row.id,
        run=row.run,
        agent=agent,
        principal=principal,
        environment=environment,
        tool=request["tool"],
        effect=request["effect"],
        arguments=masked(request["arguments"]),
        origins=request["origins"],
        rule=request["rule"],
        reason=request["reason"],
        queue=request["by"],
        standing=row.standing,
        requested_at=row.requested_at,
        expires_at=expires,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        said=row.reason,
        differs=tuple(differs),
    )


def _effect(root: Path, row: EffectRecord) -> WaitingEffect:
    arguments, differs = row.arguments, list[str]()
    try:
        sent = find_effect(row.run, _events(root, row.run), row)
    except Problem as met:
        differs = [one.message for one in met.diagnostics]
    else:
        arguments, differs = sent.arguments, effect_differences(row, sent)
    return WaitingEffect(
        "effect",
        row.id,
        row.run,
        row.tool,
        masked(arguments),
        row.state,
        row.intended_at,
        tuple(differs),
    )


def _run(root: Path, run: str) -> WaitingRun:
    """Return what a run that can be resumed waits for."""
    try:
        _, events = read_events(trace_of(root, run))
    except Problem:
        # One damaged trace must not hide what else waits.
        return WaitingRun("damaged", run, None, None, None)
    folded = fold(events)
    agent, since = folded.started.get("agent"), events[-1].at
    match folded.ended.get("stop"):
        case "waiting_reply":
            asked = (e.body["question"] for e in reversed(events) if e.type == "question.asked")
            return WaitingRun("question", run, agent, since, next(asked, None))
        case "escalated":
            return WaitingRun("case", run, agent, since, None)
        case _:
            return WaitingRun("run", run, agent, since, None)


__all__ = [
    "Waiting",
    "WaitingApproval",
    "WaitingEffect",
    "WaitingHold",
    "WaitingRun",
    "answer",
    "approval_of",
    "confirm",
    "settle",
    "waiting",
]
