"""Money that several runs share: taken before it is spent, given back when it was not.

A budget answers before each call that costs money. What it holds for a call counts as spent until
the call is settled, so calls that run at the same time cannot spend the same dollar twice.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

BudgetPeriod = Literal["session", "day", "month"]
"""What a limit is for: `session` is one run of an agent."""


BudgetBreach = Literal["cost_warning", "cost_limit"]
"""A limit is nearly used up, or forbade a call."""


class BudgetLevel(NamedTuple):
    """How far a limit is used up, in US dollars."""

    period: BudgetPeriod
    used: Decimal
    """Settled and reserved, by every run that shares the limit."""
    most: Decimal


class BudgetHold(NamedTuple):
    """Money held for one call."""

    id: int
    amount: Decimal


class BudgetRefusal(NamedTuple):
    """There is not enough left for the call."""

    level: BudgetLevel
    """`used` leaves out what was asked for."""
    asked: Decimal


class Budget(Protocol):
    """Where a run takes money from."""

    def reserve(self, amount: Decimal, at: datetime) -> BudgetHold | BudgetRefusal:
        """Hold money for one call.

        Args:
            amount: The most that the call may cost, in US dollars.
            at: The present moment, UTC.
        """
        ...

    def settle(self, hold: BudgetHold, amount: Decimal) -> tuple[BudgetLevel, ...]:
        """Book what the call cost, nothing when it was never made; return the limits then."""
        ...

    def alert(self, what: BudgetBreach, level: BudgetLevel, at: datetime) -> None:
        """Let people know that a limit is near or met."""
        ...


__all__ = [
    "Budget",
    "BudgetBreach",
    "BudgetHold",
    "BudgetLevel",
    "BudgetPeriod",
    "BudgetRefusal",
]
