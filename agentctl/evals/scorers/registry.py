"""The table of scorers: the built-in ones, and others through entry points.

A third party registers `NAME = "package.module:function"` under the entry-point group
`agentctl.scorers`; a golden set asks for it with `scorers: [NAME]`. Only what is installed can be
named, so a golden set alone never causes code to run, and nothing is looked for unless one is
named.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from agentctl.core.extensions import find_extension, load_extension
from agentctl.evals.scorers.answers import score_answer, score_output, score_stop
from agentctl.evals.scorers.calls import score_action, score_attempts, score_blocked, score_calls
from agentctl.evals.scorers.escalation import score_escalation
from agentctl.evals.scorers.evidence import Scorer
from agentctl.evals.scorers.invariants import score_invariants
from agentctl.evals.scorers.state import score_state


class ScorerEntry(NamedTuple):
    """One scorer of the table."""

    name: str
    scorer: Scorer
    counts: Literal["always", "scored", "shown"] = "scored"
    """Whether its reasons fail a trial: `always`, even in an inconclusive one;
    `scored`, in a trial that can be scored; `shown`, not by themselves."""


SCORERS = (
    ScorerEntry("action", score_action),
    ScorerEntry("calls", score_calls, "shown"),
    ScorerEntry("state", score_state, "shown"),
    ScorerEntry("invariants", score_invariants, "always"),
    ScorerEntry("blocked", score_blocked),
    ScorerEntry("attempts", score_attempts),
    ScorerEntry("escalation", score_escalation),
    ScorerEntry("answer", score_answer),
    ScorerEntry("output", score_output),
    ScorerEntry("stop", score_stop),
)
"""These run in every trial, in the order in which reports show them."""


def find_scorers(names: Iterable[str]) -> list[str]:
    """Return those names that other packages register; none of their code is loaded.

    Args:
        names: As a golden set lists them; built-in ones need not be named.

    Raises:
        Problem: For a name nobody registered.
    """
    built_in = [entry.name for entry in SCORERS]
    return [
        name for name in names if name not in built_in and find_extension("scorer", name, built_in)
    ]


def scorer_table(names: Iterable[str]) -> tuple[ScorerEntry, ...]:
    """Return the built-in scorers and those of `names`.

    Raises:
        Problem: For a name nobody registered, or one whose code cannot be loaded.
    """
    found = find_scorers(names)
    return (*SCORERS, *(ScorerEntry(name, load_extension("scorer", name)) for name in found))


__all__ = ["SCORERS", "ScorerEntry", "find_scorers", "scorer_table"]
