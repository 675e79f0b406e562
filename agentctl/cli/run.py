"""`agentctl run`: one agent, one task, every step shown."""

import getpass
import os
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.run import RunView, describe, text_answer
from agentctl.cli.spending import purse_of
from agentctl.cli.terminal import TerminalApprover, TerminalInputs, on_terminal
from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.clock import SystemClock, stamp
from agentctl.core.errors import problem
from agentctl.core.events import Event, StopReason
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Principal
from agentctl.models.live import LiveModel
from agentctl.models.port import ModelFault
from agentctl.runtime.approvals import Approver, Nobody
from agentctl.runtime.dispatch import MockBackend
from agentctl.runtime.harness import Harness
from agentctl.runtime.loop import play
from agentctl.runtime.run import Given, Inputs, Lines, Recorder, Run
from agentctl.runtime.trial import play_trial
from agentctl.specs.bundle import Bundle, Tables
from agentctl.specs.load import Project
from agentctl.specs.sets import LoadedSet
from agentctl.toolbox.world import World
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


class Start(NamedTuple):
    """What a run starts from when no scenario gives it: a world and somebody to act for."""

    tables: Tables
    principal: Principal
    source: str | None = None
    """The golden set that lends its world."""
    now: datetime | None = None
    """The moment at which that world stands."""


