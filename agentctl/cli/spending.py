"""Where a run of the command line takes its money from."""

from pathlib import Path

from agentctl.cli.output import note
from agentctl.effects.alerts import AlertDesk
from agentctl.effects.budgets import Budgets, DayLimits
from agentctl.effects.db import open_db
from agentctl.effects.purse import Purse
from agentctl.effects.shared import SharedPurse
from agentctl.specs.bundle import Bundle
from agentctl.specs.locate import state_folder


def state_file(root: Path) -> Path:
    """Return where budgets and alerts are kept."""
    return state_folder(root) / "state.db"


def purse_of(bundle: Bundle, run_id: str) -> Purse | None:
    """Return the purse of a run, or `None` where nothing is shared and nobody is to be told.

    Raises:
        Problem: If the project's state cannot be opened.
    """
    limits = bundle.agent.limits.cost_usd
    shared = DayLimits(limits.day, limits.month)
    alerts = bundle.project.alerts
    if shared == DayLimits() and (alerts is None or limits.session is None):
        return None
    db = open_db(state_file(bundle.root))
    desk = AlertDesk(db, alerts, bundle.root, note) if alerts is not None else None
    return SharedPurse(Budgets(db), bundle.agent.name, run_id, shared, desk)


__all__ = ["purse_of", "state_file"]
