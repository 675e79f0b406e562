"""What scoring the trials of one golden set needs, worked out once per set."""

from collections.abc import Callable, Sequence
from datetime import datetime

from agentctl.core.messages import Principal
from agentctl.evals.scorers.data_leak import DataLeakCheck
from agentctl.evals.scorers.reasons import Freshness
from agentctl.runtime.expected import ExpectedWorld, expected_world
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import Trial, scenario_principal
from agentctl.specs.shapes.bundle import Fingerprints, WorldSnapshot
from agentctl.specs.shapes.golden import Scenario, Stamp


class ExpectedCallError(Exception):
    """What a scenario expects cannot happen in its own world.

    Args:
        place: File and line of the scenario.
        wrong: One sentence a call.
    """

    def __init__(self, place: str, wrong: Sequence[str]) -> None:
        super().__init__(f"{place}: {'; '.join(wrong)}")


class ScoringContext:
    """The agent's tools as scoring sees them, and the worlds that expected calls lead to.

    Args:
        harness: The agent.
        tables: The world of the set.
        now: The moment its trials start, where a scenario names none.
        stamp: What the set's written turns were made for.
        place: Returns file and line of a scenario.
    """

    def __init__(
        self,
        harness: Harness,
        tables: WorldSnapshot,
        now: datetime,
        stamp: Stamp | None = None,
        place: Callable[[str], str] = str,
    ) -> None:
        self._harness = harness
        self._tables = tables
        self._now = now
        self._stamp = stamp
        self.money = harness.agent.limits.cost_usd.session
        tools = harness.authorizer.tools
        self.defaults = {name: tool.defaults for name, tool in tools.items() if tool.defaults}
        self._effects = {name: tool.spec.effect for name, tool in tools.items()}
        self.data_leaks = DataLeakCheck(harness, tables)
        self._worlds: tuple[Scenario, list[ExpectedWorld]] | None = None
        self._place = place

    def escalates(self, tool: str) -> bool:
        """Whether calling a tool passes the case to a person."""
        return self._effects.get(tool) == "escalation"

    def principal(self, scenario: Scenario) -> Principal:
        """Return whom the agent acts for in a scenario."""
        return scenario_principal(scenario, self._harness)

    def expected_worlds(self, scenario: Scenario) -> list[ExpectedWorld]:
        """Return where each acceptable path leads; kept for the next trial.

        Raises:
            ExpectedCallError: If an expected write fails that should succeed, or the other way
                round.
        """
        if self._worlds is None or self._worlds[0] is not scenario:
            expect = scenario.expect
            worlds = [
                expected_world(self._harness, scenario, self._tables, path, self._now)
                for path in expect.any_of or (expect.calls or (),)
            ]
            self._worlds = (scenario, worlds)
        wrong = [found.message for reached in self._worlds[1] for found in reached.wrong]
        if wrong:
            raise ExpectedCallError(self._place(scenario.id), wrong)
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


__all__ = ["ExpectedCallError", "ScoringContext", "fits"]
