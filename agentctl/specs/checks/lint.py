"""Warnings: what works, and will hurt."""

import re
from collections.abc import Iterable, Iterator

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.values import arguments_of
from agentctl.specs.reading.decode import QUOTE
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolManifest, ToolSpec, tables_of

MOST_ARGUMENTS = 8
"""A tool with more does several things."""
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
    for field in _NOT_ACTED_ON:
        if getattr(agent, field):
            message = f"`{field}` is read but has no effect in this version"
            yield _warning("not-acted-on", message, source, field, hint="leave it out")


def manifest_warnings(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield what is unwise in a manifest."""
    for index, tool in enumerate(manifest.tools):
        arguments = arguments_of(tool.input_schema)
        here = ("tools", index)
        if len(arguments) > MOST_ARGUMENTS:
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
        if len(verbs) > 1:
            message = f"`{tool.name}` does several things: {' and '.join(verbs)}"
            hint = "one tool, one verb: rules and approvals go by tool"
            yield _warning("mega-tool", message, source, *here, "name", hint=hint)
        live = tool.live
        if isinstance(live, McpLive) and live.definition is None:
            message = f"`{tool.name}` pins no definition: it will not be called"
            hint = "review what the server lists: agentctl tools import FILE --update"
            yield _warning("not-pinned", message, source, *here, "name", hint=hint)
        if tool.mock is None:
            message = f"`{tool.name}` has no mock: no scenario can use it"
            yield _warning("no-mock", message, source, *here, "name", hint="add `mock:`")


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
    "agent_warnings",
    "bare_keys",
    "manifest_warnings",
    "scenario_warnings",
]
