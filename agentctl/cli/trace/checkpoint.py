"""`agentctl trace audit checkpoint`: sign the journal as it is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.output_files import check_output
from agentctl.cli.here import root_here
from agentctl.cli.output import note, write_line
from agentctl.core.clock import stamp
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path
from agentctl.traces.audit.checkpoints import checkpoints_file, write_checkpoint
from agentctl.traces.log.journal import read_journal
from agentctl.traces.log.store import journal_file


def checkpoint_command(
    key: Annotated[Path, typer.Option(metavar="FILE", help="Ed25519 private key (PEM).")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append here, not in the project.")
    ] = None,
) -> int:
    """Sign the journal's head, the number of its seals and the time with an Ed25519 key.

    Keep the checkpoint, or at least the private key, where the owner of the traces has no access:
    then the audit log up to this moment cannot be rewritten unnoticed.
    """
    project = Project.find(root_here())
    root = project.root
    if out is not None:
        check_output(project, out)
    path = out or checkpoints_file(root)
    made = write_checkpoint(path, key, read_journal(journal_file(root)), stamp(datetime.now(UTC)))
    write_line(f"signed {made.at}: {count(made.seals, 'seal')}, head {made.head}")
    note(f"Later: agentctl trace verify --checkpoint {shown_path(path)} --public-key FILE")
    return ExitCode.OK


__all__ = ["checkpoint_command"]
