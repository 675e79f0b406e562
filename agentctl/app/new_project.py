"""Start a project from the templates that ship with the package.

`templates/common` is in every project. `library` is an example to try things on, `own` the start of
an agent of one's own: in its files and their names, NAME stands for the agent.
"""

import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from agentctl.app.checking.schemas import schema_of
from agentctl.app.installed import InstalledFrom, installed_from
from agentctl.core.errors import problem
from agentctl.specs.shapes.base import Name

WORKFLOW = Path(".github/workflows/agentctl.yml")
SCHEMAS = Path("schemas")
_KIND = re.compile(r"^kind: (\w+)$", re.M)


class NewProject(NamedTuple):
    """What was written."""

    files: tuple[Path, ...]
    requirement: str | None
    """What the CI file installs; `None` where no CI file was written."""
    repository: Path | None = None
    """The repository around the project, where its CI file has to be moved to."""


def start_project(
    directory: Path, agent: str | None = None, installed: InstalledFrom | None = None
) -> NewProject:
    """Write a small working project.

    Args:
        directory: Where to put it; made if missing.
        agent: Name of an agent to begin with, in place of the library's desk. In a project that
            exists, only the agent's files are written.
        installed: What the CI file installs; left out = what is running.

    Raises:
        Problem: If one of the files exists (then nothing is written), or cannot be written.
    """
    source = installed or installed_from()
    contents, own = _contents(agent, source.requirement)
    taken = sorted(str(path) for path in own if (directory / path).exists())
    if taken:
        hint = "name another folder, or add an agent of your own: agentctl init . --agent NAME"
        if agent is not None:
            hint = "choose another name"
        message = f"{directory} has {', '.join(taken)} already; nothing was written"
        raise problem("file-exists", message, hint=hint)
    contents = {path: text for path, text in contents.items() if not (directory / path).exists()}
    if WORKFLOW in contents and source.wheel is not None:
        contents[Path("vendor") / source.wheel.name] = source.wheel.read_bytes()
    for path, content in contents.items():
        target = directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise problem("cannot-write", f"{target}: {error.strerror}") from error
    written = tuple(directory / path for path in sorted(contents))
    if WORKFLOW not in contents:
        return NewProject(written, None)
    return NewProject(written, source.requirement, _repository_around(directory.resolve()))


def _contents(agent: str | None, requirement: str) -> tuple[dict[Path, bytes], set[Path]]:
    """Return the files of a new project, and which of them must not exist before.

    Those are all files; beside an agent of one's own, only the agent's.
    """
    if agent is not None:
        _check_name(agent)
    templates = files("agentctl") / "templates"
    found = [*_files(templates / "common", Path())]
    found += _files(templates / ("library" if agent is None else "own"), Path())
    contents: dict[Path, bytes] = {}
    own: set[Path] = set()
    for path, text in found:
        named = "NAME" in path.name
        text = text.replace("REQUIREMENT", requirement)
        if agent is not None:
            path = path.with_name(path.name.replace("NAME", agent))
            text = text.replace("NAME", agent).replace("IDENT", agent.replace("-", "_"))
        kind = _KIND.search(text)
        if kind is not None:
            schema = SCHEMAS / f"{kind[1]}.json"
            up = "../" * (len(path.parts) - 1)
            text = f"# yaml-language-server: $schema={up}{schema}\n{text}"
            contents[schema] = (json.dumps(schema_of(kind[1]), indent=2) + "\n").encode()
        contents[path] = text.encode()
        if agent is None or named:
            own.add(path)
    return contents, own


def _check_name(agent: str) -> None:
    try:
        TypeAdapter(Name).validate_python(agent)
    except ValidationError as error:
        hint = "use lower-case letters, digits, `-` and `_`, for example `my-agent`"
        raise problem("bad-name", f"`{agent}` cannot name an agent", hint=hint) from error


def _repository_around(folder: Path) -> Path | None:
    """Return the root of the git repository that a folder lies in, where it is not the root."""
    roots = (parent for parent in (folder, *folder.parents) if (parent / ".git").exists())
    root = next(roots, None)
    return root if root != folder else None


def _files(folder: Traversable, below: Path) -> list[tuple[Path, str]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, below / entry.name)
        else:
            found.append((below / entry.name, entry.read_text(encoding="utf-8")))
    return found


__all__ = ["NewProject", "start_project"]
