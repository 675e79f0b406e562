"""Score recorded runs with agentctl and set each verdict beside the recorded reward.

Beside the verdict, which is the state's, stand two others: all calls as expected and the state
reached, and a comparison of tools and arguments alone, which never looks at the world.
"""

from collections import Counter
from typing import NamedTuple

from agentctl.core.canonical import canonical_text
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.golden import ExpectedCall
from benchmarks.crm.convert import PROJECT, CrmRun
from benchmarks.recordings import Generated, agrees, score_recordings

Calls = Counter[tuple[str, str]]
"""How often each tool was called with which canonical arguments."""


class Compared(NamedTuple):
    """One run with all that is said about it."""

    run: CrmRun
    row: TrialRow
    arguments_only: bool
    """What a comparison of the calls' arguments, without the world, would say."""
    why: str | None
    """Why that is wrong, where it is."""

    @property
    def passed(self) -> bool:
        """agentctl's verdict."""
        return self.row.status == "passed"

    @property
    def agrees(self) -> bool:
        """Whether the verdict is the recorded reward; an inconclusive run agrees with nothing."""
        return agrees(self.row, self.run.reward)

    @property
    def state(self) -> bool:
        """Whether the expected state was reached."""
        return "state" in self.row.checks and self.row.checks["state"].value is True

    @property
    def calls_and_state(self) -> bool:
        """Whether all expected calls ran, no other write did, and the state was reached; how the
        run ended plays no part."""
        return self.state and self.row.checks["calls"].value is True

    @property
    def end(self) -> str:
        """How the run ended where it broke off: error or limit."""
        return _end(self.row)


class Comparison(NamedTuple):
    """All runs, and what judging them cost."""

    runs: list[Compared]
    cpu_s: float
    """From reading the generated files to the verdict."""


def compare(generated: Generated, runs: list[CrmRun]) -> Comparison:
    """Score the generated recordings, and set what is expected beside what was done."""
    scored = score_recordings(PROJECT, generated)
    loaded, rows = scored.result.loaded, scored.rows()
    expected = {e.scenario.id: e.scenario.expect.calls or () for e in loaded.scenarios()}
    return Comparison(
        [
            _compared(run, rows[run.scenario, run.trial], expected[run.scenario], writes(loaded))
            for run in runs
        ],
        scored.cpu_s,
    )


def writes(loaded: LoadedSet) -> frozenset[str]:
    """Return the tools that change something."""
    return frozenset(n for n, tool in loaded.bundle.tools.items() if tool.effect != "none")


def _compared(
    run: CrmRun, row: TrialRow, expected: tuple[ExpectedCall, ...], tools: frozenset[str]
) -> Compared:
    want = Counter((call.tool, canonical_text(call.args)) for call in expected)
    made = Counter((tool, canonical_text(args)) for tool, args in run.calls if tool in tools)
    same = want == made
    why = None
    if same and not run.reward:
        why = f"the calls are right, and the run then ended with: {_end(row)}"
    elif not same and run.reward:
        why = _harmless(want - made, made - want, row)
    return Compared(run, row, same, why)


def _harmless(missing: Calls, extra: Calls, row: TrialRow) -> str:
    told = {note.kind for note in row.notes}
    if not extra:
        return "the expected call would have changed nothing, and was not made"
    if not missing and "failed-write" in told:
        return "further calls failed and changed nothing"
    if "wrong-outcome" in told:
        return "the expected call would have changed nothing, and the one made instead failed"
    return "other calls led to the same state"


def _end(row: TrialRow) -> str:
    ended = (r.message for r in row.reasons if r.kind == "recorded-end")
    return next(ended, "no recorded end").removeprefix("recorded run ended: ")


__all__ = ["Compared", "Comparison", "compare", "writes"]
