"""How a run is started: which agent, on whose behalf, against which tools."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.effects.paused_runs import RunRecipe
from agentctl.runtime.approvals.standing import person_id
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.bundle import Bundle

Whose = Callable[[str | None], dict[str, Json]]
"""Returns the principal of a run; takes `ROLE:ID` where the task names one of its own."""


class TaskOptions(NamedTuple):
    """What is asked for when an agent is given a task."""

    agent: str
    """A name or a file."""
    model: str | None = None
    """Used instead of the spec's."""
    world: str | None = None
    """The golden set whose mock world is used; left out = one of the agent."""
    acting_as: str | None = None
    """`ROLE:ID`; left out = the principal of that golden set, else this user."""
    live: bool = False
    environment: str | None = None
    records: bool = False
    """Whether what live tools answer is kept as replies for mocks."""


def task_recipe(project: Project, asked: TaskOptions) -> tuple[RunRecipe, Whose]:
    """Find an agent and a mock world: what is asked for, else that of a golden set.

    Returns:
        How a run is started, without a principal yet, and who a run acts for: the principal that
        a task of a batch names, else that of the options, else that of the golden set.

    Raises:
        Problem: If there is no such agent or golden set.
    """
    bundle = project.agent(asked.agent)
    agent = str(Path(asked.agent).resolve()) if Path(asked.agent).is_file() else asked.agent
    mode = "live" if asked.live else "mock"
    lender = None if asked.live else lender_of(project, bundle, asked.world)
    recipe = RunRecipe(
        agent,
        {},
        mode,
        asked.model,
        str(lender.path.resolve()) if lender is not None else None,
        environment=asked.environment,
        records=asked.records,
    )

    def whose(named: str | None) -> dict[str, Json]:
        return principal_of(bundle, lender, named or asked.acting_as, live=asked.live)

    return recipe, whose


def scenario_recipe(
    project: Project, agent: str | None, reference: str, model: str | None, *, live: bool = False
) -> RunRecipe:
    """Return how one scenario of a golden set is played as a run, with a trace of its own.

    Args:
        project: Where the golden set is.
        agent: The agent that is expected there, if any.
        reference: `SET:ID`.
        model: Asked instead of playing the recorded turns.
        live: Refused: a scenario brings its world.

    Raises:
        Problem: If there is no such scenario, or it is another agent's.
    """
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


def lender_of(project: Project, bundle: Bundle, world: str | None) -> LoadedSet | None:
    """Return the golden set that lends its mock world: the one named, else one of the agent."""
    return project.golden_set(world) if world else project.golden_set_of(bundle.agent.name)


def principal_of(
    bundle: Bundle, lender: LoadedSet | None, acting_as: str | None, *, live: bool
) -> dict[str, Json]:
    """Return on whose behalf: whom `--as` names, else the one of a golden set, else this user.

    Raises:
        Problem: If `--as` names no person, or a role the policy does not have; or if tools are live
            and no person is named.
    """
    role = bundle.agent.acts_as
    if acting_as is not None:
        given_role, _, given_id = acting_as.rpartition(":")
        if not given_id.strip():
            message = f"`--as {acting_as}` names no person"
            raise problem("bad-principal", message, hint="--as ROLE:ID")
        role = given_role or role
        if role not in bundle.policy.roles:
            raise problem(
                "unknown-role",
                f"the policy of `{bundle.agent.name}` has no role `{role}`",
                hint=f"roles: {', '.join(sorted(bundle.policy.roles))}",
            )
        return {"id": person_id(given_id), "role": role}
    if live:
        raise problem(
            "no-principal",
            "live tools need to know whom they act for",
            hint=f"--as {role}:ID",
        )
    default = (lender.head.defaults if lender else {}).get("principal")
    if isinstance(default, dict) and isinstance(default.get("id"), str):
        return {
            "id": default["id"],
            "role": default.get("role") or role,
            "name": default.get("name"),
            "attributes": default.get("attributes") or {},
        }
    return {"id": os.environ.get("USER") or "local", "role": role}


def resumable(project: Project) -> bool:
    """Whether the traces of a project can be played back: hashes of content are not enough."""
    return project.spec.audit.content == "full"


def check_resumable(project: Project) -> None:
    """Refuse to start runs that wait where their traces could not be played back.

    Raises:
        Problem: If the project keeps hashes of content only.
    """
    if not resumable(project):
        raise problem(
            "not-resumable",
            "this project keeps only hashes of content, and a run cannot be resumed from hashes",
            hint="ask at the terminal, or keep content: `audit: {content: full}`",
        )


__all__ = [
    "TaskOptions",
    "Whose",
    "lender_of",
    "principal_of",
    "resumable",
    "scenario_recipe",
    "task_recipe",
]
