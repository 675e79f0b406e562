"""`agentctl init`: a small project that `check` and `eval` pass at once."""

from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.new_project import start_project
from agentctl.cli.output import write_line
from agentctl.core.exits import ExitCode
from agentctl.core.text import count


def init_command(
    directory: Annotated[Path, typer.Argument(help="Where to put it; made if missing.")],
) -> int:
    """Start a small working project: agent, tools, policy, golden set and a CI file.

    Existing files are never overwritten: if one of the project's files is there already, nothing is
    written at all.
    """
    written = start_project(directory)
    for path in written:
        write_line(f"{path}")
    write_line(
        f"wrote {count(len(written), 'file')}. "
        f"Next: cd {directory} && agentctl check && agentctl eval"
    )
    return ExitCode.OK


__all__ = ["init_command"]
