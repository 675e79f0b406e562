"""The table of scorers: the built-in ones by name, others through entry points.

A third party registers `NAME = "package.module:function"` under the entry-point group
`agentctl.scorers`; a golden set asks for it with `scorers: [NAME]`. Only what is installed can be
named, so a golden set alone never causes code to run, and nothing is looked for unless one is
named.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points

from agentctl.core.errors import Location, problem
from agentctl.core.text import did_you_mean
from agentctl.evals.scorers.reasons import Score
from agentctl.specs.shapes.golden import Scenario
from agentctl.traces.views.fold import Trajectory

Scorer = Callable[[Trajectory, Scenario], Score]
"""Scores one trial. `Score(False)` fails it; numbers and text are reported beside the checks."""

GROUP = "agentctl.scorers"
BUILT_IN = (
    "action",
    "answer",
    "attempts",
    "blocked",
    "calls",
    "escalation",
    "invariants",
    "output",
    "state",
    "stop",
)
"""These always run, each where the scenario says something about it."""


def load_scorers(names: Iterable[str], at: Location | None = None) -> dict[str, Scorer]:
    """Return the scorers that must be fetched for `names`; built-in ones need none.

    Args:
        names: As a golden set lists them.
        at: Where it lists them.

    Raises:
        Problem: For a name nobody registered, or one whose code cannot be loaded.
    """
    wanted = [name for name in names if name not in BUILT_IN]
    if not wanted:
        return {}
    registered = {point.name: point for point in entry_points(group=GROUP)}
    found: dict[str, Scorer] = {}
    for name in wanted:
        point = registered.get(name)
        if point is None:
            known = [*BUILT_IN, *registered]
            raise problem(
                "unknown-scorer",
                f"unknown scorer `{name}`; there are {', '.join(sorted(known))}",
                at=at,
                hint=did_you_mean(name, known)
                or f"install the package that registers it under `{GROUP}`",
            )
        try:
            found[name] = point.load()
        except Exception as error:
            raise problem(
                "broken-scorer",
                f"scorer `{name}` ({point.value}) cannot be loaded: {error}",
                at=at,
            ) from error
    return found


__all__ = ["BUILT_IN", "GROUP", "Scorer", "load_scorers"]
