"""Say which kinds of check a golden set has not got: it cannot find what it does not look for."""

from collections.abc import Iterator, Sequence

from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.loading.sets import LoadedSet

_NEVER = b'"never":['
"""How a scenario that forbids words is stored."""


def unchecked(loaded: LoadedSet, rows: Sequence[TrialRow]) -> Iterator[str]:
    """Yield one sentence for each kind of check that no scored trial of a set went through.

    Args:
        loaded: The set.
        rows: Its trials.
    """
    checked = {name for row in rows for name in row.checks}
    if not checked:
        return
    bundle = loaded.bundle
    if "answer" not in checked:
        yield "no scenario expects an answer (`answer:`): what the agent says was not checked"
    elif not any(_NEVER in row.text for row in loaded.rows()):
        yield "no scenario forbids words (`answer: {never: ...}`): promises were not looked for"
    if bundle.agent.output is not None and "output" not in checked:
        yield "no scenario expects anything of the structured output (`output:`)"
    if not any(tool.records for tool in bundle.tools.values()):
        yield "no tool of the agent declares `records:`: data of other people was not looked for"
    if not bundle.policy.guardrails.claims:
        yield "the policy has no `claims:`: what the agent says it did was not held against it"


__all__ = ["unchecked"]
