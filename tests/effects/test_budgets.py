"""Money that several runs and processes share is never spent twice."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.effects.budget import (
    BudgetHold,
    BudgetLevel,
    BudgetRefusal,
)
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = Path(__file__).parent.parent.parent

ONE_CALL = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.budget import BudgetHold

budgets = SpendingStore(open_db(Path(sys.argv[1])))
at = datetime(2026, 1, 15, 12, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
{body}
"""
RESERVE = """
got = budgets.reserve("desk", sys.argv[2], at, Decimal("0.10"), DayLimits(day=Decimal("0.35")))
print("held" if isinstance(got, BudgetHold) else "refused", flush=True)
"""
SPEND_ALL = """
got, calls = None, 0
while True:
    got = budgets.reserve("desk", sys.argv[2], at, Decimal("0.05"), DayLimits(Decimal(5)))
    if not isinstance(got, BudgetHold):
        break
    budgets.settle(got.id, Decimal("0.03"))
    calls += 1
print(calls, flush=True)
"""


@pytest.fixture
def budgets(tmp_path: Path) -> SpendingStore:
    return SpendingStore(open_db(tmp_path / "state.db"))


def limits(day: str | None = None, month: str | None = None) -> DayLimits:
    return DayLimits(Decimal(day) if day else None, Decimal(month) if month else None)


def hold(
    budgets: SpendingStore, amount: str, allowed: DayLimits, at: datetime = NOON
) -> BudgetHold:
    got = budgets.reserve("desk", "r1", at, Decimal(amount), allowed)
    assert isinstance(got, BudgetHold)
    return got


def at_once(file: Path, body: str, times: int) -> list[str]:
    """Run `body` in so many processes that all start when all are ready; return what they say."""
    code = ONE_CALL.format(body=body)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(file), f"r{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(times)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * times
    return said


def test_eight_parallel_calls_with_money_for_three_are_three_calls(tmp_path: Path):
    """Eight processes ask at the same instant; exactly three hold the money, five are refused."""
    file = tmp_path / "state.db"
    said = at_once(file, RESERVE, 8)
    assert sorted(said) == ["held"] * 3 + ["refused"] * 5
    (level,) = SpendingStore(open_db(file)).used("desk", NOON, limits("0.35"))
    assert level.used == Decimal("0.3")


def test_four_processes_on_one_day_budget_never_overshoot(tmp_path: Path):
    """Four processes spend until they are refused: together no more than the day allows."""
    file = tmp_path / "state.db"
    calls = sum(int(text) for text in at_once(file, SPEND_ALL, 4))
    (level,) = SpendingStore(open_db(file)).used("desk", NOON, limits("5"))
    assert level.used == calls * Decimal("0.03")
    assert Decimal("4.8") < level.used <= 5


def test_a_refusal_says_which_limit_how_much_is_used_and_how_much_there_is(budgets: SpendingStore):
    """Whoever is refused learns the limit, not only that there is one."""
    hold(budgets, "1.50", limits("2", "10"))
    got = budgets.reserve("desk", "r2", NOON, Decimal("0.60"), limits("2", "10"))
    assert got == BudgetRefusal(BudgetLevel("day", Decimal("1.5"), Decimal(2)), Decimal("0.60"))


def test_a_refused_call_holds_nothing(budgets: SpendingStore):
    """A call that was too dear leaves the money to a cheaper one."""
    budgets.reserve("desk", "r1", NOON, Decimal(3), limits("2"))
    assert hold(budgets, "2", limits("2")).amount == 2


def test_the_month_counts_all_of_its_days(budgets: SpendingStore):
    """A month's limit stops an agent whose day is still free."""
    for days in range(3):
        held = hold(budgets, "1", limits("1", "3"), NOON + days * DAY)
        budgets.settle(held.id, Decimal(1))
    got = budgets.reserve("desk", "r2", NOON + 3 * DAY, Decimal("0.01"), limits("1", "3"))
    assert isinstance(got, BudgetRefusal)
    assert got.level == BudgetLevel("month", Decimal(3), Decimal(3))


