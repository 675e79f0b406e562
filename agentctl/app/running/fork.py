"""`agentctl run --from TRACE --step N`: how a run begins with the start of another."""

from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.effects.paused_runs import RunRecipe
from agentctl.runtime.replay.fork import Fork
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import find, read_events


class ForkOptions(NamedTuple):
    """What is forked, and what differs in the fork."""

    trace: str
    """The run: a file, the start of its id, `latest`, or SET/SCENARIO[#TRIAL]."""
    step: int
    agent: str | None
    """Another agent, or the same under another file; left out = the run's own."""
    model: str | None
    world: str | None
    live: bool
    environment: str | None = None
    """Where live tools are, as it was asked for."""


def fork_of(project: Project, wanted: ForkOptions) -> tuple[RunRecipe, Fork]:
    """Return how the fork is started and what is played back in it.

    Raises:
        Problem: If the run cannot be found, read, or forked at this step.
    """
    path, name = find(project.root, wanted.trace)
    checks = {check.run: check for check in verify_file(path)}
    run = next(iter(checks)) if name is None else name
    if name is None and len(checks) > 1:
        raise problem(
            "several-runs",
            f"{path} holds {count(len(checks), 'run')}",
            hint=f"name one as SET/SCENARIO#TRIAL, such as {run}",
        )
    # A file is checked up to the first line that was changed.
    check = checks.get(run, list(checks.values())[-1])
    if check.tampering is not None:
        message = f"run {run} was changed after it was written: {check.tampering.what}"
        hint = f"agentctl trace verify {wanted.trace}"
        raise problem("tampered", message, hint=hint, exit_code=ExitCode.NO)
    run, events = read_events(path, name)
    require_content(run, events, "forked")
    fork = Fork(events, wanted.step, run, check.heads)
    return _recipe(project, events[0].body, run, wanted), fork


def _recipe(project: Project, started: dict[str, Json], run: str, wanted: ForkOptions) -> RunRecipe:
    if wanted.live and started["mode"] != "live":
        raise problem(
            "not-live",
            f"run {run} was played with mocked tools, and cannot continue with live ones",
            hint="leave out --live: tools are then mocked",
        )
    where = started.get("environment")
    if wanted.live and where != wanted.environment:
        raise problem(
            "other-environment",
            f"run {run} was played in {where or 'no environment'}, and can continue only there",
            hint=f"--env {where}" if where else "leave out --env",
        )
    played = started.get("scenario")
    if played is not None:
        return _of_scenario(project, started, played, wanted)
    agent = wanted.agent or str(started["agent"])
    bundle = project.agent(agent)
    if wanted.live:
        who = dict(started["principal"])
        return RunRecipe(agent, who, "live", wanted.model, environment=where)
    name = bundle.agent.name
    lender = project.golden_set(wanted.world) if wanted.world else project.golden_set_of(name)
    lent = str(lender.path.resolve()) if lender is not None else None
    return RunRecipe(
        agent, recorded_principal(started["principal"], lender), "mock", wanted.model, lent
    )


def _of_scenario(
    project: Project, started: dict[str, Json], played: dict[str, Json], wanted: ForkOptions
) -> RunRecipe:
    """Return how a trial goes on: the scenario's world and people, and a model that is asked."""
    if wanted.agent is not None or wanted.world is not None:
        raise problem(
            "scenario-fork",
            f"scenario {played['set']}:{played['id']} brings its agent and its world",
            hint="leave out AGENT and --world",
        )
    loaded = project.golden_set(str(played["set"]))
    agent = loaded.bundle.agent
    path = str(loaded.path.resolve())
    model = wanted.model or agent.model.name
    principal = dict(started["principal"])
    return RunRecipe(agent.name, principal, "mock", model, path, str(played["id"]))


def recorded_principal(recorded: dict[str, Json], lender: LoadedSet | None) -> dict[str, Json]:
    """Return whom the run acted for; a trace keeps no name, the set that lends its world may."""
    known = (lender.head.defaults if lender is not None else {}).get("principal")
    if isinstance(known, dict) and known.get("id") == recorded["id"]:
        more = {"name": known.get("name"), "attributes": known.get("attributes") or {}}
        return {**recorded, **more}
    return dict(recorded)


__all__ = ["ForkOptions", "fork_of", "recorded_principal"]
