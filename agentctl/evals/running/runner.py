"""Play a golden set, in one process or several, and keep only rows.

Scenarios are streamed and never gathered; rows come back in the order of the file whatever the
number of processes, and are then sorted by scenario, so that neither shows in a report.
"""

import gc
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

from agentctl.core.concurrency import interrupts_held
from agentctl.core.errors import Diagnostic, Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.evals.results.figures import Summary, summarise
from agentctl.evals.results.gates import Verdict
from agentctl.evals.results.populations import Population, decide_all_gates, populations
from agentctl.evals.running.in_flight import UnlockedModel, in_flight
from agentctl.evals.running.selection import ScenarioSelection
from agentctl.evals.running.set_checks import set_problems
from agentctl.evals.running.trial_runner import KeptTraces, PlayedTrial, TrialRunner, TrialTask
from agentctl.evals.running.turn_sources import ModelSource, TurnSource
from agentctl.evals.running.unchecked import unchecked
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.runtime.trial import ToolSource
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.golden import Scenario, Stamp
from agentctl.specs.shapes.turns import Recording

CHUNK = 20
"""Scenarios that one process plays before it reports."""
COLLECT_AFTER = 100
"""Trials between two collections of garbage."""
NOTHING_SELECTED = "nothing-selected"
"""Code of the problem that a selection fits no scenario of a set."""
EvalProgress = Callable[[int], None]
"""Called with the number of scenarios that are done."""


class SetResult(NamedTuple):
    """What an evaluation of one golden set found."""

    loaded: LoadedSet
    rows: tuple[TrialRow, ...]
    """By scenario, then trial."""
    summary: Summary
    verdict: Verdict
    populations: tuple[Population, ...] = ()
    """Results by agent and model, where there are several."""


class EvalPlan(NamedTuple):
    """How a set is to be evaluated."""

    selection: ScenarioSelection = ScenarioSelection()
    recordings: Mapping[str, list[Recording]] | None = None
    """Turns by scenario, in place of inline ones."""
    only_recorded: bool = False
    """Whether scenarios without a recording are left out."""
    jobs: int = 1
    keep: KeptTraces = "failed"
    stamp: Stamp | None = None
    """What inline turns count as made for; left out = what the set says."""
    turn_source: TurnSource = "turns"
    """Whose words are played; `turns` gives way to a recording on the studio's cassette."""
    model_source: ModelSource = ModelSource()
    tools: ToolSource = "world"
    """What answers reads."""


def evaluate_set(
    loaded: LoadedSet,
    plan: EvalPlan,
    traces: TextIO | None = None,
    progress: EvalProgress | None = None,
) -> SetResult:
    """Play and score one golden set.

    Args:
        loaded: The set.
        plan: What of it to play, and how.
        traces: Where the kept trials' traces are written.
        progress: Called after each chunk.

    Raises:
        Problem: If the set is wrong, or nothing of it is selected.
    """
    wrong = list(set_problems(loaded))
    if wrong:
        raise Problem(*wrong)
    rows: list[TrialRow] = []
    for done, played in enumerate(_play_all(loaded, plan), start=1):
        rows += played.rows
        if traces is not None and played.trace:
            traces.write(played.trace)
        if progress is not None:
            progress(done)
    if not rows:
        raise _nothing(loaded, plan)
    rows.sort(key=lambda row: (row.scenario, row.trial))
    summary = _with_untested(summarise(rows, loaded.head.human_baseline), loaded, plan)
    untested = (*summary.untested, *unchecked(loaded, rows))
    summary = summary._replace(untested=untested)
    part = summary.scenarios < len(loaded)
    apart = populations(rows, loaded.head.human_baseline)
    verdict = decide_all_gates(summary, apart, loaded.head.gates, part=part)
    return SetResult(loaded, tuple(rows), summary, verdict, apart)


def _with_untested(summary: Summary, loaded: LoadedSet, plan: EvalPlan) -> Summary:
    """Add what the plan left untested to what the rows did."""
    untested, left = list(summary.untested), len(loaded) - summary.scenarios
    if plan.tools == "recorded":
        untested.append(
            "reads were answered with recorded results, where there are any: what the tools would"
            " return in the world of the set was not tested"
        )
    if left:
        untested.append(f"{left} of {len(loaded)} scenarios of the set were not played")
    return summary._replace(untested=tuple(untested))


def tasks(loaded: LoadedSet, plan: EvalPlan) -> Iterator[TrialTask]:
    """Yield what to play, in the order of the file."""
    recorded = plan.recordings or {}
    for entry in loaded.scenarios():
        scenario = entry.scenario
        if not plan.selection.takes(scenario):
            continue
        turn_source, trials = _part(scenario, plan)
        if turn_source == "turns":
            recordings = tuple(recorded.get(scenario.id, ()))
            if recordings or not plan.only_recorded:
                yield TrialTask(scenario, recordings)
        elif turn_source == "cassette":
            yield TrialTask(scenario, (), turn_source, trials)
        else:
            # One by one: each may wait for the model beside the others.
            yield from (TrialTask(scenario, (), turn_source, (number,)) for number in trials)


def _part(scenario: Scenario, plan: EvalPlan) -> tuple[TurnSource, tuple[int, ...]]:
    """Return whose words a scenario is played with, and which attempts at it."""
    cassette, asked = plan.model_source.cassette, plan.model_source.trials
    cassette_model = cassette.trials(scenario.id) if cassette is not None else ()
    if plan.turn_source in ("live", "record"):
        return plan.turn_source, tuple(range(1, (asked or max(cassette_model, default=1)) + 1))
    if cassette_model or plan.turn_source == "cassette":
        return "cassette", cassette_model or (1,)
    return "turns", ()


