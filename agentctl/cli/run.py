"""`agentctl run`: one agent, one task, every step shown."""

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from agentctl.app.batch.batch import JOBS, BatchPlan
from agentctl.app.batch.task_run import Whose
from agentctl.app.running.environments import ENVIRONMENT_HELP, EnvironmentName, environment_of
from agentctl.app.running.fork import ForkOptions, fork_of
from agentctl.app.running.runs import (
    RunParts,
    StartedRun,
    load_parts,
    new_trace,
    play_run,
    queue_approver,
    state_of,
)
from agentctl.cli.batch import run_batch
from agentctl.cli.output import Format, note
from agentctl.cli.render.run import observed, show_result
from agentctl.cli.terminal import (
    TerminalApprover,
    TerminalInputs,
    elicited,
    on_terminal,
    warn_of_production,
)
from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import Problem, problem
from agentctl.core.text import count
from agentctl.effects.paused_runs import RunRecipe
from agentctl.runtime.approvals.approver import Approver, Nobody
from agentctl.runtime.approvals.queue import may_approve
from agentctl.runtime.replay.fork import Remembered
from agentctl.runtime.run import NO_SESSION, Inputs, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import files_in, may_be
from agentctl.specs.shapes.bundle import Bundle


def run_command(
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
    approvals: Annotated[
        Literal["terminal", "queue"],
        typer.Option(help="Ask at this terminal, or pause until somebody answers in the inbox."),
    ] = "terminal",
    approver: Annotated[
        str | None, typer.Option(metavar="ID", help="Who approves at this terminal.")
    ] = None,
    live: Annotated[bool, typer.Option(help="Use live tools instead of mocks.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Begin with the start of this run."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=1, help="With --from: the model turn that is taken anew.")
    ] = None,
    env: Annotated[EnvironmentName | None, typer.Option(help=ENVIRONMENT_HELP)] = None,
    record_tools: Annotated[
        bool, typer.Option("--record-tools", help="Keep live answers as replies for mocks.")
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(metavar="TASKS.jsonl", help="Do many tasks, one a line.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=256, help=f"Tasks of a batch at the same time; usually {JOBS}."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where a batch keeps its results, to be taken up."),
    ] = None,
    format: Annotated[Format, typer.Option(help="How the result is printed.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.")] = False,
) -> int:
    """Run an agent on one task: mocked tools, every step shown, the answer on stdout.

    With `--batch` it does many tasks, several at a time, one line of JSON a result.

    Exit codes: 0 answered, 1 stopped by a limit or a rule, 2 wrong request, 3 model or tool
    unreachable, 4 waiting for a person (approval, reply or escalation).
    """
    project = Project.find(Path.cwd())
    environment = environment_of(project.spec, env, live=live)
    _go_together(
        {
            "a task": task,
            "--event": event,
            "--scenario": scenario,
            "--batch": batch,
            "--as": acting_as,
            "--world": world,
            "--approver": approver,
            "--jobs": jobs,
            "--out": out,
            "--live": live or None,
            "--record-tools": record_tools or None,
            "--from": source,
            "--step": step,
        }
    )
    waits = approvals == "queue"
    if waits:
        _can_be_resumed(project)
    inputs: Inputs = ScriptedInputs()
    fork = None
    if source is not None:
        assert step is not None  # they go together
        wanted = ForkOptions(source, step, agent, model, world, live, environment)
        recipe, fork = fork_of(project, wanted)
        played_back = f"its first {count(step - 1, 'step')} played back, not repeated"
        note(f"forked from {fork.origin['run']}: {played_back}")
        warn_of_production(environment)
        scenario = recipe.scenario
        inputs = TerminalInputs(None) if on_terminal() else inputs
    elif scenario is not None:
        recipe = _of_scenario(project, agent, scenario, model, live=live)
    else:
        if agent is None:
            raise _no_agent(project)
        asked = _RunOptions(agent, model, world, acting_as, live, environment, record_tools)
        if batch is not None:
            recipe, whose = _of_task(project, asked)
            plan = BatchPlan(batch, out, jobs or JOBS, waits)
            warn_of_production(environment)
            return run_batch(project, recipe, whose, plan, format, quiet=quiet)
        first = _task(task, event)
        inputs = TerminalInputs(first) if on_terminal() else ScriptedInputs(first)
        recipe, whose = _of_task(project, asked)
        recipe = recipe._replace(principal=whose(None))
        warn_of_production(environment)
    # Without a key, a price or a live side there is no run, and no trace of one.
    asks = elicited if not waits and on_terminal() else None
    observer = observed(quiet=quiet)
    parts = load_parts(project, recipe, observer, asks)
    if scenario is None and not quiet:
        _say_world(recipe, parts)
    state = state_of(project.root) if waits or live else None
    run_id, trace = new_trace(project)
    asker: Approver | None = None
    if state is not None:
        state.sessions.keep(run_id, recipe)
    if state is not None and waits:
        asker = queue_approver(parts, recipe, state, run_id, None)
    elif scenario is None:
        asker = terminal_approver(project, approver, recipe)
    ledger = state.ledger if state is not None and live else None
    session = NO_SESSION._replace(run_id=run_id, ledger=ledger, waits=waits)
    if fork is not None:
        session = session._replace(replay=fork, forked_from=fork.origin)
        asker = Remembered(fork, asker) if asker is not None else None
    begun = StartedRun(run_id, trace, session, asker, inputs, state.sessions if state else None)
    return show_result(play_run(project.root, recipe, parts, begun, observer), format)


