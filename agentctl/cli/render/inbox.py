"""What waits for a person, as they read it."""

from collections.abc import Iterator, Sequence

from agentctl.app.inbox import Waiting, WaitingApproval, WaitingEffect, WaitingHold
from agentctl.core.canonical import Json, canonical_text
from agentctl.core.text import neutralised


def waiting_line(entry: Waiting) -> str:
    """Return one line of `inbox list`."""
    match entry:
        case WaitingApproval():
            place = f"  in {entry.environment}" if entry.environment else ""
            return (
                f"approval {entry.id}  {entry.tool} {_json(entry.arguments)}{place}"
                f"  asked of {entry.queue or 'anybody'} until {entry.expires_at}"
                f"{_differs(entry.differs)}"
            )
        case WaitingEffect():
            return f"effect {entry.id}  {entry.tool} {_json(entry.arguments)}  {entry.state}" + (
                _differs(entry.differs)
            )
        case WaitingHold():
            return f"effects held back  {neutralised(entry.reason)}  agentctl inbox confirm"
    match entry.kind:
        case "question":
            asks = neutralised(entry.question or "")
            return f"question  {asks}  agentctl resume {entry.run} --reply TEXT"
        case "damaged":
            return f"damaged  run {entry.run} cannot be read  agentctl trace verify"
        case "case":
            return f"case  of {entry.agent}  agentctl resume {entry.run} --note TEXT"
        case "run":
            return f"run  of {entry.agent}, answered or cut off  agentctl resume {entry.run}"


def approval_lines(entry: WaitingApproval) -> Iterator[str]:
    """Yield what will happen, where each argument came from, and why it asks."""
    yield f"approval {entry.id}: {entry.standing}"
    yield f"  {entry.tool} ({entry.effect.replace('_', ' ')})"
    for name, value in entry.arguments.items():
        yield f"    {name} = {_json(value)}  (from {entry.origins.get(name, 'model')})"
    yield f"  because: {neutralised(entry.reason or '')}; rule {entry.rule or 'none'}"
    place = f" in {entry.environment}" if entry.environment else ""
    yield f"  run {entry.run} of {entry.agent}, acting for {entry.principal}{place}"
    yield f"  asked of {entry.queue or 'anybody'}, until {entry.expires_at}"
    for difference in entry.differs:
        yield f"  changed: {neutralised(difference)}"
    if entry.decided_by:
        said = f": {neutralised(entry.said)}" if entry.said else ""
        yield f"  answered by {entry.decided_by} at {entry.decided_at}{said}"


def _differs(differences: Sequence[str]) -> str:
    return f"  changed: {neutralised('; '.join(differences))}" if differences else ""


def _json(value: Json) -> str:
    return neutralised(canonical_text(value))


__all__ = ["approval_lines", "waiting_line"]