def _nothing(loaded: LoadedSet, plan: EvalPlan) -> Problem:
    if plan.selection.patterns:
        chosen = ", ".join(plan.selection.patterns)
        return problem(
            NOTHING_SELECTED,
            f"no scenario of `{loaded.name}` matches {chosen}",
            hint="--select takes ids with `*`, or `tag:NAME`",
        )
    return problem("no-scenarios", f"golden set `{loaded.name}` has no scenario to play")


def _play_all(loaded: LoadedSet, plan: EvalPlan) -> Iterator[PlayedTrial]:
    work = tasks(loaded, plan)
    if plan.turn_source in ("live", "record"):
        yield from _in_flight(loaded, plan, work)
        return
    first = list(islice(work, CHUNK))
    trial_runner = TrialRunner(loaded, plan.keep, plan.stamp, plan.model_source, plan.tools)
    if plan.jobs == 1 or len(first) < CHUNK:
        # So few are done before another process has started.
        played: Iterator[PlayedTrial] = map(trial_runner.play, chain(first, work))
    else:
        played = _in_processes(loaded, plan, trial_runner, _chunks(first, work))
    yield from _collected_in_turns(played)


def _collected_in_turns(played: Iterator[PlayedTrial]) -> Iterator[PlayedTrial]:
    """Pass trials on, and look for garbage after every so many of them.

    What stays, the set and the rows, is looked at once: left to itself, the collector looks at all
    rows so far again and again, which costs a tenth of an evaluation and more the longer it takes.
    """
    automatic = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        for number, trial in enumerate(played, start=1):
            yield trial
            if number % COLLECT_AFTER == 0:
                gc.collect()
                gc.freeze()
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()


def _in_flight(
    loaded: LoadedSet, plan: EvalPlan, work: Iterator[TrialTask]
) -> Iterator[PlayedTrial]:
    """Play trials that wait for a model: many at once, in one process."""
    live, turnstile = plan.model_source.live, threading.Lock()
    assert live is not None  # a plan that asks a model brings one
    model_source = plan.model_source._replace(live=lambda: UnlockedModel(live(), turnstile))
    trial_runner = TrialRunner(loaded, plan.keep, plan.stamp, model_source, plan.tools)
    return in_flight(work, trial_runner.play, model_source.in_flight, turnstile)


def _chunks(first: list[TrialTask], work: Iterator[TrialTask]) -> Iterator[list[TrialTask]]:
    chunk = first
    while chunk:
        yield chunk
        chunk = list(islice(work, CHUNK))


class _TaskSource(NamedTuple):
    """From what a process that was not forked makes its runner; tasks bring their recordings."""

    root: Path
    path: str
    plan: EvalPlan


class _WorkerShare:
    """The trial runner of this process; a forked one finds its parent's."""

    trial_runner: TrialRunner | None = None


def _in_processes(
    loaded: LoadedSet, plan: EvalPlan, trial_runner: TrialRunner, chunks: Iterable[list[TrialTask]]
) -> Iterator[PlayedTrial]:
    fork = "fork" in multiprocessing.get_all_start_methods() and _may_fork()
    context = multiprocessing.get_context("fork" if fork else "spawn")
    _WorkerShare.trial_runner = trial_runner
    source = _TaskSource(
        loaded.bundle.root, str(loaded.path.resolve()), plan._replace(recordings=None)
    )
    pool = ProcessPoolExecutor(
        plan.jobs,
        mp_context=context,
        initializer=_start,
        initargs=(None if fork else source,),
    )
    waiting: deque[Future[list[PlayedTrial] | tuple[Diagnostic, ...]]] = deque()
    try:
        with interrupts_held():
            pool.submit(_ready)
        for chunk in chunks:
            waiting.append(pool.submit(_play_chunk, chunk))
            # A window keeps memory flat however many scenarios there are.
            if len(waiting) > 2 * plan.jobs:
                yield from _taken(waiting.popleft())
        while waiting:
            yield from _taken(waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _WorkerShare.trial_runner = None


def _may_fork() -> bool:
    # macOS offers fork, and its system libraries break after it.
    return multiprocessing.get_start_method(allow_none=True) != "spawn" and _linux()


def _linux() -> bool:
    return Path("/proc/self").exists()


def _ready() -> None:
    """Do nothing: the first thing submitted starts the processes."""


def _start(source: _TaskSource | None) -> None:
    """Make a worker ready: Ctrl-C is the parent's business."""
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if source is not None:
        plan = source.plan
        loaded = Project.find(source.root).golden_set(source.path)
        _WorkerShare.trial_runner = TrialRunner(
            loaded, plan.keep, plan.stamp, plan.model_source, plan.tools
        )


def _play_chunk(chunk: list[TrialTask]) -> list[PlayedTrial] | tuple[Diagnostic, ...]:
    """Play in a worker; a problem travels as data, an exception would lose its parts."""
    assert _WorkerShare.trial_runner is not None  # `_start` or the fork has set it
    try:
        return [_WorkerShare.trial_runner.play(task) for task in chunk]
    except Problem as wrong:
        return wrong.diagnostics


def _taken(future: Future[list[PlayedTrial] | tuple[Diagnostic, ...]]) -> list[PlayedTrial]:
    result = future.result()
    if isinstance(result, tuple):
        raise Problem(*result, exit_code=ExitCode.USAGE)
    return result


__all__ = [
    "CHUNK",
    "NOTHING_SELECTED",
    "EvalPlan",
    "EvalProgress",
    "SetResult",
    "evaluate_set",
    "tasks",
]