def test_a_new_month_starts_with_the_whole_budget(budgets: SpendingStore):
    """What was spent in January does not count in February."""
    held = hold(budgets, "3", limits(month="3"), datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    budgets.settle(held.id, Decimal(3))
    assert hold(budgets, "3", limits(month="3"), datetime(2026, 2, 1, tzinfo=UTC))


def test_a_clock_that_is_set_back_opens_no_older_budget(budgets: SpendingStore):
    """What was spent today still counts for a process that believes it is yesterday."""
    budgets.settle(hold(budgets, "2", limits("2")).id, Decimal(2))
    got = budgets.reserve("desk", "r2", NOON - DAY, Decimal("0.01"), limits("2"))
    assert isinstance(got, BudgetRefusal)


def test_what_a_call_did_not_cost_is_free_again(budgets: SpendingStore):
    """Settling below the estimate gives the rest back."""
    budgets.settle(hold(budgets, "2", limits("2")).id, Decimal("0.5"))
    assert hold(budgets, "1.5", limits("2")).amount == Decimal("1.5")


def test_a_call_that_cost_more_than_was_held_is_booked_in_full(budgets: SpendingStore):
    """An estimate that was too low does not hide what was spent."""
    budgets.settle(hold(budgets, "1", limits("2")).id, Decimal("2.5"))
    (level,) = budgets.used("desk", NOON, limits("2"))
    assert level.used == Decimal("2.5")


def test_a_call_that_was_never_made_costs_nothing(budgets: SpendingStore):
    """Releasing gives everything back."""
    budgets.release(hold(budgets, "2", limits("2")).id)
    assert budgets.used("desk", NOON, limits("2"))[0].used == 0


def test_a_reservation_is_settled_once(budgets: SpendingStore):
    """A second settlement is refused and books nothing."""
    held = hold(budgets, "1", limits("2"))
    budgets.settle(held.id, Decimal(1))
    with pytest.raises(Problem, match="settled already"):
        budgets.settle(held.id, Decimal(1))
    assert budgets.used("desk", NOON, limits("2"))[0].used == 1


def test_ids_of_reservations_are_never_used_again(budgets: SpendingStore):
    """A late settlement cannot book on somebody else's reservation."""
    first = hold(budgets, "1", limits("2"))
    budgets.release(first.id)
    assert hold(budgets, "1", limits("2")).id > first.id


def test_agents_do_not_share_a_budget(budgets: SpendingStore):
    """One agent's spending leaves another's limit alone."""
    hold(budgets, "2", limits("2"))
    got = budgets.reserve("other", "r2", NOON, Decimal(2), limits("2"))
    assert isinstance(got, BudgetHold)


def test_a_crashed_process_leaves_its_money_reserved_until_it_is_settled(tmp_path: Path):
    """The call may have been made, so it counts; it is listed once its run is known to be over."""
    file = tmp_path / "state.db"
    code = ONE_CALL.format(body=RESERVE + "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run(
        [sys.executable, "-c", code, str(file), "r1"],
        input="\n",
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-9, "ready\nheld\n")
    budgets = SpendingStore(open_db(file))
    assert budgets.used("desk", NOON, limits("0.35"))[0].used == Decimal("0.1")
    assert budgets.stale(lambda run: run != "r1") == []
    (left,) = budgets.stale(lambda run: run == "r1")
    assert (left.agent, left.day, left.amount) == ("desk", "2026-01-15", Decimal("0.1"))
    budgets.settle(left.id, left.amount)
    assert budgets.stale(lambda run: True) == []


def test_amounts_are_rounded_against_the_spender(budgets: SpendingStore):
    """A part of a micro-dollar counts as a whole one, and a limit's part as none."""
    budgets.settle(hold(budgets, "0.0000001", limits("1")).id, Decimal("0.0000001"))
    assert budgets.used("desk", NOON, limits("1"))[0].used == Decimal("0.000001")
    got = budgets.reserve("desk", "r2", NOON, Decimal("0.000001"), limits("0.0000019"))
    assert isinstance(got, BudgetRefusal)


def test_a_state_that_is_no_database_is_refused(tmp_path: Path):
    """Without the state nobody knows what is left, so nothing is spent."""
    file = tmp_path / "state.db"
    file.write_text("something else, and long enough to be taken for the head of a file" * 20)
    with pytest.raises(Problem, match=r"state\.db.*file is not a database"):
        open_db(file)


def test_a_state_that_cannot_be_written_holds_no_money(tmp_path: Path):
    """The reservation fails as a whole, with the way out, and not as a fault of the program."""
    db = open_db(tmp_path / "state.db")
    budgets = SpendingStore(db)
    db.execute("PRAGMA query_only = ON")
    with pytest.raises(Problem, match="attempt to write a readonly database"):
        hold(budgets, "1", limits("2"))
    db.execute("PRAGMA query_only = OFF")
    assert budgets.used("desk", NOON, limits("2"))[0].used == 0
    assert hold(budgets, "1", limits("2"))


def test_a_state_that_is_held_too_long_is_told(tmp_path: Path):
    """Somebody who never ends their transaction does not hang the others for ever."""
    file = tmp_path / "state.db"
    budgets, other = SpendingStore(open_db(file)), open_db(file)
    db = open_db(file)
    waiting = SpendingStore(db)
    db.execute("PRAGMA busy_timeout = 1")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Problem, match="database is locked"):
        hold(waiting, "1", limits("2"))
    other.execute("ROLLBACK")
    assert hold(budgets, "1", limits("2"))
