"""Start a run, or take one up again: the same parts, put together from the same recipe."""

import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.run import RunView, describe, text_answer
from agentctl.cli.spending import purse_of, state_file
from agentctl.core.clock import SystemClock, stamp
from agentctl.core.errors import problem
from agentctl.core.events import Event, StopReason
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Principal
from agentctl.effects.approvals import Approvals
from agentctl.effects.db import open_db
from agentctl.effects.ledger import Ledger
from agentctl.effects.sessions import Recipe, Sessions
from agentctl.models.live import LiveModel
from agentctl.models.port import ModelFault
from agentctl.runtime.approvals import Approver, Nobody
from agentctl.runtime.dispatch import MockBackend, live_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.loop import play
from agentctl.runtime.past import Past
from agentctl.runtime.queueing import Binding, QueueApprover
from agentctl.runtime.run import Given, Inputs, Run, Session
from agentctl.runtime.trial import play_trial
from agentctl.specs.bundle import Bundle, Tables
from agentctl.specs.golden import Scenario
from agentctl.specs.load import Project
from agentctl.specs.sets import LoadedSet
from agentctl.toolbox.live import Elicit
from agentctl.toolbox.port import Backend
from agentctl.toolbox.world import World
from agentctl.traces.content import kept_content
from agentctl.traces.journal import Seal, seal_run
from agentctl.traces.log import FileTrace
from agentctl.traces.store import journal_file, new_run_id, traces_folder

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


class State(NamedTuple):
    """What the processes of one project share."""

    ledger: Ledger
    approvals: Approvals
    sessions: Sessions


class Begun(NamedTuple):
    """A run that is ready to go."""

    run_id: str
    trace: FileTrace
    session: Session
    approver: Approver | None
    inputs: Inputs
    sessions: Sessions | None
    """Remembers the run until it has ended, where it can be taken up again."""


class Parts(NamedTuple):
    """What a recipe names, loaded and ready."""

    harness: Harness
    lender: LoadedSet | None
    """The golden set that lends its world."""
    scenario: Scenario | None
    model: LiveModel | None
    """`None` where a scenario brings its own turns."""
    backend: Backend | None
    """`None` where a scenario brings its own world."""


def state_of(root: Path) -> State:
    """Open the state of a project.

    Raises:
        Problem: If it cannot be used.
    """
    db: sqlite3.Connection = open_db(state_file(root))
    approvals = Approvals(db)
    return State(Ledger(db, approvals), approvals, Sessions(db))


def load(project: Project, recipe: Recipe, elicit: Elicit | None = None) -> Parts:
    """Load what a recipe names; a server of live tools may ask whom `elicit` asks.

    Raises:
        Problem: If something of it is gone or wrong.
    """
    lender = project.golden_set(recipe.world) if recipe.world is not None else None
    if recipe.scenario is not None and lender is not None:
        harness = Harness(lender.bundle, recipe.model)
        model = _model(lender.bundle, recipe.model) if recipe.model is not None else None
        return Parts(harness, lender, lender.find(recipe.scenario).scenario, model, None)
    bundle = project.agent(recipe.agent)
    harness = Harness(bundle, recipe.model)
    if recipe.mode == "live":
        backend = live_backend(bundle, recipe.environment, elicit)
    else:
        tables = lender.tables if lender is not None else Tables({})
        backend = MockBackend(harness.mocks, World(tables, bundle.tables))
    return Parts(harness, lender, None, _model(bundle, recipe.model), backend)


def new_trace(project: Project) -> tuple[str, FileTrace]:
    """Begin the trace of a new run."""
    run_id = new_run_id(datetime.now(UTC), secrets.token_bytes(5))
    path = traces_folder(project.root) / f"{run_id}.jsonl"
    return run_id, FileTrace(path, run_id, kept_content(project.spec))


def queue_approver(parts: Parts, recipe: Recipe, state: State, run_id: str,
                   past: Past | None) -> QueueApprover:  # fmt: skip
    """Return who is asked when approvals wait in the inbox."""
    bundle = parts.harness.bundle
    prints = bundle.fingerprints
    binding = Binding(
        run_id, bundle.agent.name, recipe.principal["id"], prints.policy, prints.tools
    )
    return QueueApprover(state.approvals, binding, past, lambda: datetime.now(UTC))


