"""What an auditor counts of one run: a fold over its events that keeps no content.

When the content of a run is erased, these facts are what stays: the event of the erasure holds them
(`kept`), and from then on they are read from there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from pydantic import ValidationError

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.specs.shapes.base import Many, Spec
from agentctl.traces.log.store import ERASED
from agentctl.traces.views.fold import own_events

_UNKNOWN = frozenset({"in_doubt", "unverified"})
Counts = Mapping[str, int]
_NONE: Counts = MappingProxyType({})


class ApprovalFact(Spec):
    """A person's answer to one call that asked."""

    answer: str
    by: str | None = None
    waited_s: str | None = None
    """Seconds between question and answer, as the clocks said; left out where either is missing."""


class RunFacts(Spec):
    """What can be counted of one run."""

    agent: str = "unknown"
    model: str = "unknown"
    mode: str = "unknown"
    role: str = "unknown"
    policy: str = "unknown"
    """Fingerprint of the policy it ran under."""
    stop: str | None = None
    """Left out for a run that has not ended."""
    verdicts: Counts = _NONE
    """Decisions of the authorizer by verdict."""
    blocked: Counts = _NONE
    """Denied calls by the stage that denied them, and guardrails that blocked as `guardrail`."""
    escalated: Counts = _NONE
    """Hand-overs to a person by what led to them."""
    effects: Counts = _NONE
    """Effects by the state they were left in."""
    in_doubt: int = 0
    """Effects of which it was not known whether they happened."""
    corrected: int = 0
    """Manual corrections."""
    asked: int = 0
    """Calls for which a person was asked."""
    approvals: Many[ApprovalFact] = ()
    self_approvals: int = 0
    """Approvals given by the person the agent acted for: they are refused, so any is a finding."""
    warned: int = 0
    """Warnings before a limit."""


def facts_of(events: Sequence[Event]) -> RunFacts:
    """Return what can be counted of a run; of an erased one, what was kept when it was erased."""
    if any(event.body == ERASED for event in events):
        return _kept(events)
    events = own_events(events)
    bodies = [(event.type, event.body) for event in events]
    started = next((body for kind, body in bodies if kind == "run.started"), {})
    principal = started.get("principal") or {}
    decided = [body for kind, body in bodies if kind == "call.decided"]
    settled = [body["state"] for kind, body in bodies if kind == "effect.settled"]
    ends = [body for kind, body in bodies if kind in ("run.ended", "run.paused")]
    blocked = [body["stage"] for body in decided if body["verdict"] == "deny"]
    rails = [b for kind, b in bodies if kind == "guardrail.hit" and b["action"] == "block"]
    approvals = tuple(_approvals(events))
    own = str(principal.get("id", "")).casefold()
    return RunFacts(
        agent=started.get("agent", "unknown"),
        model=started.get("model", "unknown"),
        mode=started.get("mode", "unknown"),
        role=principal.get("role", "unknown"),
        policy=(started.get("fingerprints") or {}).get("policy", "unknown"),
        stop=ends[-1].get("stop") if ends else None,
        verdicts=_counted(body["verdict"] for body in decided),
        blocked=_counted([*blocked, *("guardrail" for _ in rails)]),
        escalated=_counted(b["trigger"]["kind"] for kind, b in bodies if kind == "escalated"),
        effects=_counted(settled),
        in_doubt=sum(state in _UNKNOWN for state in settled),
        corrected=sum(kind == "correction.made" for kind, _ in bodies),
        asked=sum(kind == "approval.requested" for kind, _ in bodies),
        approvals=approvals,
        self_approvals=sum(
            one.answer in ("approve", "modify") and (one.by or "").casefold() == own
            for one in approvals
        ),
        warned=sum(kind == "limit.warned" for kind, _ in bodies),
    )


def _approvals(events: Sequence[Event]) -> Iterable[ApprovalFact]:
    asked: dict[str, str] = {}
    for event in events:
        if event.type == "approval.requested":
            asked[event.body["call_id"]] = event.at
        elif event.type == "approval.given":
            body = event.body
            since = asked.get(body["call_id"])
            yield ApprovalFact(
                answer=body["answer"],
                by=body["by"],
                waited_s=None if since is None else _seconds(since, event.at),
            )


def _seconds(start: str, end: str) -> str | None:
    """Return the seconds between two moments; none where a clock was set back in between."""
    try:
        passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    except ValueError:
        return None
    return f"{passed.total_seconds():.3f}" if passed.total_seconds() >= 0 else None


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _kept(events: Sequence[Event]) -> RunFacts:
    found: list[Json] = [e.body["kept"] for e in events if "kept" in e.body]
    try:
        return RunFacts.model_validate(found[0]) if found else RunFacts()
    except ValidationError:
        return RunFacts()


__all__ = ["ApprovalFact", "RunFacts", "facts_of"]
