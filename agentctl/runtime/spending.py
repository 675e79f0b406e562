"""The money of one run: what is held before a call, what is booked after it, when to stop.

The limit of a run (`session`) is kept here, in memory, and so also holds in a trial. Limits that
several runs share are kept by the budget a run is given; a trial has none.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import Problem
from agentctl.core.messages import Message, ModelReply, ToolResult, Usage
from agentctl.core.money import exact_money_text, money_text
from agentctl.effects.budget import Budget, BudgetBreach, BudgetHold, BudgetLevel, BudgetRefusal
from agentctl.models.port import Model, ModelFault, Request
from agentctl.models.pricing import cost as turn_cost
from agentctl.runtime.harness import Harness
from agentctl.specs.shapes.tools import ToolSpec

BYTES_PER_TOKEN = 4
"""A turn without a token count is priced at ceil(bytes / 4)."""
MOST_OUTPUT_TOKENS = 4096
"""What a model is expected to say at most in one turn, where `max_tokens` is not set."""
_MAY_HAVE_COST = frozenset({"timeout", "bad_reply"})
"""Faults of a model after which its provider may still bill the turn."""
_WORDS = {
    "session": "in one run",
    "day": "on one day",
    "month": "in one month",
}


class BudgetExceeded(Exception):  # noqa: N818 - not an error of the program
    """A call may cost more than a limit leaves, or what it leaves is not known."""


class Spending:
    """What one run has spent.

    Args:
        harness: The agent.
        model: The name of the model that is asked.
        budget: Where money comes from that is shared; `None` = nothing is shared.
        real: Whether tools are live; the calls of mocked ones take nothing from the budget.
        now: The run's clock.
        warn: Told of each limit that is nearly used up, once, and of each call that a limit
            forbids, with the money it asked for.
        played_back: Whether what happens now happened before, and its money was booked then.
        recorded: What the whole run cost when it was recorded; left out = its turns are added up.
    """

    def __init__(
        self,
        harness: Harness,
        model: str,
        budget: Budget | None,
        *,
        real: bool,
        now: Callable[[], datetime],
        warn: Callable[[str, BudgetLevel, Decimal | None], None],
        played_back: Callable[[], bool],
        recorded: Decimal | None = None,
    ) -> None:
        self._recorded = recorded
        self.spent = Decimal(0)
        self.input_tokens = 0
        self.output_tokens = 0
        self.estimated = False
        self._harness = harness
        self._model = model
        self._budget = budget
        self._real = real
        self._now = now
        self._warn = warn
        self._played_back = played_back
        self._warned: set[str] = set()
        self._open: dict[int, BudgetHold] = {}
        self._unknown: BudgetExceeded | None = None
        """Why it is not known what a shared budget leaves."""
        price, self._status = harness.price_of(model)
        self._unpriced = price is None

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def cost(self) -> dict[str, Json]:
        """Return what the run has cost so far; of a recorded run, what it cost then."""
        if self._recorded is not None:
            return {"usd": exact_money_text(self._recorded), "status": "recorded"}
        if self._unpriced:
            return {"usd": None, "status": "unknown"}
        status = "estimated" if self.estimated else self._status
        return {"usd": money_text(self.spent), "status": status}

    def limit_met(self) -> str | None:
        """Return what the limit of a run says when it forbids another turn; warn before that."""
        if self._unknown is not None:
            return str(self._unknown)
        limits = self._harness.agent.limits.cost_usd
        if limits.session is None:
            return None
        level = BudgetLevel("session", self.spent, limits.session)
        if self.spent >= limits.session:
            self._alert("cost_limit", level)
            return f"{money_text(limits.session)} US dollars in one run"
        self._watch(level)
        return None

    def hold_turn(self, request: Request) -> BudgetHold | None:
        """Hold the most that a model turn may cost.

        Raises:
            BudgetExceeded: If a shared limit leaves less.
        """
        return self._hold(self._worst(request)) if self._budget is not None else None

    def ask(
        self, model: Model, request: Request, left_s: float, held: BudgetHold | None
    ) -> ModelReply:
        """Ask the model; a turn that brings no reply is settled here.

        Raises:
            ModelFault: If there is no reply.
        """
        try:
            return model.reply(request, left_s)
        except ModelFault as fault:
            if held is not None:
                self._settle(held, held.amount if fault.kind in _MAY_HAVE_COST else Decimal(0))
            raise

    def charge(
        self, reply: ModelReply, messages: Sequence[Message], held: BudgetHold | None = None
    ) -> tuple[dict[str, Json], dict[str, Json]]:
        """Add the cost of a model turn; return its usage and cost as the event holds them."""
        usage = reply.usage or _estimate(reply, messages)
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.estimated = self.estimated or usage.estimated
        price, status = self._harness.price_of(reply.model or self._model)
        cost: dict[str, Json] = {"usd": None, "status": "unknown"}
        dollars = None
        if self._recorded is not None:
            # The whole is known, the share of each turn is not.
            cost["status"] = "recorded"
        elif price is None:
            self._unpriced = True
        else:
            dollars = turn_cost(usage, price)
            self.spent += dollars
            self._status = status
            shown = "estimated" if usage.estimated else status
            cost = {"usd": money_text(dollars), "status": shown}
        if held is not None:
            self._settle(held, held.amount if dollars is None else dollars)
        return _counted(usage, reply.usage_rejected), cost

    def hold_call(self, tool: ToolSpec) -> BudgetHold | None:
        """Hold what a tool call may cost, with all of its attempts.

        Raises:
            BudgetExceeded: If the limit of the run, or a shared one, leaves less.
        """
        if tool.cost is None:
            return None
        amount = tool.cost.usd * (tool.retry.attempts if tool.retry else 1)
        session = self._harness.agent.limits.cost_usd.session
        if session is not None and self.spent + amount > session:
            raise self._refused(BudgetRefusal(BudgetLevel("session", self.spent, session), amount))
        shared = self._budget is not None and self._real and not self._played_back()
        return self._hold(amount) if shared else None

    def charge_call(
        self, tool: ToolSpec, result: ToolResult, held: BudgetHold | None
    ) -> dict[str, Json] | None:
        """Add the cost of a tool call; return it as the event holds it, or `None` if it is free.

        A failed attempt costs what any other does; a tool without a mock was not called.
        """
        if tool.cost is None or (result.error is not None and result.error.kind == "missing_mock"):
            return None
        dollars = tool.cost.usd * result.attempts
        self.spent += dollars
        if held is not None:
            self._settle(held, dollars)
        return {"usd": money_text(dollars), "status": "declared"}

    def close(self) -> None:
        """Book in full what is still held: those calls were begun, and their cost is unknown.

        What cannot be booked stays reserved, which counts as much.
        """
        while self._open:
            with suppress(BudgetExceeded):
                self._book(self._open.popitem()[1])

    def _hold(self, amount: Decimal) -> BudgetHold:
        assert self._budget is not None
        if self._unknown is not None:
            raise self._unknown
        with _limit_unknown():
            got = self._budget.reserve(amount, self._now())
        if isinstance(got, BudgetRefusal):
            raise self._refused(got)
        self._open[got.id] = got
        return got

    def _refused(self, refusal: BudgetRefusal) -> BudgetExceeded:
        self._warn(_name(refusal.level), refusal.level, refusal.asked)
        self._alert("cost_limit", refusal.level)
        used, most = money_text(refusal.level.used), money_text(refusal.level.most)
        return BudgetExceeded(
            f"{most} US dollars {_WORDS[refusal.level.period]}: {used} used or reserved,"
            f" and the next call may cost {money_text(refusal.asked)}"
        )

    def _settle(self, held: BudgetHold, amount: Decimal) -> None:
        try:
            levels = self._book(held, amount)
        except BudgetExceeded as met:
            # What happened is recorded first; then the run ends, and `close` books the hold.
            self._unknown = met
            return
        del self._open[held.id]
        for level in levels:
            self._watch(level)

    def _book(self, held: BudgetHold, amount: Decimal | None = None) -> tuple[BudgetLevel, ...]:
        assert self._budget is not None
        with _limit_unknown():
            return self._budget.settle(held, held.amount if amount is None else amount)

    def _watch(self, level: BudgetLevel) -> None:
        share = Decimal(str(self._harness.agent.limits.cost_usd.alert_at))
        if level.period not in self._warned and level.used >= level.most * share:
            self._warned.add(level.period)
            self._warn(_name(level), level, None)
            self._alert("cost_warning", level)

    def _alert(self, what: BudgetBreach, level: BudgetLevel) -> None:
        if self._budget is not None and not self._played_back():
            self._budget.alert(what, level, self._now())

    def _worst(self, request: Request) -> Decimal:
        """Price a turn before it is asked for, at the dearest of the models that may answer."""
        own = self._harness.agent.model
        names = (self._model, *(own.fallbacks if self._model == own.name else ()))
        prices = [price for price, _ in map(self._harness.price_of, names) if price is not None]
        told: Json = [
            [[m.content, [[c.name, c.arguments] for c in m.calls]] for m in request.messages],
            [[offer.name, offer.description, offer.parameters] for offer in request.tools],
            request.output,
        ]
        heard = _tokens(len(canonical_text(told).encode()))
        said = own.settings.most_output or MOST_OUTPUT_TOKENS
        return max((turn_cost(Usage(heard, said), p) for p in prices), default=Decimal(0))


@contextmanager
def _limit_unknown() -> Iterator[None]:
    """Take a budget that fails for one that leaves nothing: the run ends, and says why."""
    try:
        yield
    except Problem as met:
        raise BudgetExceeded(f"the budget is not known: {met.diagnostics[0].message}") from met


def _name(level: BudgetLevel) -> str:
    return "cost_usd" if level.period == "session" else f"cost_usd.{level.period}"


def _counted(usage: Usage, rejected: str | None) -> dict[str, Json]:
    """Return a turn's tokens as its event holds them, with cached and reasoning ones if known."""
    counted: dict[str, Json] = {
        "in": usage.input_tokens,
        "out": usage.output_tokens,
        "estimated": usage.estimated,
    }
    if usage.cached_tokens:
        counted["cached"] = usage.cached_tokens
    if usage.reasoning_tokens:
        counted["reasoning"] = usage.reasoning_tokens
    if rejected is not None:
        counted["rejected"] = rejected
    return counted


def _estimate(reply: ModelReply, messages: Sequence[Message]) -> Usage:
    heard = sum(_size(message.content) for message in messages)
    said = len(reply.text or "") + len(canonical_text(reply.output) if reply.output else "")
    for call in reply.calls:
        arguments = call.arguments
        text = arguments if isinstance(arguments, str) else canonical_text(arguments)
        said += len(call.name) + len(text)
    return Usage(_tokens(heard), _tokens(said), estimated=True)


def _size(content: Json) -> int:
    text = content if isinstance(content, str) else canonical_text(content)
    return len(text.encode())


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


__all__ = ["BYTES_PER_TOKEN", "MOST_OUTPUT_TOKENS", "BudgetExceeded", "Spending"]
