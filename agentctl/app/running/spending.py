"""Where a run of the command line takes its money from."""

from collections.abc import Callable
from pathlib import Path

from agentctl.effects.alerts import AlertSender
from agentctl.effects.budget import Budget
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.shared_budget import SharedBudget
from agentctl.specs.reading.locate import state_folder
from agentctl.specs.shapes.bundle import Bundle


def state_file(root: Path) -> Path:
    """Return where budgets and alerts are kept."""
    return state_folder(root) / "state.db"


def budget_of(bundle: Bundle, run_id: str, note: Callable[[str], None]) -> Budget | None:
    """Return the purse of a run, or `None` where nothing is shared and nobody is to be told.

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
    db = open_db(state_file(bundle.root))
    desk = AlertSender(db, alerts, bundle.root, note) if alerts is not None else None
    return SharedBudget(SpendingStore(db), bundle.agent.name, run_id, shared, desk)


__all__ = ["budget_of", "state_file"]
