"""Who takes the model's part in a trial when the set's own turns do not: a cassette, or a model.

A trial that is recorded asks only for what its cassette does not hold.
"""

import os
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from agentctl.evals.running.cassettes import Cassette, cassette_of, read_cassette
from agentctl.models.cassette import CassetteModel, Exchange, Renderer
from agentctl.models.port import Model
from agentctl.models.provider.keys import secrets_in
from agentctl.runtime.harness import Harness
from agentctl.specs.loading.sets import LoadedSet

TurnSource = Literal["turns", "cassette", "live", "record"]
"""`turns` are the set's own, or those of a file of recordings."""
ExchangeKeeper = Callable[[str, int, Sequence[Exchange]], None]
"""Keeps a recorded trial: scenario, number, what was asked and answered."""


class ModelSource(NamedTuple):
    """Where the words of a model come from besides turns."""

    model: str | None = None
    """The model that is played or asked; left out = the spec's."""
    cassette: Cassette | None = None
    """What was recorded."""
    rerecord: bool = False
    """What was recorded is asked for again."""
    live: Callable[[], Model] | None = None
    """Makes a model that can be asked."""
    keep: ExchangeKeeper | None = None
    in_flight: int = 1
    """Trials that may wait for the model at the same time."""
    trials: int | None = None
    """Attempts at each scenario; left out = as many as are recorded, and at least one."""


class TrialModels:
    """Makes the models of the trials of one set.

    Args:
        harness: The agent.
        model_source: What there is.
    """

    def __init__(self, harness: Harness, model_source: ModelSource) -> None:
        spec = harness.agent.model
        self.model_source = model_source
        self._render = Renderer(spec, harness.model_name, secrets_in(os.environ))

    def cassette_model(self, scenario: str, trial: int) -> CassetteModel:
        """Return a model that says what was recorded, and nothing else."""
        return CassetteModel(self._render, scenario, trial, self._recorded(scenario, trial))

    def asked(self) -> Model:
        """Return a model that is really asked."""
        assert self.model_source.live is not None
        return self.model_source.live()

    def recorder(self, scenario: str, trial: int) -> CassetteModel:
        """Return a model that is asked for what was not recorded, and keeps all of it."""
        known = self._recorded(scenario, trial)
        return CassetteModel(self._render, scenario, trial, known, self.asked())

    def keep(self, scenario: str, trial: int, recorder: CassetteModel) -> None:
        """Keep what a recorder was told."""
        if self.model_source.keep is not None and recorder.exchanges:
            self.model_source.keep(scenario, trial, recorder.exchanges)

    def _recorded(self, scenario: str, trial: int) -> Sequence[Exchange]:
        cassette = None if self.model_source.rerecord else self.model_source.cassette
        return cassette.exchanges(scenario, trial) if cassette is not None else ()


def first_recording(loaded: LoadedSet, harness: Harness, scenario: str) -> CassetteModel | None:
    """Return a model that says what was recorded of a scenario at its first trial, if anything was.

    Raises:
        Problem: If the cassette cannot be read.
    """
    path = cassette_of(loaded)
    cassette = read_cassette(path) if path.is_file() else Cassette()
    trials = cassette.trials(scenario)
    return (
        TrialModels(harness, ModelSource(None, cassette)).cassette_model(scenario, trials[0])
        if trials
        else None
    )


__all__ = ["ExchangeKeeper", "ModelSource", "TrialModels", "TurnSource", "first_recording"]
