"""The state of one run: what it was given, what it has seen, what it has spent.

It changes only here and in the loop; everything anyone later wants to know about a run is in its
events.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json
from agentctl.core.clock import Clock
from agentctl.core.events import Event, EventType, StopReason
from agentctl.core.masking import without_secrets
from agentctl.core.messages import Message, Principal
from agentctl.core.money import money_text
from agentctl.effects.budget import Budget, BudgetLevel
from agentctl.effects.ledger import Ledger
from agentctl.guardrails.triggers import TriggerHit
from agentctl.models.port import Model
from agentctl.policy.facts import Facts
from agentctl.policy.loops import LoopDetector
from agentctl.policy.visibility import Seen
from agentctl.runtime.approvals.approver import Approver
from agentctl.runtime.harness import Harness
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.spending import Spending
from agentctl.specs.shapes.turns import RecordedEnd


class Ending(NamedTuple):
    """How a run ends."""

    stop: StopReason
    reason: str
    answer: str | None = None
    output: Json = None


class EventRecorder(Protocol):
    """Where events go as they happen."""

    def record(self, event: Event) -> None:
        """Keep one event.

        Raises:
            Problem: If it cannot be kept; then nothing more may happen in the run.
        """
        ...


class AgentSpeaks(Enum):
    """What is heard where the agent goes on without a line of the user."""

    AGENT_SPEAKS = "agent speaks"


AGENT_SPEAKS = AgentSpeaks.AGENT_SPEAKS
Heard = str | dict[str, Json] | AgentSpeaks | None
"""A line, an event, `AGENT_SPEAKS`, or `None` when the user says no more."""


class Inputs(Protocol):
    """What the user says: the task first, then what they answer."""

    def next(self, question: str | None) -> Heard:
        """Return the next input, or `None` when the user says no more.

        Args:
            question: What the agent asked; `None` when it did not ask.
        """
        ...


class RecordedTurns(Protocol):
    """The turns of a recorded agent, which nothing that is said now can change."""

    @property
    def goes_on(self) -> bool:
        """Whether the agent has another turn before its user speaks again."""
        ...


class RunSession(NamedTuple):
    """What ties a run to other processes: those before it, after it and beside it."""

    run_id: str = ""
    ledger: Ledger | None = None
    """Keeps live effects to one each; mocks need none."""
    waits: bool = False
    """Whether a run that needs a person stays open, to be resumed."""
    replay: Replay | None = None
    """What happened already, where a run is resumed."""
    used_s: float = 0.0
    """Seconds of the wall clock that it took then."""
    notes: Inputs | None = None
    """What a person says to a run that had passed to them."""
    by: str | None = None
    """Who that person is."""
    recipe: Mapping[str, Json] | None = None
    """How the run was started, where that is all it takes to take it up again."""
    forked_from: Mapping[str, Json] | None = None
    """The run whose start this one begins with: run, step, head."""


NO_SESSION = RunSession()
"""A run that no other process has to do with."""


class RunContext(NamedTuple):
    """What a run is given from outside; nothing else reaches it."""

    principal: Principal
    model: Model
    clock: Clock
    approver: Approver
    inputs: Inputs
    recorder: EventRecorder | None = None
    mode: str = "mock"
    """mock or live: what the tools are."""
    scenario: Mapping[str, Json] | None = None
    world_start: datetime | None = None
    """The moment at which a mock world stands when the run starts; left out = the clock's."""
    session: RunSession = NO_SESSION
    budget: Budget | None = None
    """Money shared with other runs; left out = none is."""
    environment: str | None = None
    """Where live tools are: staging or production, where the project has both."""
    recorded_end: RecordedEnd | None = None
    """How the run ended that is played back, once its recorded turns are over."""
    recorded: RecordedTurns | None = None
    """Whose turns are played back, where they are those of a recorded run: such an agent is not
    told to try again, it did or it did not."""
    recorded_cost: Decimal | None = None
    """What that run cost, in US dollars; left out = priced from tokens."""


