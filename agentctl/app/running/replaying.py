"""Play a kept trace again: what the model, the user and approvers said is taken from the trace.

Everything else happens again on mocks: authorizer, limits, tools, escalation. So the difference
between the two runs is what changed in the agent's files, or in agentctl, since then.
"""

from collections.abc import Iterable
from typing import NamedTuple

from agentctl.app.running.fork import recorded_principal
from agentctl.core.canonical import Json
from agentctl.core.clock import SystemClock, VirtualClock
from agentctl.core.errors import problem
from agentctl.core.events import Event, StopReason
from agentctl.core.messages import Approval, ApprovalRequest, ModelReply, Principal
from agentctl.models.port import ModelFault, Request
from agentctl.runtime.approvals.approver import answer_in
from agentctl.runtime.assembly import run_agent
from agentctl.runtime.dispatch import mock_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.replay.replay import reply_in
from agentctl.runtime.run import AGENT_SPEAKS, Heard, RunContext
from agentctl.runtime.trial import scenario_principal
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.turns import RecordedEnd
from agentctl.toolbox.mock.world import World
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import find, read_events
from agentctl.traces.views.diff import TraceDiff, diff_events


class ReplayedRun(NamedTuple):
    """A kept run, and how it goes today."""

    run: str
    before: tuple[Event, ...]
    after: tuple[Event, ...]
    difference: TraceDiff

    @property
    def agrees(self) -> bool:
        """Whether nothing differs but ids and times."""
        return self.difference.equal


class _Recorded:
    """The model, the user and the approver of a run, as its trace holds them."""

    def __init__(self, name: str, events: Iterable[Event]) -> None:
        self.name = name
        self._said: list[ModelReply | str | dict[str, Json]] = []
        self._approvals: list[Approval] = []
        self._fault = "the model was not asked again at this point"
        self.end: RecordedEnd | None = None
        """How a recorded run ended, for one whose last turn is no end by itself."""
        for event in events:
            if event.type == "model.replied":
                self._said.append(reply_in(event.body))
            elif event.type == "input.received" and event.body["source"] != "person":
                self._said.append(event.body["content"])
            elif event.type == "approval.given":
                self._approvals.append(answer_in(event.body)._replace(id=None))
            elif event.type == "run.ended":
                self._ended(event.body["stop"], event.body["reason"])

    def _ended(self, stop: StopReason, reason: str) -> None:
        match stop:
            case "answered":
                self.end = "user_left" if reason.endswith("user_left") else "answered"
            case "escalated":
                self.end = "escalated"
            case "model_error":
                self._fault = reason

    def reply(self, request: Request, timeout_s: float) -> ModelReply:  # noqa: ARG002
        """Return the recorded turn that comes next, whatever is asked."""
        reply = self._said[0] if self._said else None
        if not isinstance(reply, ModelReply):
            raise ModelFault("exhausted", self._fault)
        del self._said[0]
        return reply

    def next(self, question: str | None) -> Heard:  # noqa: ARG002
        """Return what the user said at this point."""
        if not self._said:
            return None
        said = self._said[0]
        if isinstance(said, ModelReply):
            return AGENT_SPEAKS
        self._said.pop(0)
        return said

    def ask(self, request: ApprovalRequest) -> Approval | None:  # noqa: ARG002
        """Return the recorded answer."""
        return self._approvals.pop(0) if self._approvals else None


def replay_trace(project: Project, reference: str) -> ReplayedRun:
    """Play a kept run or trial again, on mocks, and compare.

    Args:
        project: Where its agent is.
        reference: The run's id or the start of it, `latest`, a file, or `SET/SCENARIO#TRIAL`.

    Raises:
        Problem: If there is no such trace, it keeps no content, or its tools were live.
    """
    run, events = read_events(*find(project.root, reference))
    require_content(run, events, "replayed")
    started = events[0].body
    if started["mode"] == "live":
        hint = f"fork it on mocks: agentctl run --from {run} --step N"
        raise problem("live-trace", f"the tools of run {run} were live", hint=hint)
    recorded = _Recorded(started["model"], events)
    play = _replay_task if started.get("scenario") is None else _replay_trial
    after = play(project, started, recorded)
    return ReplayedRun(run, tuple(events), tuple(after), diff_events(events, after))


def _replay_trial(project: Project, started: dict[str, Json], recorded: _Recorded) -> list[Event]:
    played = started["scenario"]
    loaded = project.golden_set(played["set"])
    scenario = loaded.find(played["id"]).scenario
    harness = Harness(loaded.bundle, recorded.name)
    context = RunContext(
        principal=scenario_principal(scenario, harness),
        model=recorded,
        clock=VirtualClock(scenario.now or loaded.head.now),
        approver=recorded,
        inputs=recorded,
        scenario=played,
        recorded_end=scenario.end or recorded.end,
    )
    world = World(loaded.tables, harness.bundle.tables, scenario.world)
    return run_agent(harness, context, mock_backend(harness, world, scenario.faults)).run.events


def _replay_task(project: Project, started: dict[str, Json], recorded: _Recorded) -> list[Event]:
    bundle = project.agent(started["agent"])
    lender = project.golden_set_of(bundle.agent.name)
    harness = Harness(bundle, recorded.name)
    context = RunContext(
        principal=Principal(**recorded_principal(started["principal"], lender)),
        model=recorded,
        clock=SystemClock(),
        approver=recorded,
        inputs=recorded,
        world_start=lender.head.now if lender is not None else None,
    )
    tables = lender.tables if lender is not None else WorldSnapshot({})
    backend = mock_backend(harness, World(tables, bundle.tables))
    return run_agent(harness, context, backend).run.events


__all__ = ["ReplayedRun", "replay_trace"]
