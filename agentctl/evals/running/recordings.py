"""Gather recorded runs by scenario: each is validated, numbered, and held to its set.

A run that cannot be read ends the command with its place; a trial that stands twice does too, or
one answer would be counted as two.
"""

from collections.abc import Collection, Mapping

from pydantic import ValidationError

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.text import did_you_mean
from agentctl.specs.reading.compiled import compiled, normalised
from agentctl.specs.shapes.turns import Recording

MOST_PROBLEMS = 20
"""Problems shown of recorded runs."""
_compiled = compiled(Recording)
"""The form that is quick to play and quick to send to another process."""
_Played = tuple[str, str | None, str | None, int]
"""Scenario, agent, model and number of a trial."""


class RecordingCollector:
    """The recordings found so far, and what is wrong with others.

    Args:
        scenarios: The ids that exist in the golden set.
    """

    def __init__(self, scenarios: Collection[str]) -> None:
        self.wrong: list[Diagnostic] = []
        self._scenarios = frozenset(scenarios)
        self._found: dict[str, dict[int, Recording]] = {}
        self._seen: dict[_Played, Location] = {}

    @property
    def full(self) -> bool:
        """Whether there are as many problems as are shown."""
        return len(self.wrong) >= MOST_PROBLEMS

    def add(self, data: Json, at: Location) -> None:
        """Keep one recording.

        A trial without a number gets the next one of its scenario; so does one whose number was
        given to another agent or model before.

        Args:
            data: What it says, in the shape of `Recording`.
            at: Where it stands.
        """
        try:
            recording = Recording.model_validate(data)
        except ValidationError as error:
            self.wrong.extend(explained(error, at))
            return
        name, trial = recording.scenario, recording.trial
        if name not in self._scenarios:
            message = f"the golden set has no scenario `{name}`"
            hint = did_you_mean(name, sorted(self._scenarios))
            self.wrong.append(Diagnostic("unknown-scenario", message, at, hint))
            return
        trials = self._found.setdefault(name, {})
        key = (name, recording.agent, recording.model, trial)
        if "trial" not in recording.model_fields_set:
            trial = _free(trials)
        elif key in self._seen:
            before = self._seen[key]
            where = f"on line {before.line}" if before.file == at.file else f"in {before}"
            message = f"trial {trial} of `{name}` is already {where}"
            hint = "number the trials from 1, or leave `trial` out"
            self.wrong.append(Diagnostic("repeated-trial", message, at, hint))
            return
        else:
            self._seen[key] = at
            trial = _free(trials) if trial in trials else trial
        if trial != recording.trial:
            recording = recording.model_copy(update={"trial": trial})
        trials[trial] = _compiled(normalised(recording))

    def recordings(self, shown: str) -> Mapping[str, list[Recording]]:
        """Return the recordings by scenario, each scenario's in order of its trials.

        Args:
            shown: Name of the file or folder in messages.

        Raises:
            Problem: Everything that is wrong, or that there is nothing.
        """
        if self.wrong:
            raise Problem(*self.wrong[:MOST_PROBLEMS])
        if not self._found:
            raise problem("no-recordings", f"no recording in {shown}", at=Location(shown, 1))
        return {
            name: [trials[number] for number in sorted(trials)]
            for name, trials in self._found.items()
        }


def _free(trials: Collection[int]) -> int:
    return max(trials, default=0) + 1


def explained(error: ValidationError, at: Location) -> list[Diagnostic]:
    """Return what a line of recorded turns breaks of its shape."""
    found = []
    for part in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(step) for step in part["loc"])
        said = part["msg"].removeprefix("Value error, ")
        found.append(Diagnostic("bad-recording", f"{where}: {said}" if where else said, at))
    return found


__all__ = ["MOST_PROBLEMS", "RecordingCollector", "explained"]
