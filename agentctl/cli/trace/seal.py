"""`agentctl trace audit seal`: seal runs that ended and were not, such as one killed at its end."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from agentctl.cli.here import root_here
from agentctl.cli.output import note, write_line
from agentctl.core.clock import stamp
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.traces.audit.project import reseal, verify_project
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import find, journal_file


def seal_command(
    references: Annotated[
        list[str] | None, typer.Argument(help="Runs; none = all that ended unsealed.")
    ] = None,
) -> int:
    """Seal runs that ended and that the journal does not know.

    What happened to them before this moment is not proven by the seal: look at them first.
    """
    root = root_here()
    audit = verify_project(root)
    if audit.tampered or audit.contradictions:
        raise problem(
            "audit-damaged",
            "nothing is sealed while a trace or the journal is tampered with",
            hint="agentctl trace verify says what is wrong",
            exit_code=ExitCode.UNKNOWN,
        )
    reseal(root, stamp(datetime.now(UTC)))
    wanted = {find(root, reference)[0].stem for reference in references or audit.unsealed}
    sealed = [one.check for one in audit.checked if one.path.stem in wanted and one.check.ended]
    for check in sealed:
        if check.run in audit.unsealed:
            seal = Seal(check.run, check.events, check.head)
            head = seal_run(journal_file(root), seal, stamp(datetime.now(UTC)))
            write_line(f"sealed {check.run}: {count(check.events, 'event')}, journal head {head}")
    if not audit.unsealed:
        note("every run that ended is sealed")
    return ExitCode.OK


__all__ = ["seal_command"]
