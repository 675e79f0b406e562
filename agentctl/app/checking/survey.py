"""What a file is held against: the project it belongs to, loaded once for all its files."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from agentctl.core.errors import Diagnostic, Problem
from agentctl.specs.checks.credentials import credentials_of
from agentctl.specs.checks.governance import Holder, governance_problems
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.locate import files_in, may_be
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.policy import Policy


class ProjectSurvey:
    """The agents of a project as far as they can be loaded.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._bundles: dict[Path, Bundle | None] = {}
        self._governed: set[Path] = set()

    @cached_property
    def agents(self) -> list[Loaded[AgentSpec]]:
        """The project's agents; what is wrong with one is reported where it is checked."""
        found = []
        for file in files_in(self.project.agents):
            if may_be(file, "Agent"):
                try:
                    found.append(self.project.read(AgentSpec, file))
                except Problem:
                    continue
        return found

    def bundle(self, agent: Loaded[AgentSpec]) -> Bundle | None:
        """Return an agent with what it references, if that can be loaded."""
        path = agent.path.resolve()
        if path not in self._bundles:
            try:
                self._bundles[path] = self.project.agent(str(path))
            except Problem:
                self._bundles[path] = None
        return self._bundles[path]

    @cached_property
    def credential_owners(self) -> dict[str, str]:
        """Credential -> the first agent of the project that has it."""
        found: dict[str, str] = {}
        for agent in self.agents:
            bundle = self.bundle(agent)
            for variable in credentials_of(bundle) if bundle is not None else ():
                found.setdefault(variable, agent.model.name)
        return found

    def governance(self, policy: Loaded[Policy], agent: Loaded[AgentSpec]) -> Iterable[Diagnostic]:
        """Return what is wrong with a policy, given every agent that works under it; once."""
        if policy.path in self._governed:
            return ()
        self._governed.add(policy.path)
        holders = self._holders(policy, agent)
        return governance_problems(policy.model, policy.source, holders, self.project.spec)

    def _holders(self, policy: Loaded[Policy], first: Loaded[AgentSpec]) -> list[Holder]:
        found: dict[str, Holder] = {}
        for agent in (first, *self.agents):
            bundle = self.bundle(agent)
            if bundle is not None and self.project.policy_of(agent).path == policy.path:
                found[agent.source.file] = Holder(
                    agent.model, agent.source, bundle.tools, bundle.tables
                )
        return list(found.values())


class CheckContext(NamedTuple):
    """A file that is being checked, and what it is held against."""

    loaded: Loaded[Any]
    survey: ProjectSurvey

    @property
    def model(self) -> Any:
        """What the file says."""
        return self.loaded.model

    @property
    def source(self) -> Source:
        """Where it says it."""
        return self.loaded.source

    @property
    def project(self) -> Project:
        """The project of the file."""
        return self.survey.project

    @property
    def bundle(self) -> Bundle:
        """An agent with what it references.

        Raises:
            Problem: If it cannot be loaded.
        """
        return self.survey.bundle(self.loaded) or self.project.agent(str(self.loaded.path))

    @property
    def policy(self) -> Loaded[Policy]:
        """The policy of an agent."""
        return self.project.policy_of(self.loaded)


__all__ = ["CheckContext", "ProjectSurvey"]