class ScriptedInputs:
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
        context: Who asks, which model answers, what time it is.
    """

    def __init__(self, harness: Harness, context: RunContext) -> None:
        self.harness = harness
        self.context = context
        self.rights = harness.rights(context.principal.role)
        self.principal = context.principal.facts()
        self.events: list[Event] = []
        played_back = context.recorded is not None
        self.triggers = harness.declared_triggers if played_back else harness.triggers
        self.loops = LoopDetector(harness.agent.limits.repeats)
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
        self.replay = context.session.replay
        self.pending: set[str] = set()
        """Hashes of the calls that wait for a person."""
        self.approvals: dict[str, int] = {}
        """Call id -> the approval it uses up."""
        self.seen: Seen = {}
        self.declined: set[str] = set()
        self.ran: dict[str, int] = {}
        self.results: dict[str, list[Json]] = {}
        self.escalated: TriggerHit | None = None
        self.call_ids: dict[str, str] = {}
        """The provider's id of a call -> ours, of the latest call where it comes twice."""
        self.said: str | None = None
        """The last words of the model to the user."""
        self.missing_mock: str | None = None
        self.unknown_tools: list[str] = []
        self.money = Spending(
            harness,
            context.model.name,
            context.budget,
            real=context.mode == "live",
            now=context.clock.now,
            warn=self._warn,
            played_back=lambda: self.replay is not None and not self.replay.over,
            recorded=context.recorded_cost,
        )
        self.left_s = harness.agent.limits.wall_clock_s
        """Seconds of the wall clock that were left before this model turn."""
        self._at = context.clock.stamp
        self._recorder = context.recorder
        self.started_at = context.clock.now() - timedelta(seconds=context.session.used_s)

    def record(self, kind: EventType, body: dict[str, Json]) -> None:
        """Append one event; what is played back is recorded already.

        Secrets are masked here, before anyone can read the event; what the run works with is left
        as it is. A trial keeps its events in memory: its trace is masked when it is written.
        """
        events = self.events
        if self._recorder is not None:
            body = without_secrets(body)
        if self.replay is not None and not self.replay.over:
            before, recorded = self.replay.through(kind, body)
            events += before
            if recorded:
                return
        event = Event(len(events), kind, self._at(), body)
        events.append(event)
        if self._recorder is not None:
            self._recorder.record(event)

    def next_input(self, question: str | None) -> Heard:
        """Return what the user says next; `None` when they say no more.

        Args:
            question: What the agent asked; `None` when it did not ask.
        """
        recorded = self.replay.peek("input.received") if self.replay is not None else None
        if recorded is not None:
            content: str | dict[str, Json] = recorded["content"]
            return content
        return self.context.inputs.next(question)

    def note(self) -> str | None:
        """Return what a person says to a run that had passed to them."""
        recorded = self.replay.peek("input.received") if self.replay is not None else None
        if recorded is not None:
            return str(recorded["content"]) if recorded["source"] == "person" else None
        notes = self.context.session.notes
        given = notes.next(None) if notes is not None else None
        return given if given is None else str(given)

    def add_message(self, message: Message) -> None:
        """Add a message to what the model sees."""
        self.messages.append(message)

    def world_now(self) -> datetime:
        """Return what time it is for tools and rules."""
        now, start = self.context.clock.now(), self.context.world_start
        return now if start is None else start + (now - self.started_at)

    def offered(self) -> frozenset[str]:
        """Return the tools that exist for the model at this moment."""
        return self.harness.offered(self.context.principal.role, self.intent, self.unsure)

    def facts(self) -> Facts:
        """Return what the authorizer may know at this moment."""
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
        return (self.context.clock.now() - self.started_at).total_seconds()

    def remaining_s(self) -> float:
        """Return the seconds until the run has used up its wall clock."""
        return self.harness.agent.limits.wall_clock_s - self.elapsed_s()

    def limit_met(self) -> tuple[str, str] | None:
        """Return the name of the limit that forbids another model turn, and the detail."""
        limits = self.harness.agent.limits
        if self.steps >= limits.steps:
            return "steps", f"{limits.steps} model turns"
        self.left_s = self.remaining_s()
        if self.left_s <= 0:
            return "wall_clock_s", f"{limits.wall_clock_s} s"
        if limits.tokens is not None and self.money.tokens >= limits.tokens:
            return "tokens", f"{limits.tokens} tokens"
        spent = self.money.limit_met()
        return ("cost_usd", spent) if spent is not None else None

    def _warn(self, limit: str, level: BudgetLevel, asked: Decimal | None) -> None:
        used, most = money_text(level.used), money_text(level.most)
        body: dict[str, Json] = {"limit": limit, "used": used, "most": most}
        if asked is not None:
            body["asked"] = money_text(asked)
        self.record("limit.warned", body)


__all__ = [
    "NO_SESSION",
    "Ending",
    "EventRecorder",
    "Inputs",
    "Run",
    "RunContext",
    "RunSession",
    "ScriptedInputs",
]
