"""`agentctl init`: a small project that `check` and `eval` pass at once."""

from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.new_project import start_project
from agentctl.cli.output import note, write_line
from agentctl.core.exits import ExitCode
from agentctl.core.text import count


def init_command(
    directory: Annotated[Path, typer.Argument(help="Where to put it; created if missing.")],
    agent: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Start your own agent instead of the library's desk."),
    ] = None,
) -> int:
    """Start a small working project: agent, tools, policy, golden set and a CI file.

    With `--agent NAME` the files carry that name and are meant to be adapted; in an existing
    project, only they are added.

    Existing files are never overwritten: if a file of the agent exists, nothing is written at all.
    """
    project = start_project(directory, agent)
    for path in project.files:
        write_line(f"{path}")
    if project.requirement is not None:
        note(f"the CI file installs `{project.requirement}`; edit it to install from elsewhere")
    if project.repository is not None:
        note(
            f"note: GitHub reads workflows at the root of a repository: move the CI file to"
            f" {project.repository / '.github/workflows'} and set its working-directory"
        )
    following = "agentctl check && agentctl eval"
    if directory.resolve() != Path.cwd():
        following = f"cd {directory} && {following}"
    write_line(f"wrote {count(len(project.files), 'file')}. Next: {following}")
    return ExitCode.OK


__all__ = ["init_command"]
