"""Do the fields that a role may not see stay hidden, and does anything still need them?

What a role does not see is not in `seen` either, so a rule or a filter that reads it would deny
every call. A field that nothing filters, because its tool does not say whose record it returns, is
reported.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.core.errors import Diagnostic
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.references import tools_of_selector
from agentctl.specs.reading.yaml import Source, YamlPath
from agentctl.specs.shapes.policy import Policy, Role, role_holds
from agentctl.specs.shapes.tools import TableSpec, ToolSpec, tables_of

HiddenPath = tuple[str, ...]
SENSITIVE = ("finance", "health")
"""Values of `x-pii` that a role should not see by oversight."""
_SEEN = re.compile(r"\bseen(?:\.|\[\s*['\"])(\w+)(?:['\"]\s*\])?\s*(\[?)")
_CHAIN = re.compile(r"(?:\.\w+\b(?!\s*\()|\[\s*(?:'[^']*'|\"[^\"]*\")\s*\])*")
_PART = re.compile(r"\w+")
_RECORD = re.compile(r"\brecord((?:\.\w+\b(?!\s*\()|\[\s*(?:'[^']*'|\"[^\"]*\")\s*\])+)")


def field_problems(
    policy: Policy, source: Source, tools: Mapping[str, ToolSpec], tables: Mapping[str, TableSpec]
) -> Iterator[Diagnostic]:
    """Yield what needs a field that is hidden from the role that needs it.

    Args:
        policy: The policy.
        source: Where it stands.
        tools: The tools of the agents that work under it.
        tables: The tables those tools speak about.
    """
    for name, role in policy.roles.items():
        if not role.hidden_fields and not role.visible_fields:
            continue
        held = {
            tool.name: tool for tool in tools.values() if role_holds(role, tool.name, tool.scopes)
        }
        for index, rule in enumerate(policy.rules):
            if rule.when is None or not tools_of_selector(rule, held):
                continue
            for table, path in dict.fromkeys(_reads(rule.when)):
                if _is_hidden(role, table, path, tables):
                    shown = f"`{'.'.join(path)}` of {table}"
                    message = f"rule `{rule.id}` reads {shown}, which role `{name}` does not see"
                    hint = "show the field to the role, or decide by another one"
                    at = source.at("rules", index, "when")
                    yield Diagnostic("hidden-field", message, at, hint)
        for tool in held.values():
            yield from _filter_problems(tool, name, role, source, tables)


def _filter_problems(
    tool: ToolSpec, name: str, role: Role, source: Source, tables: Mapping[str, TableSpec]
) -> Iterator[Diagnostic]:
    """Yield the fields by which a write is to be judged, and that `seen` will not hold."""
    if tool.target is None or tool.visible_when is None or tool.effect == "none":
        return
    for chain in _RECORD.findall(tool.visible_when):
        path = tuple(_PART.findall(chain))
        if _is_hidden(role, tool.target.table, path, tables):
            shown = f"`{'.'.join(path)}` of {tool.target.table}"
            message = (
                f"role `{name}` does not see {shown}, which `visible_when` of `{tool.name}` reads"
            )
            at = source.key_at(*_place(role, name, tool.target.table))
            yield Diagnostic("hidden-field", message, at, "show the field to the role")


def field_warnings(
    policy: Policy, source: Source, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    """Yield hidden fields that may be misspelt or slip by, and sensitive ones nobody hides."""
    for name, role in policy.roles.items():
        held = [tool for tool in tools.values() if role_holds(role, tool.name, tool.scopes)]
        for table, fields in role.hidden_fields.items():
            at = source.key_at("roles", name, "hidden_fields", table)
            yield from _misspelt(table, fields, held, at)
            for tool in held:
                leaked = {field.rpartition(".")[2] for field in fields} & _declared(tool).keys()
                if table not in tables_of(tool) and leaked:
                    field = min(leaked)
                    message = f"`{tool.name}` may return `{field}`, hidden from role `{name}`"
                    hint = f"say whose record it is: `records: {{table: {table}, path: ...}}`"
                    yield Diagnostic("unfiltered-field", message, at, hint)
        limited = {*role.hidden_fields, *role.visible_fields}
        for tool in held:
            kinds = {kind for kind in _declared(tool).values() if kind in SENSITIVE}
            if kinds and not limited & set(tables_of(tool)):
                message = (
                    f"role `{name}` sees every field of `{tool.name}`: {', '.join(sorted(kinds))}"
                )
                hint = "hide what it does not need: `hidden_fields: {TABLE: [...]}`"
                at = source.key_at("roles", name)
                yield Diagnostic("sensitive-fields", message, at, hint)


def _misspelt(
    table: str, fields: tuple[str, ...], held: list[ToolSpec], at: Any
) -> Iterator[Diagnostic]:
    known = {name for tool in held if table in tables_of(tool) for name in _declared(tool)}
    for field in fields:
        last = field.rpartition(".")[2]
        near = did_you_mean(last, known)
        if last not in known and near is not None:
            message = f"no tool declares that a record of {table} has `{field}`"
            yield Diagnostic("unknown-hidden-field", message, at, near)


def _place(role: Role, name: str, table: str) -> YamlPath:
    kind = "hidden_fields" if table in role.hidden_fields else "visible_fields"
    return ("roles", name, kind, table)


def _is_hidden(role: Role, table: str, path: HiddenPath, tables: Mapping[str, TableSpec]) -> bool:
    """Whether a role does not see all of a field: it is hidden, a part of it is, or not listed."""
    if not path:
        return False
    for field in role.hidden_fields.get(table, ()):
        hidden = tuple(field.split("."))
        # Hidden fields go at any depth: the last parts of a longer path may be what is hidden.
        if any(path[n : n + len(hidden)] == hidden for n in range(len(path))):
            return True
    listed = role.visible_fields.get(table)
    if listed is None or (table in tables and path == (tables[table].key,)):
        return False
    return not any(_begins(path, tuple(field.split("."))) for field in listed)


def _begins(path: HiddenPath, field: HiddenPath) -> bool:
    shorter = min(len(path), len(field))
    return path[:shorter] == field[:shorter]


def _reads(text: str) -> Iterator[tuple[str, HiddenPath]]:
    """Yield table and field of everything an expression reads of `seen`.

    Where it goes through all records of a table (`seen.orders.exists(...)`), every field it names
    counts, because it cannot be told which of them belong to a record.
    """
    for found in _SEEN.finditer(text):
        table, bracket = found.groups()
        end = _closed(text, found.end()) if bracket else found.end()
        chain = _CHAIN.match(text, end)
        path = tuple(_PART.findall(chain.group())) if chain else ()
        if path:
            yield table, path
        else:
            for name in re.findall(r"(?<!seen)\.(\w+)\b(?!\s*\()", text[end:]):
                yield table, (name,)


def _closed(text: str, start: int) -> int:
    """Return where the bracket that was opened before `start` is closed."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)


def _declared(tool: ToolSpec) -> dict[str, str]:
    """Return the fields that a tool's output schema declares at any depth, with their `x-pii`."""
    found: dict[str, str] = {}

    def walk(schema: Any) -> None:
        if isinstance(schema, list):
            for part in schema:
                walk(part)
        if not isinstance(schema, dict):
            return
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, part in properties.items():
                found[name] = str(part.get("x-pii", "")) if isinstance(part, dict) else ""
        required = schema.get("required")
        for name in required if isinstance(required, list) else ():
            found.setdefault(str(name), "")
        for part in schema.values():
            walk(part)

    walk(tool.output_schema)
    return found


__all__ = ["SENSITIVE", "field_problems", "field_warnings"]
