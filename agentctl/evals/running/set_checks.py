"""What of a golden set evaluation alone can check: its gates and its scorers, by name."""

from collections.abc import Iterator
from dataclasses import replace

from agentctl.core.errors import Diagnostic, Location, Problem
from agentctl.evals.results.gates import gate_problems
from agentctl.evals.scorers.registry import find_scorers
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import YAML_SUFFIXES
from agentctl.specs.reading.yaml import read_yaml


def set_problems(loaded: LoadedSet) -> Iterator[Diagnostic]:
    """Yield what is wrong with the gates and scorers of a set; no scorer is loaded."""
    for path, found in gate_problems(loaded.head.gates):
        yield replace(found, location=_place(loaded, "gates", *path))
    for number, name in enumerate(loaded.head.scorers):
        try:
            find_scorers([name])
        except Problem as met:
            for found in met.diagnostics:
                yield replace(found, location=_place(loaded, "scorers", number))


def _place(loaded: LoadedSet, *path: str | int) -> Location:
    """Return where a key of the set's head stands; of a gate or a list's item, the name."""
    if loaded.path.suffix not in YAML_SUFFIXES:
        return loaded.at(1)
    source = read_yaml(loaded.path, loaded.file)
    return source.key_at(*path) if len(path) == 2 else source.at(*path)


__all__ = ["set_problems"]
