"""Check the YAML of a project: each file alone, and against everything that refers to it.

Paths go in, a `CheckReport` comes out: every diagnostic in one run, in the order of the files.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from agentctl.core.errors import Diagnostic, Problem, problem
from agentctl.core.text import did_you_mean
from agentctl.evals.running.set_checks import set_problems
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import expected_world
from agentctl.specs.checks.credentials import (
    credentials_of,
    project_secrets,
    shared_credentials,
    wide_scopes,
)
from agentctl.specs.checks.environments import environment_warnings
from agentctl.specs.checks.governance import Holder, governance_problems, write_problems
from agentctl.specs.checks.lint import (
    agent_warnings,
    bare_keys,
    manifest_warnings,
    scenario_warnings,
)
from agentctl.specs.checks.names import agents_alike, argument_names, people_names, tools_alike
from agentctl.specs.checks.references import idle_conditions
from agentctl.specs.checks.risks import manifest_risks
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedScenario, LoadedSet
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.locate import (
    PROJECT_FILE,
    YAML_SUFFIXES,
    files_in,
    find_root,
    may_be,
    shown_path,
)
from agentctl.specs.reading.yaml import read_yaml
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.golden import GoldenSet, WorldSpec
from agentctl.specs.shapes.kinds import KINDS
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest

_NOUNS = {
    AgentSpec: "agent",
    ToolManifest: "manifest",
    Policy: "policy",
    GoldenSet: "golden set",
    WorldSpec: "world",
    ProjectSpec: "project file",
}


class CheckReport(NamedTuple):
    """What was checked, and what was found."""

    checked: tuple[tuple[str, int], ...]
    """Kind of file and how many, in the order in which they were met."""
    diagnostics: tuple[Diagnostic, ...]
    """By file, line and column."""

    @property
    def errors(self) -> int:
        """How many are no warnings."""
        return sum(found.severity == "error" for found in self.diagnostics)

    @property
    def warnings(self) -> int:
        """How many are only warnings."""
        return len(self.diagnostics) - self.errors


def check_files(start: Path, paths: Sequence[Path] = ()) -> CheckReport:
    """Check the project around a folder.

    Args:
        start: The folder.
        paths: Files or folders to check; none = the whole project.

    Raises:
        Problem: If there is nothing to check.
    """
    checking = _Checking(_project(start))
    for path in _files(checking.project, paths):
        checking.file(path)
    return checking.report()


def _project(start: Path) -> Project:
    """Return the project; one whose own file is broken is checked with the usual settings."""
    try:
        return Project.find(start)
    except Problem:
        return Project(find_root(start), ProjectSpec())


def _files(project: Project, paths: Sequence[Path]) -> list[Path]:
    if not paths:
        own = project.root / PROJECT_FILE
        folders = (project.agents, project.tools, project.golden_sets)
        found = [own] if own.is_file() else []
        for folder in folders:
            found += files_in(folder)
        found += sorted(project.golden_sets.glob("*.jsonl"))
        if not found:
            raise problem(
                "nothing-to-check",
                f"there is no agent, tool or golden set in {shown_path(project.root)}",
                hint="agentctl init DIR starts a project",
            )
        return found
    found = []
    for path in paths:
        if path.is_dir():
            found += files_in(path)
        elif path.exists():
            found.append(path)
        else:
            near = [str(p) for p in path.parent.glob("*")] if path.parent.is_dir() else []
            raise problem(
                "missing-file", f"no such file: {path}", hint=did_you_mean(str(path), near)
            )
    if not found:
        raise problem("nothing-to-check", "there is no YAML file in what you named")
    return found


class _Checking:
    """What was checked, and what was found."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._checked: Counter[str] = Counter()
        self._found: dict[tuple[str, str, str], Diagnostic] = {}
        self._governed: set[Path] = set()
        self._bundles: dict[Path, Bundle | None] = {}

    def file(self, path: Path) -> None:
        """Check one file, with everything it references."""
        kind = self._guarded(lambda: self._kind(path))
        if kind is None:
            return
        self._checked[_NOUNS[kind]] += 1
        self._guarded(lambda: self._look(path, kind))

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Problem as met:
            for diagnostic in met.diagnostics:
                self._add(diagnostic)
            return None

    def _add(self, diagnostic: Diagnostic) -> None:
        key = (diagnostic.code, diagnostic.message, str(diagnostic.location))
        self._found.setdefault(key, diagnostic)

    def _kind(self, path: Path) -> type[BaseModel]:
        """Return what a file is: what it says, else what its folder says."""
        if path.suffix == ".jsonl":
            return GoldenSet
        if path.suffix not in YAML_SUFFIXES:
            raise problem("not-yaml", f"{shown_path(path)} is no YAML file")
        source = read_yaml(path, shown_path(path))
        said = source.data.get("kind") if isinstance(source.data, dict) else None
        if said is not None:
            models = {name: model for name, model in KINDS.items() if model in _NOUNS}
            if said in models:
                return models[said]
            hint = did_you_mean(str(said), models) or f"there are: {', '.join(models)}"
            raise problem("unknown-kind", f"no kind `{said}`", at=source.at("kind"), hint=hint)
        folder = path.resolve().parent
        if folder == self.project.agents:
            return AgentSpec
        if folder.is_relative_to(self.project.tools):
            return ToolManifest
        if folder == self.project.golden_sets:
            return GoldenSet
        if path.resolve() == self.project.root / PROJECT_FILE:
            return ProjectSpec
        raise problem(
            "no-kind",
            f"{shown_path(path)} does not say what it is",
            at=source.at(),
            hint=f"begin it with `kind:`, one of {', '.join(KINDS)}",
        )

    def _look(self, path: Path, kind: type[BaseModel]) -> None:
        if kind is GoldenSet:
            self._set(path)
            return
        loaded: Any = self.project.read(kind, path)
        self._warn(bare_keys(loaded.source))
        if isinstance(loaded.model, AgentSpec):
            bundle = self.project.agent(str(path.resolve()))
            Harness(bundle)
            self._warn(agent_warnings(loaded.model, loaded.source))
            for name in loaded.model.manifests:
                # They need not stand in the folder for tools.
                self._manifest(self.project.read(ToolManifest, loaded.path.parent / name))
            self._warn(agents_alike(loaded, list(self._agents())))
            self._warn(shared_credentials(bundle, loaded.source, self._known_by))
            self._warn(wide_scopes(loaded.model, self.project.manifests_of(loaded)))
            policy = self.project.policy_of(loaded)
            self._warn(idle_conditions(policy.model, policy.source, bundle.tools))
            self._govern(policy, Holder(loaded.model, loaded.source, bundle.tools, bundle.tables))
        elif isinstance(loaded.model, ToolManifest):
            self._warn(self.project.manifest_problems(loaded))
            self._manifest(loaded)
        elif isinstance(loaded.model, ProjectSpec):
            self._warn(people_names(loaded.model, loaded.source))
            self._warn(environment_warnings(loaded.model, loaded.source, self.project.root))
            self._warn(project_secrets(loaded.model, loaded.source, self.project.root))

    def _manifest(self, manifest: Loaded[ToolManifest]) -> None:
        self._warn(manifest_warnings(manifest.model, manifest.source))
        self._warn(manifest_risks(manifest.model, manifest.source))
        self._warn(write_problems(manifest.model, manifest.source))
        self._warn(argument_names(manifest.model, manifest.source))
        self._warn(tools_alike(manifest, self.project.manifests))

    def _agents(self) -> Iterator[Loaded[AgentSpec]]:
        """Yield the project's agents; what is wrong with one is told where it is checked."""
        for file in files_in(self.project.agents):
            if may_be(file, "Agent"):
                try:
                    yield self.project.read(AgentSpec, file)
                except Problem:
                    continue

    def _bundle(self, agent: Loaded[AgentSpec]) -> Bundle | None:
        """Return an agent with what it references, if that can be loaded."""
        path = agent.path.resolve()
        if path not in self._bundles:
            try:
                self._bundles[path] = self.project.agent(str(path))
            except Problem:
                self._bundles[path] = None
        return self._bundles[path]

    @cached_property
    def _known_by(self) -> dict[str, str]:
        """Credential -> the first agent of the project that has it."""
        found: dict[str, str] = {}
        for agent in self._agents():
            bundle = self._bundle(agent)
            for variable in credentials_of(bundle) if bundle is not None else ():
                found.setdefault(variable, agent.model.name)
        return found

    def _govern(self, policy: Loaded[Policy], holder: Holder) -> None:
        """Look at a policy with every agent that works under it."""
        path = policy.path.resolve()
        if path in self._governed:
            return
        self._governed.add(path)
        holders = {holder.source.file: holder}
        for agent in self._agents():
            bundle = self._bundle(agent)
            if bundle is None or self.project.policy_of(agent).path.resolve() != path:
                continue
            holders[agent.source.file] = Holder(
                agent.model, agent.source, bundle.tools, bundle.tables
            )
        found = governance_problems(
            policy.model, policy.source, list(holders.values()), self.project.spec
        )
        self._warn(found)

    def _set(self, path: Path) -> None:
        loaded = self.project.golden_set(str(path.resolve()))
        if path.suffix != ".jsonl":
            source = read_yaml(path, shown_path(path))
            self._warn(scenario_warnings(loaded.scenarios(), source))
            self._warn(bare_keys(source))
        self._warn(set_problems(loaded))
        harness = Harness(loaded.bundle)
        for case in loaded.scenarios():
            for diagnostic in _expected_calls(harness, loaded, case):
                self._add(diagnostic)

    def _warn(self, found: Iterator[Diagnostic]) -> None:
        for diagnostic in found:
            self._add(diagnostic)

    def report(self) -> CheckReport:
        """Return what was found so far."""
        found = sorted(self._found.values(), key=_place)
        return CheckReport(tuple(self._checked.items()), tuple(found))


def _expected_calls(
    harness: Harness, loaded: LoadedSet, case: LoadedScenario
) -> Iterator[Diagnostic]:
    """Yield the expected calls that fail in the scenario's own world."""
    expect = case.scenario.expect
    if expect.state != "from_calls":
        return
    for calls in (expect.calls or (), *expect.any_of):
        try:
            expected_world(harness, case.scenario, loaded.tables, calls, loaded.head.now)
        except Problem as met:
            for found in met.diagnostics:
                at = found.location or loaded.at(case.line)
                yield replace(found, location=at)


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    at = diagnostic.location
    return (at.file, at.line, at.column) if at else ("", 0, 0)


__all__ = ["CheckReport", "check_files"]