def go(
    root: Path, recipe: Recipe, parts: Parts, begun: Begun, format: Format, *, quiet: bool
) -> int:
    """Play a run to its end or to its next pause; seal it, print it, return the exit code."""
    view = RunView(begun.trace, show=not quiet)
    with begun.trace:
        if parts.scenario is not None:
            events, fault = _play_scenario(parts, begun, view)
        else:
            events, fault = _play(recipe, parts, begun, view)
    return finish(root, events, begun, format, fault)


def _play_scenario(
    parts: Parts, begun: Begun, view: RunView
) -> tuple[list[Event], ModelFault | None]:
    assert parts.scenario is not None and parts.lender is not None  # `load` brings both
    trial = play_trial(
        parts.harness,
        parts.scenario,
        parts.lender.tables,
        set_name=parts.lender.name,
        now=parts.lender.head.now,
        model=parts.model,
        approver=begun.approver,
        recorder=view,
        session=begun.session,
    )
    fault = trial.model_fault if trial.fault else None
    if trial.fault and fault is None:
        fault = ModelFault("exhausted", trial.fault)
    return trial.events, fault


def _play(
    recipe: Recipe, parts: Parts, begun: Begun, view: RunView
) -> tuple[list[Event], ModelFault | None]:
    assert parts.model is not None and parts.backend is not None  # `load` brings both
    given = Given(
        principal=Principal(**recipe.principal),
        model=parts.model,
        clock=SystemClock(),
        approver=begun.approver or Nobody(),
        inputs=begun.inputs,
        recorder=view,
        mode=recipe.mode,
        world_start=parts.lender.head.now if parts.lender is not None else None,
        session=begun.session,
        purse=purse_of(parts.harness.bundle, begun.run_id),
    )
    run = Run(parts.harness, given)
    with closing(parts.backend):
        try:
            play(run, parts.backend)
        except ModelFault as met:
            return run.events, met
    return run.events, None


def finish(
    root: Path, events: list[Event], begun: Begun, format: Format, fault: ModelFault | None
) -> int:
    """Seal the run, print the result and return the exit code."""
    run_id, trace = begun.run_id, begun.trace
    if begun.sessions is not None and events[-1].type == "run.ended":
        begun.sessions.forget(run_id)
    result = describe(run_id, events, str(trace.path))
    stop: StopReason = result["stop"]
    seal = Seal(run_id, len(events), trace.head)
    journal = seal_run(journal_file(root), seal, stamp(datetime.now(UTC)))
    code = fault.exit_code if fault is not None else EXITS[stop]
    result["exit_code"] = int(code)
    match format:
        case "json":
            write_json(result)
        case "jsonl":
            write_jsonl([result])
        case "text" if result["answer"] is not None or result["output"] is not None:
            write_line(text_answer(result))
    if fault is not None:
        note(f"error[{fault.kind}]: {fault.message}")
        if fault.hint:
            note(f"hint: {fault.hint}")
    else:
        note(f"{stop}: {result['reason']}")
    for pending in result["pending"]:
        note(f"waiting for {pending['by']}: {pending['tool']} {pending['arguments']}")
    paused = events[-1].type != "run.ended"
    following = f"agentctl resume {run_id}" if paused else f"agentctl trace show {run_id}"
    if paused and stop == "waiting_approval":
        following = "agentctl inbox list"
    note(f"trace {run_id}, head {trace.head}, journal {journal[:16]}. Next: {following}")
    return code


def _model(bundle: Bundle, model: str | None) -> LiveModel:
    """Return the model of the spec, ready to be asked, or say what to do without a key."""
    try:
        return LiveModel(bundle.agent.model, model)
    except ModelFault as fault:
        hint = fault.hint or "set the provider's key"
        raise problem(
            fault.kind.replace("_", "-"),
            fault.message,
            hint=f"{hint}; or play a recorded case: agentctl run --scenario SET:ID",
            exit_code=fault.exit_code,
        ) from fault


__all__ = [
    "EXITS",
    "Begun",
    "Parts",
    "State",
    "finish",
    "go",
    "load",
    "new_trace",
    "queue_approver",
    "state_of",
]
