"""The tools of a project, with the agents that use them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.core.errors import problem
from agentctl.core.text import did_you_mean
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.locate import files_in, may_be, shown_path
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.live import Server, server_of
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.tools import ToolManifest, ToolSpec


class ToolUser(NamedTuple):
    """An agent that names a tool, and the policy it is under."""

    agent: AgentSpec
    policy: Policy


class ListedTool(NamedTuple):
    """One tool of a project."""

    tool: ToolSpec
    manifest: str
    """The file, as people read it."""
    server: Server | None
    users: Sequence[ToolUser]


def list_tools(project: Project, only: str | None = None) -> Iterator[ListedTool]:
    """Yield the tools of a project's manifests, or those of one agent."""
    if only is not None:
        agents = [project.read(AgentSpec, project.agent_file(only))]
    else:
        files = [path for path in files_in(project.agents) if may_be(path, "Agent")]
        agents = [project.read(AgentSpec, path) for path in files]
    listed = {
        (agent.path.parent / name).resolve(): agent.path.parent / name
        for agent in agents
        for name in agent.model.manifests
    }
    manifests = {loaded.path.resolve(): loaded for loaded in project.manifests}
    for key, path in listed.items():
        manifests.setdefault(key, project.read(ToolManifest, path))
    users = [(agent, ToolUser(agent.model, project.policy_of(agent).model)) for agent in agents]
    for key, manifest in manifests.items():
        for tool in manifest.model.tools:
            mine = [user for agent, user in users if _uses(agent, tool.name, key)]
            if mine or only is None:
                server = server_of(tool.live)
                yield ListedTool(
                    tool,
                    shown_path(manifest.path),
                    manifest.model.servers.get(server) if server is not None else None,
                    mine,
                )


def _uses(agent: Loaded[AgentSpec], tool: str, manifest: Path) -> bool:
    """Whether an agent means this tool: by name, and by the manifests it lists where it does."""
    own = [(agent.path.parent / name).resolve() for name in agent.model.manifests]
    return tool in agent.model.tools and (not own or manifest in own)


def find_tool(project: Project, name: str) -> list[ListedTool]:
    """Return the tools of one name; several manifests may define it.

    Raises:
        Problem: If none does.
    """
    listed = list(list_tools(project))
    found = [one for one in listed if one.tool.name == name]
    if not found:
        hint = did_you_mean(name, [one.tool.name for one in listed]) or "agentctl tools list"
        raise problem("unknown-tool", f"no manifest defines a tool `{name}`", hint=hint)
    return found


__all__ = ["ListedTool", "ToolUser", "find_tool", "list_tools"]
