"""What runs cost, folded over their events: each model turn and each paid call is one `Spend`.

Only what is billed counts. A replayed scenario asks no model, a mocked tool calls no
provider, and the trials of evaluations have a clock of their own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.traces.log.content import missing_content
from agentctl.traces.log.store import moment_of, read_events, run_files
from agentctl.traces.views.fold import own_events

Dimension = Literal["agent", "model", "tool", "day"]


class Spend(NamedTuple):
    """One model turn or one paid call."""

    day: date
    """UTC."""
    agent: str
    run: str
    model: str | None
    tool: str | None
    usd: Decimal | None
    """`None` = the price is unknown."""
    estimated: bool = False
    """The tokens were guessed from the text."""
    input_tokens: int = 0
    output_tokens: int = 0

    def key(self, by: Sequence[Dimension]) -> tuple[str | None, ...]:
        """Return where it belongs in a table by these dimensions."""
        found: Mapping[Dimension, str | None] = {
            "agent": self.agent,
            "model": self.model,
            "tool": self.tool,
            "day": self.day.isoformat(),
        }
        return tuple(found[name] for name in by)


class Refused(NamedTuple):
    """A call that a limit forbade."""

    day: date
    agent: str
    limit: str
    """As `limit.warned` names it: `cost_usd`, `cost_usd.day`, `cost_usd.month`."""


class Costs(NamedTuple):
    """Everything a project's traces say about money."""

    spends: tuple[Spend, ...]
    refused: tuple[Refused, ...]
    replayed: int
    """Runs that played recorded turns: they cost nothing."""
    unread: tuple[str, ...]
    """Traces that are damaged: what they cost is not known."""
    erased: tuple[str, ...]
    """Traces whose content was erased, and with it what they cost."""


@dataclass
class Total:
    """The sum of some spends."""

    model_usd: Decimal = Decimal(0)
    tool_usd: Decimal = Decimal(0)
    estimated: bool = False
    """Part of the cost is an estimate."""
    unknown: int = 0
    """Model turns without a price; their cost is missing."""
    turns: int = 0
    calls: int = 0
    """Calls of tools with a price."""
    input_tokens: int = 0
    output_tokens: int = 0
    runs: set[str] = field(default_factory=set)

    @property
    def usd(self) -> Decimal:
        """Model and tool cost together, as far as it is known."""
        return self.model_usd + self.tool_usd

    def add(self, spend: Spend) -> None:
        """Add one."""
        self.runs.add(spend.run)
        self.estimated = self.estimated or spend.estimated
        self.input_tokens += spend.input_tokens
        self.output_tokens += spend.output_tokens
        if spend.tool is not None:
            self.calls += 1
            self.tool_usd += spend.usd or 0
            return
        self.turns += 1
        self.model_usd += spend.usd or 0
        self.unknown += spend.usd is None


def read_costs(root: Path) -> Costs:
    """Read what all runs of a project cost; trials of evaluations are left out."""
    spends: list[Spend] = []
    refused: list[Refused] = []
    unread: list[str] = []
    erased: list[str] = []
    replayed = 0
    for path in reversed(run_files(root)):
        try:
            run, events = read_events(path)
        except Problem:
            unread.append(path.stem)
            continue
        if missing_content(events) == "erased":
            erased.append(path.stem)
            continue
        if is_replayed(events):
            replayed += 1
            continue
        spends += spends_of(run, events)
        refused += refusals_of(run, events)
    return Costs(tuple(spends), tuple(refused), replayed, tuple(unread), tuple(erased))


def is_replayed(events: Sequence[Event]) -> bool:
    """Whether a run played recorded turns: no model was asked, so nothing was billed."""
    scenario = events[0].body.get("scenario")
    return scenario is not None and scenario["kind"] != "live"


def spends_of(run: str, events: Sequence[Event]) -> Iterator[Spend]:
    """Yield what each turn and each paid call of a run cost; a fork did not pay for its start."""
    started = events[0].body
    agent, live = str(started["agent"]), started["mode"] == "live"
    for event in own_events(events):
        body = event.body
        cost = body.get("cost")
        if cost is None:
            continue
        usd = Decimal(cost["usd"]) if cost["usd"] is not None else None
        day = _day(run, event, events[0])
        if event.type == "model.replied":
            usage = body["usage"]
            yield Spend(
                day,
                agent,
                run,
                body["model"],
                None,
                usd,
                bool(usage["estimated"]),
                usage["in"],
                usage["out"],
            )
        elif event.type == "tool.returned" and live:
            yield Spend(day, agent, run, None, body["tool"], usd)


def refusals_of(run: str, events: Sequence[Event]) -> Iterator[Refused]:
    """Yield the calls of a run that a limit on money forbade."""
    for event in own_events(events):
        if event.type == "limit.warned" and "asked" in event.body:
            day = _day(run, event, events[0])
            yield Refused(day, events[0].body["agent"], event.body["limit"])


def _day(run: str, event: Event, first: Event) -> date:
    """Return the day of an event; a scenario has a clock of its own, and its run's id the day."""
    made = moment_of(run) if "scenario" in first.body else None
    return made.date() if made is not None else date.fromisoformat(event.at[:10])


def totals(spends: Iterable[Spend], by: Sequence[Dimension]) -> dict[tuple[str | None, ...], Total]:
    """Add spends up; a key that a spend does not have (the tool of a turn) is `None`."""
    found: dict[tuple[str | None, ...], Total] = {}
    for spend in spends:
        found.setdefault(spend.key(by), Total()).add(spend)
    return found


__all__ = [
    "Costs",
    "Dimension",
    "Refused",
    "Spend",
    "Total",
    "is_replayed",
    "read_costs",
    "refusals_of",
    "spends_of",
    "totals",
]
