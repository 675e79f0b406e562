"""The status of the cassettes of golden sets, and pruning them: `agentctl golden status`."""

from collections.abc import Iterator, Sequence

from agentctl.app.evaluating.evaluation import load_golden_sets
from agentctl.app.evaluating.turn_sources import Note
from agentctl.core.text import count
from agentctl.evals.running.cassette_status import CassetteStatus, cassette_status
from agentctl.evals.running.cassettes import Cassette, cassette_of, read_cassette, write_cassette
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path


def cassette_statuses(
    project: Project,
    names: Sequence[str] = (),
    model: str | None = None,
    *,
    prune: bool = False,
    on_note: Note = lambda _: None,
) -> Iterator[CassetteStatus]:
    """Yield the status of the cassette of each golden set.

    Args:
        project: The project.
        names: Golden sets: names or files; none = all.
        model: The model that was recorded; left out = the spec's.
        prune: Remove recordings of scenarios that are gone.
        on_note: Called with what was removed.

    Raises:
        Problem: If a set or a cassette cannot be read.
    """
    for loaded in load_golden_sets(project, names):
        path = cassette_of(loaded)
        cassette = read_cassette(path) if path.is_file() else Cassette()
        found = cassette_status(loaded, cassette, shown_path(path), model)
        if prune and found.unused:
            for scenario, trial in found.unused:
                cassette.drop(scenario, trial)
            write_cassette(path, cassette, cassette.shared)
            on_note(f"removed from {found.file}: {count(len(found.unused), 'recording')}")
            found = found._replace(unused=())
        yield found


__all__ = ["cassette_statuses"]
