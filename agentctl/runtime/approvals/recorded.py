"""What the trace of a run says of the calls that asked a person, and of the effects it sent.

The inbox and the ledger make both findable and count them; where they differ from the trace, the
trace holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval, ApprovalRequest, ToolError, ToolResult
from agentctl.effects.approvals import ApprovalBinding, PendingApproval, lapse_of, request_row
from agentctl.effects.ledger import EffectRecord, EffectState, ledger_key
from agentctl.runtime.approvals.approver import answer_in


class RecordedRequest(NamedTuple):
    """A call that asked a person."""

    binding: ApprovalBinding
    environment: str | None
    request: ApprovalRequest
    at: str
    answer: Approval | None = None
    answered_at: str | None = None
    used: bool = False
    """Whether an effect was sent on the answer."""

    @property
    def expires_at(self) -> datetime:
        """When the request, and an answer to it, lapses."""
        return lapse_of(self.request, datetime.fromisoformat(self.at))


class RecordedEffect(NamedTuple):
    """An effect that was about to be sent, and what became of it."""

    call_id: str
    key: str
    """As the ledger knows it."""
    tool: str
    arguments: dict[str, Json]
    intended_at: str
    principal: str
    queue: str | None
    """The queue that its call asked, or that its case went to."""
    approval: int | None = None
    state: EffectState = "in_doubt"
    result: ToolResult | None = None
    settled_at: str | None = None
    settled_by: str | None = None


def recorded_requests(run: str, events: Sequence[Event]) -> list[RecordedRequest]:
    """Return the calls of a run that asked a person, in order."""
    started = events[0].body
    prints = started["fingerprints"]
    binding = ApprovalBinding(
        run, started["agent"], started["principal"]["id"], prints["policy"], prints["tools"]
    )
    decided: Mapping[str, Json] = {}
    found: list[RecordedRequest] = []
    for event in events:
        body = event.body
        if event.type == "call.decided":
            decided = body
        elif event.type == "approval.requested":
            request = ApprovalRequest(
                body["call_id"],
                body["tool"],
                decided["effect"],
                body["arguments"],
                tuple(decided["bound"]),
                body["origins"],
                body["rule"],
                body["reason"],
                body["by"],
                body["within_s"],
            )
            found.append(RecordedRequest(binding, started.get("environment"), request, event.at))
        elif event.type == "approval.given" and found:
            found[-1] = found[-1]._replace(answer=answer_in(body), answered_at=event.at)
        elif event.type == "effect.intended" and found:
            last = found[-1]
            if last.request.call_id == body["call_id"] and last.answer is not None:
                found[-1] = last._replace(used=True)
    return found


def find_request(run: str, events: Sequence[Event], row: PendingApproval) -> RecordedRequest:
    """Return the request that a row of the inbox stands for.

    Raises:
        Problem: If the trace holds none with the same arguments.
    """
    for found in reversed(recorded_requests(run, events)):
        if found.request.call_hash == row.call_hash:
            return found
    raise _differs(f"approval {row.id}", [f"run {run} never asked for this call"])


def check_request(row: PendingApproval, found: RecordedRequest) -> None:
    """Refuse a row of the inbox that differs from the trace.

    Raises:
        Problem: If they differ, naming each difference.
    """
    differences = row_differences(row, found)
    if differences:
        raise _differs(f"approval {row.id}", differences)


def row_differences(row: PendingApproval, found: RecordedRequest) -> list[str]:
    """Return where a row of the inbox differs from the trace, a line each."""
    asked = request_row(found.request)
    pairs: list[tuple[str, Json, Json]] = [
        (name, getattr(row, name), said) for name, said in found.binding._asdict().items()
    ]
    pairs += [("queue", row.queue, asked["by"]), ("call_id", row.call_id, asked["call_id"])]
    pairs += [(name, row.request.get(name), said) for name, said in asked.items()]
    return list(_unequal(pairs))


def recorded_effects(run: str, events: Sequence[Event]) -> list[RecordedEffect]:
    """Return the effects that a run was about to send, in order."""
    started = events[0].body
    queues = [event.body["queue"] for event in events if event.type == "escalated"]
    decided: dict[str, dict[str, Json]] = {}
    asked: dict[str, str | None] = {}
    tickets: dict[str, int | None] = {}
    found: dict[str, RecordedEffect] = {}
    for event in events:
        body = event.body
        call: str = body.get("call_id") or ""
        match event.type:
            case "call.decided":
                decided[call] = body["arguments"]
            case "approval.requested":
                asked[call] = body["by"]
            case "approval.given":
                tickets[call] = body.get("ticket")
            case "effect.intended":
                found[call] = RecordedEffect(
                    call,
                    ledger_key(
                        body["tool"], body["key"], run, event.seq, started.get("environment")
                    ),
                    body["tool"],
                    decided[call],
                    event.at,
                    started["principal"]["id"],
                    asked.get(call) or next(reversed(queues), None),
                    tickets.get(call),
                )
            case "effect.settled":
                by = body.get("by", "provider")
                found[call] = found[call]._replace(
                    state=body["state"], settled_at=event.at, settled_by=by
                )
            case "tool.returned" if call in found:
                found[call] = found[call]._replace(result=_result(body))
            case "correction.made" if call in found and "state" in (body["after"] or {}):
                found[call] = found[call]._replace(
                    state=body["after"]["state"], settled_at=event.at, settled_by=body["by"]
                )
    return list(found.values())


def find_effect(run: str, events: Sequence[Event], row: EffectRecord) -> RecordedEffect:
    """Return the effect that a row of the ledger stands for.

    Raises:
        Problem: If the trace holds none of its key.
    """
    for found in recorded_effects(run, events):
        if found.key == row.key:
            return found
    raise _differs(f"effect {row.id}", [f"run {run} never intended it"])


def check_effect(row: EffectRecord, found: RecordedEffect) -> None:
    """Refuse a row of the ledger that differs from the trace.

    Raises:
        Problem: If they differ, naming each difference.
    """
    differences = effect_differences(row, found)
    if differences:
        raise _differs(f"effect {row.id}", differences)


def effect_differences(row: EffectRecord, found: RecordedEffect) -> list[str]:
    """Return where a row of the ledger differs from the trace, a line each."""
    pairs = [("tool", row.tool, found.tool), ("arguments", row.arguments, found.arguments)]
    return list(_unequal(pairs))


def _result(body: Mapping[str, Json]) -> ToolResult:
    error = body.get("error")
    known = ToolError(error["error"], error["message"]) if error else None
    return ToolResult(body.get("value"), known)


def _unequal(pairs: Sequence[tuple[str, Json, Json]]) -> Iterator[str]:
    for name, kept, said in pairs:
        was, wanted = canonical_text(kept), canonical_text(said)
        if was != wanted:
            yield f"{name} is {was}, and in the trace {wanted}"


def _differs(what: str, differences: Sequence[str]) -> Problem:
    return problem(
        "inbox-differs",
        f"{what} differs from the trace of its run: {'; '.join(differences)}",
        hint="state.db was changed; nothing can be approved on it: reject it, then start the task"
        " again",
        exit_code=ExitCode.NO,
    )


__all__ = [
    "RecordedEffect",
    "RecordedRequest",
    "check_effect",
    "check_request",
    "effect_differences",
    "find_effect",
    "find_request",
    "recorded_effects",
    "recorded_requests",
    "row_differences",
]
