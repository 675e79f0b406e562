"""The Python interface of agentctl: what the commands do, as functions that return frozen data.

It follows semantic versioning: what stands in `__all__` changes incompatibly only with a new major
version. Nothing here prints; progress comes through callbacks. A request that cannot be served, or
files that are wrong, raise `Problem`, which carries one `Diagnostic` or more.

Importing this module loads what every function needs, about as much as `agentctl eval` does.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.app.checking.checking import CheckReport, check_files
from agentctl.app.evaluating.evaluation import (
    EvalRequest,
    Evaluation,
    SetProgress,
    evaluate_sets,
)
from agentctl.app.evaluating.turn_sources import TurnSourceOptions
from agentctl.app.observer import Observer, ignore
from agentctl.app.running.recipes import TaskOptions
from agentctl.app.running.replaying import ReplayedRun, replay_trace
from agentctl.app.running.runs import FinishedRun
from agentctl.app.running.task import run_task
from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Problem
from agentctl.core.events import Event
from agentctl.evals.results.gates import Verdict
from agentctl.evals.running.runner import SetResult
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import FailureReason, Score
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.loading.project import Project
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import find, read_events
from agentctl.traces.views.diff import TraceDiff, diff_events
from agentctl.traces.views.fold import Trajectory, fold


class RunTrace(NamedTuple):
    """One run or trial as its trace holds it."""

    run: str
    """The run's id; of a trial `set/scenario#n`."""
    events: tuple[Event, ...]
    trajectory: Trajectory
    """The events folded: calls, escalation, how it ended."""


def load_project(path: Path | str = ".") -> Project:
    """Return the project around a folder.

    Args:
        path: A folder of the project; its root is the nearest parent with `agentctl.yaml`, or with
            `agents/`.

    Raises:
        Problem: If its `agentctl.yaml` is wrong.
    """
    return Project.find(Path(path))


def check(path: Path | str = ".", files: Sequence[Path] = ()) -> CheckReport:
    """Check the YAML files of a project, as `agentctl check` does.

    Args:
        path: A folder of the project.
        files: Only these files or folders; none = all.

    Raises:
        Problem: If there is nothing to check. What is wrong with files is in the report.
    """
    return check_files(Path(path), files)


def evaluate(
    project: Project,
    golden_sets: Sequence[str] = (),
    *,
    select: Sequence[str] = (),
    traces: Path | None = None,
    jobs: int = 1,
    keep: KeptTraces = "failed",
    live: bool = False,
    model: str | None = None,
    trials: int | None = None,
    on_progress: Callable[[SetProgress], None] = ignore,
) -> Evaluation:
    """Evaluate golden sets, as `agentctl eval` does.

    Args:
        project: The project.
        golden_sets: Names or files; none = all.
        select: Only these scenarios: ids with `*`, or `tag:NAME`; none = all.
        traces: Recorded runs (JSON Lines) of one set, to score in place of its own turns.
        jobs: Processes.
        keep: The trials whose traces are kept: `failed`, `all` or `none`.
        live: Ask the model in place of recorded turns; tools stay mocked.
        model: The model to ask in place of the spec's; needs `live`.
        trials: Attempts at each scenario; needs `live`.
        on_progress: Called whenever a scenario or trial is done.

    Raises:
        Problem: If a set is wrong, or nothing is selected.
    """
    turns = TurnSourceOptions(live=live, model=model, trials=trials)
    request = EvalRequest(golden_sets, select, traces, jobs, keep, turns=turns)
    return evaluate_sets(project, request, on_progress=on_progress)


def run(
    project: Project,
    agent: str,
    task: str | dict[str, Json],
    *,
    model: str | None = None,
    turns: Sequence[Mapping[str, Json]] | None = None,
    world: str | None = None,
    acting_as: str | None = None,
    live: bool = False,
    environment: str | None = None,
    on_event: Callable[[Event], None] = ignore,
) -> FinishedRun:
    """Run an agent on one task, as `agentctl run` does; calls that ask for approval are declined.

    Args:
        project: The project.
        agent: A name or a file.
        task: Words, or an event as a mapping.
        model: The model to ask in place of the spec's.
        turns: What the model says, as `turns:` of a golden set; then no model is asked.
        world: The golden set whose mock world is used; left out = one of the agent.
        acting_as: `ROLE:ID`; left out = the principal of that golden set, else this user.
        live: Call live tools in place of mocks.
        environment: `staging` or `production`, where the project has environments.
        on_event: Called with each event after it was recorded.

    Raises:
        Problem: If something that is named does not exist, or the model cannot be asked.
    """
    asked = TaskOptions(agent, model, world, acting_as, live, environment)
    return run_task(project, asked, task, turns, Observer(event=on_event))


def replay(project: Project, run: str) -> ReplayedRun:
    """Play one kept trace again on mocks, with what the model and people said, and compare.

    Args:
        project: The project.
        run: As for `read_trace`.

    Raises:
        Problem: If there is no such trace, it keeps no content, or its tools were live.
    """
    return replay_trace(project, run)


def read_trace(project: Project, run: str) -> RunTrace:
    """Read the trace of one run or trial.

    Args:
        project: The project.
        run: The run's id or the start of it, `latest`, a file, or `set/scenario` for a trial of the
            last evaluation.

    Raises:
        Problem: If there is no such trace, or it is damaged.
    """
    run_id, events = read_events(*find(project.root, run))
    return RunTrace(run_id, tuple(events), fold(events))


def diff(left: RunTrace, right: RunTrace) -> TraceDiff:
    """Compare two runs; ids, times and hashes do not count.

    Raises:
        Problem: If a trace keeps only hashes of its content.
    """
    for one in (left, right):
        require_content(one.run, one.events, "compared")
    return diff_events(left.events, right.events)


__all__ = [
    "CheckReport",
    "Diagnostic",
    "Evaluation",
    "Event",
    "Evidence",
    "FailureReason",
    "FinishedRun",
    "Problem",
    "Project",
    "ReplayedRun",
    "RunTrace",
    "Score",
    "SetProgress",
    "SetResult",
    "TraceDiff",
    "Trajectory",
    "TrialRow",
    "Verdict",
    "check",
    "diff",
    "evaluate",
    "load_project",
    "read_trace",
    "replay",
    "run",
]
