"""The project that a command is about: the one around the folder it is started in."""

from pathlib import Path

from agentctl.core.errors import problem
from agentctl.core.files import is_file
from agentctl.specs.reading.locate import PROJECT_FILE, find_root, state_folder
from agentctl.traces.log.store import find


def root_here() -> Path:
    """Return the root of the project around the current folder.

    Raises:
        Problem: If there is none: no settings, no agents, and nothing that a run left behind.
    """
    folder = Path.cwd()
    root = find_root(folder)
    if not any(
        path.exists() for path in (root / PROJECT_FILE, root / "agents", state_folder(root))
    ):
        raise problem(
            "no-project",
            f"no project in {folder} or a folder above: neither {PROJECT_FILE} nor agents/",
            hint="change to the folder of a project, or start one: `agentctl init DIR`",
        )
    return root


def trace_here(reference: str) -> tuple[Path, str | None]:
    """Return the file that a reference means, and the run in it (`None` = its only one).

    Args:
        reference: A file, wherever it is; or a run of the project around the current folder.

    Raises:
        Problem: If there is no such run, or no project.
    """
    if is_file(reference):
        return Path(reference), None
    return find(root_here(), reference)


__all__ = ["root_here", "trace_here"]
