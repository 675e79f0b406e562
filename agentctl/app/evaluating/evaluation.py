"""Evaluate golden sets: find them, plan, play, decide, keep traces, stamp.

A request goes in, an `Evaluation` comes out. Progress and notes reach the caller through callbacks;
nothing here prints.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, TextIO

from agentctl.app.evaluating.turn_sources import (
    Note,
    TurnSourceOptions,
    check_turn_options,
    open_turn_source,
)
from agentctl.core.errors import Diagnostic, Problem, problem
from agentctl.core.files import replacing
from agentctl.core.text import count, did_you_mean
from agentctl.evals.results.gates import Verdict, combined
from agentctl.evals.running.runner import NOTHING_SELECTED, EvalPlan, SetResult, evaluate_set
from agentctl.evals.running.selection import ScenarioSelection
from agentctl.evals.running.stamp import stamp_of, write_stamp
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.interop.reading import RunsFile, find_runs, read_runs
from agentctl.runtime.trial import ToolSource
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.traces.audit.project import file_head
from agentctl.traces.log.journal import journal_head
from agentctl.traces.log.store import evals_folder, journal_file


class EvalRequest(NamedTuple):
    """What to evaluate, and how."""

    golden_sets: Sequence[str] = ()
    """Names or files; none = all of the project."""
    select: Sequence[str] = ()
    """Ids of scenarios with `*`, or `tag:NAME`; none = all."""
    traces: Path | None = None
    """Recorded runs to score in place of the set's own turns: a file, a folder, or a run."""
    jobs: int = 1
    """Processes."""
    keep: KeptTraces = "failed"
    """Traces of which trials to keep."""
    stamp: bool = False
    """Whether a set that passes is stamped with what its turns were made for."""
    turns: TurnSourceOptions = TurnSourceOptions()
    tools: ToolSource = "world"
    """What answers reads: the mock world, or the results that recorded calls carry."""


class SetProgress(NamedTuple):
    """How far the evaluation of one set is."""

    golden_set: str
    done: int
    noun: str
    """What is counted: `scenario`, or `trial` where a model is asked."""


class Evaluation(NamedTuple):
    """What an evaluation found, over all sets."""

    results: tuple[SetResult, ...]
    verdict: Verdict
    seconds: float
    """Wall time; no report holds it."""


class TraceHeads(NamedTuple):
    """What proves later that kept traces were not changed."""

    sets: tuple[tuple[str, str], ...]
    """Golden set and the head of its traces."""
    journal: str | None


def evaluate_sets(
    project: Project,
    request: EvalRequest,
    *,
    on_progress: Callable[[SetProgress], None] = lambda _: None,
    on_note: Note = lambda _: None,
) -> Evaluation:
    """Evaluate golden sets of a project.

    Args:
        project: The project.
        request: What to evaluate.
        on_progress: Called whenever a scenario or trial is done.
        on_note: Called with what a person should read while it happens.

    Raises:
        Problem: If the request contradicts itself, a set is wrong, or nothing is selected.
    """
    turns = check_turn_options(
        request.turns,
        traces=request.traces is not None,
        stamp=request.stamp,
        jobs=request.jobs,
        recorded_tools=request.tools == "recorded",
    )
    request = request._replace(turns=turns)
    loaded = _load(project, request)
    _check_selection(request.select, loaded)
    plans = [_plan(one, request) for one in loaded]
    started = time.monotonic()
    results, unselected = [], []
    for one, plan in zip(loaded, plans, strict=True):
        try:
            with open_turn_source(one, turns, on_note) as (turn_source, model_source):
                plan = plan._replace(turn_source=turn_source, model_source=model_source)
                results.append(_evaluate(one, plan, on_progress, on_note))
        except Problem as wrong:
            # Of several sets, those of which nothing is selected are left out.
            if wrong.diagnostics[0].code != NOTHING_SELECTED:
                raise
            unselected.append(wrong)
    if not results:
        raise unselected[0]
    if request.stamp:
        _stamp(results, on_note)
    verdict = combined([result.verdict for result in results])
    return Evaluation(tuple(results), verdict, time.monotonic() - started)


def load_golden_sets(project: Project, names: Sequence[str] = ()) -> list[LoadedSet]:
    """Return golden sets by name or file, each once; without names all of the project.

    Raises:
        Problem: If there is none, or one is wrong.
    """
    chosen = names or [str(path) for path in project.golden_set_files()]
    if not chosen:
        raise problem(
            "no-golden-sets",
            f"no golden set in {project.spec.paths.golden_sets}/",
            hint="`agentctl init DIR` starts a project with one",
        )
    found = {one.path.resolve(): one for one in map(project.golden_set, chosen)}
    named: dict[str, LoadedSet] = {}
    for one in found.values():
        other = named.setdefault(one.name, one)
        if other is not one:
            # Traces and reports tell sets apart by name.
            message = f"two golden sets are called `{one.name}`: {other.file} and {one.file}"
            raise problem("two-sets", message, hint="give one of them another `name:`")
    return list(named.values())


