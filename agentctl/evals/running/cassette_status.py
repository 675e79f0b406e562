"""How a cassette stands to its golden set: what is recorded, missing, stale and unused.

Every recording is played, offline, through the agent as it is now. So it is found at which turn the
agent would make another request; what follows that turn cannot be known without the model.
"""

from collections.abc import Mapping
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.evals.running.cassettes import Cassette, TrialKey
from agentctl.evals.running.turn_sources import ModelSource, TrialModels
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.golden import Scenario


class StaleRecording(NamedTuple):
    """One recorded trial whose requests are not those of the agent as it is now."""

    scenario: str
    trial: int
    why: str
    """Which turn makes another request, and where it differs."""


class EditedRecording(NamedTuple):
    """One recorded trial with answers that a person edited after they were recorded."""

    scenario: str
    trial: int
    turns: tuple[int, ...]


class CassetteStatus(NamedTuple):
    """The cassette of one golden set, held against the set."""

    name: str
    file: str
    """The cassette, as it is shown."""
    scenarios: int
    trials: int
    """Recorded attempts, of use or not."""
    recorded: int
    """Scenarios whose recordings all fit, or that ask no model."""
    missing: tuple[str, ...]
    """Scenarios that ask a model and have no recording."""
    stale: tuple[StaleRecording, ...]
    unused: tuple[TrialKey, ...]
    """Recordings of scenarios that do not exist any more."""
    edited: tuple[EditedRecording, ...] = ()
    unverified: tuple[TrialKey, ...] = ()
    """Recordings without digests: whether they were edited is not known."""

    @property
    def sound(self) -> bool:
        """Whether every recording is of use."""
        return not (self.stale or self.unused)

    def as_json(self) -> dict[str, Json]:
        """Return the standing as reports hold it."""
        return {
            "set": self.name,
            "cassette": self.file,
            "scenarios": self.scenarios,
            "trials": self.trials,
            "recorded": self.recorded,
            "missing": list(self.missing),
            "stale": [one._asdict() for one in self.stale],
            "unused": [{"scenario": name, "trial": trial} for name, trial in self.unused],
            "edited": [{**one._asdict(), "turns": list(one.turns)} for one in self.edited],
            "unverified": [{"scenario": name, "trial": trial} for name, trial in self.unverified],
        }


def cassette_status(
    loaded: LoadedSet, cassette: Cassette, file: str, model: str | None = None
) -> CassetteStatus:
    """Hold a cassette against its set.

    Args:
        loaded: The set.
        cassette: Its cassette; an empty one where there is none.
        file: The cassette's file, as it is shown.
        model: The model that was recorded; left out = the spec's.

    Raises:
        Problem: If the agent cannot be run.
    """
    harness = Harness(loaded.bundle, model)
    trial_models = TrialModels(harness, ModelSource(model, cassette))
    recorded, missing, stale = 0, [], []
    for entry in loaded.scenarios():
        scenario = entry.scenario
        trials = cassette.trials(scenario.id)
        missed = _missed(loaded, harness, trial_models, scenario, trials or (1,))
        if not missed:
            recorded += 1
        elif not trials:
            missing.append(scenario.id)
        else:
            stale += [StaleRecording(scenario.id, trial, why) for trial, why in missed.items()]
    known = frozenset(loaded.ids())
    tapes = [(key, trial_models.cassette_model(*key)) for key in cassette]
    return CassetteStatus(
        name=loaded.name,
        file=file,
        scenarios=len(loaded),
        trials=len(cassette),
        recorded=recorded,
        missing=tuple(missing),
        stale=tuple(stale),
        unused=tuple(trial for trial in cassette if trial[0] not in known),
        edited=tuple(EditedRecording(*key, tape.edited) for key, tape in tapes if tape.edited),
        unverified=tuple(key for key, tape in tapes if tape.unverified),
    )


def _missed(
    loaded: LoadedSet,
    harness: Harness,
    trial_models: TrialModels,
    scenario: Scenario,
    trials: tuple[int, ...],
) -> Mapping[int, str]:
    """Return the trials that ask what was not recorded, and what that is."""
    found = {}
    for number in trials:
        trial = play_trial(
            harness,
            scenario,
            loaded.tables,
            set_name=loaded.name,
            now=loaded.head.now,
            number=number,
            model=trial_models.cassette_model(scenario.id, number),
            kind="cassette",
        )
        if trial.model_fault is not None:
            found[number] = trial.model_fault.message
    return found


__all__ = ["CassetteStatus", "EditedRecording", "StaleRecording", "cassette_status"]
