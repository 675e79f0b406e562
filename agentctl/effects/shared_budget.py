"""The budget of a real run: the project's limits, and who is alerted when one is near."""

from datetime import UTC, datetime
from decimal import Decimal

from agentctl.core.clock import stamp
from agentctl.effects.alerts import Alert, AlertSender
from agentctl.effects.budget import BudgetBreach, BudgetHold, BudgetLevel, BudgetRefusal
from agentctl.effects.budgets import DayLimits, SpendingStore


class SharedBudget:
    """Takes a run's money from the day and the month of its agent.

    Args:
        budgets: Of the project.
        agent: Who spends.
        run_id: The run.
        limits: Of the agent.
        alerts: Where breaches are sent; `None` = nowhere.
    """

    def __init__(
        self,
        budgets: SpendingStore,
        agent: str,
        run_id: str,
        limits: DayLimits,
        alerts: AlertSender | None = None,
    ) -> None:
        self._budgets = budgets
        self._agent = agent
        self._run = run_id
        self._limits = limits
        self._alerts = alerts
        self._at: datetime | None = None

    def reserve(self, amount: Decimal, at: datetime) -> BudgetHold | BudgetRefusal:
        """Hold money for one call."""
        self._at = at
        return self._budgets.reserve(self._agent, self._run, at, amount, self._limits)

    def settle(self, hold: BudgetHold, amount: Decimal) -> tuple[BudgetLevel, ...]:
        """Book what the call cost and return the limits as they stand then."""
        self._budgets.settle(hold.id, amount)
        return self._budgets.used(self._agent, self._at, self._limits) if self._at else ()

    def alert(self, what: BudgetBreach, level: BudgetLevel, at: datetime) -> None:
        """Alert people, once for the day, the month or the run that the limit is for."""
        if self._alerts is None:
            return
        day = at.astimezone(UTC).date().isoformat()
        period = {"day": day, "month": day[:7]}.get(level.period, self._run)
        limit = f"cost_usd.{level.period}"
        self._alerts.send(
            Alert(what, self._agent, self._run, limit, period, level.used, level.most, stamp(at))
        )


__all__ = ["SharedBudget"]
