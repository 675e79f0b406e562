"""Play and score single trials: one bench a golden set and process.

Whatever goes wrong around a trial makes it inconclusive, with the reason; only a wrong golden set
ends the whole evaluation.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from agentctl.core.errors import Problem
from agentctl.evals.judge import Judge
from agentctl.evals.reasons import Reason
from agentctl.evals.scorers import load_scorers
from agentctl.evals.scoring import TrialRow, score_trial
from agentctl.evals.voices import Studio, Voice, Voices
from agentctl.models.port import Model
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import Kind, Trial, play_trial
from agentctl.specs.golden import Scenario, Stamp
from agentctl.specs.sets import LoadedSet
from agentctl.specs.turns import Recording
from agentctl.traces.chain import chain_lines

Keep = Literal["failed", "all", "none"]
"""Which trials' traces are kept; `failed` = all that did not pass."""


class Task(NamedTuple):
    """One scenario to play: once with its own turns, or once for each recording or trial."""

    scenario: Scenario
    recordings: tuple[Recording, ...] = ()
    voice: Voice = "turns"
    trials: tuple[int, ...] = (1,)
    """Which attempts, where the model's words come from elsewhere than from turns."""


class Played(NamedTuple):
    """What is kept of one task."""

    rows: tuple[TrialRow, ...]
    trace: str
    """Chained lines of the trials that are kept, or nothing."""


class Bench:
    """Everything compiled that the trials of one set share.

    Args:
        loaded: The set.
        keep: Which traces to keep.
        stamp: What its turns count as made for; left out = what the set says.
        studio: Where the words of a model come from besides turns.

    Raises:
        Problem: If the agent cannot be run or a scorer does not exist.
    """

    def __init__(
        self,
        loaded: LoadedSet,
        keep: Keep = "failed",
        stamp: Stamp | None = None,
        studio: Studio | None = None,
    ) -> None:
        studio = studio or Studio()
        self._loaded = loaded
        self._keep = keep
        self._harness = Harness(loaded.bundle, studio.model)
        self._voices = Voices(self._harness, studio)
        self._judge = Judge(
            self._harness,
            loaded.tables,
            loaded.head.now,
            stamp or loaded.head.made_for,
            load_scorers(loaded.head.scorers),
        )

    def play(self, task: Task) -> Played:
        """Play all trials of a task.

        Raises:
            Problem: If the golden set is wrong.
        """
        rows: list[TrialRow] = []
        kept: list[str] = []
        for row, trial in self._trials(task):
            rows.append(row)
            if trial is not None and self._keeps(row):
                run_id = f"{self._loaded.name}/{trial.scenario_id}#{trial.number}"
                kept += chain_lines(run_id, trial.events)
        return Played(tuple(rows), "".join(kept))

    def _trials(self, task: Task) -> Iterator[tuple[TrialRow, Trial | None]]:
        scenario, voices = task.scenario, self._voices
        if task.voice == "turns":
            for recording in task.recordings or (None,):
                number = recording.trial if recording else 1
                kind: Kind = "recorded" if recording else "written"
                yield self._trial(scenario, number, kind, recording)
            return
        for number in task.trials:
            match task.voice:
                case "cassette":
                    tape = voices.taped(scenario.id, number)
                    yield self._trial(scenario, number, "cassette", model=tape)
                case "live":
                    yield self._trial(scenario, number, "live", model=voices.asked())
                case "record":
                    yield self._recorded(scenario, number)

    def _recorded(self, scenario: Scenario, number: int) -> tuple[TrialRow, Trial | None]:
        """Play a trial from the cassette; where that does not do, ask the model and keep it."""
        tape = self._voices.taped(scenario.id, number)
        row, trial = self._trial(scenario, number, "cassette", model=tape)
        if trial is None or trial.model_fault is None:
            return row, trial
        recorder = self._voices.recorder(scenario.id, number)
        row, trial = self._trial(scenario, number, "live", model=recorder)
        if trial is not None and trial.model_fault is None:
            self._voices.keep(scenario.id, number, recorder)
        return row, trial

    def _keeps(self, row: TrialRow) -> bool:
        return self._keep == "all" or (self._keep == "failed" and row.status != "passed")

    def _trial(
        self,
        scenario: Scenario,
        number: int,
        kind: Kind,
        recording: Recording | None = None,
        model: Model | None = None,
    ) -> tuple[TrialRow, Trial | None]:
        try:
            trial = play_trial(
                self._harness,
                scenario,
                self._loaded.tables,
                set_name=self._loaded.name,
                now=self._loaded.head.now,
                number=number,
                recording=recording,
                model=model,
                kind=kind,
            )
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - a mock may be a stranger's code
            return self._crashed(scenario, number, kind, error), None
        if trial.events and trial.events[-1].body.get("stop") == "interrupted":
            # The loop ends a run in good order on Ctrl-C; here it ends the whole evaluation.
            raise KeyboardInterrupt
        return score_trial(trial, scenario, self._judge), trial

    def _crashed(self, scenario: Scenario, number: int, kind: Kind, error: Exception) -> TrialRow:
        reason = Reason("fault", f"the trial broke: {type(error).__name__}: {error}")
        return TrialRow(
            scenario=scenario.id,
            trial=number,
            mode=kind,
            model=self._harness.model_name,
            status="inconclusive",
            freshness="not_stamped",
            stop=None,
            checks={},
            reasons=(reason,),
            notes=(),
            breaches=0,
            escalation=None,
            offered=False,
            resolved=False,
            cost_usd="0",
            cost_status="ok",
            tokens=(0, 0),
            model_calls=0,
            duration_s="0.000",
            calls=None,
        )


__all__ = ["Bench", "Keep", "Played", "Task"]
