"""`agentctl eval`: play golden sets, show what happened, exit with the verdict's code."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from agentctl.app.evaluating.evaluation import (
    EvalRequest,
    SetProgress,
    TraceHeads,
    evaluate_sets,
    trace_heads,
)
from agentctl.app.evaluating.outputs import (
    ReportFile,
    parse_output,
    report_text,
    write_outputs,
)
from agentctl.app.evaluating.turn_sources import TurnSourceOptions
from agentctl.app.output_files import check_outputs
from agentctl.cli.output import note, write, write_line
from agentctl.cli.render.eval import closing_lines, set_lines
from agentctl.core.errors import problem
from agentctl.evals.running.runner import SetResult
from agentctl.evals.running.trial_runner import KeptTraces
from agentctl.reports.registry import REPORTS, report_function, table_for
from agentctl.runtime.trial import ToolSource
from agentctl.specs.loading.project import Project

_NAMES = ", ".join(REPORTS)


def eval_command(
    golden_sets: Annotated[
        list[str] | None, typer.Argument(help="Golden sets: names or files; none = all.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these scenarios: ids with `*`, or `tag:NAME`."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    shape: Annotated[
        str, typer.Option("--format", metavar="NAME", help=f"What stdout gets: text, {_NAMES}.")
    ] = "text",
    output: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help=f"Write a report into a file: {_NAMES}."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Short for --output junit=FILE.")] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Short for --output json=FILE.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write a table: .csv, .tsv, .json or .html.")
    ] = None,
    traces: Annotated[
        Path | None,
        typer.Option(metavar="FILE|RUN", help="Score recorded runs: chat logs, traces."),
    ] = None,
    tools: Annotated[
        ToolSource,
        typer.Option(help="What answers reads: the mock world, or the recorded results."),
    ] = "world",
    keep: Annotated[KeptTraces, typer.Option(help="Traces of which trials to keep.")] = "failed",
    stamp: Annotated[
        bool, typer.Option("--stamp", help="Write into the set what its turns were made for.")
    ] = False,
    turns: Annotated[
        Literal["written", "cassette", "missing", "live"] | None,
        typer.Option(
            help="Where the model's turns come from: the set; its cassette; the cassette, with"
            " what is missing asked and recorded; or the model, unrecorded. Left out = the"
            " cassette where it has the scenario, else the set."
        ),
    ] = None,
    record: Annotated[
        Literal["all", "missing"] | None,
        typer.Option(help="Ask the model for every turn and record its answers (`all`)."),
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", hidden=True)] = False,
    live: Annotated[bool, typer.Option("--live", hidden=True)] = False,
    written: Annotated[bool, typer.Option("--written", hidden=True)] = False,
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
    are mocked in every case.
    """
    outputs = _outputs(output or [], junit, report_file, table)
    for name in (*(report for report, _ in outputs), *([shape] if shape != "text" else ())):
        report_function(name)
    project = Project.find(Path.cwd())
    inputs = [*map(Path, golden_sets or ()), *([traces] if traces is not None else ())]
    check_outputs(project, [path for _, path in outputs], inputs)
    chosen = _chosen(turns, record, replay=replay, live=live, written=written)
    request = EvalRequest(
        golden_sets or (),
        select or (),
        traces,
        jobs,
        keep,
        stamp,
        TurnSourceOptions(*chosen, model, trials, in_flight),
        tools,
    )
    with _counter() as on_progress:
        evaluation = evaluate_sets(project, request, on_progress=on_progress, on_note=note)
    write_outputs(outputs, evaluation, project.root)
    if keep != "none":
        _note_heads(trace_heads(evaluation, project.root))
    _show(evaluation.results, shape, kept=keep != "none")
    return evaluation.verdict.exit_code


Record = Literal["all", "missing"] | None


def _chosen(
    turns: str | None, record: Record, *, replay: bool, live: bool, written: bool
) -> tuple[Record, bool, bool, bool]:
    """Return which turns are played: by `--turns`, or by the options that it replaces."""
    if turns is None:
        return record, replay, live, written
    older = {"--record": record, "--replay": replay, "--live": live, "--written": written}
    for name, value in older.items():
        if value:
            raise problem(
                "options", f"`--turns` cannot be used with `{name}`", hint=f"leave out {name}"
            )
    asked: Record = "missing" if turns == "missing" else None
    return asked, turns == "cassette", turns == "live", turns == "written"


def _outputs(
    named: Sequence[str], junit: Path | None, report_file: Path | None, table: Path | None
) -> list[ReportFile]:
    """Return the reports that are asked for, the older options among them."""
    outputs = [parse_output(text) for text in named]
    if junit is not None:
        outputs.append(ReportFile("junit", junit))
    if report_file is not None:
        outputs.append(ReportFile("json", report_file))
    if table is not None:
        outputs.append(ReportFile(table_for(table), table))
    return outputs


@contextmanager
def _counter() -> Iterator[Callable[[SetProgress], None]]:
    """Give a counter on stderr: on a terminal alone, for what takes longer than a second."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    started = last = time.monotonic()
    shown = False

    def show(progress: SetProgress) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - started > 1 and now - last > 0.2:
            sys.stderr.write(f"\r\x1b[K{progress.golden_set}: {progress.done} {progress.noun}s ")
            sys.stderr.flush()
            last, shown = now, True

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _show(results: Sequence[SetResult], shape: str, *, kept: bool) -> None:
    if shape != "text":
        write(report_text(shape, results))
        return
    width, height = shutil.get_terminal_size((100, 24))
    room = height if sys.stdout.isatty() else None
    for result in results:
        for line in set_lines(result, width):
            write_line(line)
        write_line()
    for line in closing_lines(results, width, room, traces=kept):
        write_line(line)


def _note_heads(heads: TraceHeads) -> None:
    """Print what proves the traces of this evaluation, and the journal before it, later on."""
    for name, head in heads.sets:
        note(f"traces of {name}: head {head}")
    if heads.journal is not None:
        later = f"agentctl trace verify --against {heads.journal[:16]}"
        note(f"journal: head {heads.journal}. Later: {later}")


__all__ = ["eval_command"]
