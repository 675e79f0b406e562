"""Load a project's specs and follow every reference between them.

What comes out has been checked: every name leads somewhere, every expression, schema and matcher
compiles. What does not is told in one go, for all files.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from agentctl.core.errors import Diagnostic, Problem
from agentctl.specs.checks.references import agent_problems, policy_problems
from agentctl.specs.checks.tools.manifests import manifest_problems
from agentctl.specs.checks.values import unknown_name
from agentctl.specs.loading.sets import LoadedSet, load_set
from agentctl.specs.reading.decode import Loaded, decode
from agentctl.specs.reading.fingerprint import fingerprints
from agentctl.specs.reading.locate import (
    PROJECT_FILE,
    YAML_SUFFIXES,
    files_in,
    find_root,
    may_be,
    resolve,
    shown_path,
    state_folder,
)
from agentctl.specs.reading.yaml import Source, read_yaml
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.live import server_of
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import TableSpec, ToolManifest

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")


class Project:
    """The specs below one root.

    Args:
        root: The project's folder.
        spec: Its settings.
    """

    def __init__(self, root: Path, spec: ProjectSpec) -> None:
        self.root = root
        self.spec = spec
        self._files: dict[Path, Loaded[BaseModel]] = {}
        self._last: tuple[Path, Source] | None = None

    @classmethod
    def find(cls, start: Path) -> "Project":
        """Return the project around `start`.

        Raises:
            Problem: If its `agentctl.yaml` is broken.
        """
        root = find_root(start.resolve())
        file = root / PROJECT_FILE
        if not file.is_file():
            return cls(root, ProjectSpec())
        source = read_yaml(file, shown_path(file))
        return cls(root, decode(ProjectSpec, source.data, source))

    @property
    def agents(self) -> Path:
        """Where agents are."""
        return self.root / self.spec.paths.agents

    @property
    def tools(self) -> Path:
        """Where manifests are."""
        return self.root / self.spec.paths.tools

    @property
    def golden_sets(self) -> Path:
        """Where golden sets are."""
        return self.root / self.spec.paths.golden_sets

    def read(self, model: type[M], path: Path) -> Loaded[M]:
        """Read one file as a model; read once, even when it is asked for again.

        Raises:
            Problem: With everything that is wrong with it.
        """
        key = path.resolve()
        if key not in self._files:
            source = self.source(path)
            self._files[key] = Loaded(decode(model, source.data, source), source, path)
        return self._files[key]  # type: ignore[return-value]

    def source(self, path: Path) -> Source:
        """Return one file as data; the last one is kept, to be read as a model next.

        Raises:
            Problem: If it cannot be read as YAML.
        """
        key = path.resolve()
        if key in self._files:
            return self._files[key].source
        if self._last is None or self._last[0] != key:
            self._last = (key, read_yaml(path, shown_path(path)))
        return self._last[1]

    def agent_file(self, reference: str, beside: Path | None = None) -> Path:
        """Return the file of an agent, by name or path.

        Raises:
            Problem: If there is none, or there are two.
        """
        return resolve(
            reference,
            self.agents,
            "agent",
            kind="Agent",
            beside=beside or Path.cwd(),
            suffixes=YAML_SUFFIXES,
        )

    @cached_property
    def manifests(self) -> list[Loaded[ToolManifest]]:
        """Every manifest in the folder for tools.

        Raises:
            Problem: With everything that is wrong with any of them.
        """
        return [self.read(ToolManifest, path) for path in files_in(self.tools)]

    def agent(self, reference: str, beside: Path | None = None) -> Bundle:
        """Load an agent with its manifests and policy, checked against each other.

        Args:
            reference: A name, or a path relative to `beside`.
            beside: The current folder unless given.

        Raises:
            Problem: With every problem of every file involved.
        """
        found: list[Diagnostic] = []
        agent = self.read(AgentSpec, self.agent_file(reference, beside))
        policy = _collect(found, self.policy_of, agent)
        manifests = _collect(found, self.manifests_of, agent)
        if policy is None or manifests is None:
            raise Problem(*found)
        tables = _tables(manifests)
        for manifest in manifests:
            found += manifest_problems(manifest.model, manifest.source, tables)
        found += _table_clashes(manifests)
        defined = {tool.name: (tool, m) for m in manifests for tool in m.model.tools}
        known = {name: tool for name, (tool, _) in defined.items()}
        found += agent_problems(agent.model, agent.source, policy.model, known)
        found += self._handoff_problems(agent)
        used = {name: defined[name] for name in agent.model.tools if name in defined}
        if agent.model.manifests:
            wrong = self._policy_problems(policy, manifests)
            if wrong:
                wrong = self._policy_problems(policy, self._manifests_under(policy, manifests))
            found += wrong
        else:
            found += self._policy_problems(policy, self.manifests)
        _raise(found)
        tools = {name: tool for name, (tool, _) in used.items()}
        servers = {
            name: manifest.model.servers[server]
            for name, (tool, manifest) in used.items()
            if (server := server_of(tool.live)) is not None
        }
        return Bundle(
            agent.model,
            tools,
            tables,
            {name: manifest.path.parent for name, (_, manifest) in used.items()},
            servers,
            policy.model,
            self.spec,
            self.root,
            fingerprints(agent.model, tools.values(), servers, policy.model),
        )

    def manifest_problems(self, manifest: Loaded[ToolManifest]) -> Iterator[Diagnostic]:
        """Yield what is wrong with a manifest, whether or not an agent uses it."""
        tables = {**_tables(self.manifests), **manifest.model.tables}
        yield from manifest_problems(manifest.model, manifest.source, tables)

    def golden_set(self, reference: str) -> LoadedSet:
        """Load a golden set, by name or path.

        Raises:
            Problem: With every problem of the set and of what it references.
        """
        path = resolve(
            reference,
            self.golden_sets,
            "golden set",
            kind="GoldenSet",
            beside=Path.cwd(),
            suffixes=(*YAML_SUFFIXES, ".jsonl"),
        )
        return load_set(path, self.agent, state_folder(self.root))

    def golden_set_files(self) -> list[Path]:
        """Return every file in the folder for golden sets that is one; worlds are not."""
        return [
            path
            for path in files_in(self.golden_sets, (*YAML_SUFFIXES, ".jsonl"))
            if path.parent == self.golden_sets and may_be(path, "GoldenSet")
        ]

    def golden_set_of(self, agent: str) -> LoadedSet | None:
        """Return the first golden set of an agent, if there is one."""
        for path in self.golden_set_files():
            loaded = load_set(path, self.agent, state_folder(self.root))
            if loaded.bundle.agent.name == agent:
                return loaded
        return None

    def _policy_problems(
        self, policy: Loaded[Policy], manifests: Sequence[Loaded[ToolManifest]]
    ) -> list[Diagnostic]:
        tools = {tool.name: tool for m in manifests for tool in m.model.tools}
        tables = _tables(manifests).keys()
        return list(policy_problems(policy.model, policy.source, tools, tables, self.spec))

    def _manifests_under(
        self, policy: Loaded[Policy], own: Sequence[Loaded[ToolManifest]]
    ) -> list[Loaded[ToolManifest]]:
        """Return the manifests of all agents that a policy serves: it may speak of any of them."""
        found = {m.path.resolve(): m for m in own}
        for path in files_in(self.agents):
            if may_be(path, "Agent"):
                # What is wrong with another agent is reported where that agent is loaded.
                with suppress(Problem):
                    agent = self.read(AgentSpec, path)
                    if (path.parent / agent.model.policy).resolve() == policy.path.resolve():
                        listed = agent.model.manifests
                        theirs = self.manifests_of(agent) if listed else self.manifests
                        found |= {m.path.resolve(): m for m in theirs}
        return list(found.values())

    def _handoff_problems(self, agent: Loaded[AgentSpec]) -> Iterator[Diagnostic]:
        names = [path.stem for path in files_in(self.agents) if may_be(path, "Agent")]
        for index, name in enumerate(agent.model.handoffs):
            if name not in names:
                yield unknown_name("agent", name, names, agent.source.at("handoffs", index))

    def policy_of(self, agent: Loaded[AgentSpec]) -> Loaded[Policy]:
        """Return the policy an agent names.

        Raises:
            Problem: If it is missing, or with everything that is wrong with it.
        """
        path = agent.path.parent / agent.model.policy
        if not path.is_file():
            at = agent.source.at("policy")
            raise Problem(Diagnostic("missing-file", f"no such policy: {shown_path(path)}", at))
        return self.read(Policy, path)

    def manifests_of(self, agent: Loaded[AgentSpec]) -> list[Loaded[ToolManifest]]:
        """Return the manifests an agent's tools come from.

        Raises:
            Problem: With everything that is wrong with them, or if two define one of its tools.
        """
        if agent.model.manifests:
            return [
                self.read(ToolManifest, agent.path.parent / name) for name in agent.model.manifests
            ]
        wanted = set(agent.model.tools)
        two: dict[str, list[Loaded[ToolManifest]]] = {}
        for manifest in self.manifests:
            for tool in manifest.model.tools:
                two.setdefault(tool.name, []).append(manifest)
        found = [
            Diagnostic(
                "two-tools",
                f"tool `{name}` is defined in {' and '.join(m.source.file for m in where)}",
                agent.source.at("tools", list(agent.model.tools).index(name)),
                "rename one, or list the files under `manifests:`",
            )
            for name, where in two.items()
            if name in wanted and len({m.path for m in where}) > 1
        ]
        _raise(found)
        return [m for m in self.manifests if wanted & {tool.name for tool in m.model.tools}]


def _tables(manifests: Iterable[Loaded[ToolManifest]]) -> Mapping[str, TableSpec]:
    return {name: spec for m in manifests for name, spec in m.model.tables.items()}


def _table_clashes(manifests: Iterable[Loaded[ToolManifest]]) -> Iterator[Diagnostic]:
    """Yield the tables that two manifests declare differently: there is one world."""
    first: dict[str, Loaded[ToolManifest]] = {}
    for manifest in manifests:
        for name, spec in manifest.model.tables.items():
            other = first.setdefault(name, manifest)
            if other.model.tables[name] != spec:
                message = f"table `{name}` is declared differently in {other.source.file}"
                at = manifest.source.key_at("tables", name)
                yield Diagnostic("two-tables", message, at, "rename one, or make them equal")


def _collect(
    found: list[Diagnostic], load: Callable[[Loaded[AgentSpec]], R], agent: Loaded[AgentSpec]
) -> R | None:
    """Call `load`, keeping its problems instead of raising them."""
    try:
        return load(agent)
    except Problem as problem:
        found.extend(problem.diagnostics)
        return None


def _raise(found: Iterable[Diagnostic]) -> None:
    errors = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    if errors:
        raise Problem(*errors)


__all__ = ["Project"]
