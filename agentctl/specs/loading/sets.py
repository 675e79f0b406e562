"""Load a golden set: its head, its world, and its scenarios one by one.

Scenarios are handed out as a stream, so that a set of thousands costs no more memory than one. A
set that was read and checked before comes from the cache, which is keyed by everything it was
checked against.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from agentctl.core.canonical import Json, NotCanonical, digest, parse_strict
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.scenarios import scenario_problems, world_problems
from agentctl.specs.reading.cache import SetCache
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.scenarios import expand
from agentctl.specs.reading.yaml import Source, read_text, read_yaml
from agentctl.specs.shapes.bundle import Bundle, WorldSnapshot
from agentctl.specs.shapes.golden import GoldenSet, Scenario, WorldSpec

T = TypeVar("T")
ScenarioPlace = tuple[Source, tuple[str | int, ...]]
"""A file, and where in it a scenario stands."""
MOST_PROBLEMS = 100


class LoadedScenario(NamedTuple):
    """One scenario and where it stands."""

    scenario: Scenario
    line: int


class _Row(NamedTuple):
    """One scenario as it is cached: expanded, checked, not yet a model."""

    line: int
    id: str
    text: str


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
    rows: Callable[[], Iterator[_Row]]
    size: int

    def __len__(self) -> int:
        return self.size

    def scenarios(self) -> Iterator[LoadedScenario]:
        """Yield the scenarios in the order of the file."""
        for row in self.rows():
            yield LoadedScenario(Scenario.model_validate_json(row.text), row.line)

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
                return LoadedScenario(Scenario.model_validate_json(row.text), row.line)
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
    text = read_text(path, file)
    cache = SetCache(state, path.stem)
    return _load_cached(path, file, text, agent, cache) or _load_fresh(
        path, file, text, agent, cache
    )


def _load_cached(
    path: Path, file: str, text: str, agent: Callable[[str, Path], Bundle], cache: SetCache
) -> LoadedSet | None:
    known = cache.find(text)
    if known is None:
        return None
    try:
        bundle = agent(known.head["agent"], path.parent)
        world = _world_text(known.head.get("world"), path)
    except Problem:
        # Told anew, with the place in the set.
        return None
    if not cache.fits(known, text, _checked_against(bundle, world)):
        return None
    head = GoldenSet.model_validate({**known.head, "scenarios": []})
    rows, tables = _cached_rows(known.rows), WorldSnapshot(known.tables)
    return LoadedSet(head, head.name or path.stem, path, file, bundle, tables, rows, known.size)


def _load_fresh(
    path: Path, file: str, text: str, agent: Callable[[str, Path], Bundle], cache: SetCache
) -> LoadedSet:
    source, places = _read(path, file, text)
    if not isinstance(source.data, dict):
        raise problem("wrong-type", "a golden set is a mapping", at=source.at())
    raw = source.data.get("scenarios")
    if not isinstance(raw, list):
        decode(GoldenSet, source.data, source)
        raise AssertionError("decode refuses a set without a list of scenarios")
    bare = {key: value for key, value in source.data.items() if key != "scenarios"}
    head = decode(GoldenSet, {**bare, "scenarios": []}, source)
    found: list[Diagnostic] = []
    bundle = _tried(found, lambda: agent(head.agent, path.parent), source.at("agent"))
    world = _tried(found, lambda: _world_text(head.world, path), source.at("world"))
    tables = WorldSnapshot({})
    if bundle is not None and world is not None:
        tables = _tried(found, lambda: _world(head, path, bundle), source.at("world")) or tables
    rows = list(_rows(head, raw, places, bundle, found))
    if not raw:
        found.append(Diagnostic("no-scenarios", "the set has no scenario", source.at("scenarios")))
    if found or bundle is None or world is None:
        raise Problem(*found)
    head_data = {key: value for key, value in bare.items() if key not in ("defaults", "templates")}
    head_data["defaults"] = {
        key: value for key, value in (bare.get("defaults") or {}).items() if key == "principal"
    }
    cache.store(text, _checked_against(bundle, world), head_data, tables.records, rows)
    name = head.name or path.stem
    return LoadedSet(head, name, path, file, bundle, tables, lambda: iter(rows), len(rows))


def _rows(
    head: GoldenSet,
    raw: list[Json],
    places: Callable[[int], ScenarioPlace],
    bundle: Bundle | None,
    found: list[Diagnostic],
) -> Iterator[_Row]:
    """Yield the scenarios that are sound, and add what is wrong with the others to `found`."""
    first: dict[str, int] = {}
    for index, item in enumerate(raw):
        own, at = places(index)
        try:
            expanded = expand(head, item, own, at)
            scenario = decode(Scenario, expanded, own, at)
        except Problem as met:
            found += met.diagnostics
            continue
        line = own.at(*at).line
        if scenario.id in first:
            message = f"scenario `{scenario.id}` stands twice, first in line {first[scenario.id]}"
            where = own.at(*at, "id")
            found.append(Diagnostic("duplicate-scenario", message, where, "rename one"))
        first.setdefault(scenario.id, line)
        if bundle is not None:
            found += scenario_problems(scenario, own, at, bundle)
        # In the order and with the numbers of the file: a world's records have an order, and CEL
        # tells 20.0 from 20.
        yield _Row(line, scenario.id, _compact(expanded))
        if len(found) >= MOST_PROBLEMS:
            break


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(path: Path, file: str, text: str) -> tuple[Source, Callable[[int], ScenarioPlace]]:
    """Return the set as data, and where its nth scenario stands."""
    if path.suffix != ".jsonl":
        source = read_yaml(path, file)
        return source, lambda index: (source, ("scenarios", index))
    # Not `splitlines`: JSON text may hold line separators other than the newline.
    lines = text.split("\n")
    parsed = [(_json_line(line, file, n), n) for n, line in enumerate(lines, 1) if line.strip()]
    if not parsed:
        raise problem("empty-file", "the file holds nothing", at=Location(file, 1))
    (head, first), *rest = parsed
    if not isinstance(head, dict):
        raise problem("wrong-type", "the first line is the head", at=Location(file, 1))
    source = Source(file, {**head, "scenarios": [row for row, _ in rest]}, lines)
    source.values[()] = (first, 1, 1)

    def place(index: int) -> ScenarioPlace:
        row, number = rest[index]
        return Source(file, row, lines, {(): (number, 1, len(lines[number - 1]))}), ()

    return source, place


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
    if not world.is_file():
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


def _cached_rows(
    rows: Callable[[], Iterator[tuple[int, str, str]]],
) -> Callable[[], Iterator[_Row]]:
    return lambda: (_Row(*row) for row in rows())


__all__ = ["LoadedScenario", "LoadedSet", "keyed", "load_set"]
