"""Carry out one call that the gate let through. Nothing else may call a tool backend.

Effects are recorded before they are sent. A write is repeated only under an idempotency key, and
never when its outcome is unknown and the tool has none: then it is in doubt, for a person.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.messages import ToolError, ToolResult
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import Run
from agentctl.specs.golden import Fault
from agentctl.specs.tools import ToolSpec
from agentctl.toolbox.mocks import MockTools
from agentctl.toolbox.port import Ask
from agentctl.toolbox.world import World

LOST = "lost_acknowledgement"
_UNCERTAIN = frozenset({"timeout", "unavailable"})
"""Errors after which a write may have happened all the same."""


class Outcome(NamedTuple):
    """What one call came to."""

    result: ToolResult
    state: str | None = None
    """For writes: succeeded, failed, in_doubt or unverified."""


class MockBackend:
    """Mocked tools over one world, with the faults of a scenario.

    It honours idempotency keys as a real provider does: a key it has answered before gets the same
    answer again, without a second effect.

    Args:
        mocks: The agent's mocks.
        world: The world of this run; changed by writes.
        faults: What goes wrong, by tool and number of the call.
    """

    def __init__(self, mocks: MockTools, world: World, faults: Sequence[Fault] = ()) -> None:
        self.world = world
        self._mocks = mocks
        self._faults = faults
        self._times: dict[str, int] = {}
        self._answered: dict[str, ToolResult] = {}

    def send(self, name: str, ask: Ask, key: str | None) -> ToolResult:
        """Send one call to the mocked system."""
        if name not in self._mocks:
            return ToolResult(error=ToolError("missing_mock", f"tool `{name}` has no mock"))
        fault = self._fault(name)
        if fault is not None and fault != LOST:
            return ToolResult(error=ToolError(fault, f"`{name}`: {fault.replace('_', ' ')}"))  # type: ignore[arg-type]
        if key is not None and key in self._answered:
            result = self._answered[key]
        else:
            result = self._mocks.call(self.world, name, ask)
            if key is not None and result.ok:
                self._answered[key] = result
        if fault == LOST:
            return ToolResult(error=ToolError("timeout", f"`{name}` did not answer in time"))
        return result

    def _fault(self, name: str) -> str | None:
        if not self._faults:
            return None
        times = self._times[name] = self._times.get(name, 0) + 1
        found = None
        for fault in self._faults:
            if fault.tool == name and fault.nth <= times < fault.nth + fault.times:
                self.world.disturb(fault.world)
                found = fault.fault or found
        return found


def dispatch(run: Run, backend: MockBackend, call_id: str, tool: ToolSpec, ask: Ask) -> Outcome:
    """Run one call to its end: retries, effect events, output schema.

    Args:
        run: The run it belongs to.
        backend: Where tools are.
        call_id: The model's id of the call.
        tool: The tool.
        ask: Canonical arguments, principal and moment.
    """
    reads = tool.effect == "none"
    key = None if reads else effect_key(tool, ask.args)
    if not reads:
        run.record(
            "effect.intended",
            {"call_id": call_id, "tool": tool.name, "effect": tool.effect, "key": key},
        )
    result = _attempt(run, backend, tool, ask, key)
    outcome = _judged(run.harness, tool, result)
    if outcome.state is not None:
        run.record(
            "effect.settled", {"call_id": call_id, "tool": tool.name, "state": outcome.state}
        )
    return outcome


def effect_key(tool: ToolSpec, arguments: dict[str, Json]) -> str | None:
    """Return what makes two calls the same effect: the fields the manifest names."""
    if tool.idempotency is None:
        return None
    return tool.name + canonical_text([arguments.get(name) for name in tool.idempotency.key])


def _attempt(
    run: Run, backend: MockBackend, tool: ToolSpec, ask: Ask, key: str | None
) -> ToolResult:
    retry = tool.retry
    may_repeat = retry is not None and (tool.effect == "none" or key is not None)
    most = retry.attempts if retry is not None and may_repeat else 1
    attempts = 0
    while True:
        attempts += 1
        result = backend.send(tool.name, ask, key)
        if result.latency_s:
            run.given.clock.advance(result.latency_s)
        kind = result.error.kind if result.error else None
        if attempts == most or retry is None or kind not in retry.errors:
            return result._replace(attempts=attempts) if attempts > 1 else result


def _judged(harness: Harness, tool: ToolSpec, result: ToolResult) -> Outcome:
    reads = tool.effect == "none"
    if result.error is not None:
        if reads:
            return Outcome(result)
        uncertain = result.error.kind in _UNCERTAIN
        return Outcome(result, "in_doubt" if uncertain else "failed")
    schema = harness.results.get(tool.name)
    if schema is None or schema.ok(result.value):
        return Outcome(result, None if reads else "succeeded")
    # What broke is told without the value: it was not filtered yet.
    problems = ", ".join(schema.broken_at(result.value)[:3])
    broken = ToolError("invalid_output", f"`{tool.name}` broke its output schema at {problems}")
    # A write is done even when its receipt is unreadable: it must not be repeated.
    return Outcome(result._replace(value=None, error=broken), None if reads else "unverified")


__all__ = ["LOST", "MockBackend", "Outcome", "dispatch", "effect_key"]
