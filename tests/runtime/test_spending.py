"""The money of one run: held before each call, booked after it, and the stop when it is gone."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.clock import VirtualClock
from agentctl.core.errors import Problem, problem
from agentctl.core.messages import ModelReply, Principal, Usage
from agentctl.effects.budget import Budget, BudgetBreach, BudgetHold, BudgetLevel, BudgetRefusal
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.shared_budget import SharedBudget
from agentctl.models.port import Model, ModelFault, Request
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.approvals.approver import NoApprover
from agentctl.runtime.conversation.loop import play
from agentctl.runtime.harness import Harness
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.run import Run, RunContext, RunSession, ScriptedInputs
from agentctl.specs.reading.yaml import read_yaml
from agentctl.specs.shapes.agent import AgentSpec, LimitsSpec
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.project import Alerts
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.specs.shapes.turns import Turn
from agentctl.toolbox.mock.tools import MockBackend
from agentctl.toolbox.mock.world import World
from tests.support.build import CANCEL, GET, ORDERS, bundle, ended, events, trial
from tests.support.command import Apart, agentctl
from tests.support.loopback import Loopback, says

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PRICE = {"input_per_mtok": 0, "output_per_mtok": 1000}
"""A tenth of a cent for each token that is said."""
CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}, "usage": {"in": 0, "out": 50}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}, "usage": {"in": 0, "out": 50}}
SAY = {"say": "Done.", "usage": {"in": 0, "out": 50}}


@pytest.fixture
def budgets(tmp_path: Path) -> SpendingStore:
    return SpendingStore(open_db(tmp_path / "state.db"))


def day(most: str) -> DayLimits:
    return DayLimits(day=Decimal(most))


def budget(budgets: SpendingStore, most: str) -> SharedBudget:
    return SharedBudget(budgets, "order-desk", "r1", day(most))


def used(budgets: SpendingStore) -> Decimal:
    return budgets.used("order-desk", NOON, day("1"))[0].used


def spec(**more: Any) -> dict[str, Any]:
    """Return a model that says at most 100 tokens, ten cents worth, in one turn."""
    settings = {"max_tokens": 100}
    return {"name": "openai/gpt-5-mini", "price": PRICE, "settings": settings, **more}


def run_with(
    given: Budget | None,
    turns: list[dict[str, Any]],
    asked: Model | None = None,
    mode: str = "mock",
    tools: list[dict[str, Any]] | None = None,
    **agent: Any,
) -> Run:
    """Play turns as a run, on the fifteenth of January at noon."""
    made = bundle(tools=tools, **{"model": spec(), **agent})
    harness = Harness(made)
    scripted = ScriptedModel(tuple(map(Turn.model_validate, turns)), harness.model_name)
    run = Run(
        harness,
        RunContext(
            Principal("cus_7", "customer"),
            asked or scripted,
            VirtualClock(NOON),
            NoApprover(),
            ScriptedInputs("cancel my order"),
            mode=mode,
            budget=given,
        ),
    )
    play(run, MockBackend(harness.mocks, World(WorldSnapshot({"orders": ORDERS}), made.tables)))
    return run


def bodies(run: Run, kind: str) -> list[dict[str, Any]]:
    return [event.body for event in run.events if event.type == kind]


def end(run: Run) -> tuple[str, str]:
    (body,) = bodies(run, "run.ended")
    return body["stop"], body["reason"]


def test_a_run_books_what_its_turns_cost(budgets: SpendingStore):
    """Each turn is held at its most and settled at what it was."""
    run = run_with(budget(budgets, "1"), [CALL_GET, SAY])
    assert end(run)[0] == "answered"
    assert used(budgets) == Decimal("0.1")


def test_a_turn_that_the_day_cannot_pay_is_not_asked_for(budgets: SpendingStore):
    """The run stops before the turn, says why, and holds nothing back."""
    turns = tuple(map(Turn.model_validate, [CALL_GET, CALL_CANCEL, SAY]))
    model = ScriptedModel(turns, "openai/gpt-5-mini")
    run = run_with(budget(budgets, "0.16"), [], model)
    stop, reason = end(run)
    assert stop == "limit"
    assert reason == (
        "0.16 US dollars on one day: 0.1 used or reserved, and the next call may cost 0.1"
    )
    warned = {"limit": "cost_usd.day", "used": "0.1", "most": "0.16", "asked": "0.1"}
    assert bodies(run, "limit.warned") == [warned]
    assert bodies(run, "run.ended")[0]["steps"] == 2
    assert used(budgets) == Decimal("0.1")
    assert model.left == 1


def test_a_day_without_money_is_a_case_for_a_person_where_the_agent_says_so(budgets: SpendingStore):
    """The trigger on limits holds for shared money too."""
    desk = {"queue": "desk", "triggers": [{"limit": "cost_usd"}]}
    run = run_with(budget(budgets, "0.05"), [SAY], escalation=desk)
    assert end(run)[0] == "escalated"
    assert bodies(run, "escalated")[0]["trigger"]["kind"] == "limit"


def test_shared_money_near_its_limit_is_warned_about_once(budgets: SpendingStore):
    """The soft alert is an event that names the limit."""
    limits = {"cost_usd": {"day": 1, "alert_at": 0.1}}
    run = run_with(budget(budgets, "1"), [CALL_GET, CALL_CANCEL, SAY], limits=limits)
    assert bodies(run, "limit.warned") == [{"limit": "cost_usd.day", "used": "0.1", "most": "1"}]


class FailingBudget:
    """A shared budget whose store fails when it should settle, or reserve, for the nth time."""

    def __init__(self, kept: SharedBudget, *, settles: int = 99, reserves: int = 99) -> None:
        self.kept, self.settles, self.reserves = kept, settles, reserves

    def reserve(self, amount: Decimal, at: datetime) -> BudgetHold | BudgetRefusal:
        self.reserves -= 1
        if self.reserves == 0:
            raise problem("state-unusable", "the disk is full")
        return self.kept.reserve(amount, at)

    def settle(self, hold: BudgetHold, amount: Decimal) -> tuple[BudgetLevel, ...]:
        self.settles -= 1
        if self.settles == 0:
            raise problem("state-unusable", "the disk is full")
        return self.kept.settle(hold, amount)

    def alert(self, what: BudgetBreach, level: BudgetLevel, at: datetime) -> None:
        self.kept.alert(what, level, at)


@pytest.mark.parametrize("fails", [{"settles": 1}, {"reserves": 2}], ids=["settle", "reserve"])
def test_a_budget_that_fails_ends_the_run_and_holds_nothing(
    budgets: SpendingStore, fails: dict[str, int]
):
    """The turn is in the trace, the run ends with its event, and no money stays reserved."""
    run = run_with(FailingBudget(budget(budgets, "1"), **fails), [CALL_GET, CALL_CANCEL, SAY])
    assert end(run) == ("limit", "the budget is not known: the disk is full")
    assert len(bodies(run, "model.replied")) == 1
    assert budgets.stale(lambda _: True) == []
    assert used(budgets) == Decimal("0.1" if "settles" in fails else "0.05")


def test_a_cost_that_no_budget_can_hold_ends_the_run_with_its_event(budgets: SpendingStore):
    """Money beyond what the store can count is booked as far as it was held."""
    dear = spec(price={"input_per_mtok": 0, "output_per_mtok": 10**12})
    said = {"say": "Done.", "usage": {"in": 0, "out": 10**9}}
    run = run_with(budget(budgets, str(10**9)), [said], model=dear)
    assert end(run)[0] == "answered"
    assert budgets.stale(lambda _: True) == []
    assert used(budgets) == Decimal(10**8)


def test_tokens_that_were_not_believed_are_estimated_and_noted(budgets: SpendingStore):
    """A count that cannot be switches no limit off: the text is counted, and the event says why."""

    class Liar(ScriptedModel):
        def reply(self, request: Request, timeout_s: float) -> ModelReply:
            told = super().reply(request, timeout_s)
            return told._replace(usage=None, usage_rejected="-5 tokens in, 3 out")

    model = Liar((Turn(say="x" * 200),), "openai/gpt-5-mini")
    run = run_with(budget(budgets, "1"), [], model)
    usage = bodies(run, "model.replied")[0]["usage"]
    assert (usage["out"], usage["estimated"]) == (50, True)
    assert usage["rejected"] == "-5 tokens in, 3 out"
    assert used(budgets) == Decimal("0.05")


def test_a_turn_without_usage_is_settled_at_the_estimate(budgets: SpendingStore):
    """A provider that reports nothing does not make the turn free."""
    run = run_with(budget(budgets, "1"), [{"say": "x" * 200}])
    cost = bodies(run, "model.replied")[0]["cost"]
    assert cost == {"usd": "0.05", "status": "estimated"}
    assert used(budgets) == Decimal("0.05")


class Answering:
    """A model that does one thing."""

    name = "openai/gpt-5-mini"

    def __init__(self, answer: ModelReply | BaseException) -> None:
        self.answer = answer

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("fault", "booked"),
    [("no_key", "0"), ("unavailable", "0"), ("timeout", "0.1"), ("bad_reply", "0.1")],
)
def test_a_turn_that_failed_is_booked_if_it_may_be_billed(
    budgets: SpendingStore, fault: Any, booked: str
):
    """A provider that refused bills nothing; one that broke off may."""
    with pytest.raises(ModelFault):
        run_with(budget(budgets, "1"), [], Answering(ModelFault(fault, "as told")))
    assert used(budgets) == Decimal(booked)
    assert budgets.stale(lambda run: True) == []


def test_a_turn_that_was_interrupted_is_booked_in_full(budgets: SpendingStore):
    """Ctrl-C while the model answers leaves no reservation behind."""
    run = run_with(budget(budgets, "1"), [], Answering(KeyboardInterrupt()))
    assert end(run)[0] == "interrupted"
    assert used(budgets) == Decimal("0.1")
    assert budgets.stale(lambda run: True) == []


def test_an_answer_of_a_model_nobody_priced_is_booked_at_what_was_held(budgets: SpendingStore):
    """A provider that answers with another model than asked does not spend for nothing."""
    odd = ModelReply("Done.", usage=Usage(0, 5), model="openai/who-knows")
    run = run_with(budget(budgets, "1"), [], Answering(odd))
    assert bodies(run, "model.replied")[0]["cost"]["status"] == "unknown"
    assert used(budgets) == Decimal("0.1")


def test_a_turn_is_held_at_the_dearest_model_that_may_answer(budgets: SpendingStore):
    """A fallback that costs more counts before it is needed."""
    seen = []

    class Watching(SharedBudget):
        def reserve(self, amount: Decimal, at: datetime) -> Any:
            seen.append(amount)
            return super().reserve(amount, at)

    watched = Watching(budgets, "order-desk", "r1", DayLimits())
    run_with(watched, [SAY])
    cheap = {"input_per_mtok": 0, "output_per_mtok": 1}
    run_with(watched, [SAY], model=spec(price=cheap, fallbacks=["openai/gpt-4"]))
    assert seen[0] == Decimal("0.1")
    assert seen[1] > Decimal("0.006"), "100 tokens of gpt-4 and the prompt, not of the cheap one"


def test_a_turn_is_held_with_all_that_is_sent_and_a_default_for_what_is_said(
    budgets: SpendingStore,
):
    """Prompt, conversation, tools and 4096 tokens of answer, where no setting tells."""
    amounts = []

    class Watching(SharedBudget):
        def reserve(self, amount: Decimal, at: datetime) -> Any:
            amounts.append(amount)
            return super().reserve(amount, at)

    price = {"input_per_mtok": 0, "output_per_mtok": 1}
    watched = Watching(budgets, "order-desk", "r1", DayLimits())
    run_with(watched, [SAY], model=spec(price=price, settings={}))
    assert amounts == [Decimal("0.004096")]
    price = {"input_per_mtok": 1, "output_per_mtok": 0}
    run_with(watched, [CALL_GET, SAY], model=spec(price=price))
    told = len(json.dumps([GET["inputSchema"], CANCEL["inputSchema"]])) / 4 / 1_000_000
    assert amounts[1] > Decimal(str(told))
    assert amounts[2] > amounts[1], "the call and its result are sent again"


PAID = {**GET, "cost": {"usd": 0.03}}


def test_a_tool_with_a_price_costs_each_time_it_is_called():
    """What a call cost stands in its event and in the cost of the run."""
    played = trial(bundle(tools=[PAID, CANCEL]), [CALL_GET, CALL_GET, SAY])
    costs = [body["cost"] for body in events(played, "tool.returned")]
    assert costs == [{"usd": "0.03", "status": "declared"}] * 2
    assert Decimal(ended(played)["cost"]["usd"]) > Decimal("0.06")


def test_each_attempt_of_a_paid_call_costs():
    """A provider bills the call that failed, too."""
    retried = {**PAID, "retry": {"errors": ["timeout"], "attempts": 3}}
    faults = [{"tool": "get_order", "nth": 1, "fault": "timeout"}]
    played = trial(bundle(tools=[retried, CANCEL]), [CALL_GET, SAY], faults=faults)
    assert events(played, "tool.returned")[0]["cost"]["usd"] == "0.06"


def test_a_tool_without_a_price_says_nothing_of_cost():
    """Free tools leave their events as they were."""
    played = trial(bundle(), [CALL_GET, SAY])
    assert "cost" not in events(played, "tool.returned")[0]


def test_a_paid_call_that_one_run_cannot_pay_is_not_made():
    """The limit of a run stops a call, not only a turn."""
    made = bundle(tools=[PAID, CANCEL], limits={"cost_usd": {"session": 0.02}})
    played = trial(made, [CALL_GET, SAY])
    assert ended(played)["stop"] == "limit"
    assert "and the next call may cost 0.03" in ended(played)["reason"]
    assert events(played, "tool.returned") == []


@pytest.mark.parametrize(("mode", "booked"), [("live", "0.13"), ("mock", "0.1")])
def test_only_calls_of_live_tools_take_shared_money(budgets: SpendingStore, mode: str, booked: str):
    """A mocked call is shown with its price, and nobody is billed for it."""
    run = run_with(budget(budgets, "1"), [CALL_GET, SAY], mode=mode, tools=[PAID, CANCEL])
    assert used(budgets) == Decimal(booked)
    assert bodies(run, "run.ended")[0]["cost"]["usd"] == "0.13"


def test_a_paid_call_that_the_day_cannot_pay_is_not_made(budgets: SpendingStore):
    """The effect never starts."""
    dear = {**CANCEL, "cost": {"usd": 0.5}}
    turns = [CALL_GET, CALL_CANCEL, SAY]
    run = run_with(budget(budgets, "0.4"), turns, mode="live", tools=[GET, dear])
    assert end(run)[0] == "limit"
    assert bodies(run, "effect.intended") == []


def test_a_resumed_run_goes_on_with_what_it_had_spent(budgets: SpendingStore):
    """What is played back counts against the limits, and is not booked a second time."""
    first = run_with(budget(budgets, "1"), [CALL_GET, SAY], tools=[PAID, CANCEL])
    booked = used(budgets)
    replay = Replay(first.events[:-1])
    session = RunSession(replay=replay)
    again = Run(first.harness, first.context._replace(session=session, budget=budget(budgets, "1")))
    play(
        again,
        MockBackend(
            first.harness.mocks,
            World(WorldSnapshot({"orders": ORDERS}), first.harness.bundle.tables),
        ),
    )
    assert replay.over
    assert again.money.cost() == first.money.cost()
    assert again.money.tokens == first.money.tokens == 100
    assert used(budgets) == booked


@pytest.mark.parametrize("limit", ["session", "day", "month"])
def test_a_model_nobody_priced_is_refused_under_any_limit_on_money(limit: str):
    """Without a price no limit could hold."""
    made = bundle(model={"name": "acme/unheard-of"}, limits={"cost_usd": {limit: 1}})
    with pytest.raises(Problem, match="the price of `acme/unheard-of` is unknown"):
        Harness(made)


def test_trials_take_nothing_from_the_day():
    """An evaluation of an agent with a day's limit plays without a purse."""
    made = bundle(limits={"cost_usd": {"day": 0.000001, "month": 0.000001}})
    assert ended(trial(made, [CALL_GET, SAY]))["stop"] == "answered"


