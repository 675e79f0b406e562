"""`agentctl init`: a small project that `check` and `eval` pass at once."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import write_line
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count


def init(
    directory: Annotated[Path, typer.Argument(help="Where to put it; made if missing.")],
) -> int:
    """Start a small working project: agent, tools, policy, golden set and a CI file.

    Existing files are never overwritten: if one of the project's files is there already, nothing is
    written at all.
    """
    template = {
        path: content
        for path, content in _files(files("agentctl") / "template", Path())
        if path.suffix != ".pyc"
    }
    taken = sorted(str(path) for path in template if (directory / path).exists())
    if taken:
        raise problem(
            "file-exists",
            f"{directory} has {', '.join(taken)} already; nothing was written",
            hint="name another folder",
        )
    for path, content in template.items():
        target = directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise problem("cannot-write", f"{target}: {error.strerror}") from error
    for path in sorted(template):
        write_line(f"{directory / path}")
    write_line(
        f"wrote {count(len(template), 'file')}. "
        f"Next: cd {directory} && agentctl check && agentctl eval"
    )
    return ExitCode.OK


def _files(folder: Traversable, below: Path) -> list[tuple[Path, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += _files(entry, below / entry.name)
        else:
            found.append((below / entry.name, entry.read_bytes()))
    return found


__all__ = ["init"]
