"""Where a command may write what a user asks for: never over what the project is made of."""

from collections.abc import Iterable
from pathlib import Path

from agentctl.core.errors import problem
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import YAML_SUFFIXES, shown_path, state_folder

REPORT_FOLDER = "reports"
"""The folder of the project's state that reports may be kept in."""


def check_output(project: Project, path: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse a folder, and a file that a command of this project reads.

    Args:
        project: Its agents, tools, golden sets, settings and state are never written over.
        path: Where something is to be written.
        inputs: What this command reads besides.

    Raises:
        Problem: Saying why.
    """
    if path.is_dir():
        raise _refused(path, "it is a folder")
    if not path.is_file():
        return
    target = path.resolve()
    state = state_folder(project.root).resolve()
    own = (project.agents, project.tools, project.golden_sets)
    if target.is_relative_to(state) and not target.is_relative_to(state / REPORT_FOLDER):
        raise _refused(path, "it holds state of the project")
    if target.suffix in YAML_SUFFIXES or any(target.is_relative_to(f.resolve()) for f in own):
        raise _refused(path, "it is one of the files that agentctl reads")
    if any(given.is_file() and target.samefile(given) for given in inputs):
        raise _refused(path, "this command reads it")


def check_outputs(project: Project, paths: Iterable[Path], inputs: Iterable[Path] = ()) -> None:
    """Refuse files as `check_output` does, in folders that do not exist, and one file twice.

    Raises:
        Problem: Naming the first of them.
    """
    taken: set[Path] = set()
    inputs = tuple(inputs)
    for path in paths:
        check_output(project, path, inputs)
        if not path.parent.is_dir():
            raise _refused(path, "its folder does not exist")
        target = path.resolve()
        if target in taken:
            raise _refused(path, "another report goes into it")
        if path.is_file() or not path.exists():
            taken.add(target)


def _refused(path: Path, why: str) -> Exception:
    return problem("cannot-write", f"cannot write {shown_path(path)}: {why}")


__all__ = ["REPORT_FOLDER", "check_output", "check_outputs"]
