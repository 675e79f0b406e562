"""What is recorded of golden sets, as text."""

from collections.abc import Iterator, Sequence

from agentctl.core.text import count, neutralised
from agentctl.evals.running.cassette_status import CassetteStatus

MOST_SHOWN = 20
"""Scenarios that are named of one kind."""


def status_lines(one: CassetteStatus) -> Iterator[str]:
    """Yield what is recorded of one set, and what of it is of no use."""
    if not one.trials:
        yield f"{neutralised(one.name)}: no recording for {count(one.scenarios, 'scenario')}"
        return
    stale = {stale.scenario for stale in one.stale}
    unused = {scenario for scenario, _ in one.unused}
    edited = f", {len(one.edited)} edited" if one.edited else ""
    edited += f", {len(one.unverified)} unverified" if one.unverified else ""
    yield (
        f"{neutralised(one.name)}: {one.recorded} of {count(one.scenarios, 'scenario')} recorded,"
        f" {len(one.missing)} missing, {len(stale)} stale, {len(unused)} unused{edited}"
    )
    yield f"  {neutralised(one.file)}"
    yield from _listed([f"missing  {name}" for name in one.missing])
    yield from _listed([f"stale    {s.scenario}#{s.trial}: {s.why}" for s in one.stale])
    yield from _listed([f"unused   {name}#{trial}" for name, trial in one.unused])
    yield from _listed([f"edited   {e.scenario}#{e.trial}: {_turns(e.turns)}" for e in one.edited])
    yield from _listed([f"unverified {name}#{trial}" for name, trial in one.unverified])
    yield ""


def _turns(turns: Sequence[int]) -> str:
    return f"turn {', '.join(map(str, turns))}, by hand; played as written turns"


def way_out(found: Sequence[CassetteStatus]) -> str:
    """Return the last line: what to do next."""
    for one in found:
        if one.stale:
            return (
                "what follows a stale turn is not known."
                f" Next: agentctl eval {one.name} --record missing"
            )
    for one in found:
        if one.unused:
            return f"Next: agentctl golden status {one.name} --prune"
    for one in found:
        if one.missing:
            return f"Next: agentctl eval {one.name} --record missing"
    return f"Next: agentctl eval {found[0].name} --replay"


def _listed(rows: Sequence[str]) -> Iterator[str]:
    for row in rows[:MOST_SHOWN]:
        yield f"  {neutralised(row)}"
    if len(rows) > MOST_SHOWN:
        yield f"  ... and {len(rows) - MOST_SHOWN} more (--format json shows all)"


__all__ = ["MOST_SHOWN", "status_lines", "way_out"]
