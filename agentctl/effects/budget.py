"""Money that several runs share: taken before it is spent, given back when it was not.

A purse answers before each call that costs money. What it holds for a call counts as spent until
the call is settled, so calls that run at the same time cannot spend the same dollar twice.
"""

from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Literal, NamedTuple, Protocol

BudgetPeriod = Literal["run", "session", "day", "month"]
"""What a limit is for: `run` is the share of a sub-run, `session` one run of an agent."""


BudgetBreach = Literal["cost_warning", "cost_limit"]
"""A limit is nearly used up, or forbade a call."""


class BudgetLevel(NamedTuple):
    """How far a limit is used up, in US dollars."""

    period: BudgetPeriod
    used: Decimal
    """Settled and reserved, by everybody who shares the limit."""
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
        """Book what the call did cost, nothing when it was never made; return the limits then."""
        ...

    def tell(self, what: BudgetBreach, level: BudgetLevel, at: datetime) -> None:
        """Let people know that a limit is near or met."""
        ...


class SubRunBudget:
    """The share of a sub-run: part of what its parent holds, never more.

    Its calls draw on the share alone. What it spends is booked with the parent when it closes, as
    one sum, so neither the parent's limits nor those above it are ever reset by a hand-over.

    Args:
        parent: The purse the share comes from.
        hold: The share, as the parent holds it.
    """

    def __init__(self, parent: Budget, hold: BudgetHold) -> None:
        self._parent = parent
        self._hold = hold
        self._most = hold.amount
        self._closed = False
        self._open: dict[int, Decimal] = {}
        self._spent = Decimal(0)
        self._number = 0
        self._lock = Lock()

    @property
    def spent(self) -> Decimal:
        """US dollars settled so far."""
        return self._spent

    def reserve(self, amount: Decimal, at: datetime) -> BudgetHold | BudgetRefusal:  # noqa: ARG002
        """Hold money of the share for one call."""
        with self._lock:
            used, most = self._used(), self._most
            if used + amount > most:
                return BudgetRefusal(BudgetLevel("run", used, most), amount)
            self._number += 1
            self._open[self._number] = amount
            return BudgetHold(self._number, amount)

    def settle(self, hold: BudgetHold, amount: Decimal) -> tuple[BudgetLevel, ...]:
        """Book what a call did cost.

        Raises:
            KeyError: If the hold is not open.
        """
        with self._lock:
            del self._open[hold.id]
            self._spent += amount
            return (BudgetLevel("run", self._used(), self._most),)

    def tell(self, what: BudgetBreach, level: BudgetLevel, at: datetime) -> None:
        """Pass it on to the parent."""
        self._parent.tell(what, level, at)

    def close(self) -> None:
        """Book the whole with the parent and give the rest back.

        What is still held counts as spent: its calls were begun and nobody knows their cost. A
        closed purse has no money left.
        """
        with self._lock:
            if self._closed:
                return
            self._spent, self._most, self._closed = self._used(), Decimal(0), True
            self._open.clear()
            self._parent.settle(self._hold, self._spent)

    def _used(self) -> Decimal:
        return self._spent + sum(self._open.values())


def sub_run_budget(parent: Budget, amount: Decimal, at: datetime) -> SubRunBudget | BudgetRefusal:
    """Take a sub-run's share out of `parent`, or say which limit forbids it."""
    held = parent.reserve(amount, at)
    return held if isinstance(held, BudgetRefusal) else SubRunBudget(parent, held)


__all__ = [
    "Budget",
    "BudgetBreach",
    "BudgetHold",
    "BudgetLevel",
    "BudgetPeriod",
    "BudgetRefusal",
    "SubRunBudget",
    "sub_run_budget",
]
