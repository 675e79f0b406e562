"""Which records of a result the principal may see.

What is filtered out never reaches the model, the trace or the rules: only the number does.
"""

from collections.abc import Mapping
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.specs.expressions import Expression, ExpressionError
from agentctl.specs.tools import TableSpec, ToolSpec

Seen = dict[str, dict[str, Mapping[str, Json]]]


class Filtered(NamedTuple):
    """A result as the principal may see it."""

    value: Json
    dropped: int
    """How many records were taken out."""
    gone: bool
    """The result was one single record, and it is not for this principal."""
    records: tuple[tuple[str, Mapping[str, Json]], ...]
    """Key and content of the records left."""


class Visibility:
    """The `records:` and `visible_when:` of one tool, compiled.

    Args:
        tool: The tool.
        tables: Tables by name, for the key of each record.
    """

    def __init__(self, tool: ToolSpec, tables: Mapping[str, TableSpec]) -> None:
        self._when = Expression(tool.visible_when) if tool.visible_when else None
        self._path = tool.records.path.split(".")[1:] if tool.records else None
        self.table = tool.records.table if tool.records else None
        self._key = tables[tool.records.table].key if tool.records else ""

    @property
    def remembers(self) -> bool:
        """Whether results hold records at all."""
        return self._path is not None

    def may_see(self, record: Mapping[str, Json], principal: Mapping[str, Json]) -> bool:
        """Whether the record is for this principal; an error means no."""
        if self._when is None:
            return True
        try:
            return self._when.evaluate({"record": record, "principal": principal}) is True
        except ExpressionError:
            return False

    def filter(self, value: Json, principal: Mapping[str, Json]) -> Filtered:
        """Take out the records that are not for this principal."""
        if self._path is None:
            return Filtered(value, 0, False, ())
        found = value
        for part in self._path:
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            if not self.may_see(found, principal):
                return Filtered(None, 1, True, ())
            return Filtered(value, 0, False, self._keyed([found]))
        if not isinstance(found, list):
            return Filtered(value, 0, False, ())
        kept = [r for r in found if isinstance(r, dict) and self.may_see(r, principal)]
        if len(kept) != len(found):
            value = _replaced(value, self._path, kept)
        return Filtered(value, len(found) - len(kept), False, self._keyed(kept))

    def _keyed(self, records: list[Json]) -> tuple[tuple[str, Mapping[str, Json]], ...]:
        key = self._key
        return tuple((str(r[key]), r) for r in records if key in r)


def _replaced(value: Json, path: list[str], records: list[Json]) -> Json:
    if not path:
        return records
    return {**value, path[0]: _replaced(value[path[0]], path[1:], records)}


__all__ = ["Filtered", "Seen", "Visibility"]
