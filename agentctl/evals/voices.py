"""Who takes the model's part in a trial when the set's own turns do not: a cassette, or a model.

A trial that is recorded asks only for what its cassette does not hold.
"""

import os
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from agentctl.evals.cassettes import Cassette, cassette_of, read_cassette
from agentctl.models.cassette import CassetteModel, Exchange, Renderer
from agentctl.models.keys import secrets_in
from agentctl.models.port import Model
from agentctl.runtime.harness import Harness
from agentctl.specs.sets import LoadedSet

Voice = Literal["turns", "cassette", "live", "record"]
"""`turns` are the set's own, or those of a file of recordings."""
Keeper = Callable[[str, int, Sequence[Exchange]], None]
"""Keeps a recorded trial: scenario, number, what was asked and answered."""


class Studio(NamedTuple):
    """Where the words of a model come from besides turns."""

    model: str | None = None
    """The model that is played or asked; left out = the spec's."""
    cassette: Cassette | None = None
    """What was recorded."""
    anew: bool = False
    """What was recorded is asked for again."""
    live: Callable[[], Model] | None = None
    """Makes a model that can be asked."""
    keep: Keeper | None = None
    in_flight: int = 1
    """Trials that may wait for the model at the same time."""
    trials: int | None = None
    """Attempts at each scenario; left out = as many as are recorded, and at least one."""


class Voices:
    """Makes the models of the trials of one set.

    Args:
        harness: The agent.
        studio: What there is.
    """

    def __init__(self, harness: Harness, studio: Studio) -> None:
        spec = harness.agent.model
        self.studio = studio
        self._render = Renderer(spec, harness.model_name, secrets_in(os.environ))

    def taped(self, scenario: str, trial: int) -> CassetteModel:
        """Return a model that says what was recorded, and nothing else."""
        return CassetteModel(self._render, scenario, trial, self._recorded(scenario, trial))

    def asked(self) -> Model:
        """Return a model that is really asked."""
        assert self.studio.live is not None
        return self.studio.live()

    def recorder(self, scenario: str, trial: int) -> CassetteModel:
        """Return a model that is asked for what was not recorded, and keeps all of it."""
        known = self._recorded(scenario, trial)
        return CassetteModel(self._render, scenario, trial, known, self.asked())

    def keep(self, scenario: str, trial: int, recorder: CassetteModel) -> None:
        """Keep what a recorder was told."""
        if self.studio.keep is not None and recorder.exchanges:
            self.studio.keep(scenario, trial, recorder.exchanges)

    def _recorded(self, scenario: str, trial: int) -> Sequence[Exchange]:
        cassette = None if self.studio.anew else self.studio.cassette
        return cassette.exchanges(scenario, trial) if cassette is not None else ()


def first_take(loaded: LoadedSet, harness: Harness, scenario: str) -> CassetteModel | None:
    """Return a model that says what was recorded of a scenario at its first trial, if anything was.

    Raises:
        Problem: If the cassette cannot be read.
    """
    path = cassette_of(loaded)
    cassette = read_cassette(path) if path.is_file() else Cassette()
    trials = cassette.trials(scenario)
    return Voices(harness, Studio(None, cassette)).taped(scenario, trials[0]) if trials else None


__all__ = ["Keeper", "Studio", "Voice", "Voices", "first_take"]
