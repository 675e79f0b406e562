"""What the processes of one project share: effects, approvals, paused runs and money."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentctl.app.running.rebuilding import is_lost, rebuild_state, state_file
from agentctl.effects.alerts import AlertSender
from agentctl.effects.approvals import Approvals
from agentctl.effects.budget import Budget
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.ledger import Ledger
from agentctl.effects.paused_runs import PausedRuns
from agentctl.effects.shared_budget import SharedBudget
from agentctl.specs.shapes.bundle import Bundle


class RunState(NamedTuple):
    """The state of a project, on one connection to its database."""

    ledger: Ledger
    approvals: Approvals
    sessions: PausedRuns


def state_of(root: Path) -> RunState:
    """Open the state of a project.

    Raises:
        Problem: If it cannot be used.
    """
    db = _opened(root)
    approvals = Approvals(db)
    return RunState(Ledger(db, approvals), approvals, PausedRuns(db))


def _opened(root: Path) -> sqlite3.Connection:
    if is_lost(root):
        rebuild_state(root)
    return open_db(state_file(root))


def budget_of(bundle: Bundle, run_id: str, note: Callable[[str], None]) -> Budget | None:
    """Return the money that a run shares with others; `None` = no shared limit and no alert.

    Args:
        bundle: The agent.
        run_id: The run.
        note: Called with the reason when an alert could not be sent.

    Raises:
        Problem: If the project's state cannot be opened.
    """
    limits = bundle.agent.limits.cost_usd
    shared = DayLimits(limits.day, limits.month)
    alerts = bundle.project.alerts
    if shared == DayLimits() and (alerts is None or limits.session is None):
        return None
    db = _opened(bundle.root)
    sender = AlertSender(db, alerts, bundle.root, note) if alerts is not None else None
    return SharedBudget(SpendingStore(db), bundle.agent.name, run_id, shared, sender)


__all__ = ["RunState", "budget_of", "state_of"]
