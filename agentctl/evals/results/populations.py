"""Results by agent and model: trials of different agents or models are never one population.

Where a set was played by several, each is summarised and gated by itself. The summary of the set
then counts trials, and says nothing that holds of one agent only: no pass^k, no interval.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.evals.results.figures import Summary, summarise
from agentctl.evals.results.gates import Verdict, decide_gates
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.shapes.golden import Gates, HumanBaseline


class Population(NamedTuple):
    """What one agent on one model did."""

    agent: str | None
    """As recordings name it; `None` = they name none."""
    model: str
    summary: Summary

    @property
    def name(self) -> str:
        """The agent and its model, as reports show them."""
        return self.model if self.agent is None else f"{self.agent} on {self.model}"

    def as_json(self) -> dict[str, Json]:
        """Return the results as reports hold them."""
        return {"agent": self.agent, "model": self.model, "summary": self.summary.as_json()}


def populations(
    rows: Sequence[TrialRow], baseline: HumanBaseline | None = None
) -> tuple[Population, ...]:
    """Return the results of each agent and model, by name; empty where there is only one.

    Args:
        rows: All trials of one set.
        baseline: What the case costs when a person does it.
    """
    found: dict[tuple[str, str], list[TrialRow]] = {}
    for row in rows:
        found.setdefault((row.agent or "", row.model), []).append(row)
    if len(found) < 2:
        return ()
    return tuple(
        Population(agent or None, model, summarise(own, baseline))
        for (agent, model), own in sorted(found.items())
    )


def decide_all_gates(
    summary: Summary, apart: Sequence[Population], gates: Gates, *, part: bool = False
) -> Verdict:
    """Compare the figures of a set with its gates: those of each population, where there are many.

    A figure that no population has data for is decided on, once, from the whole set.

    Args:
        summary: The figures of the whole set.
        apart: Its populations; none where there is only one.
        gates: What the set declares.
        part: Only some scenarios were played.
    """
    found = [
        gate._replace(population=one.name)
        for one in apart
        for gate in decide_gates(one.summary, gates, part=True).gates
    ]
    decided = {gate.name for gate in found}
    whole = decide_gates(summary, gates, part=part).gates
    return Verdict((*found, *(gate for gate in whole if gate.name not in decided)))


__all__ = ["Population", "decide_all_gates", "populations"]
