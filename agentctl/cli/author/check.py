"""`agentctl check`: everything that is wrong with a project's YAML, in one go."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from agentctl.cli.output import Format, write_json, write_jsonl, write_line
from agentctl.core.errors import Diagnostic, Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count, did_you_mean
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
from agentctl.specs.shapes.kinds import KINDS, json_schema
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


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; none = the whole project.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Print the JSON Schema of a kind of file instead."),
    ] = None,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Check every YAML file of a project, alone and against the others.

    Exit codes: 0 nothing wrong (warnings allowed), 1 problems, 2 nothing to check.
    """
    if schema is not None:
        write_json(json_schema(schema))
        return ExitCode.OK
    checking = _Checking(_project())
    for path in _files(checking.project, paths):
        checking.file(path)
    return checking.tell(shape)


def _project() -> Project:
    """Return the project; one whose own file is broken is checked with the usual settings."""
    try:
        return Project.find(Path.cwd())
    except Problem:
        return Project(find_root(Path.cwd()), ProjectSpec())


def _files(project: Project, paths: list[Path] | None) -> list[Path]:
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
        harness = Harness(loaded.bundle)
        for case in loaded.scenarios():
            for diagnostic in _expected_calls(harness, loaded, case):
                self._add(diagnostic)

    def _warn(self, found: Iterator[Diagnostic]) -> None:
        for diagnostic in found:
            self._add(diagnostic)

    def tell(self, shape: Format) -> int:
        """Print what was found; return the exit code."""
        found = sorted(self._found.values(), key=_place)
        errors = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
        match shape:
            case "json":
                listed = [_json(diagnostic) for diagnostic in found]
                write_json({"schema_version": "1", "ok": not errors, "diagnostics": listed})
            case "jsonl":
                write_jsonl(_json(diagnostic) for diagnostic in found)
            case "text":
                for diagnostic in found:
                    write_line(f"{diagnostic}\n")
                write_line(self._verdict(len(errors), len(found) - len(errors)))
        return ExitCode.NO if errors else ExitCode.OK

    def _verdict(self, errors: int, warnings: int) -> str:
        plurals = {"policy": "policies"}
        parts = [count(n, noun, plurals.get(noun)) for noun, n in self._checked.items()]
        checked = ", ".join(parts) or "nothing"
        told = count(warnings, "warning")
        if errors:
            rest = f", {told}" if warnings else ""
            return f"{checked}: {count(errors, 'problem')}{rest}. Next: mend them and check again"
        rest = told if warnings else "no problems"
        return f"{checked}: {rest}. Next: agentctl eval"


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


def _json(diagnostic: Diagnostic) -> dict[str, Any]:
    at = diagnostic.location
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "hint": diagnostic.hint,
    }


__all__ = ["check"]
