"""Where the public recordings are, and what converting any of them shares."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

VARIABLE = "AGENTCTL_RECORDINGS"
FILES = ("db.json", "scenarios.jsonl", "trajectories.jsonl")
Object = dict[str, Any]


class MissingRecordingsError(Exception):
    """The recordings are not on this machine."""


class Generated(NamedTuple):
    """The files of the generated golden set."""

    golden_set: Path
    recordings: Path


def source(name: str) -> Path:
    """Return the folder of the recordings of one domain.

    Args:
        name: `airline` or `crm`.

    Raises:
        MissingRecordingsError: If the environment names none, or files are missing in it.
    """
    folder = os.environ.get(VARIABLE)
    found = Path(folder or ".") / name
    if not folder or not all((found / file).is_file() for file in FILES):
        raise MissingRecordingsError(
            f"{VARIABLE} must name a folder with {name}/{{{','.join(FILES)}}}: recordings of"
            " WorkBench (github.com/olly-styles/WorkBench) in crm/ and of tau-bench"
            " (github.com/sierra-research/tau-bench) in airline/, both MIT-licensed. The format is"
            " in benchmarks/README.md."
        )
    return found


def lines(path: Path) -> Iterator[Object]:
    """Yield the objects of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write(path: Path, documents: list[Object]) -> None:
    """Write objects as JSON Lines; one alone is a YAML document too."""
    text = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
    path.write_text(text, encoding="utf-8")


def convert_command(
    name: str, convert: Callable[[Path, Path], tuple[Generated, list[Any]]], arguments: list[str]
) -> int:
    """Convert into the folder named on a command line."""
    if len(arguments) != 1:
        print(f"usage: python -m benchmarks.{name}.convert FOLDER", file=sys.stderr)
        return 2
    out = Path(arguments[0])
    try:
        folder = source(name)
    except MissingRecordingsError as error:
        print(f"error[no-recordings]: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    generated, runs = convert(folder, out)
    print(f"{len(runs)} runs: {generated.golden_set} and {generated.recordings}")
    return 0


__all__ = [
    "VARIABLE",
    "Generated",
    "MissingRecordingsError",
    "convert_command",
    "lines",
    "source",
    "write",
]
