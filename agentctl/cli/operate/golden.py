"""`agentctl golden`: maintain the recordings of golden sets."""

from typing import Annotated

import typer

from agentctl.app.evaluating.cassettes import cassette_statuses
from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.golden import status_lines, way_out
from agentctl.core.exits import ExitCode
from agentctl.specs.loading.project import Project

SCHEMA_VERSION = "1"

golden_app = typer.Typer(help="Maintain golden sets.", no_args_is_help=True)


@golden_app.callback()
def golden() -> None:
    """Maintain golden sets."""


@golden_app.command("status")
def golden_status(
    golden_sets: Annotated[
        list[str] | None, typer.Argument(help="Golden sets: names or files; none = all.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that was recorded, if not the spec's.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove recordings of scenarios that are gone.")
    ] = False,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
) -> int:
    """Show what is recorded for each set, and what is missing, stale or unused; no model is asked.

    Each recording is played through the agent as it is now; what follows the first request
    that differs is not known. Exit codes: 0 every recording is usable, 1 some are stale or unused.
    """
    project = Project.find(root_here())
    found = list(cassette_statuses(project, golden_sets or (), model, prune=prune, on_note=note))
    records = [{"schema_version": SCHEMA_VERSION, **one.as_json()} for one in found]
    match shape:
        case "json":
            write_json({"schema_version": SCHEMA_VERSION, "sets": [s.as_json() for s in found]})
        case "jsonl":
            write_jsonl(records)
        case "text":
            for one in found:
                for line in status_lines(one):
                    write_line(line)
            write_line(way_out(found))
    return ExitCode.OK if all(one.sound for one in found) else ExitCode.NO


__all__ = ["golden_app"]
