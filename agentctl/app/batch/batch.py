"""`agentctl run --batch`: many tasks of one agent, several at the same time, one line a result.

Each task is a run of its own, with its own trace and limits. What has a result is not done again.
A run that may have acted and was cut off is taken up where it stopped; it never starts over.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from agentctl.app.batch.task_run import Result, TaskRunner
from agentctl.app.batch.tasks import BatchTask, Results, check_tasks, read_tasks
from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.output_files import check_output
from agentctl.app.running.parts import load_parts
from agentctl.app.running.recipes import Whose
from agentctl.app.running.state import state_of
from agentctl.core.concurrency import as_completed
from agentctl.core.exits import ExitCode, strongest
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.provider.live import open_litellm
from agentctl.specs.loading.project import Project

JOBS = 4
MOST_FAULTS = 10
"""This many tasks in a row without an answer of the model end a batch."""


class BatchPlan(NamedTuple):
    """What a batch is."""

    tasks: Path
    out: Path | None
    """Where results are kept; `None` = nowhere, and the batch cannot be taken up again."""
    jobs: int
    """Tasks at the same time."""
    waits: bool
    """Whether a task that needs a person waits in the inbox."""


class BatchSummary(NamedTuple):
    """What came of a batch, earlier starts included."""

    total: int
    stops: Counter[str]
    """How many tasks ended in which way."""
    left: int
    """Tasks without a result."""
    again: int
    """Tasks whose result is not final: the same batch tries them again."""
    halted: str | None
    """Why some are left."""
    out: Path | None
    code: ExitCode
    waits: bool
    """Whether what needs a person waits in the inbox."""


@contextmanager
def open_batch(
    project: Project,
    recipe: RunRecipe,
    whose: Whose,
    plan: BatchPlan,
    observer: Observer = UNOBSERVED,
) -> Iterator["Batch"]:
    """Check every task of a file and give the batch that does them.

    Args:
        project: Where the agent is.
        recipe: How each run is started, but for whom.
        whose: Returns the principal for a task's `as`; raises a problem where there is none.
        plan: Which tasks, how many at a time, where results go.
        observer: Told of warnings.

    Raises:
        Problem: If a line is wrong, before anything is run; or if nothing more can be kept.
    """
    if plan.out is not None:
        check_output(project, plan.out, [plan.tasks])
    total = check_tasks(plan.tasks, whose)
    parts = load_parts(project, recipe)
    if parts.backend is not None:
        parts.backend.close()
    runner = TaskRunner(project, recipe, parts, whose, observer, waits=plan.waits)
    with Results(plan.out) if plan.out is not None else nullcontext() as results:
        if plan.out is not None and results is not None:
            sessions = state_of(project.root).sessions if runner.stateful else None
            runner.remember(str(plan.out.resolve()), results.known, sessions)
        yield Batch(runner, plan, results, total)


class Batch:
    """A batch under way: workers do tasks, the caller's thread keeps and takes their results.

    Args:
        runner: Does one task.
        plan: Which tasks, how many at a time.
        results: Where results are kept; `None` = nowhere.
        total: How many tasks there are.
    """

    def __init__(
        self, runner: TaskRunner, plan: BatchPlan, results: Results | None, total: int
    ) -> None:
        self.total = total
        self.done_before = sum(one.done for one in results.known.values()) if results else 0
        """Tasks that earlier starts have done."""
        self.stops: Counter[str] = Counter()
        """How many tasks ended in which way, so far."""
        self.interrupted = False
        self._runner = runner
        self._plan = plan
        self._results = results
        self._halted: str | None = None
        self._codes: set[ExitCode] = set()
        self._again = 0
        self._faults = 0
        """Tasks in a row that the model gave no turn for."""

    def results(self) -> Iterator[Result]:
        """Do all that is left to do; yield each result once it is kept.

        Raises:
            Exception: Whatever stopped a worker; the other workers finish first.
        """
        open_litellm()  # Here, before many threads would import it at the same moment.
        sessions = state_of(self._runner.root).sessions if self._runner.remembers else None
        for result in self._done():
            self._keep(result)
            if sessions is not None and result.over is not None:
                sessions.forget(result.over)
            yield result

    def interrupt(self, why: str) -> None:
        """Begin no further task; those that run go on to their end."""
        self.interrupted = True
        self._halt(why)

    def summary(self) -> BatchSummary:
        """Return what came of the batch."""
        left = self.total - self.stops.total()
        codes = {*self._codes, *([ExitCode.INTERRUPTED] if left and self.interrupted else [])}
        return BatchSummary(
            self.total, self.stops, left, self._again, self._halted if left else None,
            self._plan.out, strongest(codes), self._plan.waits,
        )  # fmt: skip

    def _keep(self, result: Result) -> None:
        known = result.known
        self.stops[known.stop] += 1
        self._codes.add(known.code)
        self._again += not known.done
        if result.line is None:
            return
        if self._results is not None:
            self._results.add(result.task, result.line, known)
        self._faults = self._faults + 1 if result.faulty else 0
        if result.halts is not None:
            self._halt(result.halts)
        elif self._faults == MOST_FAULTS:
            self._halt(f"the model did not answer for {MOST_FAULTS} tasks in a row")

    def _halt(self, why: str) -> None:
        self._halted = self._halted or why

    def _done(self) -> Iterator[Result]:
        """Yield what the workers bring, as it comes."""

        def worker() -> Callable[[BatchTask], Result]:
            state = state_of(self._runner.root) if self._runner.stateful else None
            return lambda task: self._runner.do(task, state)

        left = takewhile(lambda _: self._halted is None, read_tasks(self._plan.tasks))
        broken = None
        for done in as_completed(left, worker, self._plan.jobs):
            if done.result is not None:
                yield done.result
            else:
                broken = broken or done.error
                self._halt("a worker failed")
        if broken is not None:
            raise broken


__all__ = ["JOBS", "MOST_FAULTS", "Batch", "BatchPlan", "BatchSummary", "open_batch"]