def test_the_limits_on_money_are_read_from_yaml():
    """Session, day and month are dollars, exact."""
    data = bundle(limits={"cost_usd": {"day": 0.1, "month": "2.50"}}).agent
    assert isinstance(data, AgentSpec)
    assert (data.limits.cost_usd.day, data.limits.cost_usd.month) == (
        Decimal("0.1"),
        Decimal("2.5"),
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Path, Loopback]]:
    """A project whose agent has 25 cents a day, and asks a loopback server at 10 cents a turn."""
    agentctl(tmp_path, "init", "desk")
    folder = tmp_path / "desk"
    file = folder / "agents" / "library-desk.yaml"
    with Loopback() as server:
        model = json.dumps(spec(base_url=server.base_url, name="openai/small"))
        text = re.sub(r"(?ms)^model:.*?(?=^instructions)", f"model: {model}\n", file.read_text())
        text = text.replace("    - {limit: any}\n", "").replace("session: 0.05", "day: 0.25")
        file.write_text(text)
        yield folder, server


def test_runs_of_several_processes_share_one_day(desk: tuple[Path, Loopback]):
    """Four runs start at once on money for two; two are answered, two stopped by the limit."""
    folder, server = desk
    server.script(*[says("Hello.", (0, 100))] * 4)
    words = ("run", "library-desk", "Hello", "-q", "--format", "json")
    started = [Apart(folder, *words) for _ in range(4)]
    done = [process.ended() for process in started]
    stops = sorted(json.loads(one.stdout)["stop"] for one in done)
    assert stops == ["answered", "answered", "limit", "limit"], done
    assert sorted(one.returncode for one in done) == [0, 0, 1, 1]
    assert len(server.asked) == 2


