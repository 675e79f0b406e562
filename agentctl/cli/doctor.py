"""`agentctl doctor`: whether everything that agents need is there, and what to do where not."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import coloured
from agentctl.cli.render.doctor import finding_line, verdict
from agentctl.core.errors import Problem
from agentctl.runtime.agent_health import Patient, needs, patients, project_files
from agentctl.runtime.health import Finding, exit_code, machine
from agentctl.runtime.probing import door, model, servers
from agentctl.specs.agent import ModelSpec
from agentctl.specs.load import Project
from agentctl.specs.locate import find_root, state_folder

Environment = Literal["staging", "production"]


def doctor(
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent; none = all.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Connect to servers, and ask each model to act once.")
    ] = False,
    environment: Annotated[
        Environment | None, typer.Option("--env", help="Whose variables are looked at.")
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Look whether everything is there that agents need.

    Without --probe nothing leaves this machine.

    Exit codes: 0 nothing failed (warnings allowed), 1 something did, 3 a probe could not tell.
    """
    found: list[Finding] = []
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


def _look(agent: str | None, probe: bool, environment: Environment | None) -> Iterator[Finding]:
    yield from machine(state_folder(find_root(Path.cwd())))
    yield terminal()
    try:
        project = Project.find(Path.cwd())
    except Problem as met:
        yield Finding("project", "fail", met.diagnostics[0].message, "agentctl check")
        return
    yield project_files(project)
    if environment is None and project.spec.environments:
        environment = "staging"
    found = list(patients(project, agent))
    for patient in found:
        yield from _needs(patient, environment)
    if probe:
        yield from _probes(found, environment)


def _needs(patient: Patient, environment: Environment | None) -> Iterator[Finding]:
    if patient.bundle is None:
        if patient.wrong is not None:
            yield patient.wrong
        return
    for finding in needs(patient.bundle, environment, os.environ):
        yield finding._replace(area=f"{patient.name}: {finding.area}")


def _probes(found: list[Patient], environment: Environment | None) -> Iterator[Finding]:
    """Yield what is found outside; what several agents use is asked once."""
    bundles = [patient.bundle for patient in found if patient.bundle is not None]
    if not bundles:
        return
    yield from dict.fromkeys(f for bundle in bundles for f in servers(bundle, environment))
    yield door()
    asked: list[ModelSpec] = []
    for bundle in bundles:
        if bundle.agent.model not in asked:
            asked.append(bundle.agent.model)
            yield model(bundle.agent.model)


def terminal() -> Finding:
    """Look at where text goes to and comes from."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        what = f"stdout is {sys.stdout.encoding}: some words cannot be shown"
        return Finding("terminal", "warn", what, "export PYTHONUTF8=1")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        what = "no terminal: nobody can be asked here"
        return Finding("terminal", "ok", what, "approvals go to the inbox: --approvals queue")
    colour = "colours" if coloured(sys.stdout) else "no colours"
    columns = shutil.get_terminal_size().columns
    return Finding("terminal", "ok", f"{columns} columns, {colour}, UTF-8")


__all__ = ["doctor", "terminal"]