def trace_heads(evaluation: Evaluation, root: Path) -> TraceHeads:
    """Return the heads of the traces that an evaluation kept, and of the journal."""
    files = {
        result.loaded.name: evals_folder(root) / f"{result.loaded.name}.jsonl"
        for result in evaluation.results
    }
    heads = tuple((name, file_head(file)) for name, file in files.items() if file.is_file())
    return TraceHeads(heads, journal_head(journal_file(root)))


def _load(project: Project, request: EvalRequest) -> list[LoadedSet]:
    if request.stamp and request.select:
        raise problem(
            "no-stamp", "`--stamp` cannot be used with `--select`: a stamp covers the whole set"
        )
    names = request.golden_sets
    if request.traces is not None and len(names or project.golden_set_files()) > 1:
        raise problem(
            "one-set", "`--traces` needs exactly one golden set", hint="name it: eval SET --traces"
        )
    return load_golden_sets(project, names)


def _check_selection(select: Sequence[str], loaded: Sequence[LoadedSet]) -> None:
    """Refuse a pattern that selects nothing: a misspelt one would make less of the set green."""
    scenarios = (entry.scenario for one in loaded for entry in one.scenarios())
    left = ScenarioSelection(tuple(select)).unmatched(scenarios)
    if not left:
        return
    played = [entry.scenario for one in loaded for entry in one.scenarios()]
    names = {name for one in played for name in (one.id, *(f"tag:{tag}" for tag in one.tags))}
    sets = ", ".join(f"`{one.name}`" for one in loaded)
    raise Problem(
        *(
            Diagnostic(
                NOTHING_SELECTED,
                f"no scenario of {sets} matches `{pattern}`",
                hint=did_you_mean(pattern, sorted(names))
                or "--select takes ids with `*`, or `tag:NAME`",
            )
            for pattern in left
        )
    )


def _plan(loaded: LoadedSet, request: EvalRequest) -> EvalPlan:
    recordings = None
    if request.traces is not None:
        recordings = read_runs(find_runs(request.traces, loaded.bundle.root), loaded)
    elif loaded.recordings is not None:
        recordings = read_runs([RunsFile(loaded.recordings)], loaded)
    return EvalPlan(
        ScenarioSelection(tuple(request.select)),
        recordings,
        only_recorded=request.traces is not None,
        jobs=request.jobs,
        keep=request.keep,
        stamp=stamp_of(loaded.bundle.fingerprints) if request.stamp else None,
        tools=request.tools,
    )


def _evaluate(
    loaded: LoadedSet, plan: EvalPlan, on_progress: Callable[[SetProgress], None], on_note: Note
) -> SetResult:
    noun = "trial" if plan.turn_source in ("live", "record") else "scenario"
    done = 0

    def count_done(number: int) -> None:
        nonlocal done
        done = number
        on_progress(SetProgress(loaded.name, number, noun))

    try:
        with _kept_traces(loaded, plan.keep) as sink:
            return evaluate_set(loaded, plan, sink, count_done)
    except KeyboardInterrupt:
        on_note(f"\ninterrupted in `{loaded.name}` after {count(done, noun)}; nothing was written")
        raise


@contextmanager
def _kept_traces(loaded: LoadedSet, keep: KeptTraces) -> Iterator[TextIO | None]:
    """Give a file for the traces that appears whole, or not at all."""
    if keep == "none":
        yield None
        return
    folder = evals_folder(loaded.bundle.root)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{loaded.name}.jsonl"
    with replacing(target) as file, TextIOWrapper(file, "utf-8", newline="\n") as text:
        yield text
    if not target.stat().st_size:
        target.unlink()


def _stamp(results: Sequence[SetResult], on_note: Note) -> None:
    for result in results:
        loaded, summary = result.loaded, result.summary
        wrong = summary.failed + summary.inconclusive
        if wrong:
            on_note(f"not stamped: {count(wrong, 'trial')} of `{loaded.name}` did not pass")
        elif write_stamp(loaded.path, loaded.file, stamp_of(loaded.bundle.fingerprints)):
            on_note(f"stamped: {loaded.file}")


__all__ = [
    "EvalRequest",
    "Evaluation",
    "SetProgress",
    "TraceHeads",
    "evaluate_sets",
    "load_golden_sets",
    "trace_heads",
]
