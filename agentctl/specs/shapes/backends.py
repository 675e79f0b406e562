"""The table of tool backends: what `live: {kind: NAME}` of a manifest may name.

A package adds one under the entry-point group `agentctl.tools`: `NAME = "package.module:BACKEND"`,
where `BACKEND` is a `ToolBackend`. Only what is installed can be named, and nothing is looked for
unless a manifest names it.
"""

from functools import lru_cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any, Literal, NamedTuple

from agentctl.core.errors import problem
from agentctl.core.extensions import load_extension

GROUP = "agentctl.tools"
_KINDS = "agentctl.specs.shapes.live_kinds"
_CHECKS = "agentctl.specs.checks.tools"
_TOOLS = "agentctl.toolbox"


class ToolBackend(NamedTuple):
    """One kind of live tool. Each part is `module:name`, imported when it is first needed."""

    live: str
    """The fields of `live:`, a subclass of `Live`: needed to read a manifest."""
    tools: str
    """The class of the backend, called with (tools, `Opening`): needed by a live run."""
    problems: str | None = None
    """What else can be wrong with a tool: given a `LiveTool`, yields diagnostics."""
    library: str | None = None
    """What the extra of the kind's name installs, where there is one."""


BACKENDS = {
    "http": ToolBackend(
        f"{_KINDS}:HttpLive", f"{_TOOLS}.http.tools:HttpTools", f"{_CHECKS}.http:http_problems"
    ),
    "python": ToolBackend(f"{_KINDS}:PythonLive", f"{_TOOLS}.process.python:PythonTools"),
    "command": ToolBackend(f"{_KINDS}:CommandLive", f"{_TOOLS}.process.command:CommandTools"),
    "mcp": ToolBackend(f"{_KINDS}:McpLive", f"{_TOOLS}.mcp.tools:McpTools", library="mcp"),
    "sql": ToolBackend(
        f"{_KINDS}:SqlLive",
        f"{_TOOLS}.sql.tools:SqlTools",
        f"{_CHECKS}.queries:query_problems",
        "sqlalchemy",
    ),
}


def backend_names() -> list[str]:
    """Return every kind: the built-in ones, then those of installed packages."""
    return list(dict.fromkeys([*BACKENDS, *sorted(entry_points(group=GROUP).names)]))


@lru_cache(maxsize=64)
def tool_backend(kind: str) -> ToolBackend | None:
    """Return the backend of a kind; `None` where nobody registers one.

    Raises:
        Problem: If the package that registers it cannot be loaded.
    """
    if kind in BACKENDS:
        return BACKENDS[kind]
    if kind not in entry_points(group=GROUP).names:
        return None
    found: ToolBackend = load_extension("tool", kind, BACKENDS)
    return found


def backend_part(kind: str, part: Literal["live", "tools", "problems"]) -> Any:
    """Import one part of a kind's backend; `None` where it has no such part.

    Raises:
        Problem: If it cannot be imported.
    """
    reference: str | None = getattr(tool_backend(kind), part, None)
    if reference is None:
        return None
    try:
        return resolve_name(reference)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"tool `{kind}` ({reference}) cannot be loaded: {error}"
        raise problem("broken-tool", message) from error


__all__ = ["BACKENDS", "GROUP", "ToolBackend", "backend_names", "backend_part", "tool_backend"]
