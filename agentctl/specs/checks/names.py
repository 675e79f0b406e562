"""Could a name be taken for another? Names in rules must be distinct to every reader.

Tools, rules, roles, agents and queues are held to plain ASCII by their types. What JSON leaves
free is looked at here: arguments of tools and ids of people; and names that stand in two files.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from agentctl.core.errors import Diagnostic, Location
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.yaml import Source, YamlPath
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest


def argument_names(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield the arguments of tools, nested ones too, that could be taken for another."""
    for index, tool in enumerate(manifest.tools):
        for path, names in _properties(tool.input_schema, ("tools", index, "inputSchema")):
            of = f" of `{tool.name}`"
            yield from _name_problems(names, "argument", of, _keys(source, path))


def people_names(project: ProjectSpec, source: Source) -> Iterator[Diagnostic]:
    """Yield the ids of people that could be taken for another: they say who approved."""
    yield from _name_problems(project.people, "person", "", _keys(source, ("people",)))


def tools_alike(
    mine: Loaded[ToolManifest], all_files: Sequence[Loaded[ToolManifest]]
) -> Iterator[Diagnostic]:
    """Yield the tools of a manifest that look like one of another manifest."""
    others = {
        _folded(tool.name): (tool.name, other.source.file)
        for other in all_files
        if other.source.file != mine.source.file
        for tool in other.model.tools
    }
    for index, tool in enumerate(mine.model.tools):
        name, file = others.get(_folded(tool.name), (tool.name, ""))
        if name != tool.name:
            message = f"`{tool.name}` and `{name}` in {file} look the same"
            at = mine.source.at("tools", index, "name")
            yield Diagnostic("look-alike", message, at, "rename one")


def agents_alike(
    mine: Loaded[AgentSpec], all_files: Sequence[Loaded[AgentSpec]]
) -> Iterator[Diagnostic]:
    """Yield the problem of an agent whose name another file's agent has too."""
    for other in all_files:
        if other.source.file != mine.source.file and other.model.name == mine.model.name:
            message = f"the agent of {other.source.file} is called `{mine.model.name}` too"
            hint = "rename one: budgets, approvals and traces go by the name"
            yield Diagnostic("two-agents", message, mine.source.at("name"), hint)


def _keys(source: Source, path: YamlPath) -> Callable[[str], Location]:
    return lambda name: source.key_at(*path, name)


def _name_problems(
    names: Collection[str], what: str, of: str, at: Callable[[str], Location]
) -> Iterator[Diagnostic]:
    folded: dict[str, str] = {}
    for name in names:
        strange = next((c for c in name if not ("!" <= c <= "~")), None)
        if strange is not None or not name:
            shown = f"U+{ord(strange):04X}" if strange else "nothing"
            message = f"the {what} `{name}`{of} holds {shown}, which is not plain ASCII"
            hint = "rename it: letters of other alphabets can look like Latin ones"
            yield Diagnostic("not-ascii", message, at(name), hint)
        other = folded.setdefault(_folded(name), name)
        if other != name:
            message = f"the {what} `{name}`{of} and `{other}` differ in case only"
            yield Diagnostic("look-alike", message, at(name), "rename one")


def _folded(name: str) -> str:
    # Dots become `__` on the way to the model.
    return name.replace(".", "__").casefold()


def _properties(schema: Any, path: YamlPath) -> Iterator[tuple[YamlPath, Collection[str]]]:
    """Yield every `properties` of a schema, with its path."""
    if isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from _properties(part, (*path, index))
    if not isinstance(schema, dict):
        return
    for key, part in schema.items():
        if key == "properties" and isinstance(part, dict):
            yield (*path, key), part.keys()
            for name, below in part.items():
                yield from _properties(below, (*path, key, name))
        elif key not in ("default", "const", "enum", "examples"):
            yield from _properties(part, (*path, key))


__all__ = [
    "agents_alike",
    "argument_names",
    "people_names",
    "tools_alike",
]