_APART: dict[str, tuple[str, ...]] = {
    "--from": ("a task", "--event", "--scenario", "--as", "--batch", "--record-tools"),
    "--batch": ("a task", "--event", "--scenario", "--approver"),
    "--scenario": ("a task", "--event", "--as", "--world"),
    "--event": ("a task",),
    "--live": ("--world",),
}
"""What brings its own, and what would then go unheard."""
_NEEDS = {
    "--from": "--step",
    "--step": "--from",
    "--jobs": "--batch",
    "--out": "--batch",
    "--record-tools": "--live",
}


def _go_together(given: Mapping[str, object]) -> None:
    """Refuse what would go unheard beside something else, or without it."""
    for one, others in _APART.items():
        for other in others:
            if given[one] is not None and given[other] is not None:
                message = f"{one} and {other} do not go together"
                raise problem("not-together", message, hint=f"leave out {other} or {one}")
    for one, other in _NEEDS.items():
        if given[one] is not None and given[other] is None:
            raise problem(
                "goes-with", f"{one} goes with {other}", hint=f"add {other}, or leave out {one}"
            )


def _no_agent(project: Project) -> Problem:
    agents = [path.stem for path in files_in(project.agents) if may_be(path, "Agent")]
    hint = f'agentctl run {agents[0]} "what it should do"' if agents else "agentctl init DIR"
    return problem("no-agent", "say which agent to run, and what it should do", hint=hint)


def _can_be_resumed(project: Project) -> None:
    if project.spec.audit.content != "full":
        raise problem(
            "not-resumable",
            "this project keeps hashes of content, and from hashes no run can be taken up again",
            hint="ask at the terminal, or keep content: `audit: {content: full}`",
        )


def terminal_approver(project: Project, approver: str | None, recipe: RunRecipe) -> Approver:
    """Return who is asked at this terminal; without one, nobody."""
    if not on_terminal():
        return Nobody()
    identity = approver or getpass.getuser()
    people = project.spec.people
    principal = recipe.principal["id"]
    return TerminalApprover(
        identity, lambda request: may_approve(people, identity, request.by, principal)
    )


