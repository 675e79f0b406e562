"""Start a run, or take one up again: the same parts, put together from the same recipe."""

import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.app.observer import UNOBSERVED, ObservedTrace, Observer
from agentctl.app.running.models import live_model
from agentctl.app.running.result import run_result
from agentctl.app.running.spending import budget_of, state_file
from agentctl.core.clock import SystemClock, stamp
from agentctl.core.events import Event, StopReason
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Principal
from agentctl.effects.approvals import ApprovalBinding, Approvals
from agentctl.effects.db import open_db
from agentctl.effects.ledger import Ledger
from agentctl.effects.paused_runs import PausedRuns, RunRecipe
from agentctl.evals.running.turn_sources import first_recording
from agentctl.models.cassette import CassetteModel
from agentctl.models.port import Model, ModelFault
from agentctl.runtime.approvals.approver import Approver, Nobody
from agentctl.runtime.approvals.queue import QueueApprover
from agentctl.runtime.conversation.loop import play
from agentctl.runtime.conversation.speaking import unscreened
from agentctl.runtime.dispatch import live_backend, mock_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.run import Inputs, Run, RunContext, RunSession
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import Scenario
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import Backend, Elicit
from agentctl.toolbox.recording import ReplyRecorder, recorded_file
from agentctl.traces.log.content import kept_content
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import journal_file, new_run_id, traces_folder

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


class RunState(NamedTuple):
    """What the processes of one project share."""

    ledger: Ledger
    approvals: Approvals
    sessions: PausedRuns


class StartedRun(NamedTuple):
    """A run that is ready to go."""

    run_id: str
    trace: FileTrace
    session: RunSession
    approver: Approver | None
    inputs: Inputs
    sessions: PausedRuns | None
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
    replies: Path | None = None
    """Where the answers of live tools were kept, if they were."""


class RunParts(NamedTuple):
    """What a recipe names, loaded and ready."""

    harness: Harness
    lender: LoadedSet | None
    """The golden set that lends its world."""
    scenario: Scenario | None
    model: Model | None
    """`None` where a scenario brings its own turns; else a live one, or a cassette."""
    backend: Backend | None
    """`None` where a scenario brings its own world."""


def state_of(root: Path) -> RunState:
    """Open the state of a project.

    Raises:
        Problem: If it cannot be used.
    """
    db: sqlite3.Connection = open_db(state_file(root))
    approvals = Approvals(db)
    return RunState(Ledger(db, approvals), approvals, PausedRuns(db))


def load_parts(
    project: Project,
    recipe: RunRecipe,
    observer: Observer = UNOBSERVED,
    elicit: Elicit | None = None,
) -> RunParts:
    """Load what a recipe names.

    Args:
        project: Where its files are.
        recipe: What makes up the run.
        observer: Told of the model's words as they arrive.
        elicit: Who answers what a server of live tools wants to know; left out = nobody.

    Raises:
        Problem: If something of it is gone or wrong.
    """
    lender = project.golden_set(recipe.world) if recipe.world is not None else None
    if recipe.scenario is not None and lender is not None:
        harness = Harness(lender.bundle, recipe.model)
        scenario = lender.find(recipe.scenario).scenario
        model: Model | None = None
        if recipe.model is not None:
            model = _model(harness, recipe.model, observer)
        elif scenario.turns is None:
            model = first_recording(lender, harness, scenario.id)
        return RunParts(harness, lender, scenario, model, None)
    harness = Harness(project.agent(recipe.agent), recipe.model)
    return next_run_parts(RunParts(harness, lender, None, None, None), recipe, observer, elicit)


def next_run_parts(
    parts: RunParts,
    recipe: RunRecipe,
    observer: Observer = UNOBSERVED,
    elicit: Elicit | None = None,
) -> RunParts:
    """Return the parts of one more run of the same agent: with a model and a world of its own.

    Raises:
        Problem: If there is no key for the model, or a tool has no live side.
    """
    bundle = parts.harness.bundle
    backend: Backend
    if recipe.mode == "live":
        backend = live_backend(bundle, recipe.environment, elicit)
    else:
        tables = parts.lender.tables if parts.lender is not None else WorldSnapshot({})
        backend = mock_backend(parts.harness, World(tables, bundle.tables))
    model = _model(parts.harness, recipe.model, observer)
    return parts._replace(model=model, backend=backend)


def new_trace(project: Project) -> tuple[str, FileTrace]:
    """Begin the trace of a new run."""
    run_id = new_run_id(datetime.now(UTC), secrets.token_bytes(5))
    path = traces_folder(project.root) / f"{run_id}.jsonl"
    return run_id, FileTrace(path, run_id, kept_content(project.spec))


