"""`agentctl doctor`: whether everything that agents need is there, and what to do where not."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from agentctl.app.doctor.agents import ExaminedAgent, agent_findings, examined_agents, project_files
from agentctl.app.doctor.machine import HealthFinding, exit_code, machine
from agentctl.app.doctor.probes import door, model, servers
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import coloured
from agentctl.cli.render.doctor import finding_line, verdict
from agentctl.core.errors import Problem
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import find_root, state_folder
from agentctl.specs.shapes.agent import ModelSpec

DoctorEnvironment = Literal["staging", "production"]


def doctor(
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent; none = all.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Connect to servers, and ask each model to act once.")
    ] = False,
    environment: Annotated[
        DoctorEnvironment | None, typer.Option("--env", help="Whose variables are looked at.")
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Look whether everything is there that agents need.

    Without --probe nothing leaves this machine.

    Exit codes: 0 nothing failed (warnings allowed), 1 something did, 3 a probe could not tell.
    """
    found: list[HealthFinding] = []
    for finding in _look(agent, probe, environment):
        found.append(finding)
        if shape == "text":
            write_line(finding_line(finding))
    code = exit_code(found)
    match shape:
        case "json":
            listed = [finding._asdict() for finding in found]
            write_json({"schema_version": "1", "ok": code == 0, "findings": listed})
        case "jsonl":
            write_jsonl(finding._asdict() for finding in found)
        case "text":
            note(verdict(found, probed=probe))
    return code


def _look(
    agent: str | None, probe: bool, environment: DoctorEnvironment | None
) -> Iterator[HealthFinding]:
    yield from machine(state_folder(find_root(Path.cwd())))
    yield terminal()
    try:
        project = Project.find(Path.cwd())
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


def terminal() -> HealthFinding:
    """Look at where text goes to and comes from."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        what = f"stdout is {sys.stdout.encoding}: some words cannot be shown"
        return HealthFinding("terminal", "warn", what, "export PYTHONUTF8=1")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        what = "no terminal: nobody can be asked here"
        return HealthFinding("terminal", "ok", what, "approvals go to the inbox: --approvals queue")
    colour = "colours" if coloured(sys.stdout) else "no colours"
    columns = shutil.get_terminal_size().columns
    return HealthFinding("terminal", "ok", f"{columns} columns, {colour}, UTF-8")


__all__ = ["doctor", "terminal"]
