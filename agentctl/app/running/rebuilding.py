"""Rebuild the state of a project from its traces, where `state.db` was deleted.

Every effect, answer and cost stands in a trace before it counts. So what was sent stays sent, an
approval that was used stays used, what was spent is added up, and a run that waits can be taken up.
An effect that was intended and not settled is in doubt. Where a trace is missing, damaged or keeps
no content, what it sent is not known: no effect is sent until a person says that it may be.
"""

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.effects.approvals import Approvals, ApprovalStanding, PendingApproval, request_row
from agentctl.effects.budgets import SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.ledger import EffectRecord, Ledger, provider_key
from agentctl.effects.paused_runs import PausedRuns, RunRecipe
from agentctl.runtime.approvals.recorded import (
    RecordedEffect,
    RecordedRequest,
    recorded_effects,
    recorded_requests,
)
from agentctl.specs.reading.locate import state_folder
from agentctl.traces.audit.project import verify_runs
from agentctl.traces.log.content import missing_content
from agentctl.traces.log.locks import lock
from agentctl.traces.log.store import read_events, run_files
from agentctl.traces.views.cost import is_replayed, spends_of

PATIENCE_S = 60.0
"""How long a process waits for another one that rebuilds the state."""
_MOST_NAMED = 5
"""Reasons that are kept; more are counted."""


def state_file(root: Path) -> Path:
    """Return the database of a project's state."""
    return state_folder(root) / "state.db"


def is_lost(root: Path) -> bool:
    """Whether a project has traces, and no state."""
    file = state_file(root)
    return not (file.is_file() and file.stat().st_size) and bool(run_files(root))


def rebuild_state(root: Path) -> None:
    """Make the state of a project from its traces; one process does, others wait for it.

    Raises:
        Problem: If it cannot be written.
    """
    file = state_file(root)
    guard = os.open(file.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        lock(guard, str(file), patience_s=PATIENCE_S)
        if is_lost(root):
            made = file.with_suffix(".new")
            for old in (made, file.with_name("state.db-wal"), file.with_name("state.db-shm")):
                old.unlink(missing_ok=True)
            _fill(root, made)
            made.replace(file)
    finally:
        os.close(guard)


class _Stores(NamedTuple):
    ledger: Ledger
    approvals: Approvals
    sessions: PausedRuns
    spending: SpendingStore


def _fill(root: Path, file: Path) -> None:
    with closing(open_db(file)) as db:
        approvals = Approvals(db)
        stores = _Stores(Ledger(db, approvals), approvals, PausedRuns(db), SpendingStore(db))
        missing, waiting = _missing(root), list[PendingApproval]()
        for path in reversed(run_files(root)):
            try:
                run, events = read_events(path)
                if events[0].type == "run.started":
                    missing += _take(stores, run, events, waiting)
            except Problem:
                # Named already: its trace is damaged.
                continue
        for row in waiting:
            # After those that were answered: their numbers stand in traces.
            stores.approvals.restore(row)
        if missing:
            more = [f"and {len(missing) - _MOST_NAMED} more"] * (len(missing) > _MOST_NAMED)
            what = "; ".join([*missing[:_MOST_NAMED], *more])
            stores.ledger.hold(f"state.db was rebuilt from traces that are not complete ({what})")


def _missing(root: Path) -> list[str]:
    """Return why the traces may not hold everything that was sent."""
    try:
        audit = verify_runs(root)
    except Problem as met:
        return [one.message for one in met.diagnostics]
    damaged = [f"{one.path.name} is damaged" for one in audit.tampered]
    unsealed = [f"the journal does not know run {run}" for run in audit.unsealed]
    return [*damaged, *audit.contradictions, *unsealed]


def _take(
    stores: _Stores, run: str, events: Sequence[Event], waiting: list[PendingApproval]
) -> list[str]:
    """Enter what one run sent, was answered, spent and needs; return what it does not say."""
    started, ended = events[0].body, events[-1].type == "run.ended"
    kept = missing_content(events)
    if kept is not None:
        sent = any(event.type == "effect.intended" for event in events)
        return [f"run {run} keeps no content ({kept})"] if sent else []
    if not is_replayed(events):
        for spend in spends_of(run, events):
            if spend.usd is not None:
                stores.spending.book(spend.agent, str(spend.day), spend.usd)
    recipe = _recipe(events)
    if recipe is not None and not ended:
        stores.sessions.keep(run, recipe)
    used: set[int | None] = set()
    for request in recorded_requests(run, events):
        row = _approval_row(request)
        if row.standing == "pending" and not ended:
            waiting.append(row)
        elif row.id:
            stores.approvals.restore(row)
            used |= {row.id} if request.used else set()
    if started["mode"] == "live":
        for effect in recorded_effects(run, events):
            approval = effect.approval if effect.approval in used else None
            stores.ledger.restore(_effect_row(run, effect), approval)
    return []


def _recipe(events: Sequence[Event]) -> RunRecipe | None:
    """Return how a run was started; runs of earlier versions say it in part."""
    started = events[0].body
    if "recipe" in started:
        return RunRecipe(**started["recipe"])
    if not any(event.type == "run.paused" for event in events):
        return None
    scenario: dict[str, Json] = started.get("scenario") or {}
    return RunRecipe(
        started["agent"],
        started["principal"],
        started["mode"],
        world=scenario.get("set"),
        scenario=scenario.get("id"),
        environment=started.get("environment"),
    )


def _effect_row(run: str, effect: RecordedEffect) -> EffectRecord:
    result = effect.result
    known: dict[str, Json] | None = None
    if result is not None and effect.state != "in_doubt":
        known = result.error.as_json() if result.error else {"value": result.value}
    return EffectRecord(
        0,
        run,
        effect.key,
        effect.tool,
        effect.arguments,
        provider_key(run, effect.key),
        effect.state,
        known,
        effect.intended_at,
        effect.settled_at,
        effect.settled_by,
        None,
    )


def _approval_row(request: RecordedRequest) -> PendingApproval:
    answer = request.answer
    standing: ApprovalStanding = "pending"
    if answer is not None and answer.answer != "timeout":
        standing = "used" if request.used else answer.answer
    return PendingApproval(
        (answer.id if answer is not None else None) or 0,
        *request.binding[:3],
        request.request.call_id,
        request.request.call_hash,
        *request.binding[3:],
        request_row(request.request),
        request.request.by,
        standing,
        request.at,
        stamp(request.expires_at),
        answer.by if answer is not None else None,
        request.answered_at,
        answer.reason if answer is not None else None,
    )


__all__ = ["is_lost", "rebuild_state", "state_file"]
