"""`agentctl run --batch`: many tasks of one agent, several at the same time, one line a result.

Each task is a run of its own, with its own trace and limits. What has a result is not done again.
A run that may have acted and was cut off is taken up where it stopped; it is never begun anew.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import NamedTuple

from agentctl.app.batch.task_run import Result, TaskRunner, Whose
from agentctl.app.batch.tasks import BatchTask, Results, check_tasks, read_tasks
from agentctl.app.runs import load_parts, state_of
from agentctl.cli.output import Format, note, write_json, write_jsonl
from agentctl.cli.render.batch import BatchProgress, BatchSummary
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode, strongest
from agentctl.core.text import count
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.provider.live import open_litellm
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path
from agentctl.toolbox.recording import recorded_file

JOBS = 4
MOST_FAULTS = 10
"""So many tasks in a row that the model gave no turn for end a batch: the next would fare alike."""


class BatchPlan(NamedTuple):
    """What a batch is."""

    tasks: Path
    out: Path | None
    """Where results are kept; `None` = stdout, and the batch cannot be taken up again."""
    jobs: int
    """Tasks at the same time."""
    waits: bool
    """Whether a task that needs a person waits in the inbox."""
    format: Format
    quiet: bool


def run_batch(project: Project, recipe: RunRecipe, whose: Whose, plan: BatchPlan) -> int:
    """Do the tasks of a file, and return the exit code.

    Args:
        project: Where the agent is.
        recipe: How each run is started, but for whom.
        whose: Returns the principal for a task's `as`; raises a problem where there is none.
        plan: Which tasks, how many at a time, where results go.

    Raises:
        Problem: If a line is wrong, before anything is run; or if nothing more can be kept.
    """
    if plan.out is None and plan.format == "json":
        raise problem(
            "batch-format",
            "a batch prints one line a result, not one JSON document",
            hint="leave out --format, or give --out FILE: then --format json is the summary",
        )
    total = check_tasks(plan.tasks, whose)
    parts = load_parts(project, recipe)
    if parts.backend is not None:
        parts.backend.close()
    if recipe.records and not plan.quiet:
        folder = shown_path(recorded_file(project.root, "RUN"))
        note(f"what the tools answer: {folder}, one file a run, real data")
    runner = TaskRunner(project, recipe, parts, whose, waits=plan.waits)
    if plan.out is None:
        if not plan.quiet:
            note("results go to stdout; with --out FILE a batch that breaks off can be taken up")
        return _Batch(runner, plan, None, total).run()
    with Results(plan.out) as results:
        sessions = state_of(project.root).sessions if runner.stateful else None
        runner.remember(str(plan.out.resolve()), results.known, sessions)
        before = sum(known.done for known in results.known.values())
        if before and not plan.quiet:
            note(f"{count(before, 'task')} done already")
        return _Batch(runner, plan, results, total).run()


class _Batch:
    """A batch under way: workers do tasks, this thread keeps their results."""

    def __init__(
        self, runner: TaskRunner, plan: BatchPlan, results: Results | None, total: int
    ) -> None:
        self._runner = runner
        self._plan = plan
        self._results = results
        self._total = total
        self._halted: str | None = None
        self._interrupted = False
        self._stops: Counter[str] = Counter()
        self._codes: set[ExitCode] = set()
        self._again = 0
        self._faults = 0
        """Tasks in a row that the model gave no turn for."""

    def run(self) -> int:
        """Do all that is left to do."""
        open_litellm()  # Here, before many threads would import it at the same moment.
        progress = BatchProgress(self._total, show=not self._plan.quiet)
        sessions = state_of(self._runner.root).sessions if self._runner.remembers else None
        with self._finishing():
            for result in self._done():
                self._keep(result)
                if sessions is not None and result.over is not None:
                    sessions.forget(result.over)
                progress.show(self._stops)
        progress.end()
        left = self._total - self._stops.total()
        if left and self._interrupted:
            self._codes.add(ExitCode.INTERRUPTED)
        code = strongest(self._codes)
        said = BatchSummary(
            self._total, self._stops, left, self._again, self._halted if left else None,
            self._plan.out, code,
        )  # fmt: skip
        if self._plan.out is not None and self._plan.format == "json":
            write_json(said.as_json())
        note(said.text())
        return code

    def _keep(self, result: Result) -> None:
        known = result.known
        self._stops[known.stop] += 1
        self._codes.add(known.code)
        self._again += not known.done
        if result.line is None:
            return
        if self._results is not None:
            self._results.add(result.task, result.line, known)
        if self._results is None or self._plan.format == "jsonl":
            heard = write_jsonl([result.line])
            if not heard and self._results is None:
                self._halt("nobody reads the results any more")
                self._interrupted = True
        self._faults = self._faults + 1 if result.faulty else 0
        if result.halts is not None:
            self._halt(result.halts)
        elif self._faults == MOST_FAULTS:
            self._halt(f"the model gave no turn for {MOST_FAULTS} tasks in a row")

    def _halt(self, why: str) -> None:
        """Begin no further task; those that run go on to their end."""
        self._halted = self._halted or why

    def _done(self) -> Iterator[Result]:
        """Yield what the workers bring, as it comes.

        Raises:
            Exception: What a worker met that is no result; the others finish first.
        """
        tasks = read_tasks(self._plan.tasks)
        brought: SimpleQueue[Result | BaseException | None] = SimpleQueue()
        turn = threading.Lock()

        def task() -> BatchTask | None:
            with turn:
                return next(tasks, None) if self._halted is None else None

        def work() -> None:
            try:
                state = state_of(self._runner.root) if self._runner.stateful else None
                while (wanted := task()) is not None:
                    brought.put(self._runner.do(wanted, state))
            except BaseException as error:  # noqa: BLE001 - told in the main thread
                brought.put(error)
            brought.put(None)

        for number in range(self._plan.jobs):
            # Daemons: whoever interrupts twice does not wait for them.
            threading.Thread(target=work, name=f"agentctl-task-{number}", daemon=True).start()
        working, broken = self._plan.jobs, None
        while working:
            got = brought.get()
            if got is None:
                working -= 1
            elif isinstance(got, Result):
                yield got
            else:
                broken = broken or got
                self._halt("something failed that has to do with no single task")
        if broken is not None:
            raise broken

    @contextmanager
    def _finishing(self) -> Iterator[None]:
        """Let the first Ctrl-C begin nothing more, and the second leave at once."""

        def interrupted(_number: int, _frame: FrameType | None) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True
            self._halt("interrupted")
            with suppress(OSError):
                # Not `note`: this may come in the middle of one.
                os.write(2, b"\nfinishing what runs; once more leaves it where it is\n")

        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:  # In the background of a script.
            yield
            return
        signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


__all__ = ["JOBS", "MOST_FAULTS", "BatchPlan", "run_batch"]
