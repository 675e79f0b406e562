"""`agentctl run`: one agent, one task, every step shown."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from agentctl.app.batch.batch import JOBS, BatchPlan
from agentctl.app.running.environments import ENVIRONMENT_HELP, EnvironmentName, environment_of
from agentctl.app.running.fork import ForkOptions, fork_of
from agentctl.app.running.parts import RunParts, load_parts
from agentctl.app.running.recipes import (
    TaskOptions,
    check_resumable,
    resumable,
    scenario_recipe,
    task_recipe,
)
from agentctl.app.running.runs import run_recipe
from agentctl.cli.batch import run_batch
from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note
from agentctl.cli.render.run import observed, show_result
from agentctl.cli.terminal import people_here, warn_of_production
from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import Problem, problem
from agentctl.core.text import count
from agentctl.effects.paused_runs import RunRecipe
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import files_in, may_be


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
        Literal["terminal", "queue"] | None,
        typer.Option(
            help="Ask at this terminal only, or in the inbox only; left out = at the terminal,"
            " and in the inbox what nobody answered there."
        ),
    ] = None,
    approver: Annotated[
        str | None, typer.Option(metavar="ID", help="Who approves at this terminal.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Use live tools instead of mocks.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Begin with the start of this run."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=1, help="With --from: the model turn to take again.")
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
    project = Project.find(root_here())
    environment = environment_of(project.spec, env, live=live)
    _check_options(
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
    if approvals == "queue":
        check_resumable(project)
    waits = approvals == "queue" or (approvals is None and resumable(project))
    fork, first = None, None
    if source is not None:
        assert step is not None  # they go together
        wanted = ForkOptions(source, step, agent, model, world, live, environment)
        recipe, fork = fork_of(project, wanted)
        played_back = f"its first {count(step - 1, 'step')} played back, not repeated"
        note(f"forked from {fork.origin['run']}: {played_back}")
    elif scenario is not None:
        recipe = scenario_recipe(project, agent, scenario, model, live=live)
    else:
        if agent is None:
            raise _no_agent(project)
        first = _task(task, event) if batch is None else None
        asked = TaskOptions(agent, model, world, acting_as, live, environment, record_tools)
        recipe, whose = task_recipe(project, asked)
        if batch is not None:
            warn_of_production(environment)
            plan = BatchPlan(batch, out, jobs or JOBS, waits)
            return run_batch(project, recipe, whose, plan, format, quiet=quiet)
        recipe = recipe._replace(principal=whose(None))
    warn_of_production(environment)
    people = people_here(first, approver)
    if approvals == "queue":
        people = people._replace(approver=None, elicit=None)
    elif recipe.scenario is not None:
        # Its approvals are scripted, and what is not scripted times out.
        waits = False
    observer = observed(quiet=quiet)
    # Without a key, a price or a live side there is no run, and no trace of one.
    parts = load_parts(project, recipe, observer, people.elicit)
    if parts.scenario is None and not quiet:
        _show_world(recipe, parts)
    done = run_recipe(project, recipe, parts, people, observer, waits=waits, fork=fork)
    return show_result(done, format)


_APART: dict[str, tuple[str, ...]] = {
    "--from": ("a task", "--event", "--scenario", "--as", "--batch", "--record-tools"),
    "--batch": ("a task", "--event", "--scenario", "--approver"),
    "--scenario": ("a task", "--event", "--as", "--world"),
    "--event": ("a task",),
    "--live": ("--world",),
}
"""Options that would be ignored beside another one."""
_NEEDS = {
    "--from": "--step",
    "--step": "--from",
    "--jobs": "--batch",
    "--out": "--batch",
    "--record-tools": "--live",
}


def _check_options(given: Mapping[str, object]) -> None:
    """Refuse options that would be ignored beside another one, or without it."""
    for one, others in _APART.items():
        for other in others:
            if given[one] is not None and given[other] is not None:
                message = f"{one} cannot be used with {other}"
                raise problem("not-together", message, hint=f"leave out {other} or {one}")
    for one, other in _NEEDS.items():
        if given[one] is not None and given[other] is None:
            raise problem(
                "goes-with", f"{one} requires {other}", hint=f"add {other}, or leave out {one}"
            )


def _no_agent(project: Project) -> Problem:
    agents = [path.stem for path in files_in(project.agents) if may_be(path, "Agent")]
    hint = f'agentctl run {agents[0]} "what it should do"' if agents else "agentctl init DIR"
    return problem("no-agent", "name the agent to run and its task", hint=hint)


def _show_world(recipe: RunRecipe, parts: RunParts) -> None:
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
            "the task is missing",
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
        raise problem("bad-event", f"{path} must hold a JSON object")
    return value


__all__ = ["run_command"]
