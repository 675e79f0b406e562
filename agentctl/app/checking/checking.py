"""Check the YAML of a project: each file alone, and against everything that refers to it.

Paths go in, a `CheckReport` comes out: every diagnostic in one run, in the order of the files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from agentctl.app.checking.survey import CheckContext, ProjectSurvey
from agentctl.app.checking.table import CHECKS, RULES
from agentctl.core.errors import Diagnostic, Problem, problem
from agentctl.core.text import did_you_mean
from agentctl.evals.running.set_checks import set_problems
from agentctl.runtime.expected import expected_world
from agentctl.runtime.harness import Harness
from agentctl.specs.checks.lint import bare_keys, scenario_warnings
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedScenario, LoadedSet
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.locate import (
    PROJECT_FILE,
    YAML_SUFFIXES,
    files_in,
    find_root,
    shown_path,
)
from agentctl.specs.reading.yaml import read_yaml
from agentctl.specs.shapes.agent import AgentSpec
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
                f"no agent, tool or golden set in {shown_path(project.root)}",
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
        raise problem("nothing-to-check", "no YAML file in the given paths")
    return found


class _Checking:
    """What was checked, and what was found."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._checked: Counter[str] = Counter()
        self._found: dict[tuple[str, str, str], Diagnostic] = {}
        self._survey = ProjectSurvey(project)

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
            self._add_all(met.diagnostics)
            return None

    def _add_all(self, found: Iterable[Diagnostic]) -> None:
        for one in found:
            # A code of a tool backend from another package is declared nowhere here.
            declared = CHECKS.get(one.code, one)
            found_one = replace(one, severity=declared.severity)
            self._found.setdefault((one.code, one.message, str(one.location)), found_one)

    def _kind(self, path: Path) -> type[BaseModel]:
        """Return what a file is: what it says, else what its folder says."""
        if path.suffix == ".jsonl":
            return GoldenSet
        if path.suffix not in YAML_SUFFIXES:
            raise problem("not-yaml", f"{shown_path(path)} is not a YAML file")
        source = self.project.source(path)
        said = source.data.get("kind") if isinstance(source.data, dict) else None
        if said is not None:
            models = {name: model for name, model in KINDS.items() if model in _NOUNS}
            if not isinstance(said, str):
                raise problem("wrong-type", "`kind` should be text", at=source.at("kind"))
            if said in models:
                return models[said]
            hint = did_you_mean(said, models) or f"there are: {', '.join(models)}"
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
            f"{shown_path(path)} has no `kind:`",
            at=source.at(),
            hint=f"begin it with `kind:`, one of {', '.join(KINDS)}",
        )

    def _look(self, path: Path, kind: type[BaseModel]) -> None:
        if kind is GoldenSet:
            self._set(path)
            return
        loaded: Loaded[Any] = self.project.read(kind, path)
        manifests: list[Loaded[Any]] = []
        self._add_all(bare_keys(loaded.source))
        if isinstance(loaded.model, AgentSpec):
            Harness(self.project.agent(str(path.resolve())))
            # They need not stand in the folder for tools.
            folder = loaded.path.parent
            manifests = [
                self.project.read(ToolManifest, folder / m) for m in loaded.model.manifests
            ]
        elif isinstance(loaded.model, ToolManifest):
            self._add_all(self.project.manifest_problems(loaded))
        for one in (loaded, *manifests):
            context = CheckContext(one, self._survey)
            for rule in RULES:
                if isinstance(one.model, rule.about):
                    self._add_all(rule.find(context))

    def _set(self, path: Path) -> None:
        loaded = self.project.golden_set(str(path.resolve()))
        if path.suffix != ".jsonl":
            source = read_yaml(path, shown_path(path))
            self._add_all(scenario_warnings(loaded.scenarios(), source))
            self._add_all(bare_keys(source))
        self._add_all(set_problems(loaded))
        harness = Harness(loaded.bundle)
        for case in loaded.scenarios():
            self._add_all(_expected_calls(harness, loaded, case))

    def report(self) -> CheckReport:
        """Return what was found so far."""
        found = sorted(self._found.values(), key=_place)
        return CheckReport(tuple(self._checked.items()), tuple(found))


def _expected_calls(
    harness: Harness, loaded: LoadedSet, case: LoadedScenario
) -> Iterator[Diagnostic]:
    """Yield the expected writes that fail in the scenario's own world."""
    expect = case.scenario.expect
    if expect.state != "from_calls" and expect.path != "any":
        return
    for calls in (expect.calls or (), *expect.any_of):
        reached = expected_world(harness, case.scenario, loaded.tables, calls, loaded.head.now)
        for found in reached.wrong:
            yield replace(found, location=loaded.at(case.line))


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    at = diagnostic.location
    return (at.file, at.line, at.column) if at else ("", 0, 0)


__all__ = ["CheckReport", "check_files"]