def queue_approver(parts: RunParts, recipe: RunRecipe, state: RunState, run_id: str,
                   replay: Replay | None) -> QueueApprover:  # fmt: skip
    """Return who is asked when approvals wait in the inbox."""
    bundle = parts.harness.bundle
    prints = bundle.fingerprints
    binding = ApprovalBinding(
        run_id, bundle.agent.name, recipe.principal["id"], prints.policy, prints.tools
    )
    return QueueApprover(state.approvals, binding, replay, lambda: datetime.now(UTC))


def play_run(
    root: Path,
    recipe: RunRecipe,
    parts: RunParts,
    begun: StartedRun,
    observer: Observer = UNOBSERVED,
) -> FinishedRun:
    """Play a run to its end or to its next pause, and seal it.

    Args:
        root: The project.
        recipe: How the run was started.
        parts: What the recipe names.
        begun: The run.
        observer: Told of each step.
    """
    recorder = ObservedTrace(begun.trace, observer.event)
    replies = None
    with begun.trace:
        if parts.scenario is not None:
            events, fault = _play_scenario(parts, begun, recorder)
        else:
            if recipe.records:
                replies = recorded_file(parts.harness.bundle.root, begun.run_id)
            events, fault = _play(recipe, parts, begun, recorder, replies, observer)
    run_id, trace = begun.run_id, begun.trace
    if begun.sessions is not None and events[-1].type == "run.ended":
        begun.sessions.forget(run_id)
    result = run_result(run_id, events, str(trace.path))
    seal = Seal(run_id, len(events), trace.head)
    journal = seal_run(journal_file(root), seal, stamp(datetime.now(UTC)))
    code = fault.exit_code if fault is not None else EXITS[result["stop"]]
    result["exit_code"] = int(code)
    return FinishedRun(result, events, code, fault, trace.head, journal, replies)


def _play_scenario(
    parts: RunParts, begun: StartedRun, recorder: ObservedTrace
) -> tuple[list[Event], ModelFault | None]:
    assert parts.scenario is not None and parts.lender is not None  # `load` brings both
    trial = play_trial(
        parts.harness,
        parts.scenario,
        parts.lender.tables,
        set_name=parts.lender.name,
        now=parts.lender.head.now,
        model=parts.model,
        kind="cassette" if isinstance(parts.model, CassetteModel) else None,
        approver=begun.approver,
        recorder=recorder,
        session=begun.session,
    )
    fault = trial.model_fault if trial.fault else None
    if trial.fault and fault is None:
        fault = ModelFault("exhausted", trial.fault)
    return trial.events, fault


def _play(
    recipe: RunRecipe,
    parts: RunParts,
    begun: StartedRun,
    recorder: ObservedTrace,
    replies: Path | None,
    observer: Observer,
) -> tuple[list[Event], ModelFault | None]:
    assert parts.model is not None and parts.backend is not None  # `load` brings both
    given = RunContext(
        principal=Principal(**recipe.principal),
        model=parts.model,
        clock=SystemClock(),
        approver=begun.approver or Nobody(),
        inputs=begun.inputs,
        recorder=recorder,
        mode=recipe.mode,
        world_start=parts.lender.head.now if parts.lender is not None else None,
        session=begun.session,
        budget=budget_of(parts.harness.bundle, begun.run_id, observer.note),
        environment=recipe.environment,
    )
    run = Run(parts.harness, given)
    backend, fault = parts.backend, None
    if replies is not None:
        backend = ReplyRecorder(backend, parts.harness.bundle.tools, replies)
    with closing(backend):
        try:
            play(run, backend)
        except ModelFault as met:
            fault = met
    if isinstance(backend, ReplyRecorder) and backend.failed is not None:
        file = shown_path(backend.path)
        observer.note(f"warning: {file} is not complete: {backend.failed}")
    return run.events, fault


def _model(harness: Harness, model: str | None, observer: Observer) -> Model:
    """Return the model that plays.

    Its words are reported as they arrive only where nothing checks them first and they are prose.
    """
    reported = harness.output is None and unscreened(harness)
    return live_model(harness.bundle, model, on_text=observer.text if reported else None)


__all__ = [
    "EXITS",
    "FinishedRun",
    "RunParts",
    "RunState",
    "StartedRun",
    "load_parts",
    "new_trace",
    "next_run_parts",
    "play_run",
    "queue_approver",
    "state_of",
]
