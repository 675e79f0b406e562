"""What follows from the guardrails and keyword triggers at every boundary of a run."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Literal

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.messages import ToolResult
from agentctl.policy.facts import Decision
from agentctl.policy.guardrails import Checked, CheckedValue, Hit, blocking
from agentctl.policy.triggers import Trip
from agentctl.runtime.handing_over import escalate, note_hits
from agentctl.runtime.run import Ending, Run


def guarded(
    run: Run, on: Literal["input", "output"], checked: Checked | CheckedValue, text: str
) -> Ending | None:
    """Record what the guardrails hit, and return how the run ends if it does.

    Args:
        run: The run.
        on: Which side the words are on.
        checked: What the guardrails of that side say.
        text: Where keywords are looked for.
    """
    ending = after_hits(run, on, checked.hits)
    if ending is not None:
        return ending
    trip = run.triggers.on_text(on, text)
    return escalate(run, trip, by="runtime") if trip else None


def after_hits(run: Run, on: Literal["input", "output"], hits: Iterable[Hit]) -> Ending | None:
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


def heard(run: Run, line: str | dict[str, Json]) -> tuple[str, Ending | None]:
    """Take in a line of the user in the middle of a run, as one at its start is taken in.

    Returns:
        What the model may read, and how the run ends if it does.
    """
    text = line if isinstance(line, str) else canonical_text(line)
    checked = run.harness.rails_in.check(text)
    content = checked.text if isinstance(line, str) or checked.text != text else line
    run.record("input.received", {"source": "user", "content": content})
    return checked.text, guarded(run, "input", checked, text)


def screened(run: Run, result: ToolResult) -> tuple[ToolResult, Trip | None]:
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


def after_tool(run: Run, trip: Trip | None) -> Ending | None:
    """Pass the case on where a guardrail on a tool's result says so."""
    return escalate(run, trip, by="runtime") if trip else None


def tripped_by(
    run: Run, on: Literal["input", "tool", "output"], hits: Iterable[Hit]
) -> Trip | None:
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


__all__ = ["after_denial", "after_hits", "after_tool", "guarded", "heard", "screened", "tripped_by"]
