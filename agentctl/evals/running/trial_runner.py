"""Play and score single trials: one bench a golden set and process.

Whatever goes wrong around a trial makes it inconclusive, with the reason; only a wrong golden set
ends the whole evaluation.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from agentctl.core.errors import Problem
from agentctl.evals.running.turn_sources import ModelSource, TrialModels, TurnSource
from agentctl.evals.scorers.context import ScoringContext
from agentctl.evals.scorers.reasons import FailureReason
from agentctl.evals.scorers.registry import scorer_table
from agentctl.evals.scorers.scoring import TrialRow, score_trial
from agentctl.models.cassette import CassetteModel
from agentctl.models.port import Model
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import ToolSource, Trial, TurnSourceKind, play_trial
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.golden import Scenario, Stamp
from agentctl.specs.shapes.turns import Recording
from agentctl.traces.log.chain import chain_lines

KeptTraces = Literal["failed", "all", "none"]
"""Which trials' traces are kept; `failed` = all that did not pass."""


class TrialTask(NamedTuple):
    """One scenario to play: once with its own turns, or once for each recording or trial."""

    scenario: Scenario
    recordings: tuple[Recording, ...] = ()
    turn_source: TurnSource = "turns"
    trials: tuple[int, ...] = (1,)
    """Which attempts, where the model's words come from elsewhere than from turns."""


class PlayedTrial(NamedTuple):
    """What is kept of one task."""

    rows: tuple[TrialRow, ...]
    trace: str
    """Chained lines of the trials that are kept, or nothing."""


class TrialRunner:
    """Everything compiled that the trials of one set share.

    Args:
        loaded: The set.
        keep: Which traces to keep.
        stamp: What its turns count as made for; left out = what the set says.
        model_source: Where the words of a model come from besides turns.
        tools: What answers reads.

    Raises:
        Problem: If the agent cannot be run or a scorer does not exist.
    """

    def __init__(
        self,
        loaded: LoadedSet,
        keep: KeptTraces = "failed",
        stamp: Stamp | None = None,
        model_source: ModelSource | None = None,
        tools: ToolSource = "world",
    ) -> None:
        self._tools: ToolSource = tools
        model_source = model_source or ModelSource()
        self._loaded = loaded
        self._keep = keep
        self._harness = Harness(loaded.bundle, model_source.model)
        self._trial_models = TrialModels(self._harness, model_source)
        self._context = ScoringContext(
            self._harness,
            loaded.tables,
            loaded.head.now,
            stamp or loaded.head.made_for,
            lambda scenario: f"{loaded.file}:{loaded.find(scenario).line}",
        )
        self._scorers = scorer_table(loaded.head.scorers)

    def play(self, task: TrialTask) -> PlayedTrial:
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
        return PlayedTrial(tuple(rows), "".join(kept))

    def _trials(self, task: TrialTask) -> Iterator[tuple[TrialRow, Trial | None]]:
        scenario, trial_models = task.scenario, self._trial_models
        if task.turn_source == "turns":
            for recording in task.recordings or (None,):
                number = recording.trial if recording else 1
                kind: TurnSourceKind = "recorded" if recording else "written"
                yield self._trial(scenario, number, kind, recording)
            return
        for number in task.trials:
            match task.turn_source:
                case "cassette":
                    tape = trial_models.cassette_model(scenario.id, number)
                    yield self._replayed(scenario, number, tape)
                case "live":
                    yield self._trial(scenario, number, "live", model=trial_models.asked())
                case "record":
                    yield self._recorded(scenario, number)

    def _replayed(
        self, scenario: Scenario, number: int, tape: CassetteModel
    ) -> tuple[TrialRow, Trial | None]:
        """Play a trial from the cassette, and note what of it is not known to be the model's."""
        row, trial = self._trial(scenario, number, tape.kind, model=tape)
        notes = [
            FailureReason("edited", f"turn {turn} of the recording was edited by hand")
            for turn in tape.edited
        ]
        if tape.unverified:
            why = "whether this recording was edited is not known: it has no digests"
            notes.append(FailureReason("unverified", why))
        return row._replace(notes=(*row.notes, *notes)), trial

    def _recorded(self, scenario: Scenario, number: int) -> tuple[TrialRow, Trial | None]:
        """Play a trial from the cassette; where that does not do, ask the model and keep it."""
        tape = self._trial_models.cassette_model(scenario.id, number)
        row, trial = self._replayed(scenario, number, tape)
        if trial is None or trial.model_fault is None:
            return row, trial
        recorder = self._trial_models.recorder(scenario.id, number)
        row, trial = self._trial(scenario, number, "live", model=recorder)
        if trial is not None and trial.model_fault is None:
            self._trial_models.keep(scenario.id, number, recorder)
        return row, trial

    def _keeps(self, row: TrialRow) -> bool:
        return self._keep == "all" or (self._keep == "failed" and row.status != "passed")

    def _trial(
        self,
        scenario: Scenario,
        number: int,
        kind: TurnSourceKind,
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
                tools=self._tools,
            )
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - a mock may be a stranger's code
            row = self._crashed(scenario, number, kind, error)
            if recording is not None:
                row = row._replace(model=recording.model or row.model, agent=recording.agent)
            return row, None
        if trial.events and trial.events[-1].body.get("stop") == "interrupted":
            # The loop ends a run in good order on Ctrl-C; here it ends the whole evaluation.
            raise KeyboardInterrupt
        return score_trial(trial, scenario, self._context, self._scorers), trial

    def _crashed(
        self, scenario: Scenario, number: int, kind: TurnSourceKind, error: Exception
    ) -> TrialRow:
        reason = FailureReason("fault", f"the trial failed: {type(error).__name__}: {error}")
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


__all__ = ["KeptTraces", "PlayedTrial", "TrialRunner", "TrialTask"]
