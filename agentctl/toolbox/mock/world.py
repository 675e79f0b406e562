"""The small database that the mocked tools of one trial share.

A golden set's tables are loaded once and never changed. Each trial lays its own changes over them,
record by record; nothing is copied until it is written. Records are plain objects that nobody may
change in place: a write puts a new object.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.tools import TableSpec

Record = Mapping[str, Json]
_EMPTY: Mapping[str, Record] = {}


class WorldWrite(NamedTuple):
    """One record that a call put or removed."""

    call_id: str
    """Empty where no call of a run wrote it."""
    table: str
    key: str
    before: Record | None
    after: Record | None


class WriteLog(list[WorldWrite]):
    """What was written into a world, in order, and by which call."""

    __slots__ = ("caller", "repeats")

    def __init__(self) -> None:
        self.caller = ""
        self.repeats: set[str] = set()
        """Calls that were answered from an earlier one by their key, without a second effect."""


class WorldTable:
    """One table: the records it started with, under the changes made since.

    Args:
        name: The table.
        spec: Its key, from the manifest.
        base: The records it starts with.
        log: Where writes are noted; shared by the tables of a world.
        laid: Keys whose records in `base` are not those of the golden set.
    """

    __slots__ = ("_added", "_base", "_changed", "_laid", "_log", "_moved", "name", "spec")

    def __init__(
        self,
        name: str,
        spec: TableSpec,
        base: Mapping[str, Record],
        log: WriteLog,
        laid: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.spec = spec
        self._base = base
        self._log = log
        self._laid = set(laid)
        self._changed: dict[str, Record | None] = {}
        self._moved: set[str] = set()
        self._added = 0

    def get(self, key: str) -> Record | None:
        """Return the record with this key, or `None`."""
        if key in self._changed:
            return self._changed[key]
        return self._base.get(key)

    def records(self) -> Iterator[tuple[str, Record]]:
        """Yield keys and records: first those of the start in their order, then added ones."""
        changed = self._changed
        for key, record in self._base.items():
            now = changed.get(key, record) if changed else record
            if now is not None and key not in self._moved:
                yield key, now
        for key, added in changed.items():
            if added is not None and (key not in self._base or key in self._moved):
                yield key, added

    def put(self, key: str, record: Record) -> None:
        """Add or replace a record; its key field is set to `key`."""
        if record.get(self.spec.key) != key:
            record = {**record, self.spec.key: key}
        self._log.append(WorldWrite(self._log.caller, self.name, key, self.get(key), record))
        if self._changed.get(key, record) is None:
            # Deleted before and added again: it goes to the end.
            del self._changed[key]
            self._moved.add(key)
        self._changed[key] = record

    def delete(self, key: str) -> None:
        """Remove a record."""
        self._log.append(WorldWrite(self._log.caller, self.name, key, self.get(key), None))
        self._changed[key] = None

    def free_key(self) -> str:
        """Return `<table>_<n>` for the next record without a key of its own."""
        while True:
            self._added += 1
            key = f"{self.name}_{self._added}"
            if self.get(key) is None:
                return key

    def disturb(self, key: str, fields: Mapping[str, Json] | str) -> None:
        """Let someone else change or (`absent`) remove a record; it does not count as a change."""
        base = dict(self._base)
        self._laid.add(key)
        for layer in (base, self._changed) if key in self._changed else (base,):
            if fields == "absent":
                layer.pop(key, None)
            elif not isinstance(fields, str):
                layer[key] = {self.spec.key: key, **(layer.get(key) or {}), **fields}
        self._base = base

    def own_keys(self) -> Set[str]:
        """Return the keys whose records may differ from the golden set's own."""
        return self._laid | self._changed.keys()

    def changes(self) -> dict[str, Record | None]:
        """Return the records that differ from the start; `None` for those that are gone."""
        return {k: r for k, r in self._changed.items() if r != self._base.get(k)}


class World:
    """The tables of one trial.

    Args:
        tables: The start, shared by all trials.
        specs: The key of each table, from the manifests.
        overlay: The scenario's own records, laid over the start field by field; they belong to
            the start too and do not count as changes. `absent` removes a record.
    """

    __slots__ = ("_overlay", "_specs", "_start", "_tables", "writes")

    def __init__(
        self,
        tables: WorldSnapshot,
        specs: Mapping[str, TableSpec],
        overlay: Mapping[str, Mapping[str, Json]] | None = None,
    ) -> None:
        self._start = tables.records
        self._specs = specs
        self._overlay = overlay or {}
        self._tables: dict[str, WorldTable] = {}
        self.writes = WriteLog()
        """Every record that was put or removed, with the call that did it."""

    def table(self, name: str) -> WorldTable:
        """Return a table.

        Raises:
            KeyError: If no manifest declares it.
        """
        table = self._tables.get(name)
        if table is None:
            base = self._start.get(name, _EMPTY)
            over = self._overlay.get(name)
            if over:
                base = overlaid(base, over, self._specs[name].key)
            table = WorldTable(name, self._specs[name], base, self.writes, over or ())
            self._tables[name] = table
        return table

    def disturb(self, overlay: Mapping[str, Mapping[str, Json]]) -> None:
        """Lay changes of someone else over the world, in the middle of a run."""
        for name, records in overlay.items():
            for key, fields in records.items():
                self.table(name).disturb(key, fields)

    def specs(self) -> Mapping[str, TableSpec]:
        """Return the declared tables."""
        return self._specs

    def changes(self) -> dict[str, dict[str, Record | None]]:
        """Return the records that differ from the start, by table."""
        found = {name: table.changes() for name, table in self._tables.items()}
        return {name: changed for name, changed in found.items() if changed}


def overlaid(
    base: Mapping[str, Record], over: Mapping[str, Json], key_field: str
) -> Mapping[str, Record]:
    """Return `base` with the fields of `over` laid on, record by record."""
    result = dict(base)
    for key, fields in over.items():
        if fields == "absent":
            result.pop(key, None)
        else:
            result[key] = {key_field: key, **result.get(key, {}), **fields}
    return result


__all__ = ["Record", "World", "WorldTable", "WorldWrite", "WriteLog", "overlaid"]
