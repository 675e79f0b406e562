"""Which scenarios of a golden set are played: by glob over their ids, or by tag."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from agentctl.specs.shapes.golden import Scenario

_TAG = "tag:"


class ScenarioSelection(NamedTuple):
    """Patterns as the command line gives them; one that fits is enough, none selects all."""

    patterns: tuple[str, ...] = ()

    def takes(self, scenario: Scenario) -> bool:
        """Whether the scenario is selected."""
        return not self.patterns or any(_fits(p, scenario) for p in self.patterns)

    def unmatched(self, scenarios: Iterable[Scenario]) -> tuple[str, ...]:
        """Return the patterns that fit none of the scenarios."""
        left = self.patterns
        for scenario in scenarios if left else ():
            left = tuple(pattern for pattern in left if not _fits(pattern, scenario))
            if not left:
                break
        return left


def _fits(pattern: str, scenario: Scenario) -> bool:
    if pattern.startswith(_TAG):
        return any(fnmatchcase(tag, pattern[len(_TAG) :]) for tag in scenario.tags)
    return fnmatchcase(scenario.id, pattern)


__all__ = ["ScenarioSelection"]
