"""Which scenarios of a golden set are played: by glob over their ids, or by tag."""

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


def _fits(pattern: str, scenario: Scenario) -> bool:
    if pattern.startswith(_TAG):
        return any(fnmatchcase(tag, pattern[len(_TAG) :]) for tag in scenario.tags)
    return fnmatchcase(scenario.id, pattern)


__all__ = ["ScenarioSelection"]
