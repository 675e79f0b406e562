"""Which environment a live run acts in: staging unless production is asked for by name."""

from typing import Literal

from agentctl.core.errors import problem
from agentctl.specs.shapes.project import ProjectSpec

EnvironmentName = Literal["staging", "production"]
ENVIRONMENT_HELP = "Where live tools are; left out = staging, where the project has environments."


def environment_of(
    project: ProjectSpec, asked: EnvironmentName | None, *, live: bool
) -> EnvironmentName | None:
    """Return the environment of a run, or `None` where the project knows none.

    Args:
        project: The project's settings.
        asked: What `--env` says.
        live: Whether tools are live.

    Raises:
        Problem: If there is no such environment, or production was not asked for by name.
    """
    declared = project.environments
    if not live:
        if asked is not None:
            raise problem(
                "env-without-live",
                f"`--env {asked}` says where live tools are, and the tools of this run are mocks",
                hint=f"--live --env {asked}, or leave out --env",
            )
        return None
    if not declared:
        if asked is not None:
            raise problem(
                "no-environments",
                f"this project declares no environments, so `{asked}` is unknown",
                hint=f"declare `environments: {{{asked}: {{...}}}}` in agentctl.yaml,"
                " or leave out --env",
            )
        return None
    chosen: EnvironmentName = asked or "staging"
    if chosen in declared:
        return chosen
    if asked is None:
        raise problem(
            "no-staging",
            "this project declares only production, which must be asked for by name",
            hint="--env production, or declare `staging` under `environments:` in agentctl.yaml",
        )
    raise problem(
        "unknown-environment",
        f"this project declares no environment `{asked}`",
        hint=f"declared: {', '.join(declared)}",
    )


__all__ = ["ENVIRONMENT_HELP", "EnvironmentName", "environment_of"]
