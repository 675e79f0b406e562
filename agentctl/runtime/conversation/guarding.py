"""What follows from the guardrails and keyword triggers at every boundary of a run."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Literal

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.messages import ToolResult
from agentctl.guardrails.rails import CheckedText, CheckedValue, GuardrailHit, blocking
from agentctl.guardrails.triggers import TriggerHit
from agentctl.policy.facts import Decision
from agentctl.runtime.conversation.escalating import escalate, note_hits
from agentctl.runtime.run import Ending, Run


def apply_guardrails(
    run: Run, on: Literal["input", "output"], checked: CheckedText | CheckedValue, said: Json
) -> Ending | None:
    """Record what the guardrails hit, and return how the run ends if it does.

    Args:
        run: The run.
        on: Which side the words are on.
        checked: What the guardrails of that side say.
        said: Where keywords are looked for.
    """
    ending = after_hits(run, on, checked.hits)
    if ending is not None:
        return ending
    trip = run.triggers.on_text(on, said)
    return escalate(run, trip, by="runtime") if trip else None


def after_hits(
    run: Run, on: Literal["input", "output"], hits: Iterable[GuardrailHit]
) -> Ending | None:
    """Record hits; escalation comes before a block, so that a person sees the case."""
    hits = tuple(hits)
    note_hits(run, on, hits)
    trip = tripped_by(run, on, hits)
    if trip is not None:
        if on == "output":
            # What a guardrail found is not repeated to the user.
            run.said = None
        return escalate(run, trip, by="runtime")
    blocked = blocking(hits, unheard=True)
    if blocked is None:
        return None
    return Ending("blocked", f"{on} guardrail `{blocked.id}`", blocked.say)


def heard(run: Run, line: str | dict[str, Json], source: str) -> tuple[str, Ending | None]:
    """Take in what the user says: record it, guardrails first, then triggers.

    Args:
        run: The run.
        line: A text, or the object of an event.
        source: Where it comes from: user or event.

    Returns:
        What the model may read, and how the run ends if it does.
    """
    checked = run.harness.rails_in.check_value(line)
    content = checked.value
    run.record("input.received", {"source": source, "content": content})
    text = content if isinstance(content, str) else canonical_text(content)
    return text, apply_guardrails(run, "input", checked, line)


def screened(run: Run, result: ToolResult) -> tuple[ToolResult, TriggerHit | None]:
    """Check what a tool returned before trace and model get it.

    Returns:
        The result, redacted or withheld, and why the case goes to a person if it does.
    """
    rails = run.harness.rails_tool
    if not rails:
        return result, None
    error = result.error
    checked = rails.check_value(error.message if error else result.value)
    note_hits(run, "tool", checked.hits)
    trip = tripped_by(run, "tool", checked.hits)
    blocked = blocking(checked.hits, unheard=trip is None)
    if error is not None:
        message = f"withheld by guardrail `{blocked.id}`" if blocked else str(checked.value)
        result = result._replace(error=error._replace(message=message))
    else:
        # The tool ran, so its result stays a result: an error would say that it did not.
        value = {"withheld_by_guardrail": blocked.id} if blocked else checked.value
        result = result._replace(value=value)
    return result, trip


def after_tool(run: Run, trip: TriggerHit | None) -> Ending | None:
    """Pass the case on where a guardrail on a tool's result says so."""
    return escalate(run, trip, by="runtime") if trip else None


def tripped_by(
    run: Run, on: Literal["input", "tool", "output"], hits: Iterable[GuardrailHit]
) -> TriggerHit | None:
    """Return why hits make the run a case for a person: a trigger, or the guardrail itself."""
    for hit in hits:
        trip = run.triggers.on_guardrail(hit.rail.id, on)
        if trip is None and hit.rail.action == "escalate":
            trip = run.triggers.always("guardrail", hit.rail.id)
        if trip is not None:
            return trip
    return None


def after_denial(run: Run, decision: Decision) -> Ending | None:
    """Judge a row of calls that the policy denied, the last of them `decision`."""
    decided = (e.body["verdict"] for e in reversed(run.events) if e.type == "call.decided")
    row = sum(1 for _ in takewhile(lambda verdict: verdict == "deny", decided))
    trip = run.triggers.on_denied(row, decision.tool)
    return escalate(run, trip, by="runtime") if trip else None


__all__ = [
    "after_denial",
    "after_hits",
    "after_tool",
    "apply_guardrails",
    "heard",
    "screened",
    "tripped_by",
]
