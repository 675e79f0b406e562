"""Warnings: what works, and will hurt."""

import re
from collections.abc import Iterable, Iterator

from agentctl.core.errors import Diagnostic
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.values import arguments_of
from agentctl.specs.language.schemas import FORMATS, unknown_formats
from agentctl.specs.reading.decode import QUOTE
from agentctl.specs.reading.yaml import Source, YamlPath
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolManifest, ToolSpec, tables_of

MOST_ARGUMENTS = 8
"""A tool with more does several things."""
MOST_TOOLS = 128
"""Providers refuse a request that offers more."""
_VERBS = frozenset(
    re.findall(
        r"\w+",
        """add apply approve archive assign book buy cancel change charge check close create delete
        edit escalate fetch find get insert issue list look move open order patch pay post publish
        read refund remove reply reset route save search send set ship submit sync transfer update
        upload upsert write""",
    )
)
_NOT_ACTED_ON = ("memory", "knowledge", "triggers", "handoffs")


def _warning(code: str, message: str, source: Source, *path: str | int, hint: str) -> Diagnostic:
    return Diagnostic(code, message, source.key_at(*path), hint)


def bare_keys(source: Source) -> Iterator[Diagnostic]:
    """Yield keys of `{...}` without a value: where any key is allowed, no other check finds them.

    `{note: late, please}` says that there is a key `please`, which is null.
    """
    for path in sorted(source.bare, key=str):
        message = f"the key `{path[-1]}` has no value"
        hint = f"{QUOTE}; where nothing is meant, write `null`"
        yield _warning("bare-key", message, source, *path, hint=hint)


def agent_warnings(agent: AgentSpec, source: Source) -> Iterator[Diagnostic]:
    """Yield what is unwise in an agent."""
    if agent.owner is None:
        message = f"agent `{agent.name}` has no owner"
        yield _warning(
            "no-owner", message, source, "name", hint="name who answers for it: `owner:`"
        )
    offered = max((len(intent.tools) for intent in agent.intents), default=len(agent.tools))
    if offered > MOST_TOOLS:
        message = f"agent `{agent.name}` offers {offered} tools at once to its model"
        hint = f"most providers accept {MOST_TOOLS}; narrow them by `intents:`, or split the agent"
        yield _warning("too-many-tools", message, source, "tools", hint=hint)
    for field in _NOT_ACTED_ON:
        if getattr(agent, field):
            message = f"`{field}` is read but has no effect in this version"
            yield _warning("not-acted-on", message, source, field, hint="leave it out")


def manifest_warnings(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield what is unwise in a manifest."""
    for index, tool in enumerate(manifest.tools):
        arguments = arguments_of(tool.input_schema)
        here = ("tools", index)
        # A reviewed tool of a server is what it is: it cannot be split here.
        elsewhere = isinstance(tool.live, McpLive) and tool.live.definition is not None
        if len(arguments) > MOST_ARGUMENTS and not elsewhere:
            message = f"`{tool.name}` takes {len(arguments)} arguments: a mega-tool"
            hint = f"split it; {MOST_ARGUMENTS} arguments are plenty"
            yield _warning("mega-tool", message, source, *here, "name", hint=hint)
        whose = _filtered_elsewhere(tool, manifest)
        if whose is not None:
            other, table = whose
            message = f"`{tool.name}` shows every record of {table}; `{other}` filters them"
            hint = "give it `records:` and `visible_when:`, or `bind:` what it looks up"
            yield _warning("unfiltered-records", message, source, *here, "name", hint=hint)
        verbs = _verbs(tool)
        if len(verbs) > 1 and not elsewhere:
            message = f"`{tool.name}` does several things: {' and '.join(verbs)}"
            hint = "one tool, one verb: rules and approvals go by tool"
            yield _warning("mega-tool", message, source, *here, "name", hint=hint)
        live = tool.live
        if isinstance(live, McpLive) and live.definition is None:
            message = f"`{tool.name}` pins no definition: it will not be called"
            hint = "review what the server lists: agentctl tools import FILE --update"
            yield _warning("not-pinned", message, source, *here, "name", hint=hint)
        yield from _schema_warnings(tool, source, here)
        if tool.mock is None:
            message = f"`{tool.name}` has no mock: no scenario can use it"
            yield _warning("no-mock", message, source, *here, "name", hint="add `mock:`")


def _schema_warnings(tool: ToolSpec, source: Source, here: YamlPath) -> Iterator[Diagnostic]:
    """Yield what the schemas of a tool say and nobody holds a call against."""
    schemas = (("inputSchema", tool.input_schema), ("outputSchema", tool.output_schema))
    for key, schema in schemas if not isinstance(tool.live, McpLive) else ():
        for name in unknown_formats(schema):
            hint = did_you_mean(name, FORMATS) or "use a format of JSON Schema, or `pattern:`"
            message = f"the format `{name}` is unknown and not checked"
            yield _warning("unknown-format", message, source, *here, key, hint=hint)
    if tool.unchecked and not tool.reviewed:
        message = f"`{tool.name}`: {tool.unchecked[0]}"
        if len(tool.unchecked) > 1:
            message += f" (and {len(tool.unchecked) - 1} more)"
        hint = "the tool's own system checks it, or nobody does; then set `reviewed: true`"
        yield _warning("unchecked-constraint", message, source, *here, "unchecked", hint=hint)


def _filtered_elsewhere(tool: ToolSpec, manifest: ToolManifest) -> tuple[str, str] | None:
    """Return another tool that filters the records this one shows unfiltered, and their table."""
    if tool.effect != "none" or tool.visible_when is not None or tool.bind:
        return None
    for other in manifest.tools:
        if other.visible_when is not None:
            for table in tables_of(tool):
                if table in tables_of(other)[:1]:
                    return other.name, table
    return None


def _verbs(tool: ToolSpec) -> list[str]:
    words = re.split(r"[_.-]+", tool.name.casefold())
    found = [word for word in words if word in _VERBS]
    joined = {"or", "and"} & set(words)
    return list(dict.fromkeys(found)) if joined or "upsert" in words else found[:1]


def scenario_warnings(
    scenarios: Iterable[tuple[Scenario, int]], source: Source
) -> Iterator[Diagnostic]:
    """Yield what is unwise in a golden set."""
    for index, (scenario, _) in enumerate(scenarios):
        if scenario.turns is None:
            message = f"scenario `{scenario.id}` has no turns to replay"
            hint = "write `turns:`; until then it is inconclusive"
            yield _warning("no-turns", message, source, "scenarios", index, "id", hint=hint)


__all__ = [
    "MOST_ARGUMENTS",
    "MOST_TOOLS",
    "agent_warnings",
    "bare_keys",
    "manifest_warnings",
    "scenario_warnings",
]
