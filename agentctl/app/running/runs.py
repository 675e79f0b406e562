"""Start a run, or take one up again: play it to its end or its next pause, and seal it."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.app.observer import UNOBSERVED, ObservedTrace, Observer
from agentctl.app.running.participants import Participants
from agentctl.app.running.parts import RunParts
from agentctl.app.running.result import run_result
from agentctl.app.running.state import RunState, budget_of, state_of
from agentctl.core.clock import SystemClock, stamp
from agentctl.core.events import Event, StopReason
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Principal
from agentctl.effects.approvals import ApprovalBinding
from agentctl.effects.paused_runs import PausedRuns, RunRecipe
from agentctl.models.cassette import CassetteModel
from agentctl.models.port import ModelFault
from agentctl.runtime.approvals.approver import Approver, FirstAnswer, NoApprover
from agentctl.runtime.approvals.queue import QueueApprover
from agentctl.runtime.assembly import run_agent
from agentctl.runtime.replay.fork import Fork, RecordedAnswers
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.run import EventRecorder, Inputs, RunContext, RunSession
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path
from agentctl.toolbox.port import Backend
from agentctl.toolbox.recording import ReplyRecorder, recorded_file
from agentctl.traces.log.content import kept_content
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import journal_file, new_run_id, trace_of

EXITS: dict[StopReason, ExitCode] = {
    "answered": ExitCode.OK,
    "escalated": ExitCode.WAITING,
    "waiting_approval": ExitCode.WAITING,
    "waiting_reply": ExitCode.WAITING,
    "goal_not_met": ExitCode.NO,
    "out_of_domain": ExitCode.NO,
    "limit": ExitCode.NO,
    "loop": ExitCode.NO,
    "blocked": ExitCode.NO,
    "model_error": ExitCode.UNKNOWN,
    "tool_error": ExitCode.UNKNOWN,
    "stopped": ExitCode.NO,
    "interrupted": ExitCode.INTERRUPTED,
}
"""How `run` exits for each way a run can end."""


class StartedRun(NamedTuple):
    """A run that is ready to go."""

    recipe: RunRecipe
    parts: RunParts
    trace: FileTrace
    session: RunSession
    inputs: Inputs
    """What the user says."""
    approver: Approver | None = None
    """Who decides on calls that ask; `None` = whom the scenario scripts, else nobody."""
    sessions: PausedRuns | None = None
    """Remembers the run until it has ended, where it can be taken up again."""


class FinishedRun(NamedTuple):
    """A run that has ended, or waits."""

    result: dict[str, Any]
    """What is printed as JSON."""
    events: list[Event]
    code: ExitCode
    fault: ModelFault | None
    """Why the model gave no turn, where that ended it."""
    head: str
    """The hash of the last event."""
    journal: str
    """The hash of the line that seals the run."""
    replies: Path | None
    """Where the answers of live tools were kept, if they were."""


def run_recipe(
    project: Project,
    recipe: RunRecipe,
    parts: RunParts,
    people: Participants,
    observer: Observer = UNOBSERVED,
    *,
    waits: bool = False,
    fork: Fork | None = None,
    resumable: bool = True,
) -> FinishedRun:
    """Start a run and play it to its end or its first pause.

    Args:
        project: Where the agent is.
        recipe: How the run is started.
        parts: What the recipe names.
        people: Who takes part.
        observer: Told of each step.
        waits: Whether a call that nobody here answers waits in the inbox: the run pauses then, and
            can be resumed.
        fork: The start of another run, to be played back first.
        resumable: Whether the recipe is all it takes to take the run up after this process.
    """
    state = state_of(project.root) if waits or recipe.mode == "live" else None
    session = RunSession(waits=waits, replay=fork, forked_from=fork.origin if fork else None)
    begun = start_run(project, recipe, parts, state, session, people.inputs, resumable=resumable)
    approver = begun.approver
    if parts.scenario is None and people.approver is not None:
        here = people.entitled(project.spec.people, recipe.principal["id"], observer.note)
        approver = here if approver is None else FirstAnswer(here, approver)
    if approver is not None and fork is not None:
        approver = RecordedAnswers(fork, approver)
    return play_run(project.root, begun._replace(approver=approver), observer)


def start_run(
    project: Project,
    recipe: RunRecipe,
    parts: RunParts,
    state: RunState | None,
    session: RunSession,
    inputs: Inputs,
    *,
    resumable: bool = True,
) -> StartedRun:
    """Begin the trace of a new run; how it was started is kept until it ends.

    Args:
        project: Where the agent is.
        recipe: How the run is started.
        parts: What the recipe names.
        state: The state of the project; `None` where the run needs none.
        session: What ties the run to other processes; its id is made here.
        inputs: What the user says.
        resumable: Whether the recipe is all it takes to take the run up after this process.
    """
    run_id = new_run_id(datetime.now(UTC), secrets.token_bytes(5))
    trace = FileTrace(
        trace_of(project.root, run_id), run_id, kept_content(project.spec.audit.content)
    )
    if state is not None and resumable:
        state.sessions.keep(run_id, recipe)
        session = session._replace(recipe=recipe._asdict())
    session = session._replace(run_id=run_id)
    return _shared(StartedRun(recipe, parts, trace, session, inputs), state, None)


def take_up(
    recipe: RunRecipe,
    parts: RunParts,
    state: RunState,
    trace: FileTrace,
    events: Sequence[Event],
    session: RunSession,
    inputs: Inputs,
) -> StartedRun:
    """Return a run that goes on where its trace ends.

    Args:
        recipe: How the run was started.
        parts: What the recipe names.
        state: The state of the project.
        trace: The trace, reopened.
        events: What it holds, to be played back first.
        session: The run's id, and what else ties it to other processes.
        inputs: What the user says from here on.
    """
    replay = Replay(events)
    # A scenario has a clock of its own, which is played back as well.
    used_s = replay.active_s if parts.scenario is None else 0.0
    session = session._replace(replay=replay, used_s=used_s)
    return _shared(StartedRun(recipe, parts, trace, session, inputs), state, replay)


def _shared(begun: StartedRun, state: RunState | None, replay: Replay | None) -> StartedRun:
    """Return a run with what it shares with other processes of the project."""
    if state is None:
        return begun
    recipe, session = begun.recipe, begun.session
    if recipe.mode == "live":
        session = session._replace(ledger=state.ledger)
    return begun._replace(
        session=session,
        approver=_queue_approver(begun, state, replay) if session.waits else None,
        # A batch forgets a run when its result is kept, not before.
        sessions=state.sessions if recipe.batch is None else None,
    )


def _queue_approver(begun: StartedRun, state: RunState, replay: Replay | None) -> QueueApprover:
    bundle = begun.parts.harness.bundle
    prints = bundle.fingerprints
    binding = ApprovalBinding(
        begun.session.run_id,
        bundle.agent.name,
        begun.recipe.principal["id"],
        prints.policy,
        prints.tools,
    )
    return QueueApprover(state.approvals, binding, replay, lambda: datetime.now(UTC))


def play_run(root: Path, begun: StartedRun, observer: Observer = UNOBSERVED) -> FinishedRun:
    """Play a run to its end or to its next pause, and seal it.

    Args:
        root: The project.
        begun: The run.
        observer: Told of each step.
    """
    recorder = ObservedTrace(begun.trace, observer.event)
    run_id, replies = begun.session.run_id, None
    with begun.trace:
        if begun.parts.scenario is not None:
            events, fault = _play_scenario(begun, recorder)
        else:
            if begun.recipe.records:
                replies = recorded_file(root, run_id)
            events, fault = _play(begun, recorder, replies, observer)
    if begun.sessions is not None and events[-1].type == "run.ended":
        begun.sessions.forget(run_id)
    result = run_result(run_id, events, str(begun.trace.path))
    seal = Seal(run_id, len(events), begun.trace.head)
    journal = seal_run(journal_file(root), seal, stamp(datetime.now(UTC)))
    code = fault.exit_code if fault is not None else EXITS[result["stop"]]
    result["exit_code"] = int(code)
    return FinishedRun(result, events, code, fault, begun.trace.head, journal, replies)


def _play_scenario(
    begun: StartedRun, recorder: EventRecorder
) -> tuple[list[Event], ModelFault | None]:
    parts = begun.parts
    assert parts.scenario is not None and parts.lender is not None  # `load_parts` brings both
    trial = play_trial(
        parts.harness,
        parts.scenario,
        parts.lender.tables,
        set_name=parts.lender.name,
        now=parts.lender.head.now,
        model=parts.model,
        kind=parts.model.kind if isinstance(parts.model, CassetteModel) else None,
        approver=begun.approver,
        recorder=recorder,
        session=begun.session,
    )
    fault = trial.model_fault if trial.fault else None
    if trial.fault and fault is None:
        fault = ModelFault("exhausted", trial.fault)
    return trial.events, fault


def _play(
    begun: StartedRun, recorder: EventRecorder, replies: Path | None, observer: Observer
) -> tuple[list[Event], ModelFault | None]:
    recipe, parts = begun.recipe, begun.parts
    assert parts.model is not None and parts.backend is not None  # `load_parts` brings both
    bundle = parts.harness.bundle
    context = RunContext(
        principal=Principal(**recipe.principal),
        model=parts.model,
        clock=SystemClock(),
        approver=begun.approver or NoApprover(),
        inputs=begun.inputs,
        recorder=recorder,
        mode=recipe.mode,
        world_start=parts.lender.head.now if parts.lender is not None else None,
        session=begun.session,
        budget=budget_of(bundle, begun.session.run_id, observer.note),
        environment=recipe.environment,
    )
    backend: Backend = parts.backend
    if replies is not None:
        backend = ReplyRecorder(backend, bundle.tools, replies)
    run, fault = run_agent(parts.harness, context, backend)
    if isinstance(backend, ReplyRecorder) and backend.failed is not None:
        file = shown_path(backend.path)
        observer.note(f"warning: {file} is not complete: {backend.failed}")
    return run.events, fault


__all__ = [
    "EXITS",
    "FinishedRun",
    "StartedRun",
    "play_run",
    "run_recipe",
    "start_run",
    "take_up",
]
