"""Find a project and its files: by path, or by name in the folder for the kind."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentctl.core.errors import problem
from agentctl.core.files import is_file
from agentctl.core.text import did_you_mean

PROJECT_FILE = "agentctl.yaml"
CASSETTES = "cassettes"
"""The folder beside golden sets whose files are recorded turns, under the names of the sets."""
YAML_SUFFIXES = (".yaml", ".yml")
_KIND = re.compile(rb"^kind:[ \t]*[\"']?(\w+)", re.MULTILINE)
_NAMES = frozenset((b"Agent", b"GoldenSet", b"Policy", b"Project", b"ToolManifest", b"World"))


def find_root(start: Path) -> Path:
    """Return the nearest parent with `agentctl.yaml`, else with `agents/`, else `start`."""
    parents = (start, *start.parents)
    for marker in (PROJECT_FILE, "agents"):
        for folder in parents:
            if (folder / marker).exists():
                return folder
    return start


def state_folder(root: Path) -> Path:
    """Return where generated files go: `.agentctl` in the project, or `AGENTCTL_HOME`."""
    home = os.environ.get("AGENTCTL_HOME")
    return Path(home) if home else root / ".agentctl"


def shown_path(path: Path) -> str:
    """Write a path as people read it: relative to where they stand, if it is below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def files_in(folder: Path, suffixes: tuple[str, ...] = YAML_SUFFIXES) -> Iterator[Path]:
    """Yield the files of a folder and below it, in order of their names."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def may_be(path: Path, kind: str) -> bool:
    """Whether a file could be of this kind: it does not say that it is of another.

    Policies and worlds stand beside the agents and sets that use them, often under the same name.
    """
    if path.parent.name == CASSETTES:
        return False
    try:
        with path.open("rb") as file:
            said = _KIND.search(file.read(65_536))
    except OSError:
        return True
    return said is None or said.group(1) not in _NAMES - {kind.encode()}


def is_path(reference: str) -> bool:
    """Whether a reference is a path rather than a name."""
    return "/" in reference or os.sep in reference or Path(reference).suffix != ""


def resolve(
    reference: str,
    folder: Path,
    what: str,
    *,
    kind: str,
    beside: Path,
    suffixes: tuple[str, ...],
) -> Path:
    """Return the file that a reference means.

    Args:
        reference: A path (relative to `beside`), or a file's name without its ending.
        folder: Where names are looked for.
        what: What is looked for, for messages: `agent`, `golden set`.
        kind: The same as a file says it.
        beside: What relative paths start from.
        suffixes: Endings a file may have.

    Raises:
        Problem: If there is none, or there are two of one name.
    """
    if is_path(reference):
        path = beside / reference
        if is_file(path):
            return path
        raise problem("missing-file", f"no such {what}: {shown_path(path)}")
    files = [path for path in files_in(folder, suffixes) if may_be(path, kind)]
    candidates = [path for path in files if path.stem == reference]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = " and ".join(shown_path(path) for path in candidates)
        raise problem(
            "two-files",
            f"two files are the {what} `{reference}`: {names}",
            hint="rename one, or give the path",
        )
    stems = [path.stem for path in files]
    hint = did_you_mean(reference, stems)
    if hint is None:
        hint = (
            f"there are: {', '.join(stems)}" if stems else f"there is none in {shown_path(folder)}"
        )
    raise problem(f"unknown-{what.replace(' ', '-')}", f"no {what} `{reference}`", hint=hint)


__all__ = [
    "CASSETTES",
    "PROJECT_FILE",
    "YAML_SUFFIXES",
    "files_in",
    "find_root",
    "is_path",
    "may_be",
    "resolve",
    "shown_path",
    "state_folder",
]
