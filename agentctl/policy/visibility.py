"""Which records of a result the principal may see, and which of their fields.

What is filtered out never reaches the model, the trace or the rules: only the number does. A result
that does not have the shape its manifest declares is withheld as a whole: what cannot be found
cannot be filtered. What is inside a record that may be seen is part of it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.policy.columns import columns_of
from agentctl.specs.language.expressions import Expression, ExpressionError
from agentctl.specs.shapes.policy import Role
from agentctl.specs.shapes.tools import TableSpec, ToolSpec

Seen = dict[str, dict[str, Mapping[str, Json]]]
_MISSING = object()
_NO_ROLES: Mapping[str, Role] = {}


class Filtered(NamedTuple):
    """A result as the principal may see it."""

    value: Json
    dropped: int
    """How many records were taken out; a result withheld as a whole counts as one."""
    gone: bool
    """Nothing of what was read is for this principal. A write happened, and returns nothing."""
    records: tuple[tuple[str, Mapping[str, Json]], ...]
    """Key and content of the records left."""


class Visibility:
    """The `records:` and `visible_when:` of one tool, and the fields of each role, compiled.

    Args:
        tool: The tool.
        tables: Tables by name, for the key of each record.
        roles: The policy's roles, for the fields they may see.
    """

    def __init__(
        self,
        tool: ToolSpec,
        tables: Mapping[str, TableSpec],
        roles: Mapping[str, Role] = _NO_ROLES,
    ) -> None:
        self._when = Expression(tool.visible_when) if tool.visible_when else None
        self._path = tool.records.path.split(".")[1:] if tool.records else None
        self.table = tool.records.table if tool.records else None
        self._key = tables[tool.records.table].key if tool.records else ""
        self._reads = tool.effect == "none"
        self._columns = columns_of(roles, tool, tables)

    @property
    def remembers(self) -> bool:
        """Whether results must be filtered, and their records remembered."""
        return self._path is not None or bool(self._columns)

    @property
    def filters(self) -> bool:
        """Whether records are chosen by whose they are."""
        return self._when is not None

    def may_see(self, record: Mapping[str, Json], principal: Mapping[str, Json]) -> bool:
        """Whether the record is for this principal; an error means no."""
        if self._when is None:
            return True
        try:
            return self._when.evaluate({"record": record, "principal": principal}) is True
        except ExpressionError:
            return False

    def filter(self, value: Json, principal: Mapping[str, Json]) -> Filtered:
        """Take out the records that are not for this principal, and the fields not for its role."""
        role = principal.get("role")
        columns = self._columns.get(role) if isinstance(role, str) else None
        if self._path is None:
            return Filtered(columns.of_record(value) if columns else value, 0, False, ())
        found = _at(value, self._path)
        if found is None:
            return Filtered(columns.of_rest(value) if columns else value, 0, False, ())
        if not isinstance(found, dict | list):
            if self._when is None and columns is None:
                return Filtered(value, 0, False, ())
            return self._withheld()
        records = found if isinstance(found, list) else [found]
        kept = [r for r in records if isinstance(r, dict) and self.may_see(r, principal)]
        dropped = len(records) - len(kept)
        if isinstance(found, dict) and dropped:
            return self._withheld()
        if columns is not None:
            kept = [columns.of_record(record) for record in kept]
            value = columns.of_rest(_replaced(value, self._path, []))
        if columns is not None or dropped:
            left = kept if isinstance(found, list) else kept[0]
            value = _replaced(value, self._path, left)
        return Filtered(value, dropped, False, self._keyed(kept))

    def shown(self, record: Mapping[str, Json], principal: Mapping[str, Json]) -> Json:
        """Return what this tool shows of one record; `None` where it does not show the record."""
        if not self.may_see(record, principal):
            return None
        role = principal.get("role")
        columns = self._columns.get(role) if isinstance(role, str) else None
        return columns.of_record(dict(record)) if columns is not None else dict(record)

    def _withheld(self) -> Filtered:
        return Filtered(None, 1, self._reads, ())

    def _keyed(self, records: list[Json]) -> tuple[tuple[str, Mapping[str, Json]], ...]:
        key = self._key
        return tuple((str(r[key]), r) for r in records if key in r)


def _at(value: Json, path: list[str]) -> Json:
    for part in path:
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def _replaced(value: Json, path: list[str], records: Json) -> Json:
    if not path:
        return records
    # Nothing is put back where hiding fields took the whole branch away.
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _replaced(value[path[0]], path[1:], records)}


__all__ = ["Filtered", "Seen", "Visibility"]
