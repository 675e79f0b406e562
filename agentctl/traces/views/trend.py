"""Where spending is heading: the month's end, days that stand out, budgets that are used up."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Literal, NamedTuple

from agentctl.specs.shapes.agent import CostLimit
from agentctl.traces.views.cost import Costs

SPIKE_FACTOR = 3
"""A day is a spike above so many times the usual day."""
HISTORY_DAYS = 14
"""The usual day is the median of those in so many calendar days before on which money was spent."""
LEAST_HISTORY = 3
"""With fewer days of spending there is no usual day."""

Days = Mapping[date, Decimal]


class Forecast(NamedTuple):
    """What a month will have cost if its days go on as they were."""

    month: str
    """`2026-01`."""
    spent: Decimal
    """So far."""
    days: int
    """So far, today included."""
    days_in_month: int
    usd: Decimal
    """The mean of the days so far, times the days of the month."""


class Spike(NamedTuple):
    """A day that cost much more than usual."""

    day: date
    usd: Decimal
    usual: Decimal
    history: int
    """Days of spending the usual day is the median of."""


class BudgetUse(NamedTuple):
    """How far an agent's limit for a day or a month is used up, by what its traces say."""

    agent: str
    period: Literal["day", "month"]
    of: str
    """`2026-01-15` or `2026-01`."""
    used: Decimal
    most: Decimal
    state: Literal["ok", "near", "exceeded"]
    """`near`: a warning is due; `exceeded`: it is used up, or forbade a call."""


def budgets(costs: Costs, limits: Mapping[str, CostLimit], today: date) -> list[BudgetUse]:
    """Return the budgets of the agents in `limits`, for the day and the month of `today`."""
    found = []
    for agent, limit in sorted(limits.items()):
        asked: tuple[tuple[Literal["day", "month"], date, str, Decimal | None], ...] = (
            ("day", today, f"{today}", limit.day),
            ("month", today.replace(day=1), f"{today:%Y-%m}", limit.month),
        )
        for period, since, name, most in asked:
            if most is None:
                continue
            own = (s for s in costs.spends if s.agent == agent and since <= s.day <= today)
            used = sum((s.usd for s in own if s.usd is not None), Decimal(0))
            forbade = any(
                r.agent == agent and r.limit == f"cost_usd.{period}" and since <= r.day <= today
                for r in costs.refused
            )
            state: Literal["ok", "near", "exceeded"] = "ok"
            if forbade or used >= most:
                state = "exceeded"
            elif used >= most * Decimal(str(limit.alert_at)):
                state = "near"
            found.append(BudgetUse(agent, period, name, used, most, state))
    return found


def by_day(costs: Costs) -> dict[date, Decimal]:
    """Return what each day cost, as far as it is known."""
    days: dict[date, Decimal] = {}
    for spend in costs.spends:
        days[spend.day] = days.get(spend.day, Decimal(0)) + (spend.usd or 0)
    return days


def forecast(days: Days, today: date) -> Forecast:
    """Extend the month of `today` to its end.

    >>> days = {date(2026, 1, 5): Decimal(4), date(2026, 1, 10): Decimal(6)}
    >>> forecast(days, date(2026, 1, 10)).usd
    Decimal('31')
    """
    first = today.replace(day=1)
    spent = sum((usd for day, usd in days.items() if first <= day <= today), Decimal(0))
    length = monthrange(today.year, today.month)[1]
    return Forecast(f"{today:%Y-%m}", spent, today.day, length, spent * length / today.day)


def spikes(days: Days) -> list[Spike]:
    """Return the days that cost more than three times the usual day before them, in order."""
    found = []
    spending = sorted(day for day, usd in days.items() if usd > 0)
    for day in spending:
        since = day - timedelta(days=HISTORY_DAYS)
        history = [days[earlier] for earlier in spending if since <= earlier < day]
        if len(history) >= LEAST_HISTORY:
            usual = median(history)
            if days[day] > SPIKE_FACTOR * usual:
                found.append(Spike(day, days[day], usual, len(history)))
    return found


__all__ = [
    "HISTORY_DAYS",
    "LEAST_HISTORY",
    "SPIKE_FACTOR",
    "BudgetUse",
    "Days",
    "Forecast",
    "Spike",
    "budgets",
    "by_day",
    "forecast",
    "spikes",
]