def _of_scenario(
    project: Project, agent: str | None, reference: str, model: str | None, *, live: bool
) -> RunRecipe:
    """Return how one scenario of a golden set is played as a run, with a trace of its own."""
    if live:
        raise problem(
            "live-scenario",
            "a golden scenario is never played against live tools",
            hint="leave out --live, or give the agent a task",
        )
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
    who = loaded.find(scenario_id).scenario.principal
    principal = {"id": who.id, "role": who.role or loaded.bundle.agent.acts_as}
    path = str(loaded.path.resolve())
    return RunRecipe(loaded.bundle.agent.name, principal, "mock", model, path, scenario_id)


class _RunOptions(NamedTuple):
    """What the command line says about a run of a task."""

    agent: str
    model: str | None
    world: str | None
    acting_as: str | None
    live: bool
    environment: str | None
    records: bool


def _of_task(project: Project, asked: _RunOptions) -> tuple[RunRecipe, Whose]:
    """Find an agent and a mock world: what is asked for, else that of a golden set.

    Returns:
        How a run is started, for nobody yet, and who a run acts for: the principal that a task of
        a batch names, else that of the command line, else that of the golden set.
    """
    bundle = project.agent(asked.agent)
    agent = str(Path(asked.agent).resolve()) if Path(asked.agent).is_file() else asked.agent
    if asked.live:
        lender = None
        recipe = RunRecipe(
            agent, {}, "live", asked.model, environment=asked.environment, records=asked.records
        )
    else:
        name = bundle.agent.name
        lender = project.golden_set(asked.world) if asked.world else project.golden_set_of(name)
        lent = str(lender.path.resolve()) if lender is not None else None
        recipe = RunRecipe(agent, {}, "mock", asked.model, lent)

    def whose(named: str | None) -> dict[str, Json]:
        acting_as = named or asked.acting_as
        if asked.live and acting_as is None:
            raise problem(
                "no-principal",
                "live tools act for somebody: say for whom",
                hint=f"--as {bundle.agent.acts_as}:ID",
            )
        return principal_option(bundle, lender, acting_as)

    return recipe, whose


def _say_world(recipe: RunRecipe, parts: RunParts) -> None:
    who = f"{recipe.principal['role']}:{recipe.principal['id']}"
    if parts.lender is not None:
        moment = f"{parts.lender.head.now:%Y-%m-%d %H:%M} UTC"
        note(f"mock world of {parts.lender.name}, as of {moment}, acting for {who}")
    elif recipe.mode == "live":
        place = f" of {recipe.environment}" if recipe.environment is not None else ""
        note(f"live tools{place}, acting for {who}")


def _task(task: str | None, event: Path | None) -> str | dict[str, Json]:
    """Return the task, from the command line, stdin or a file."""
    if event is not None:
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


def principal_option(
    bundle: Bundle, lender: LoadedSet | None, acting_as: str | None
) -> dict[str, Json]:
    """Return on whose behalf: whom `--as` names, else the one of a golden set, else this user.

    Raises:
        Problem: If `--as` names nobody, or a role the policy does not have.
    """
    role = bundle.agent.acts_as
    if acting_as is not None:
        given_role, _, given_id = acting_as.rpartition(":")
        if not given_id:
            raise problem("bad-principal", f"`--as {acting_as}` names nobody", hint="ROLE:ID")
        role = given_role or role
        if role not in bundle.policy.roles:
            raise problem(
                "unknown-role",
                f"the policy of `{bundle.agent.name}` has no role `{role}`",
                hint=f"roles: {', '.join(sorted(bundle.policy.roles))}",
            )
        return {"id": given_id, "role": role}
    default = (lender.head.defaults if lender else {}).get("principal")
    if isinstance(default, dict) and isinstance(default.get("id"), str):
        return {
            "id": default["id"],
            "role": default.get("role") or role,
            "name": default.get("name"),
            "attributes": default.get("attributes") or {},
        }
    return {"id": os.environ.get("USER") or "local", "role": role}


__all__ = ["principal_option", "run_command", "terminal_approver"]
