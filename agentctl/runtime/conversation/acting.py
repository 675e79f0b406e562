"""Act on one call of the model: the authorizer decides, a person where it must be, then the tool.

What comes back is filtered, recorded, remembered and sent to the model; a refusal is a result like
any other.
"""

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.messages import (
    Approval,
    ApprovalRequest,
    Message,
    ToolCall,
    ToolError,
    ToolResult,
)
from agentctl.guardrails.triggers import TriggerHit
from agentctl.policy.facts import Decision
from agentctl.runtime.approvals.approver import given, requested
from agentctl.runtime.conversation.built_in_calls import built_in
from agentctl.runtime.conversation.escalating import escalate, note_escalation, stop_or_escalate
from agentctl.runtime.conversation.guarding import after_denial, after_tool, screened
from agentctl.runtime.dispatch import DispatchOutcome, dispatch
from agentctl.runtime.run import Ending, Run
from agentctl.toolbox.port import Backend, BackendCall

OUTAGES = frozenset({"timeout", "unavailable", "rate_limited", "internal", "invalid_output"})
"""Errors by which a tool itself has failed; a refusal or a missing record is an answer."""


def act(run: Run, backend: Backend, call: ToolCall) -> Ending | None:
    """Carry one call through to its result, and return how the run ends if it does."""
    decision = decide_call(run, call)
    if decision.verdict == "deny":
        return refused(run, call, decision)
    if decision.verdict == "draft":
        return save_draft(run, backend, call, decision)
    if decision.verdict == "ask":
        allowed = approved(run, call, decision)
        if not isinstance(allowed, Decision):
            return allowed
        decision = allowed
    if call.name in run.harness.built_in:
        return built_in(run, call, decision)
    return carry_out_call(run, backend, call, decision)


def decide_call(run: Run, call: ToolCall) -> Decision:
    """Ask the authorizer and record what it said."""
    decision = run.harness.authorizer.decide(call, run.facts())
    run.record(
        "call.decided",
        {
            "call_id": call.id,
            "tool": decision.tool,
            "arguments": decision.arguments,
            "bound": list(decision.bound),
            "effect": decision.effect,
            "verdict": decision.verdict,
            "stage": decision.stage,
            "rules": list(decision.rules),
            "reason": decision.reason,
            "policy": run.harness.policy,
        },
    )
    return decision


def refused(run: Run, call: ToolCall, decision: Decision) -> Ending | None:
    """Tell the model that its call was refused; a limit may make it a case for a person."""
    if decision.error == "unknown_tool":
        run.unknown_tools.append(call.name)
    error = ToolError(decision.error, decision.reason)  # type: ignore[arg-type]
    ending = observe(run, call, decision, DispatchOutcome(ToolResult(error=error)))
    if ending is None and decision.stage == "limit":
        trip = run.triggers.on_limit("per_tool", decision.reason)
        return escalate(run, trip, by="runtime") if trip else None
    return ending or after_denial(run, decision)


def save_draft(run: Run, backend: Backend, call: ToolCall, decision: Decision) -> Ending | None:
    """Save a draft instead of sending: the draft tool passes the authorizer in its own right."""
    sending = run.harness.bundle.tools.get(call.name)
    draft = sending.draft if sending is not None else None
    if draft is None:
        reason = (
            f"{decision.reason}: only a draft is allowed, and `{call.name}` names no draft tool"
        )
        return refused(run, call, decision._replace(verdict="deny", reason=reason))
    own = {k: v for k, v in decision.arguments.items() if k not in decision.bound}
    instead = decide_call(run, call._replace(name=draft, arguments=own))
    if instead.verdict != "allow":
        return refused(run, call, instead)
    return carry_out_call(run, backend, call, instead)


def approved(run: Run, call: ToolCall, decision: Decision) -> Decision | Ending | None:
    """Ask a person; return the decision to carry out, or how the run goes on without it."""
    request = approval_request(run, call, decision)
    run.record("approval.requested", requested(request))
    answer = run.context.approver.ask(request)
    if answer is None:
        run.pending.add(request.call_hash)
        return Ending("waiting_approval", f"`{call.name}` waits for {request.by}", run.said)
    # Before anything follows from it.
    run.record("approval.given", given(call.id, request.call_hash, answer))
    match answer.answer:
        case "approve":
            if answer.id is not None:
                run.approvals[call.id] = answer.id
            return decision
        case "timeout":
            return Ending("waiting_approval", f"no one approved `{call.name}` in time", run.said)
        case "reject":
            run.declined.add(decision.key)
            reason = "declined by a person; do not retry" if answer.by else "not approved"
            if answer.reason:
                reason += f": {answer.reason}"
            error = ToolError("declined", reason)
            return observe(run, call, decision, DispatchOutcome(ToolResult(error=error)))
        case "modify":
            return modified(run, call, decision, request, answer)


def modified(
    run: Run, call: ToolCall, decision: Decision, request: ApprovalRequest, answer: Approval
) -> Decision | Ending | None:
    """Decide again, on the arguments a person chose; what asks another queue is asked there."""
    changed = call._replace(arguments=answer.arguments or {})
    after = decide_call(run, changed)
    run.record(
        "correction.made",
        {
            "by": answer.by,
            "call_id": call.id,
            "before": decision.arguments,
            "after": after.arguments,
        },
    )
    if after.verdict in ("deny", "draft"):
        return refused(run, call, after)
    if after.verdict == "ask":
        asked = approval_request(run, changed, after).by
        if asked not in (None, request.by):
            return approved(run, changed, after)
    if answer.id is not None:
        run.approvals[call.id] = answer.id
    return after


