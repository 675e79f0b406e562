"""`agentctl eval`: play golden sets, say what happened, and end with the verdict's exit code."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TextIO

import typer

from agentctl.app.evaluating.turn_sources import (
    TurnSourceOptions,
    check_turn_options,
    open_turn_source,
)
from agentctl.cli.output import Format, note, write, write_line
from agentctl.cli.render.eval import set_lines, verdict_line
from agentctl.core.errors import Problem, problem
from agentctl.core.text import count
from agentctl.evals.results.gates import combined
from agentctl.evals.results.report import report_json_text, report_records
from agentctl.evals.running.recordings import read_recordings
from agentctl.evals.running.runner import (
    NOTHING_SELECTED,
    EvalPlan,
    EvalProgress,
    SetResult,
    evaluate_set,
)
from agentctl.evals.running.selection import ScenarioSelection
from agentctl.evals.running.stamp import stamp_of, write_stamp
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.reports.jsonl import jsonl_text
from agentctl.reports.junit import junit_text
from agentctl.reports.table import check_suffix, table_text
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import shown_path, state_folder
from agentctl.traces.audit.project import file_head
from agentctl.traces.log.journal import journal_head
from agentctl.traces.log.store import evals_folder, journal_file


class Outputs(NamedTuple):
    """Files the user asks for besides the text."""

    junit: Path | None
    report: Path | None
    table: Path | None


def evaluate(
    golden_sets: Annotated[
        list[str] | None, typer.Argument(help="Golden sets: names or files; none = all.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these scenarios: ids with `*`, or `tag:NAME`."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write the JSON report here.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write a table: .csv, .tsv, .json or .html.")
    ] = None,
    traces: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score these recorded runs (JSON Lines)."),
    ] = None,
    keep: Annotated[KeptTraces, typer.Option(help="Traces of which trials to keep.")] = "failed",
    stamp: Annotated[
        bool, typer.Option("--stamp", help="Write into the set what its turns were made for.")
    ] = False,
    record: Annotated[
        Literal["all", "missing"] | None,
        typer.Option(help="Ask the model, and keep what it says: all, or what is not kept yet."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Play the cassette and nothing else.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the model and keep nothing; tools stay mocked.")
    ] = False,
    written: Annotated[
        bool, typer.Option("--written", help="Play the written turns, cassette or not.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Model to ask or replay instead of the spec's.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Attempts at each scenario when asking.")
    ] = None,
    in_flight: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Trials that ask the model at once.  [default: 8]"),
    ] = None,
) -> int:
    """Replay golden sets and gate the change.

    A scenario that is on the set's cassette plays it; the others play their written turns. Tools
    are mocked whoever speaks.
    """
    wanted = TurnSourceOptions(record, replay, live, written, model, trials, in_flight)
    wanted = check_turn_options(wanted, traces=traces is not None, stamp=stamp, jobs=jobs)
    outputs = Outputs(junit, report_file, table)
    _check(outputs)
    project = Project.find(Path.cwd())
    loaded = _load(project, golden_sets or [], stamp=stamp, traces=traces)
    if stamp and select:
        raise problem("no-stamp", "`--stamp` is about a whole set, not about a selection")
    selection = ScenarioSelection(tuple(select or ()))
    plans = [_plan(one, selection, traces, jobs, keep, stamp=stamp) for one in loaded]
    started = time.monotonic()
    results = _evaluate_all(list(zip(loaded, plans, strict=True)), wanted)
    if stamp:
        _stamp(results)
    _write_files(outputs, results, project, time.monotonic() - started)
    _show(results, shape, kept=keep != "none")
    if keep != "none":
        _note_heads(results, project.root)
    return combined([result.verdict for result in results]).exit_code


def _load(
    project: Project, names: list[str], *, stamp: bool, traces: Path | None
) -> list[LoadedSet]:
    if not names:
        names = [str(path) for path in project.golden_set_files()]
    if not names:
        raise problem(
            "no-golden-sets",
            f"there is no golden set in {project.spec.paths.golden_sets}/",
            hint="`agentctl init DIR` starts a project with one",
        )
    if traces is not None and len(names) != 1:
        raise problem(
            "one-set", "recorded runs belong to one golden set", hint="name it: eval SET --traces"
        )
    if traces is not None and stamp:
        raise problem("no-stamp", "`--stamp` is about a set's own turns, not about `--traces`")
    found = [project.golden_set(name) for name in names]
    # The same set named twice is one set.
    return list({one.name: one for one in found}.values())


def _plan(
    loaded: LoadedSet,
    selection: ScenarioSelection,
    traces: Path | None,
    jobs: int,
    keep: KeptTraces,
    *,
    stamp: bool,
) -> EvalPlan:
    file = traces or loaded.recordings
    recordings = None
    if file is not None:
        recordings = read_recordings(file, shown_path(file), loaded.ids())
    return EvalPlan(
        selection,
        recordings,
        only_recorded=traces is not None,
        jobs=jobs,
        keep=keep,
        stamp=stamp_of(loaded.bundle.fingerprints) if stamp else None,
    )


def _evaluate_all(
    planned: list[tuple[LoadedSet, EvalPlan]], wanted: TurnSourceOptions
) -> list[SetResult]:
    """Evaluate each set; of several, those of which nothing is selected are left out.

    Raises:
        Problem: If nothing is selected of any.
    """
    results = []
    unselected = []
    for loaded, plan in planned:
        try:
            with open_turn_source(loaded, wanted) as (turn_source, model_source):
                results.append(
                    _evaluate(
                        loaded, plan._replace(turn_source=turn_source, model_source=model_source)
                    )
                )
        except Problem as wrong:
            if wrong.diagnostics[0].code != NOTHING_SELECTED:
                raise
            unselected.append(wrong)
    if not results:
        raise unselected[0]
    return results


def _evaluate(loaded: LoadedSet, plan: EvalPlan) -> SetResult:
    name = loaded.name
    done = 0

    def told(number: int) -> None:
        nonlocal done
        done = number
        progress(number)

    noun = "trial" if plan.turn_source in ("live", "record") else "scenario"
    with _progress(name, noun) as progress:
        try:
            with _kept(loaded, plan.keep) as sink:
                return evaluate_set(loaded, plan, sink, told)
        except KeyboardInterrupt:
            note(f"\ninterrupted in `{name}` after {count(done, noun)}; nothing was written")
            raise


@contextmanager
def _kept(loaded: LoadedSet, keep: KeptTraces) -> Iterator[TextIO | None]:
    """Give a file for the traces that appears whole, or not at all."""
    if keep == "none":
        yield None
        return
    folder = evals_folder(loaded.bundle.root)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{loaded.name}.jsonl"
    temporary = folder / f".{loaded.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        if temporary.stat().st_size:
            temporary.replace(target)
        else:
            target.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _progress(name: str, noun: str) -> Iterator[EvalProgress]:
    """Give a counter on stderr: on a terminal alone, for what takes longer than a second."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    started = last = time.monotonic()
    shown = False

    def tell(number: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - started > 1 and now - last > 0.2:
            sys.stderr.write(f"\r{name}: {number} {noun}s ")
            sys.stderr.flush()
            last, shown = now, True

    try:
        yield tell
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _stamp(results: Sequence[SetResult]) -> None:
    for result in results:
        loaded, summary = result.loaded, result.summary
        wrong = summary.failed + summary.inconclusive
        if wrong:
            note(f"not stamped: {count(wrong, 'trial')} of `{loaded.name}` did not pass")
        elif write_stamp(loaded.path, loaded.file, stamp_of(loaded.bundle.fingerprints)):
            note(f"stamped: {loaded.file}")


def _check(outputs: Outputs) -> None:
    """Refuse files that could not be written before anything is played."""
    if outputs.table is not None:
        check_suffix(outputs.table)
    for path in outputs:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            why = "it is a folder" if path.is_dir() else "its folder does not exist"
            raise problem("cannot-write", f"cannot write {path}: {why}")


def _write_files(
    outputs: Outputs, results: Sequence[SetResult], project: Project, seconds: float
) -> None:
    files: list[tuple[Path | None, Callable[[Path], str]]] = [
        (outputs.junit, lambda _: junit_text(results)),
        (outputs.report, lambda _: report_json_text(results)),
        (outputs.table, lambda path: table_text(results, path)),
    ]
    for path, text in files:
        if path is not None:
            _write_whole(path, text(path))
    if outputs.report is not None:
        # What differs from run to run stays out of the report.
        folder = state_folder(project.root) / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        trials = sum(result.summary.trials for result in results)
        _write_whole(folder / "timings.json", f'{{"seconds": {seconds:.3f}, "trials": {trials}}}\n')


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _show(results: Sequence[SetResult], shape: Format, *, kept: bool) -> None:
    match shape:
        case "json":
            write(report_json_text(results))
        case "jsonl":
            write(jsonl_text(report_records(results)))
        case "text":
            width = shutil.get_terminal_size((100, 24)).columns
            for result in results:
                for line in set_lines(result, width, traces=kept):
                    write_line(line)
                write_line()
            write_line(verdict_line(results, traces=kept))


def _note_heads(results: Sequence[SetResult], root: Path) -> None:
    """Print what proves the traces of this evaluation, and the journal before it, later on."""
    for result in results:
        file = evals_folder(root) / f"{result.loaded.name}.jsonl"
        if file.is_file():
            note(f"traces of {result.loaded.name}: head {file_head(file)}")
    head = journal_head(journal_file(root))
    if head is not None:
        note(f"journal: head {head}. Later: agentctl trace verify --against {head[:16]}")


__all__ = ["evaluate"]
