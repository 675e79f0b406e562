"""The state of one run: what it was given, what it has seen, what it has spent.

It changes only here and in the loop; everything anyone later wants to know about a run is in its
events.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.clock import Clock
from agentctl.core.events import Event, EventType, StopReason
from agentctl.core.messages import Message, ModelReply, Principal, Usage
from agentctl.core.money import money_text, token_cost
from agentctl.effects.ledger import Ledger
from agentctl.models.port import Model
from agentctl.policy.facts import Facts
from agentctl.policy.loops import LoopWatch
from agentctl.policy.triggers import Trip
from agentctl.policy.visibility import Seen
from agentctl.runtime.approvals import Approver
from agentctl.runtime.harness import Harness
from agentctl.runtime.past import Past

BYTES_PER_TOKEN = 4
"""A turn nobody counted is priced at ceil(bytes / 4)."""


class Ending(NamedTuple):
    """How a run ends."""

    stop: StopReason
    reason: str
    answer: str | None = None
    output: Json = None


class Recorder(Protocol):
    """Where events go as they happen."""

    def record(self, event: Event) -> None:
        """Keep one event.

        Raises:
            Problem: If it cannot be kept; then nothing more may happen in the run.
        """
        ...


class Inputs(Protocol):
    """What the user says: the task first, then what they answer."""

    def next(self, question: str | None) -> str | dict[str, Json] | None:
        """Return the next input, or `None` when the user says no more.

        Args:
            question: What the agent asked; `None` when it did not ask.
        """
        ...


class Session(NamedTuple):
    """What ties a run to other processes: those before it, after it and beside it."""

    run_id: str = ""
    ledger: Ledger | None = None
    """Keeps live effects to one each; mocks need none."""
    waits: bool = False
    """Whether a run that needs a person stays open, to be taken up again."""
    past: Past | None = None
    """What happened already, where a run is taken up again."""
    used_s: float = 0.0
    """Seconds of the wall clock that it took then."""
    notes: Inputs | None = None
    """What a person says to a run that had passed to them."""
    by: str | None = None
    """Who that person is."""


ALONE = Session()
"""A run that no other process has to do with."""


class Given(NamedTuple):
    """What a run is given from outside; nothing else reaches it."""

    principal: Principal
    model: Model
    clock: Clock
    approver: Approver
    inputs: Inputs
    recorder: Recorder | None = None
    mode: str = "mock"
    """mock or live: what the tools are."""
    scenario: Mapping[str, Json] | None = None
    world_start: datetime | None = None
    """The moment at which a mock world stands when the run starts; left out = the clock's."""
    session: Session = ALONE


class Lines:
    """Inputs known beforehand.

    Args:
        lines: In the order in which they are said.
    """

    def __init__(self, *lines: str | dict[str, Json]) -> None:
        self._lines: Iterator[str | dict[str, Json]] = iter(lines)

    def next(self, question: str | None) -> str | dict[str, Json] | None:  # noqa: ARG002
        """Return the next line."""
        return next(self._lines, None)


