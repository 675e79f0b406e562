"""The figures of a golden set: one table of what there is, and a summary of what they come to.

A figure is declared in one place, with its function: `quality.py`, `effort.py`, or a file of its
own. Everything that lists, prints, bounds or explains figures goes through this table.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.evals.results.effort import EFFORT
from agentctl.evals.results.figure import Figure, FigureSpec, Tally
from agentctl.evals.results.quality import INCONCLUSIVE, PASS_HAT_K, QUALITY, pass_hats
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.shapes.golden import HumanBaseline

FIGURES: dict[str, FigureSpec] = {spec.name: spec for spec in (*QUALITY, *EFFORT, INCONCLUSIVE)}
"""In the order in which reports show them."""


def gated_figures() -> dict[str, FigureSpec]:
    """Return every figure that `gates:` can name."""
    return {**FIGURES, PASS_HAT_K.name: PASS_HAT_K}


class Summary(NamedTuple):
    """All figures of one golden set."""

    scenarios: int
    trials: int
    passed: int
    failed: int
    inconclusive: int
    breaches: int
    """Trials that broke an invariant."""
    modes: dict[str, int]
    freshness: dict[str, int]
    confusion: dict[str, int]
    offered: int
    figures: dict[str, Figure]
    pass_hat: dict[int, Figure]
    """pass^k for each k that every scenario has trials for; empty with one trial each, and over
    trials of different agents or models."""
    untested: tuple[str, ...]
    """What a green verdict does not prove, one sentence each."""

    def figure(self, name: str, k: int | None = None) -> Figure:
        """Return a figure by the name that `gates:` gives it.

        Args:
            name: A name of `FIGURES`, or `pass_hat_k`.
            k: Of how many trials it speaks, where it speaks of several.
        """
        if k is None:
            return self.figures[name]
        note = f"not every scenario has {k} scored trials"
        return self.pass_hat.get(k, Figure(None, None, None, "not_evaluated", note))

    @property
    def scored(self) -> int:
        """Trials that could be scored."""
        return self.passed + self.failed

    def as_json(self) -> dict[str, Json]:
        """Return the summary as reports hold it."""
        return {
            "scenarios": self.scenarios,
            "trials": self.trials,
            "scored": self.scored,
            "passed": self.passed,
            "failed": self.failed,
            "inconclusive": self.inconclusive,
            "invariant_breaches": self.breaches,
            "modes": self.modes,
            "freshness": self.freshness,
            "escalation": {**self.confusion, "offered_in_words": self.offered},
            "figures": {name: figure.as_json() for name, figure in self.figures.items()},
            "pass_hat_k": {str(k): figure.as_json() for k, figure in self.pass_hat.items()},
            "not_tested": list(self.untested),
        }


def summarise(rows: Sequence[TrialRow], baseline: HumanBaseline | None = None) -> Summary:
    """Fold rows into figures; the order of the rows plays no part.

    Args:
        rows: All trials of one set.
        baseline: What the case costs when a person does it.
    """
    tally = Tally(rows, baseline)
    figures = {name: spec.work_out(tally) for name, spec in FIGURES.items()}
    one_population = len({(row.agent, row.model) for row in rows}) < 2
    if not one_population:
        figures = {name: figure._replace(interval=None) for name, figure in figures.items()}
    cells = ("needed_done", "needed_not_done", "not_needed_done", "not_needed_not_done")
    modes: Counter[str] = Counter(row.mode for row in rows)
    freshness: Counter[str] = Counter(row.freshness for row in rows)
    return Summary(
        scenarios=len({row.scenario for row in rows}),
        trials=len(rows),
        passed=tally.statuses["passed"],
        failed=tally.statuses["failed"],
        inconclusive=tally.statuses["inconclusive"],
        breaches=sum(row.breaches > 0 for row in rows),
        modes=dict(sorted(modes.items())),
        freshness=dict(sorted(freshness.items())),
        confusion={cell: tally.confusion[cell] for cell in cells},
        offered=sum(row.offered for row in tally.scored),
        figures=figures,
        pass_hat=pass_hats(tally) if one_population else {},
        untested=_untested(rows, modes, freshness),
    )


def _untested(
    rows: Sequence[TrialRow], modes: Counter[str], freshness: Counter[str]
) -> tuple[str, ...]:
    said = []
    written, recorded, replayed = modes["written"], modes["recorded"], modes["cassette"]
    total = len(rows)
    if written:
        said.append(
            f"{written} of {total} trials played turns written by hand: gate, tools, policy and"
            " world were tested, the prompt and the model were not"
        )
    if recorded:
        said.append(
            f"{recorded} of {total} trials played recorded turns: what the model would say to this"
            " prompt today was not tested"
        )
    if replayed:
        said.append(
            f"{replayed} of {total} trials played a cassette: the model's own answers to exactly"
            " these requests; what it would answer today was not tested"
        )
    if modes["live"]:
        said.append(
            f"{modes['live']} of {total} trials asked the model, with mocked tools: the real"
            " systems were not tested, and its next answers may differ"
        )
    if freshness["stale"]:
        said.append(
            f"{freshness['stale']} of {total} trials played turns made for another prompt, tool set"
            " or model (stale recording)"
        )
    if freshness["unstamped"]:
        said.append(
            f"{freshness['unstamped']} of {total} trials played turns without a stamp: nothing says"
            " what they were made for (`agentctl eval SET --stamp`)"
        )
    broken = sum(row.status == "inconclusive" for row in rows)
    if broken:
        said.append(f"{broken} of {total} trials could not be scored")
    return tuple(said)


__all__ = ["FIGURES", "Summary", "gated_figures", "summarise"]
