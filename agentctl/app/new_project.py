"""Start a project from the template that ships with the package."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from agentctl.core.errors import problem


def start_project(directory: Path) -> list[Path]:
    """Write a small working project; return its files.

    Args:
        directory: Where to put it; made if missing.

    Raises:
        Problem: If one of the files exists (then nothing is written), or cannot be written.
    """
    template = dict(_files(files("agentctl") / "template", Path()))
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
    return [directory / path for path in sorted(template)]


def _files(folder: Traversable, below: Path) -> list[tuple[Path, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += _files(entry, below / entry.name)
        elif not entry.name.endswith(".pyc"):
            found.append((below / entry.name, entry.read_bytes()))
    return found


__all__ = ["start_project"]
