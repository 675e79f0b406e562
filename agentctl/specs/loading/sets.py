"""Load a golden set: its head, its world, and its scenarios one by one.

Scenarios are handed out as a stream, so that a set of thousands costs no more memory than one. A
set that was read and checked before comes from the cache, which is keyed by everything it was
checked against.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from agentctl.core.canonical import Json, NotCanonical, digest, parse_strict
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.files import is_file
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.scenarios import scenario_problems, world_problems
from agentctl.specs.reading.cache import Cached, SetCache, SetRow
from agentctl.specs.reading.compiled import compiled, normalised
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.scenarios import expand
from agentctl.specs.reading.yaml import Source, read_text, read_yaml, readable, utf8_text
from agentctl.specs.shapes.bundle import Bundle, WorldSnapshot
from agentctl.specs.shapes.golden import GoldenSet, Scenario, WorldSpec

T = TypeVar("T")
PlacedScenario = tuple[Json, Source, tuple[str | int, ...]]
"""A scenario as written, the file, and where in it it stands."""
MOST_PROBLEMS = 100


class LoadedScenario(NamedTuple):
    """One scenario and where it stands."""

    scenario: Scenario
    line: int


@dataclass(frozen=True)
class LoadedSet:
    """A golden set whose every reference has been followed."""

    head: GoldenSet
    """Without its scenarios."""
    name: str
    path: Path
    file: str
    """The path as it is shown."""
    bundle: Bundle
    tables: WorldSnapshot
    rows: Callable[[], Iterator[SetRow]]
    size: int

    def __len__(self) -> int:
        return self.size

    def scenarios(self) -> Iterator[LoadedScenario]:
        """Yield the scenarios in the order of the file."""
        for row in self.rows():
            yield LoadedScenario(_scenario(row.text), row.line)

    def ids(self) -> list[str]:
        """Return the ids of all scenarios."""
        return [row.id for row in self.rows()]

    def find(self, scenario_id: str) -> LoadedScenario:
        """Return one scenario.

        Raises:
            Problem: If there is none of this id.
        """
        for row in self.rows():
            if row.id == scenario_id:
                return LoadedScenario(_scenario(row.text), row.line)
        ids = self.ids()
        hint = did_you_mean(scenario_id, ids)
        if hint is None and len(ids) < 30:
            hint = f"there are: {', '.join(ids)}"
        raise problem("unknown-scenario", f"no scenario `{scenario_id}` in {self.file}", hint=hint)

    def at(self, line: int) -> Location:
        """Return the place of a line of the file."""
        text = self.path.read_text(encoding="utf-8").splitlines()[line - 1]
        start = len(text) - len(text.lstrip())
        return Location(self.file, line, start + 1, len(text) - start, text)

    @property
    def recordings(self) -> Path | None:
        """The file of recorded turns, where the set names one."""
        if self.head.recordings is None:
            return None
        return self.path.parent / self.head.recordings


def load_set(path: Path, agent: Callable[[str, Path], Bundle], state: Path) -> LoadedSet:
    """Load the golden set at `path`.

    Args:
        path: YAML, or JSON Lines (the head first, then a scenario a line).
        agent: Loads the agent that the set names, beside the set.
        state: The folder for generated files, where the cache is.

    Raises:
        Problem: With everything that is wrong with it.
    """
    file = shown_path(path)
    with readable(file):
        content = path.open("rb")
    with content:
        source = hashlib.file_digest(content, "sha256").hexdigest()
        cache = SetCache(state, path)
        found = _load_cached(path, source, agent, cache)
        if found is None:
            content.seek(0)
            found = _load_fresh(path, content, source, agent, cache)
    cached, bundle = found
    head = GoldenSet.model_validate({**cached.head, "scenarios": []})
    name, tables = head.name or path.stem, WorldSnapshot(cached.tables)
    return LoadedSet(head, name, path, file, bundle, tables, cached.rows, cached.size)


def _load_cached(
    path: Path, source: str, agent: Callable[[str, Path], Bundle], cache: SetCache
) -> tuple[Cached, Bundle] | None:
    known = cache.find(source)
    if known is None:
        return None
    try:
        bundle = agent(str(known.head["agent"]), path.parent)
        world = _world_text(known.head.get("world"), path)
    except Problem:
        # Reported by the fresh load, with the place in the set.
        return None
    return (known, bundle) if cache.fits(known, source, _checked_against(bundle, world)) else None


def _load_fresh(
    path: Path,
    content: BinaryIO,
    source_hash: str,
    agent: Callable[[str, Path], Bundle],
    cache: SetCache,
) -> tuple[Cached, Bundle]:
    source, written = _read(path, content)
    if not isinstance(source.data, dict):
        raise problem("wrong-type", "a golden set is a mapping", at=source.at())
    bare = {key: value for key, value in source.data.items() if key != "scenarios"}
    head = decode(GoldenSet, {**bare, "scenarios": []}, source)
    found: list[Diagnostic] = []
    bundle = _tried(found, lambda: agent(head.agent, path.parent), source.at("agent"))
    world = _tried(found, lambda: _world_text(head.world, path), source.at("world"))
    tables = WorldSnapshot({})
    if bundle is not None and world is not None:
        tables = _tried(found, lambda: _world(head, path, bundle), source.at("world")) or tables

    def rows() -> Iterator[SetRow]:
        scenarios = written()
        first = next(scenarios, None)
        if first is None:
            at = source.at("scenarios")
            found.append(Diagnostic("no-scenarios", "the set has no scenario", at))
        else:
            yield from _rows(head, chain([first], scenarios), bundle, found)
        if found:
            raise Problem(*found)

    if found or bundle is None or world is None:
        deque(rows(), maxlen=0)
        raise Problem(*found)
    kept_head = {key: value for key, value in bare.items() if key not in ("defaults", "templates")}
    kept_head["defaults"] = {
        key: value for key, value in (bare.get("defaults") or {}).items() if key == "principal"
    }
    against = _checked_against(bundle, world)
    try:
        return cache.store(source_hash, against, kept_head, tables.records, rows()), bundle
    except OSError:
        # A cache that cannot be written is no error: this time the scenarios stay in memory.
        found.clear()
        kept = list(rows())
        return Cached("", kept_head, tables.records, len(kept), lambda: iter(kept)), bundle


def _rows(
    head: GoldenSet,
    written: Iterable[PlacedScenario],
    bundle: Bundle | None,
    found: list[Diagnostic],
) -> Iterator[SetRow]:
    """Yield the scenarios that are sound, and add what is wrong with the others to `found`."""
    first: dict[str, int] = {}
    for item, own, at in written:
        try:
            scenario = decode(Scenario, expand(head, item, own, at), own, at)
        except Problem as met:
            found += met.diagnostics
            continue
        line = own.at(*at).line
        if scenario.id in first:
            message = (
                f"scenario `{scenario.id}` is defined twice, first in line {first[scenario.id]}"
            )
            where = own.at(*at, "id")
            found.append(Diagnostic("duplicate-scenario", message, where, "rename one"))
        first.setdefault(scenario.id, line)
        if bundle is not None:
            found += scenario_problems(scenario, own, at, bundle)
        yield SetRow(line, scenario.id, normalised(scenario))
        if len(found) >= MOST_PROBLEMS:
            break


def _read(path: Path, content: BinaryIO) -> tuple[Source, Callable[[], Iterator[PlacedScenario]]]:
    """Return the set as data, and its scenarios with the place of each."""
    file = shown_path(path)
    if path.suffix == ".jsonl":
        return _read_lines(file, content)
    source = read_yaml(path, file)
    raw = source.data.get("scenarios") if isinstance(source.data, dict) else []
    if not isinstance(raw, list):
        decode(GoldenSet, source.data, source)
        raise AssertionError("decode refuses a set without a list of scenarios")
    return source, lambda: ((item, source, ("scenarios", n)) for n, item in enumerate(raw))


def _read_lines(
    file: str, content: BinaryIO
) -> tuple[Source, Callable[[], Iterator[PlacedScenario]]]:
    """Read the head; the scenarios stay in the file until they are asked for."""
    head = next(_json_lines(file, content), None)
    if head is None:
        raise problem("empty-file", "the file holds nothing", at=Location(file, 1))
    if not isinstance(head.data, dict):
        raise problem("wrong-type", "the first line is the head", at=Location(file, 1))
    head.values[()] = (head.first, 1, 1)

    def scenarios() -> Iterator[PlacedScenario]:
        content.seek(0)
        return ((own.data, own, ()) for own in islice(_json_lines(file, content), 1, None))

    return head, scenarios


def _json_lines(file: str, content: BinaryIO) -> Iterator[Source]:
    """Yield every line that is not blank as a file of its own."""
    for number, line in enumerate(content, start=1):
        text = utf8_text(line, file, number).rstrip("\n")
        if text.strip():
            yield Source(
                file,
                _json_line(text, file, number),
                [text],
                {(): (number, 1, len(text))},
                first=number,
            )


def _json_line(line: str, file: str, number: int) -> Json:
    try:
        return parse_strict(line)
    except NotCanonical as error:
        raise problem("bad-json", str(error), at=Location(file, number, 1, 1, line)) from error


def _tried(found: list[Diagnostic], load: Callable[[], T], at: Location) -> T | None:
    """Call `load` and keep its problems; one without a place of its own gets this one."""
    try:
        return load()
    except Problem as met:
        found += [d if d.location else replace(d, location=at) for d in met.diagnostics]
        return None


def _world_text(reference: str | None, path: Path) -> str:
    if reference is None:
        return ""
    world = path.parent / reference
    if not is_file(world):
        raise problem("missing-file", f"no such world: {shown_path(world)}")
    return read_text(world, shown_path(world))


def _world(head: GoldenSet, path: Path, bundle: Bundle) -> WorldSnapshot:
    if head.world is None:
        return WorldSnapshot({})
    file = path.parent / head.world
    own = read_yaml(file, shown_path(file))
    world = decode(WorldSpec, own.data, own)
    found = list(world_problems(world, own, bundle))
    if found:
        raise Problem(*found)
    return WorldSnapshot(keyed(world.tables, bundle))


def keyed(tables: Mapping[str, Any], bundle: Bundle) -> dict[str, dict[str, dict[str, Json]]]:
    """Return tables as records by key, each with its key field filled in."""
    result: dict[str, dict[str, dict[str, Json]]] = {}
    for name, records in tables.items():
        field = bundle.tables[name].key
        if isinstance(records, list):
            result[name] = {str(record[field]): record for record in records}
        else:
            result[name] = {key: {field: key, **record} for key, record in records.items()}
    return result


def _checked_against(bundle: Bundle, world: str) -> str:
    people = {name: who.model_dump(mode="json") for name, who in bundle.project.people.items()}
    tables = {name: table.model_dump(mode="json") for name, table in bundle.tables.items()}
    return digest([bundle.fingerprints.agent, digest(world), digest(people), digest(tables)])


_scenario = compiled(Scenario)

__all__ = ["LoadedScenario", "LoadedSet", "keyed", "load_set"]