def run(
    agent: Annotated[str | None, typer.Argument(help="Agent: a name or a file.")] = None,
    task: Annotated[str | None, typer.Argument(help="What to do; `-` reads stdin.")] = None,
    event: Annotated[
        Path | None, typer.Option(help="JSON file with an event instead of a task.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="SET:ID", help="Play one golden scenario with its recorded turns."),
    ] = None,
    acting_as: Annotated[
        str | None, typer.Option("--as", metavar="ROLE:ID", help="On whose behalf.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model to use instead of the spec's.")] = None,
    world: Annotated[
        str | None, typer.Option(metavar="SET", help="Golden set whose mock world is used.")
    ] = None,
    approver: Annotated[
        str | None, typer.Option(metavar="ID", help="Who approves at this terminal.")
    ] = None,
    live: Annotated[bool, typer.Option(help="Use live tools instead of mocks.")] = False,
    format: Annotated[Format, typer.Option(help="How the result is printed.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.")] = False,
) -> int:
    """Run an agent on one task: mocked tools, every step shown, the answer on stdout.

    Exit codes: 0 answered, 1 stopped by a limit or a rule, 2 wrong request, 3 model or tool
    unreachable, 4 waiting for a person (approval, reply or escalation).
    """
    project = Project.find(Path.cwd())
    if live:
        raise problem(
            "live-tools",
            "live tools are refused: this version has no effect ledger to keep them exactly once",
            hint="leave out --live to use the mocks of the manifest",
        )
    if scenario is not None:
        return _play_scenario(project, agent, scenario, model, format, quiet=quiet)
    if agent is None:
        raise problem(
            "no-agent",
            "say which agent to run, and what it should do",
            hint='agentctl run order-support "I need to cancel my last order"',
        )
    bundle = project.agent(agent)
    first = _task(task, event)
    start = _start(project, bundle, world, acting_as)
    harness = Harness(bundle, model)
    run_id = new_run_id(datetime.now(UTC), secrets.token_bytes(5))
    inputs: Inputs = TerminalInputs(first) if on_terminal() else Lines(first)
    asker: Approver = Nobody()
    if on_terminal():
        asker = TerminalApprover(approver or getpass.getuser())
    if start.source is not None and not quiet:
        who = start.principal
        moment = f", as of {start.now:%Y-%m-%d %H:%M} UTC" if start.now else ""
        note(f"mock world of {start.source}{moment}, acting for {who.role}:{who.id}")
    answering = _live_model(bundle, model)
    with FileTrace(traces_folder(project.root) / f"{run_id}.jsonl", run_id) as trace:
        view = RunView(trace, show=not quiet)
        given = Given(
            principal=start.principal,
            model=answering,
            clock=SystemClock(),
            approver=asker,
            inputs=inputs,
            recorder=view,
            world_start=start.now,
            purse=purse_of(bundle, run_id),
        )
        state = Run(harness, given)
        backend = MockBackend(harness.mocks, World(start.tables, bundle.tables))
        fault = None
        try:
            play(state, backend)
        except ModelFault as met:
            fault = met
    return _finish(project.root, state.events, run_id, trace, format, fault)


def _play_scenario(
    project: Project,
    agent: str | None,
    reference: str,
    model: str | None,
    format: Format,
    *,
    quiet: bool,
) -> int:
    """Play one scenario of a golden set as a run, with a trace of its own."""
    set_name, _, scenario_id = reference.partition(":")
    loaded = project.golden_set(set_name)
    if not scenario_id:
        raise problem(
            "no-scenario",
            f"`--scenario {reference}` names a golden set and no scenario",
            hint=f"write SET:ID, such as {loaded.name}:{loaded.ids()[0]}",
        )
    if agent is not None and project.agent(agent).agent.name != loaded.bundle.agent.name:
        raise problem(
            "other-agent",
            f"golden set `{loaded.name}` is for agent `{loaded.bundle.agent.name}`, not `{agent}`",
        )
    found = loaded.find(scenario_id)
    harness = Harness(loaded.bundle, model)
    answering = _live_model(loaded.bundle, model) if model is not None else None
    run_id = new_run_id(datetime.now(UTC), secrets.token_bytes(5))
    with FileTrace(traces_folder(project.root) / f"{run_id}.jsonl", run_id) as trace:
        view = RunView(trace, show=not quiet)
        trial = play_trial(
            harness,
            found.scenario,
            loaded.tables,
            set_name=loaded.name,
            now=loaded.head.now,
            model=answering,
            recorder=view,
        )
    fault = trial.model_fault if trial.fault else None
    if trial.fault and fault is None:
        fault = ModelFault("exhausted", trial.fault)
    return _finish(project.root, trial.events, run_id, trace, format, fault)


def _finish(
    root: Path,
    events: list[Event],
    run_id: str,
    trace: FileTrace,
    format: Format,
    fault: ModelFault | None,
) -> int:
    """Seal the run, print the result and return the exit code."""
    result = describe(run_id, events, str(trace.path))
    stop: StopReason = result["stop"]
    seal_run(journal_file(root), Seal(run_id, len(events), trace.head), stamp(datetime.now(UTC)))
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
    note(f"trace {run_id}, head {trace.head}. Next: agentctl trace show {run_id}")
    return code


def _task(task: str | None, event: Path | None) -> str | dict[str, Json]:
    """Return the task, from the command line, stdin or a file."""
    if event is not None:
        if task is not None:
            raise problem("two-tasks", "give a task or --event, not both")
        return _event(event)
    if task == "-":
        task = sys.stdin.read().strip()
    if not task:
        raise problem(
            "no-task",
            "say what the agent should do",
            hint="give the task in quotes, `-` to read it from stdin, or `--event FILE`",
        )
    return task


def _event(path: Path) -> dict[str, Json]:
    try:
        value = parse_strict(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise problem("unreadable-file", f"cannot read {path}: {error}") from error
    except NotCanonical as error:
        raise problem("bad-event", f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise problem("bad-event", f"{path} holds no JSON object")
    return value


def _start(project: Project, bundle: Bundle, world: str | None, acting_as: str | None) -> Start:
    """Find a mock world and a principal: what is asked for, else those of a golden set."""
    loaded = project.golden_set(world) if world else project.golden_set_of(bundle.agent.name)
    principal = _principal(bundle, loaded, acting_as)
    if loaded is None:
        return Start(Tables({}), principal)
    return Start(loaded.tables, principal, loaded.name, loaded.head.now)


def _principal(bundle: Bundle, loaded: LoadedSet | None, acting_as: str | None) -> Principal:
    role = bundle.agent.acts_as
    if acting_as is not None:
        given_role, _, given_id = acting_as.rpartition(":")
        if not given_id:
            raise problem("bad-principal", f"`--as {acting_as}` names nobody", hint="ROLE:ID")
        principal = Principal(given_id, given_role or role)
        if principal.role not in bundle.policy.roles:
            raise problem(
                "unknown-role",
                f"the policy of `{bundle.agent.name}` has no role `{principal.role}`",
                hint=f"roles: {', '.join(sorted(bundle.policy.roles))}",
            )
        return principal
    default = (loaded.head.defaults if loaded else {}).get("principal")
    if isinstance(default, dict) and isinstance(default.get("id"), str):
        base = Principal(default["id"], role)
        return replace(
            base,
            role=default.get("role") or role,
            name=default.get("name"),
            attributes=default.get("attributes") or {},
        )
    return Principal(os.environ.get("USER") or "local", role)


def _live_model(bundle: Bundle, model: str | None) -> LiveModel:
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


__all__ = ["EXITS", "Recorder", "Start", "run"]
