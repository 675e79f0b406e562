"""Play and score single trials: one bench a golden set and process.

Whatever goes wrong around a trial makes it inconclusive, with the reason; only a wrong golden set
ends the whole evaluation.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from agentctl.core.errors import Problem
from agentctl.evals.judge import Judge
from agentctl.evals.reasons import Reason
from agentctl.evals.scorers import load_scorers
from agentctl.evals.scoring import TrialRow, score_trial
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import Trial, play_trial
from agentctl.specs.golden import Scenario, Stamp
from agentctl.specs.sets import LoadedSet
from agentctl.specs.turns import Recording
from agentctl.traces.chain import chain_lines

Keep = Literal["failed", "all", "none"]
"""Which trials' traces are kept; `failed` = all that did not pass."""


class Task(NamedTuple):
    """One scenario to play: once with its own turns, or once for each recording."""

    scenario: Scenario
    recordings: tuple[Recording, ...] = ()


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

    Raises:
        Problem: If the agent cannot be run or a scorer does not exist.
    """

    def __init__(
        self, loaded: LoadedSet, keep: Keep = "failed", stamp: Stamp | None = None
    ) -> None:
        self._loaded = loaded
        self._keep = keep
        self._harness = Harness(loaded.bundle)
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
        given: Sequence[Recording | None] = task.recordings or (None,)
        rows: list[TrialRow] = []
        kept: list[str] = []
        for recording in given:
            row, trial = self._trial(task.scenario, recording)
            rows.append(row)
            if trial is not None and self._keeps(row):
                run_id = f"{self._loaded.name}/{trial.scenario_id}#{trial.number}"
                kept += chain_lines(run_id, trial.events)
        return Played(tuple(rows), "".join(kept))

    def _keeps(self, row: TrialRow) -> bool:
        return self._keep == "all" or (self._keep == "failed" and row.status != "passed")

    def _trial(
        self, scenario: Scenario, recording: Recording | None
    ) -> tuple[TrialRow, Trial | None]:
        try:
            trial = play_trial(
                self._harness,
                scenario,
                self._loaded.tables,
                set_name=self._loaded.name,
                now=self._loaded.head.now,
                number=recording.trial if recording else 1,
                recording=recording,
            )
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - a mock may be a stranger's code
            return self._crashed(scenario, recording, error), None
        if trial.events and trial.events[-1].body.get("stop") == "interrupted":
            # The loop ends a run in good order on Ctrl-C; here it ends the whole evaluation.
            raise KeyboardInterrupt
        return score_trial(trial, scenario, self._judge), trial

    def _crashed(
        self, scenario: Scenario, recording: Recording | None, error: Exception
    ) -> TrialRow:
        reason = Reason("fault", f"the trial broke: {type(error).__name__}: {error}")
        return TrialRow(
            scenario=scenario.id,
            trial=recording.trial if recording else 1,
            mode="recorded" if recording else "written",
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