class Run:
    """One run of one agent.

    Args:
        harness: The agent.
        given: Who asks, which model answers, what time it is.
    """

    def __init__(self, harness: Harness, given: Given) -> None:
        self.harness = harness
        self.given = given
        self.rights = harness.rights(given.principal.role)
        self.principal = given.principal.facts()
        self.events: list[Event] = []
        self.triggers = harness.triggers
        self.loops = LoopWatch(harness.agent.limits.repeats)
        self.messages: list[Message] = []
        self.steps = 0
        self.calls = 0
        self.tool_errors = 0
        self.repairs = 0
        self.goal_attempts = 0
        self.intent: str | None = None
        self.unsure = False
        self.declared: dict[str, Json] | None = None
        self.tainted_by: str | None = None
        self.past = given.session.past
        self.pending: set[str] = set()
        """Hashes of the calls that wait for a person."""
        self.tickets: dict[str, int] = {}
        """Call id -> the approval it uses up."""
        self.seen: Seen = {}
        self.declined: set[str] = set()
        self.ran: dict[str, int] = {}
        self.results: dict[str, list[Json]] = {}
        self.escalated: Trip | None = None
        self.said: str | None = None
        """The last words of the model to the user."""
        self.missing_mock: str | None = None
        self.unknown_tools: list[str] = []
        self.spent = Decimal(0)
        price, self.price_status = harness.price_of(given.model.name)
        self.unpriced = price is None
        self.left_s = harness.agent.limits.wall_clock_s
        """Seconds of the wall clock that were left before this model turn."""
        self.input_tokens = 0
        self.output_tokens = 0
        self.estimated = False
        self._warned = False
        self._at = given.clock.stamp
        self._recorder = given.recorder
        self.started_at = given.clock.now() - timedelta(seconds=given.session.used_s)

    def record(self, kind: EventType, body: dict[str, Json]) -> None:
        """Append one event; what is played back is recorded already."""
        events = self.events
        if self.past is not None and not self.past.over:
            before, recorded = self.past.through(kind, body)
            events += before
            if recorded:
                return
        event = Event(len(events), kind, self._at(), body)
        events.append(event)
        if self._recorder is not None:
            self._recorder.record(event)

    def hear(self, question: str | None) -> str | dict[str, Json] | None:
        """Return what the user says next; `None` when they say no more.

        Args:
            question: What the agent asked; `None` when it did not ask.
        """
        recorded = self.past.peek("input.received") if self.past is not None else None
        if recorded is not None:
            content: str | dict[str, Json] = recorded["content"]
            return content
        return self.given.inputs.next(question)

    def note(self) -> str | None:
        """Return what a person says to a run that had passed to them."""
        recorded = self.past.peek("input.received") if self.past is not None else None
        if recorded is not None:
            return str(recorded["content"]) if recorded["source"] == "person" else None
        notes = self.given.session.notes
        given = notes.next(None) if notes is not None else None
        return given if given is None else str(given)

    def tell(self, message: Message) -> None:
        """Add a message to what the model sees."""
        self.messages.append(message)

    def world_now(self) -> datetime:
        """Return what time it is for tools and rules."""
        now, start = self.given.clock.now(), self.given.world_start
        return now if start is None else start + (now - self.started_at)

    def offered(self) -> frozenset[str]:
        """Return the tools that exist for the model at this moment."""
        return self.harness.offered(self.given.principal.role, self.intent, self.unsure)

    def facts(self) -> Facts:
        """Return what the gate may know at this moment."""
        return Facts(
            self.principal,
            self.world_now(),
            self.offered(),
            self.seen,
            self.tainted_by,
            self.declined,
            self.ran,
        )

    def elapsed_s(self) -> float:
        """Return the seconds since the run started."""
        return (self.given.clock.now() - self.started_at).total_seconds()

    def charge(self, reply: ModelReply) -> tuple[dict[str, Json], dict[str, Json]]:
        """Add the cost of a model turn; return its usage and cost as the event holds them."""
        usage = reply.usage or self._estimate(reply)
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.estimated = self.estimated or usage.estimated
        price, status = self.harness.price_of(reply.model or self.given.model.name)
        cost: dict[str, Json] = {"usd": None, "status": "unknown"}
        if price is None:
            self.unpriced = True
        else:
            dollars = token_cost(
                usage.input_tokens,
                usage.output_tokens,
                price.input_per_mtok,
                price.output_per_mtok,
            )
            self.spent += dollars
            self.price_status = status
            shown = "estimated" if usage.estimated else status
            cost = {"usd": money_text(dollars), "status": shown}
        said, heard = usage.output_tokens, usage.input_tokens
        return {"in": heard, "out": said, "estimated": usage.estimated}, cost

    def _estimate(self, reply: ModelReply) -> Usage:
        heard = sum(_size(message.content) for message in self.messages)
        said = len(reply.text or "") + len(canonical_text(reply.output) if reply.output else "")
        for call in reply.calls:
            arguments = call.arguments
            text = arguments if isinstance(arguments, str) else canonical_text(arguments)
            said += len(call.name) + len(text)
        return Usage(_tokens(heard), _tokens(said), estimated=True)

    def cost(self) -> dict[str, Json]:
        """Return what the run has cost so far."""
        if self.unpriced:
            return {"usd": None, "status": "unknown"}
        status = "estimated" if self.estimated else self.price_status
        return {"usd": money_text(self.spent), "status": status}

    def limit_met(self) -> tuple[str, str] | None:
        """Return the name of the limit that forbids another model turn, and the detail."""
        limits = self.harness.agent.limits
        if self.steps >= limits.steps:
            return "steps", f"{limits.steps} model turns"
        self.left_s = limits.wall_clock_s - self.elapsed_s()
        if self.left_s <= 0:
            return "wall_clock_s", f"{limits.wall_clock_s} s"
        if limits.tokens is not None and self.input_tokens + self.output_tokens >= limits.tokens:
            return "tokens", f"{limits.tokens} tokens"
        session = limits.cost_usd.session
        if session is not None:
            if self.spent >= session:
                return "cost_usd", f"{money_text(session)} US dollars in one run"
            if not self._warned and self.spent >= session * Decimal(str(limits.cost_usd.alert_at)):
                self._warned = True
                self.record(
                    "limit.warned",
                    {
                        "limit": "cost_usd",
                        "used": money_text(self.spent),
                        "most": money_text(session),
                    },
                )
        return None


def _size(content: Json) -> int:
    text = content if isinstance(content, str) else canonical_text(content)
    return len(text.encode())


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


__all__ = [
    "ALONE",
    "BYTES_PER_TOKEN",
    "Ending",
    "Given",
    "Inputs",
    "Lines",
    "Recorder",
    "Run",
    "Session",
]
