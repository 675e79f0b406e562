"""What an agent needs from outside before it can run live: a key, a price, variables, programs.

Names of variables are shown, values never. Nothing is sent: `app/doctor/probes.py` asks models and
connects to servers, and only where that was asked for.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from agentctl.app.doctor.machine import HealthFinding
from agentctl.core.errors import Problem
from agentctl.core.text import count, variables_in
from agentctl.models.pricing import price_of
from agentctl.models.provider.live import target_of
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import PROJECT_FILE, files_in, may_be, shown_path
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.backends import BACKENDS
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.live_kinds import CommandLive, ProcessLive
from agentctl.toolbox.variables import variables_of


class ExaminedAgent(NamedTuple):
    """One agent that is examined, or why it cannot be."""

    name: str
    bundle: Bundle | None
    wrong: HealthFinding | None = None


def project_files(project: Project) -> HealthFinding:
    """Count what a project consists of; whether it is right is the business of `check`."""
    agents = sum(may_be(path, "Agent") for path in files_in(project.agents))
    sets = sum(may_be(path, "GoldenSet") for path in files_in(project.golden_sets))
    sets += len(list(project.golden_sets.glob("*.jsonl")))
    tools = sum(1 for _ in files_in(project.tools))
    if not agents:
        what = f"no agent in {shown_path(project.root)}"
        return HealthFinding("project", "warn", what, "agentctl init DIR starts a project")
    own = "" if (project.root / PROJECT_FILE).is_file() else f", no {PROJECT_FILE}"
    listed = f"{count(agents, 'agent')}, {count(tools, 'manifest')}, {count(sets, 'golden set')}"
    what = f"{project.root}: {listed}{own}"
    return HealthFinding("project", "ok", what, "agentctl check examines every file")


def examined_agents(project: Project, only: str | None) -> Iterator[ExaminedAgent]:
    """Yield the agents to examine.

    Args:
        project: Where they are.
        only: One of them, by name or path.

    Raises:
        Problem: If there is no such agent.
    """
    if only is not None:
        paths = [project.agent_file(only)]
    else:
        paths = [path for path in files_in(project.agents) if may_be(path, "Agent")]
    for path in paths:
        try:
            name = project.read(AgentSpec, path).model.name
            yield ExaminedAgent(name, project.agent(str(path.resolve())))
        except Problem as met:
            what = f"{shown_path(path)} is wrong: {met.diagnostics[0].message}"
            wrong = HealthFinding("agent", "fail", what, f"agentctl check {shown_path(path)}")
            yield ExaminedAgent(path.stem, None, wrong)


def agent_findings(
    bundle: Bundle, environment: str | None, env: Mapping[str, str]
) -> Iterator[HealthFinding]:
    """Yield what an agent needs and whether it is there.

    Args:
        bundle: The agent.
        environment: `staging` or `production`, where the project has environments.
        env: Where keys are.
    """
    yield _mode(bundle)
    names = (bundle.agent.model.name, *bundle.agent.model.fallbacks)
    for name in names:
        yield _key(bundle, name, env)
        yield _price(bundle, name)
    yield from _variables(bundle, environment)
    yield from _programs(bundle)
    yield from _libraries(bundle)


def _mode(bundle: Bundle) -> HealthFinding:
    spec = bundle.agent.model
    where = f" at {spec.base_url}" if spec.base_url else ""
    how = "is offered tools" if spec.mode == "tools" else "answers with JSON actions"
    return HealthFinding("model", "ok", f"{spec.name}{where} {how}")


def _key(bundle: Bundle, name: str, env: Mapping[str, str]) -> HealthFinding:
    target = target_of(bundle.agent.model, name, env)
    described = target.described()
    missing = target.credentials.missing
    if missing:
        hint = f"export {missing[0]}=...; recorded turns need none"
        return HealthFinding("key", "warn", f"{name}: {' and '.join(missing)} is not set", hint)
    if described.variable is None:
        return HealthFinding("key", "ok", f"{name}: needs none that is known")
    if not described.has_key:
        return HealthFinding(
            "key", "ok", f"{name}: none; {described.variable} where the server wants one"
        )
    return HealthFinding("key", "ok", f"{name}: {described.variable} is set")


def _price(bundle: Bundle, name: str) -> HealthFinding:
    spec = bundle.agent.model
    declared = spec.price if name == spec.name else None
    price, status = price_of(name, declared, bundle.project.prices)
    if price is None:
        hint = "declare it: `price:` of the model, or `prices:` in agentctl.yaml"
        return HealthFinding("price", "warn", f"{name}: unknown", hint)
    each = f"${price.input_per_mtok} in, ${price.output_per_mtok} out for a million tokens"
    return HealthFinding("price", "ok", f"{name}: {status}, {each}")


def _variables(bundle: Bundle, environment: str | None) -> Iterator[HealthFinding]:
    wanted = sorted(set(_wanted(bundle)))
    if not wanted:
        return
    try:
        variables = variables_of(bundle, environment)
    except Problem as met:
        yield HealthFinding(
            "variables", "fail", met.diagnostics[0].message, met.diagnostics[0].hint
        )
        return
    own = {name: bundle.agent.credentials.get(name, name) for name in wanted}
    missing = [own[name] for name in wanted if not variables.get(name)]
    for name in missing:
        what = f"{name} is not set; live tools need it"
        yield HealthFinding("variables", "warn", what, f"export {name}=...; mocks need none")
    there = [own[name] for name in wanted if own[name] not in missing]
    if there:
        yield HealthFinding("variables", "ok", f"set: {', '.join(there)}")


def _wanted(bundle: Bundle) -> Iterator[str]:
    """Yield every variable that a live tool of an agent names."""
    for name, tool in bundle.tools.items():
        for part in (tool.live, bundle.servers.get(name)):
            if isinstance(part, ProcessLive | Server):
                yield from part.env
            if part is not None:
                yield from variables_in(part.model_dump_json())


def _programs(bundle: Bundle) -> Iterator[HealthFinding]:
    found: dict[str, bool] = {}
    for name, tool in bundle.tools.items():
        for part in (tool.live, bundle.servers.get(name)):
            if isinstance(part, CommandLive | Server) and part.command:
                program = part.command[0]
                found[program] = _is_there(program, bundle.folders[name])
    for program, there in found.items():
        if there:
            yield HealthFinding("programs", "ok", f"{program} is there")
        else:
            hint = "install it, or correct the `command:` of the manifest"
            yield HealthFinding("programs", "warn", f"{program} is not on the PATH", hint)


def _libraries(bundle: Bundle) -> Iterator[HealthFinding]:
    kinds = {tool.live.kind for tool in bundle.tools.values() if tool.live is not None}
    for kind, (*_, library) in BACKENDS.items():
        if kind in kinds and library is not None and find_spec(library) is None:
            what = f"live tools of kind `{kind}` need an extra that is not installed"
            yield HealthFinding("libraries", "warn", what, f"pip install 'agentctl[{kind}]'")


def _is_there(program: str, folder: Path) -> bool:
    if os.sep in program or "/" in program:
        return os.access(folder / program, os.X_OK)
    return shutil.which(program) is not None


__all__ = ["ExaminedAgent", "agent_findings", "examined_agents", "project_files"]
