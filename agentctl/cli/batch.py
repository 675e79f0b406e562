"""`agentctl run --batch`: the results of a batch as they come, and how it is interrupted."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from agentctl.app.batch.batch import Batch, BatchPlan, open_batch
from agentctl.app.observer import Observer
from agentctl.app.running.recipes import Whose
from agentctl.cli.output import Format, note, write_json, write_jsonl
from agentctl.cli.render.batch import BatchProgress, summary_json, summary_line
from agentctl.core.errors import problem
from agentctl.core.text import count
from agentctl.effects.paused_runs import RunRecipe
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path
from agentctl.toolbox.recording import recorded_file


def run_batch(
    project: Project, recipe: RunRecipe, whose: Whose, plan: BatchPlan, format: Format,
    *, quiet: bool,
) -> int:  # fmt: skip
    """Do the tasks of a file, print one line a result, and return the exit code."""
    if plan.out is None and format == "json":
        raise problem(
            "batch-format",
            "a batch prints one line a result, not one JSON document",
            hint="leave out --format, or give --out FILE: then --format json is the summary",
        )
    with open_batch(project, recipe, whose, plan, Observer(note=note)) as batch:
        if not quiet:
            _announce(project, recipe, batch, plan)
        progress = BatchProgress(batch.total, show=not quiet)
        with _finishing(batch):
            for result in batch.results():
                if result.line is not None and (plan.out is None or format == "jsonl"):
                    heard = write_jsonl([result.line])
                    if not heard and plan.out is None:
                        batch.interrupt("stdout was closed")
                progress.show(batch.stops)
        progress.end()
        done = batch.summary()
    if plan.out is not None and format == "json":
        write_json(summary_json(done))
    note(summary_line(done))
    return done.code


def _announce(project: Project, recipe: RunRecipe, batch: Batch, plan: BatchPlan) -> None:
    if recipe.records:
        folder = shown_path(recorded_file(project.root, "RUN"))
        note(f"what the tools answer: {folder}, one file a run, real data")
    if plan.out is None:
        note("results go to stdout; with --out FILE an interrupted batch can be resumed")
    elif batch.done_before:
        note(f"{count(batch.done_before, 'task')} already done")


@contextmanager
def _finishing(batch: Batch) -> Iterator[None]:
    """Let the first Ctrl-C finish the running tasks, and the second stop at once."""

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        if batch.interrupted:
            raise KeyboardInterrupt
        batch.interrupt("interrupted")
        with suppress(OSError):
            # Not `note`: this may come in the middle of one.
            os.write(2, b"\nfinishing the running tasks; press Ctrl-C again to stop now\n")

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # In the background of a script.
        yield
        return
    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


__all__ = ["run_batch"]
