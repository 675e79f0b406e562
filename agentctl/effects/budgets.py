"""What agents have spent, by day and month, shared by every process of a project.

Money is reserved before a call and settled after it. One transaction adds up what is settled and
what is reserved, compares it with the limits and reserves: the second process sees the first.
Amounts are whole micro-dollars, rounded against the spender.

A reservation of a process that died stays counted until it is settled: the call may have
been made. A clock set back opens no older budget: what was spent on a later day counts too.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.effects.budget import BudgetHold, BudgetLevel, BudgetPeriod, BudgetRefusal
from agentctl.effects.db import transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    agent TEXT NOT NULL,
    day TEXT NOT NULL,
    micros INTEGER NOT NULL CHECK (micros >= 0),
    PRIMARY KEY (agent, day)
) STRICT;
CREATE TABLE IF NOT EXISTS reserved (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    run TEXT NOT NULL,
    day TEXT NOT NULL,
    micros INTEGER NOT NULL CHECK (micros >= 0)
) STRICT;
"""

_MICROS = 1_000_000
_USED = """
SELECT coalesce((SELECT sum(micros) FROM spent WHERE agent = :agent AND day >= :since), 0)
     + coalesce((SELECT sum(micros) FROM reserved WHERE agent = :agent AND day >= :since), 0)
"""


class DayLimits(NamedTuple):
    """The most an agent may spend, in US dollars; `None` = no limit."""

    day: Decimal | None = None
    month: Decimal | None = None


class Reservation(NamedTuple):
    """Money that is held and not settled."""

    id: int
    agent: str
    run: str
    day: str
    """`2026-01-15`, UTC."""
    amount: Decimal


class SpendingStore:
    """The money of a project's agents.

    Args:
        db: The project's state.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(SCHEMA)

    def reserve(
        self, agent: str, run_id: str, at: datetime, amount: Decimal, limits: DayLimits
    ) -> BudgetHold | BudgetRefusal:
        """Hold money for one call, unless a limit forbids it.

        Args:
            agent: Who spends.
            run_id: The run the call is made in.
            at: The present moment; days and months are those of UTC.
            amount: The most that the call may cost.
            limits: Of this agent.
        """
        micros = _up(amount)
        day = at.astimezone(UTC).date().isoformat()
        with transaction(self._db):
            for level in self._levels(agent, day, limits):
                if _up(level.used) + micros > _down(level.most):
                    return BudgetRefusal(level, amount)
            row = self._db.execute(
                "INSERT INTO reserved (agent, run, day, micros) VALUES (?, ?, ?, ?) RETURNING id",
                (agent, run_id, day, micros),
            ).fetchone()
        return BudgetHold(row[0], _dollars(micros))

    def settle(self, reservation: int, amount: Decimal) -> None:
        """Book what a call did cost, which may be more than was held, or nothing.

        Args:
            reservation: The id of what was held for it.
            amount: US dollars.

        Raises:
            Problem: If nothing is held under this id; nothing is booked then.
        """
        with transaction(self._db):
            row = self._db.execute(
                "DELETE FROM reserved WHERE id = ? RETURNING agent, day", (reservation,)
            ).fetchone()
            if row is None:
                raise problem(
                    "not-reserved",
                    f"reservation {reservation} is settled already, or never was",
                    exit_code=ExitCode.UNKNOWN,
                )
            agent, day = row
            self._add(agent, day, amount)

    def book(self, agent: str, day: str, amount: Decimal) -> None:
        """Book what a call did cost for which nothing is held.

        Args:
            agent: Who spent.
            day: `2026-01-15`, UTC.
            amount: US dollars.
        """
        with transaction(self._db):
            self._add(agent, day, amount)

    def _add(self, agent: str, day: str, amount: Decimal) -> None:
        self._db.execute(
            "INSERT INTO spent VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET micros = micros + excluded.micros",
            (agent, day, _up(amount)),
        )

    def release(self, reservation: int) -> None:
        """Give back what was held for a call that was never made."""
        self.settle(reservation, Decimal(0))

    def used(self, agent: str, at: datetime, limits: DayLimits) -> tuple[BudgetLevel, ...]:
        """Return how far each limit of an agent is used up, reservations included."""
        return self._levels(agent, at.astimezone(UTC).date().isoformat(), limits)

    def stale(self, ended: Callable[[str], bool]) -> list[Reservation]:
        """Return what is held by runs that hold it no more.

        Args:
            ended: Whether a run, by its id, is over.
        """
        rows = self._db.execute("SELECT id, agent, run, day, micros FROM reserved ORDER BY id")
        held = [
            Reservation(number, agent, run, day, _dollars(micros))
            for number, agent, run, day, micros in rows
        ]
        return [reservation for reservation in held if ended(reservation.run)]

    def _levels(self, agent: str, day: str, limits: DayLimits) -> tuple[BudgetLevel, ...]:
        asked: tuple[tuple[BudgetPeriod, str, Decimal | None], ...] = (
            ("day", day, limits.day),
            ("month", f"{day[:7]}-01", limits.month),
        )
        return tuple(
            BudgetLevel(period, self._used(agent, since), most)
            for period, since, most in asked
            if most is not None
        )

    def _used(self, agent: str, since: str) -> Decimal:
        (micros,) = self._db.execute(_USED, {"agent": agent, "since": since}).fetchone()
        return _dollars(micros)


def _up(amount: Decimal) -> int:
    return int((amount * _MICROS).to_integral_value(ROUND_CEILING))


def _down(amount: Decimal) -> int:
    return int((amount * _MICROS).to_integral_value(ROUND_FLOOR))


def _dollars(micros: int) -> Decimal:
    return Decimal(micros) / _MICROS


__all__ = ["SCHEMA", "DayLimits", "Reservation", "SpendingStore"]
