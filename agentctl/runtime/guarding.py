"""What follows from the guardrails and keyword triggers on words that come in or go out."""

from itertools import takewhile
from typing import Literal

from agentctl.policy.facts import Decision
from agentctl.policy.guardrails import Checked
from agentctl.runtime.handing_over import escalate
from agentctl.runtime.run import Ending, Run


def guarded(run: Run, on: Literal["input", "output"], checked: Checked, text: str) -> Ending | None:
    """Record what the guardrails hit, and return how the run ends if it does.

    Args:
        run: The run.
        on: Which side the words are on.
        checked: What the guardrails of that side say.
        text: Where keywords are looked for.
    """
    for hit in checked.hits:
        run.record(
            "guardrail.hit",
            {"rail": hit.rail.id, "on": on, "action": hit.rail.action, "found": hit.found},
        )
        trip = run.triggers.on_guardrail(hit.rail.id, on)
        if trip is None and hit.rail.action == "escalate":
            trip = run.triggers.always("guardrail", hit.rail.id)
        if trip is not None:
            if on == "output":
                # What a guardrail found is not repeated to the user.
                run.said = None
            return escalate(run, trip, by="runtime")
    if checked.blocked is not None:
        return Ending("blocked", f"{on} guardrail `{checked.blocked.id}`", checked.blocked.say)
    trip = run.triggers.on_text(on, text)
    return escalate(run, trip, by="runtime") if trip else None


def after_denial(run: Run, decision: Decision) -> Ending | None:
    """Judge a row of calls that the policy denied, the last of them `decision`."""
    decided = (e.body["verdict"] for e in reversed(run.events) if e.type == "call.decided")
    row = sum(1 for _ in takewhile(lambda verdict: verdict == "deny", decided))
    trip = run.triggers.on_denied(row, decision.tool)
    return escalate(run, trip, by="runtime") if trip else None


__all__ = ["after_denial", "guarded"]
