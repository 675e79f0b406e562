"""Warnings about the environments of a project: what would lead a run to the wrong place."""

from collections.abc import Iterator
from pathlib import Path

from agentctl.core.errors import Diagnostic
from agentctl.core.files import is_file
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.project import ProjectSpec


def environment_warnings(project: ProjectSpec, source: Source, root: Path) -> Iterator[Diagnostic]:
    """Yield what is unwise in the environments of a project.

    Args:
        project: The project's settings.
        source: The file they stand in.
        root: What an `env_file` is relative to.
    """
    first: dict[tuple[str, str], str] = {}
    for name, environment in project.environments.items():
        here = ("environments", name)
        for variable, value in environment.variables.items():
            other = first.setdefault((variable, value), name)
            if other != name:
                yield Diagnostic(
                    "same-address",
                    f"{variable} is the same in {other} and in {name}",
                    source.at(*here, "variables", variable),
                    f"if it is an address, a run in {other} acts on {name}: give each its own;"
                    " what is the same everywhere belongs in the environment of the process",
                )
        file = environment.env_file
        if file is not None and not is_file(root / file):
            yield Diagnostic(
                "missing-env-file",
                f"{file} does not exist here, and a live run in {name} needs it",
                source.at(*here, "env_file"),
                "it is kept out of git; ask the people who run the agent for it",
            )


__all__ = ["environment_warnings"]
