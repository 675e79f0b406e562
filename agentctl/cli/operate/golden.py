"""`agentctl golden`: look after the recordings of golden sets."""

from pathlib import Path
from typing import Annotated

import typer

from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.golden import standing_lines, way_out
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count
from agentctl.evals.running.cassette_status import CassetteStatus, cassette_status
from agentctl.evals.running.cassettes import Cassette, cassette_of, read_cassette, write_cassette
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import shown_path

SCHEMA_VERSION = "1"

golden_app = typer.Typer(help="Look after golden sets.", no_args_is_help=True)


@golden_app.callback()
def golden() -> None:
    """Look after golden sets."""


@golden_app.command()
def status(
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
    """Say what is recorded of each set, what is missing, stale or unused. Nobody is asked.

    Each recording is played through the agent as it is now; what follows the first turn that asks
    otherwise cannot be known. Exit codes: 0 all recordings are of use, 1 some are stale or unused.
    """
    project = Project.find(Path.cwd())
    names = golden_sets or [str(path) for path in project.golden_set_files()]
    if not names:
        folder = project.spec.paths.golden_sets
        raise problem("no-golden-sets", f"there is no golden set in {folder}/")
    found = [_standing(project.golden_set(name), model, prune=prune) for name in names]
    records = [{"schema_version": SCHEMA_VERSION, **one.as_json()} for one in found]
    match shape:
        case "json":
            write_json({"schema_version": SCHEMA_VERSION, "sets": [s.as_json() for s in found]})
        case "jsonl":
            write_jsonl(records)
        case "text":
            for one in found:
                for line in standing_lines(one):
                    write_line(line)
            write_line(way_out(found))
    return ExitCode.OK if all(one.sound for one in found) else ExitCode.NO


def _standing(loaded: LoadedSet, model: str | None, *, prune: bool) -> CassetteStatus:
    path = cassette_of(loaded)
    cassette = read_cassette(path) if path.is_file() else Cassette()
    found = cassette_status(loaded, cassette, shown_path(path), model)
    if not prune or not found.unused:
        return found
    for scenario, trial in found.unused:
        cassette.drop(scenario, trial)
    write_cassette(path, cassette, cassette.shared)
    note(f"removed from {found.file}: {count(len(found.unused), 'recording')}")
    return found._replace(unused=())


__all__ = ["golden_app"]
