"""What scoring the trials of one golden set needs, worked out once per set."""

from collections.abc import Collection
from datetime import datetime

from agentctl.core.messages import Principal
from agentctl.evals.scorers.data_leak import DataLeakCheck
from agentctl.evals.scorers.reasons import Freshness
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import Trial, expected_world, scenario_principal
from agentctl.specs.shapes.bundle import Fingerprints, WorldSnapshot
from agentctl.specs.shapes.golden import Scenario, Stamp
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.mock.world import World

_STRONG = frozenset({"external_write", "irreversible"})


class ScoringContext:
    """The agent's tools as scoring sees them, and the worlds that expected calls lead to.

    Args:
        harness: The agent.
        tables: The world of the set.
        now: The moment its trials start, where a scenario names none.
        stamp: What the set's written turns were made for.
    """

    def __init__(
        self,
        harness: Harness,
        tables: WorldSnapshot,
        now: datetime,
        stamp: Stamp | None = None,
    ) -> None:
        self._harness = harness
        self._tables = tables
        self._now = now
        self._stamp = stamp
        self.money = harness.agent.limits.cost_usd.session
        tools = harness.authorizer.tools
        self.defaults = {name: tool.defaults for name, tool in tools.items() if tool.defaults}
        self._effects = {name: tool.spec.effect for name, tool in tools.items()}
        self._marks = {name: _tables_of(tool.spec) for name, tool in tools.items()}
        self.data_leaks = DataLeakCheck(harness, tables)
        self._worlds: tuple[Scenario, list[World]] | None = None

    def leaves_no_mark(self, tool: str, effect: str | None = None) -> bool:
        """Whether what a tool does outside cannot be read off the world's tables."""
        known = effect or self._effects.get(tool)
        return known in _STRONG and not self._marks.get(tool)

    def accounted_for(self, tool: str, effect: str, tables: Collection[str]) -> bool:
        """Whether an expected state of these tables judges what a write did."""
        marks = self._marks.get(tool)
        if marks:
            return not marks.isdisjoint(tables)
        return bool(tables) and effect not in _STRONG

    def principal(self, scenario: Scenario) -> Principal:
        """Return whom the agent acts for in a scenario."""
        return scenario_principal(scenario, self._harness)

    def expected_worlds(self, scenario: Scenario) -> list[World]:
        """Return the worlds that each acceptable path leads to; kept for the next trial.

        Raises:
            Problem: If an expected call fails.
        """
        if self._worlds is None or self._worlds[0] is not scenario:
            expect = scenario.expect
            paths = expect.any_of or (expect.calls or (),)
            worlds = [
                expected_world(self._harness, scenario, self._tables, path, self._now)
                for path in paths
            ]
            self._worlds = (scenario, worlds)
        return self._worlds[1]

    def freshness(self, trial: Trial, scenario: Scenario) -> Freshness:
        """Say whether a trial's turns were made for this prompt, these tools, this model."""
        if trial.kind != "written":
            return "not_stamped"
        stamp = scenario.made_for or self._stamp
        if stamp is None:
            return "unstamped"
        return "fresh" if fits(stamp, self._harness.bundle.fingerprints) else "stale"


def fits(stamp: Stamp, now: Fingerprints) -> bool:
    """Whether turns stamped so were made for what is there now."""
    return (
        now.instructions.startswith(stamp.instructions)
        and now.tools.startswith(stamp.tools)
        and now.model == stamp.model
    )


def _tables_of(tool: ToolSpec) -> frozenset[str]:
    mock = tool.mock
    named = [mock.insert, mock.update, mock.delete] if mock else []
    named += [tool.target.table if tool.target else None]
    named += [tool.records.table if tool.records else None]
    return frozenset(name for name in named if name is not None)


__all__ = ["ScoringContext", "fits"]
