"""Which fields of a record a role may see.

What is hidden is hidden everywhere: from the model, from the trace, and from `seen`, so from rules
as well. A copy that only the authorizer reads would give the value away, one question at a time, by
what the authorizer says; a rule that needs a hidden field fails `agentctl check` instead.

Hidden fields are taken out of a result at any depth, so a record inside another one is
covered too. A list of visible fields is about records where the manifest says they are; the table's
key is always visible, because without it a record cannot be acted on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agentctl.core.canonical import Json
from agentctl.specs.shapes.policy import Role
from agentctl.specs.shapes.tools import TableSpec, ToolSpec, tables_of

ColumnPath = tuple[str, ...]
_ALL = None
"""In a tree of visible fields: this one, with everything below it."""


class Columns:
    """What one role may see of what one tool returns.

    Args:
        role: The role.
        tool: The tool.
        tables: Tables by name, for their keys.
    """

    def __init__(self, role: Role, tool: ToolSpec, tables: Mapping[str, TableSpec]) -> None:
        touched = tables_of(tool)
        hidden = [_path(field) for table in touched for field in role.hidden_fields.get(table, ())]
        self._hidden: tuple[ColumnPath, ...] = tuple(dict.fromkeys(hidden))
        listed = role.visible_fields.get(touched[0]) if touched else None
        self._visible = None
        if listed is not None:
            self._visible = _tree((*listed, tables[touched[0]].key))

    @property
    def limits(self) -> bool:
        """Whether anything is hidden at all."""
        return bool(self._hidden) or self._visible is not None

    def of_record(self, record: Json) -> Json:
        """Return the part of one record, or of each record of a list, that may be seen."""
        if self._visible is not None:
            record = _kept(record, self._visible)
        return _without(record, self._hidden) if self._hidden else record

    def of_rest(self, value: Json) -> Json:
        """Return what surrounds records that were filtered."""
        return _without(value, self._hidden) if self._hidden else value


def _path(field: str) -> ColumnPath:
    return tuple(field.split("."))


def _tree(fields: Iterable[str]) -> dict[str, Any]:
    """Return paths as nested mappings; a field listed whole swallows the paths below it."""
    tree: dict[str, Any] = {}
    for field in sorted(fields, key=len):
        *above, last = _path(field)
        node = tree
        for part in above:
            if part in node and node[part] is _ALL:
                break
            node = node.setdefault(part, {})
        else:
            node[last] = _ALL
    return tree


def _kept(value: Json, tree: Mapping[str, Any]) -> Json:
    """Return only the fields of a tree; a value that is not a record has none."""
    if isinstance(value, list):
        return [_kept(item, tree) for item in value]
    if not isinstance(value, dict):
        return None
    return {
        name: part if tree[name] is _ALL else _kept(part, tree[name])
        for name, part in value.items()
        if name in tree
    }


def _without(value: Json, hidden: tuple[ColumnPath, ...]) -> Json:
    """Return a value without the fields, wherever in it they stand."""
    if isinstance(value, list):
        return [_without(item, hidden) for item in value]
    if not isinstance(value, dict):
        return value
    gone = {path[0] for path in hidden if len(path) == 1}
    below: dict[str, list[ColumnPath]] = {}
    for path in hidden:
        if len(path) > 1:
            below.setdefault(path[0], []).append(path[1:])
    return {
        name: _without(_cut(part, below[name]) if name in below else part, hidden)
        for name, part in value.items()
        if name not in gone
    }


def _cut(value: Json, paths: list[ColumnPath]) -> Json:
    """Return a value without the fields at exactly these paths, in it or in each of its items."""
    if isinstance(value, list):
        return [_cut(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    gone = {path[0] for path in paths if len(path) == 1}
    return {
        name: _cut(part, [path[1:] for path in paths if path[0] == name and len(path) > 1])
        for name, part in value.items()
        if name not in gone
    }


def columns_of(
    roles: Mapping[str, Role], tool: ToolSpec, tables: Mapping[str, TableSpec]
) -> dict[str, Columns]:
    """Return, for each role that does not see everything a tool returns, what it sees."""
    found = {name: Columns(role, tool, tables) for name, role in roles.items()}
    return {name: columns for name, columns in found.items() if columns.limits}


__all__ = ["Columns", "columns_of"]
