"""Do the names in a manifest lead somewhere, and does every expression and schema hold?

Each function yields what is wrong, at its place; none of them raises.
"""

from collections.abc import Collection, Iterator, Mapping

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.tools.servers import PATH, server_problems
from agentctl.specs.checks.values import (
    LiveTool,
    Scope,
    arguments_of,
    expression_problems,
    schema_problem,
    unknown_name,
    value_problems,
)
from agentctl.specs.language.matchers import matcher_field_problems
from agentctl.specs.language.schemas import path_text
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import BUILT_IN_TOOLS
from agentctl.specs.shapes.backends import backend_part
from agentctl.specs.shapes.live import Server, server_of
from agentctl.specs.shapes.tools import Mock, Reconcile, TableSpec, ToolManifest, ToolSpec


def manifest_problems(
    manifest: ToolManifest, source: Source, tables: Mapping[str, TableSpec]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a manifest, given the tables of all manifests in use."""
    names = {tool.name: tool.effect for tool in manifest.tools}
    folded: dict[str, str] = {}
    for index, tool in enumerate(manifest.tools):
        at = source.at("tools", index, "name")
        other = folded.setdefault(tool.name.casefold(), tool.name)
        if tool.name in BUILT_IN_TOOLS:
            yield Diagnostic("built-in-tool", f"`{tool.name}` is a built-in tool", at, "rename it")
        if any(tool.name == earlier.name for earlier in manifest.tools[:index]):
            yield Diagnostic("two-tools", f"tool `{tool.name}` is defined twice", at)
        elif other != tool.name:
            message = f"`{tool.name}` and `{other}` differ in case only"
            yield Diagnostic("look-alike", message, at, "rename one")
        yield from _tool_problems(tool, source, index, tables, names, manifest.servers)
    yield from server_problems(manifest, source)


def _tool_problems(
    tool: ToolSpec,
    source: Source,
    index: int,
    tables: Mapping[str, TableSpec],
    names: Mapping[str, str],
    servers: Mapping[str, Server],
) -> Iterator[Diagnostic]:
    here = ("tools", index)
    yield from schema_problem(tool.input_schema, source, *here, "inputSchema")
    if tool.output_schema is not None:
        yield from schema_problem(tool.output_schema, source, *here, "outputSchema")
    arguments = arguments_of(tool.input_schema)
    yield from _input_problems(tool, source, here, arguments)
    for name, path in tool.bind.items():
        if name not in arguments:
            yield unknown_name("argument", name, arguments, source.key_at(*here, "bind", name))
        if not path.startswith("principal."):
            at = source.at(*here, "bind", name)
            hint = "write `principal.id`"
            yield Diagnostic("bad-bind", f"`{path}` is not a field of the principal", at, hint)
    for name in tool.idempotency.key if tool.idempotency else ():
        if name not in arguments:
            yield unknown_name("argument", name, arguments, source.at(*here, "idempotency", "key"))
    if tool.visible_when:
        at = source.at(*here, "visible_when")
        yield from expression_problems(tool.visible_when, at, Scope(("record", "principal")))
        if tool.records is None and tool.target is None:
            hint = "say what: `records: {table: ...}` or `target: {table: ..., key: ...}`"
            yield Diagnostic("dead-field", "`visible_when` filters nothing here", at, hint)
    if tool.target:
        at = source.at(*here, "target", "key")
        yield from expression_problems(tool.target.key, at, Scope(("args",), {"args": arguments}))
    if tool.records and not PATH.fullmatch(tool.records.path):
        at = source.at(*here, "records", "path")
        hint = "write `$` for the result itself, `$.items` for a field of it"
        yield Diagnostic("bad-path", f"`{tool.records.path}` is not a path", at, hint)
    for field, part in (("target", tool.target), ("records", tool.records)):
        if part is not None and part.table not in tables:
            yield unknown_name("table", part.table, tables, source.at(*here, field, "table"))
    if tool.reconcile is not None:
        yield from _look_up_problems(tool.reconcile, source, here, names, arguments)
    if tool.draft is not None and tool.draft not in names:
        yield unknown_name("tool", tool.draft, names, source.at(*here, "draft"))
    if tool.live is not None:
        server, place = server_of(tool.live), (*here, "live")
        if server is not None and server not in servers:
            yield unknown_name("server", server, servers, source.at(*place, "server"))
        problems = backend_part(tool.live.kind, "problems")
        if problems is not None:
            reached = servers.get(server or "")
            yield from problems(LiveTool(tool, reached, arguments, source, place))
    if tool.mock is not None:
        yield from _mock_problems(tool.mock, source, (*here, "mock"), tables, arguments)


def _look_up_problems(
    how: Reconcile,
    source: Source,
    here: tuple[str | int, ...],
    effects: Mapping[str, str],
    arguments: Collection[str],
) -> Iterator[Diagnostic]:
    at = source.at(*here, "reconcile", "tool")
    if how.tool not in effects:
        yield unknown_name("tool", how.tool, effects, at)
    elif effects[how.tool] != "none":
        hint = "a look-up only reads: name a tool with `effect: none`"
        yield Diagnostic("bad-look-up", f"`{how.tool}` changes something", at, hint)
    done = source.at(*here, "reconcile", "done_when")
    scope = Scope(("result", "args"), {"args": arguments})
    yield from expression_problems(how.done_when, done, scope)


def _input_problems(
    tool: ToolSpec, source: Source, here: tuple[str | int, ...], arguments: Collection[str]
) -> Iterator[Diagnostic]:
    schema = tool.input_schema
    if schema.get("type", "object") != "object":
        at = source.at(*here, "inputSchema", "type")
        yield Diagnostic("bad-schema", "the arguments of a tool are an object", at)
    required = schema.get("required")
    if schema.get("additionalProperties") is False and isinstance(required, list):
        for index, name in enumerate(required):
            # What is no name at all, the schema's own check reports.
            if isinstance(name, str) and name not in arguments:
                at = source.at(*here, "inputSchema", "required", index)
                yield unknown_name("argument", name, arguments, at)


def _mock_problems(
    mock: Mock,
    source: Source,
    here: tuple[str | int, ...],
    tables: Mapping[str, TableSpec],
    arguments: Collection[str],
) -> Iterator[Diagnostic]:
    for operation in ("get", "find", "insert", "update", "delete"):
        table = getattr(mock, operation)
        if table is None:
            continue
        if table not in tables:
            yield unknown_name("table", table, tables, source.at(*here, operation))
        elif operation in ("get", "update", "delete") and mock.key is None:
            key = tables[table].key
            if key not in arguments:
                message = f"the tool has no argument `{key}` to find the record by"
                hint = "give `key:` with an expression such as args.id"
                yield Diagnostic("missing-key", message, source.at(*here), hint)
    scope = Scope(("args", "principal", "now", "record"), {"args": arguments})
    for field in ("key", "where"):
        text = getattr(mock, field)
        if text is not None:
            yield from expression_problems(text, source.at(*here, field), scope)
    for number, requirement in enumerate(mock.require):
        at = source.at(*here, "require", number, "that")
        yield from expression_problems(requirement.that, at, scope)
    for field, value in (("set", mock.set), ("record", mock.record), ("return", mock.value)):
        yield from value_problems(value, source, (*here, field), scope)
    for number, reply in enumerate(mock.replies or ()):
        place = (*here, "replies", number)
        yield from value_problems(reply.value, source, (*place, "return"), scope)
        for path, fault in matcher_field_problems(reply.args):
            where = source.at(*place, "args", *path)
            yield Diagnostic("bad-matcher", f"{path_text(path)}: {fault}", where)


__all__ = ["manifest_problems"]