def approval_request(run: Run, call: ToolCall, decision: Decision) -> ApprovalRequest:
    """Describe what a person is asked to approve."""
    escalation = run.harness.agent.escalation
    return ApprovalRequest(
        call.id,
        decision.tool,
        decision.effect,
        decision.arguments,
        decision.bound,
        origins(run, decision),
        decision.rules[0] if decision.rules else None,
        decision.reason,
        decision.by or (escalation.queue if escalation else None),
        decision.within_s,
    )


def origins(run: Run, decision: Decision) -> dict[str, str]:
    """Say where each argument's value was first met in this run."""
    found = {}
    for name, value in decision.arguments.items():
        if name in decision.bound:
            found[name] = "system"
            continue
        needle = value if isinstance(value, str) else canonical_text(value)
        heard = (m for m in run.messages if m.role in ("user", "tool"))
        source = next((m for m in heard if needle in _text(m)), None)
        if source is None:
            found[name] = "model"
        else:
            found[name] = (
                "user"
                if source.role == "user"
                else f"tool result {run.call_ids.get(source.call_id or '', source.call_id)}"
            )
    return found


def _text(message: Message) -> str:
    content = message.content
    return content if isinstance(content, str) else canonical_text(content)


def carry_out_call(run: Run, backend: Backend, call: ToolCall, decision: Decision) -> Ending | None:
    """Send the call, as decided, to its tool."""
    run.ran[decision.tool] = run.ran.get(decision.tool, 0) + 1
    tool = run.harness.bundle.tools[decision.tool]
    ask = BackendCall(decision.arguments, run.principal, run.world_now(), call_id=call.id)
    held = run.money.hold_call(tool)
    outcome = dispatch(run, backend, call.id, tool, ask)
    cost = run.money.charge_call(tool, outcome.result, held)
    return observe(run, call, decision, outcome, cost)


def observe(
    run: Run,
    call: ToolCall,
    decision: Decision,
    outcome: DispatchOutcome,
    cost: dict[str, Json] | None = None,
) -> Ending | None:
    """Filter and record a result, send it to the model, and judge what it means for the run."""
    result = outcome.result
    known = run.harness.authorizer.tools.get(decision.tool)
    visibility = known.visibility if known else None
    dropped = 0
    if visibility is not None and visibility.remembers and result.ok:
        filtered = visibility.filter(result.value, run.principal)
        dropped = filtered.dropped
        if filtered.gone:
            gone = ToolError("not_found", "no such record")
            result = result._replace(value=None, error=gone)
        else:
            result = result._replace(value=filtered.value)
            table = run.seen.setdefault(visibility.table or "", {})
            for key, record in filtered.records:
                table[key] = {**table[key], **record} if key in table else record
    result, trip = screened(run, result)
    body: dict[str, Json] = {
        "call_id": call.id,
        "tool": decision.tool,
        "ok": result.ok,
        "dropped": dropped,
        "attempts": result.attempts,
    }
    shown = result.error.as_json() if result.error else result.value
    body["error" if result.error else "value"] = shown
    untrusted = known is not None and known.spec.trust == "untrusted"
    if untrusted:
        body["untrusted"] = True
    if cost is not None:
        body["cost"] = cost
    run.record("tool.returned", body)
    if untrusted and run.tainted_by is None:
        run.tainted_by = decision.tool
    run.add_message(Message("tool", shown, (), call.told_id))
    if result.ok:
        run.results.setdefault(decision.tool, []).append(result.value)
    return consequences(run, decision, outcome.state, result) or after_tool(run, trip)


def consequences(
    run: Run, decision: Decision, state: str | None, result: ToolResult
) -> Ending | None:
    """Judge what a result means for the run: doubt, escalation, a row of errors, a loop."""
    error = result.error.kind if result.error else None
    if error == "missing_mock":
        run.missing_mock = result.error.message if result.error else ""
        return Ending("tool_error", run.missing_mock, run.said)
    if state in ("in_doubt", "unverified"):
        detail = f"`{decision.tool}`: it is not known whether the effect happened"
        if state == "unverified":
            detail = f"`{decision.tool}` took effect, and what it returned cannot be read"
        return stop_or_escalate(run, "tool_error", "effect", detail)
    if decision.effect == "escalation" and result.ok:
        escalation = run.harness.agent.escalation
        queue = decision.arguments.get("queue") or (escalation.queue if escalation else "")
        summary = decision.arguments.get("summary")
        reason = decision.arguments.get("reason") or summary or decision.tool
        note_escalation(run, TriggerHit("tool", str(reason), str(queue)), "tool", summary)
        return None
    if result.ok:
        run.tool_errors = 0
        if run.triggers.listens("tool"):
            trip = run.triggers.on_text("tool", result.value)
            if trip is not None:
                return escalate(run, trip, by="runtime")
    elif error in OUTAGES:
        run.tool_errors += 1
        trip = run.triggers.on_tool_errors(run.tool_errors, decision.tool)
        if trip is not None:
            return escalate(run, trip, by="runtime")
    came_back = result.error.as_json() if result.error else result.value
    repeated = run.loops.observe(decision.tool, decision.key, came_back, error)
    return stop_or_escalate(run, "loop", "loop", repeated) if repeated else None


__all__ = ["OUTAGES", "act"]
