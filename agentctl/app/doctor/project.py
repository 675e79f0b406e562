"""What the agents of a project need, and with probes whether what they reach answers."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from agentctl.app.doctor.agents import ExaminedAgent, agent_findings, examined_agents, project_files
from agentctl.app.doctor.machine import HealthFinding
from agentctl.app.doctor.probes import door, model, servers
from agentctl.core.errors import Problem
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.agent import ModelSpec

DoctorEnvironment = Literal["staging", "production"]


def project_findings(
    start: Path, agent: str | None, environment: DoctorEnvironment | None, *, probe: bool
) -> Iterator[HealthFinding]:
    """Yield what is found of the project around a folder.

    Args:
        start: The folder.
        agent: Only this agent; left out = all.
        environment: Whose variables are examined; left out = staging, where there are any.
        probe: Connect to servers, and ask each model to act once.

    Raises:
        Problem: If there is no such agent.
    """
    try:
        project = Project.find(start)
    except Problem as met:
        yield HealthFinding("project", "fail", met.diagnostics[0].message, "agentctl check")
        return
    yield project_files(project)
    if environment is None and project.spec.environments:
        environment = "staging"
    found = list(examined_agents(project, agent))
    for examined in found:
        yield from _needs(examined, environment)
    if probe:
        yield from _probes(found, environment)


def _needs(
    examined: ExaminedAgent, environment: DoctorEnvironment | None
) -> Iterator[HealthFinding]:
    if examined.bundle is None:
        if examined.wrong is not None:
            yield examined.wrong
        return
    for finding in agent_findings(examined.bundle, environment, os.environ):
        yield finding._replace(area=f"{examined.name}: {finding.area}")


def _probes(
    found: list[ExaminedAgent], environment: DoctorEnvironment | None
) -> Iterator[HealthFinding]:
    """Yield what is found outside; what several agents use is asked once."""
    bundles = [examined.bundle for examined in found if examined.bundle is not None]
    if not bundles:
        return
    yield from dict.fromkeys(f for bundle in bundles for f in servers(bundle, environment))
    yield door()
    asked: list[ModelSpec] = []
    for bundle in bundles:
        if bundle.agent.model not in asked:
            asked.append(bundle.agent.model)
            yield model(bundle.agent.model)


__all__ = ["DoctorEnvironment", "project_findings"]