def test_a_run_without_shared_limits_makes_no_state(tmp_path: Path):
    """An agent whose money nobody shares needs no database, unless it waits for people."""
    agentctl(tmp_path, "init", "desk")
    with Loopback() as server:
        server.script(says("Hello."))
        file = tmp_path / "desk" / "agents" / "library-desk.yaml"
        url = f"  base_url: {server.base_url}\n  price:"
        file.write_text(file.read_text().replace("  price:", url, 1))
        words = ("run", "library-desk", "Hello", "--approvals", "terminal")
        assert agentctl(tmp_path / "desk", *words).returncode == 0
    assert not (tmp_path / "desk" / ".agentctl" / "state.db").exists()


def test_the_examples_of_the_how_to_are_valid(tmp_path: Path):
    """Limits, a tool's price and alerts are written as the page shows them."""
    page = (Path(__file__).parent.parent.parent / "docs" / "howto-money.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    read = []
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        read.append(read_yaml(file, file.name).data)
    limits, tool, alerts = read
    assert LimitsSpec.model_validate(limits["limits"]).cost_usd.month == 300
    told = ToolSpec.model_validate({"description": "Look up a credit.", **tool[0]})
    assert told.cost is not None
    assert told.cost.usd == Decimal("0.05")
    assert Alerts.model_validate(alerts["alerts"]).on == ("cost_limit",)
