"""Carry out one call that was authorized. Nothing else may call a tool backend.

Effects are recorded before they are sent, and live ones are in the ledger too. A write is repeated
only where its provider recognises it; when its outcome stays unknown, it is for a person.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text, digest
from agentctl.core.masking import MASK, without_secrets
from agentctl.core.messages import ToolError, ToolResult, call_key
from agentctl.core.waiting import pause_s
from agentctl.effects.ledger import EffectIntent, ledger_key
from agentctl.runtime.exactly_once import SendResult, send_once
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import Run
from agentctl.specs.language.expressions import Expression, ExpressionError, literal_or_expression
from agentctl.specs.shapes.base import duration
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.golden import InjectedFault
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.mock.tools import NOTHING_RECORDED, MockBackend
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import Backend, BackendCall, Elicit, Opening
from agentctl.toolbox.variables import variables_of

BACKOFF_S = 0.2
"""Seconds before the second attempt at a real system that does not say; doubled each time."""
_UNCERTAIN = frozenset({"timeout", "unavailable"})
"""Errors after which a write may have happened all the same."""


class DispatchOutcome(NamedTuple):
    """The outcome of one call."""

    result: ToolResult
    state: str | None = None
    """For writes: succeeded, failed, in_doubt or unverified."""
    by: str = "provider"
    """Who found that out."""


def mock_backend(
    harness: Harness,
    world: World,
    faults: Sequence[InjectedFault] = (),
    recorded: Mapping[tuple[str, str], ToolResult] = NOTHING_RECORDED,
) -> MockBackend:
    """Return the mocks of an agent over one world, with the faults of a scenario.

    Args:
        harness: The agent.
        world: What writes act on.
        faults: What goes wrong.
        recorded: What reads answered when the run was recorded, by id of the call and tool.
    """
    return MockBackend(harness.mocks, world, faults, recorded)


def live_backend(
    bundle: Bundle, environment: str | None = None, elicit: Elicit | None = None
) -> Backend:
    """Return the real systems of an agent's tools.

    Args:
        bundle: The agent.
        environment: Where they are: staging or production.
        elicit: Asks a person what a server wants to know; left out = no one is asked.

    Raises:
        Problem: If a tool has no live side, or names a variable that is not set.
    """
    return LiveTools(Opening(bundle, variables_of(bundle, environment), elicit))


def dispatch(
    run: Run, backend: Backend, call_id: str, tool: ToolSpec, ask: BackendCall
) -> DispatchOutcome:
    """Run one call to its end: retries, effect events, output schema.

    Args:
        run: The run it belongs to.
        backend: Where tools are.
        call_id: The model's id of the call.
        tool: The tool.
        ask: Canonical arguments, principal and moment.
    """
    call, session = _DispatchedCall(run, backend, tool, ask), run.context.session
    recorded = run.replay.result(call_id) if run.replay is not None else None
    if tool.effect == "none":
        return _played_back(call, recorded) if recorded else call.read()
    key = effect_key(tool, ask.args)
    if key is not None and MASK in key and run.replay is not None:
        intended = run.replay.peek("effect.intended")
        key = intended["key"] if intended is not None else key
    known = ledger_key(tool.name, key, session.run_id, len(run.events), run.context.environment)
    run.record(
        "effect.intended",
        {"call_id": call_id, "tool": tool.name, "effect": tool.effect, "key": key},
    )
    if recorded:
        outcome = _played_back(call, recorded)
    elif session.ledger is None:
        sent = call.send(key)
        if sent.state == "in_doubt":
            sent = call.look_up() or sent
        outcome = DispatchOutcome(sent.result, sent.state, sent.by)
    else:
        remembered = duration(tool.idempotency.within).total_seconds() if tool.idempotency else 0.0
        intent = EffectIntent(
            session.run_id, known, tool.name, ask.args, run.approvals.get(call_id), remembered
        )
        sent = send_once(session.ledger, intent, call)
        outcome = DispatchOutcome(sent.result, sent.state, sent.by)
    settled: dict[str, Json] = {"call_id": call_id, "tool": tool.name, "state": outcome.state}
    if outcome.by != "provider":
        settled["by"] = outcome.by
    run.record("effect.settled", settled)
    return outcome


def effect_key(tool: ToolSpec, arguments: dict[str, Json]) -> str | None:
    """Return what makes two calls the same effect: the fields the manifest names.

    It is kept, in the trace and in the ledger: of a secret only the hash.
    """
    if tool.idempotency is None:
        return None
    named = {name: arguments.get(name) for name in tool.idempotency.key}
    if without_secrets(named) != named:
        return f"{tool.name}#{digest(named)}"
    return call_key(tool.name, list(named.values()))


def _played_back(
    call: "_DispatchedCall", recorded: tuple[ToolResult, str | None]
) -> DispatchOutcome:
    """Return a recorded result; a mock world goes along, since nothing else remembers it."""
    if isinstance(call.backend, MockBackend):
        _attempt(call.run, call.backend, call.tool, call.ask, effect_key(call.tool, call.ask.args))
    result, state = recorded
    return DispatchOutcome(result, state)


class _DispatchedCall:
    """One call, ready to be sent."""

    def __init__(self, run: Run, backend: Backend, tool: ToolSpec, ask: BackendCall) -> None:
        self.run = run
        self.backend = backend
        self.tool = tool
        self.ask = ask

    @property
    def resendable(self) -> bool:
        known = self.tool.idempotency is not None and self.backend.idempotent(self.tool.name)
        return known and self._lost() is None

    def read(self) -> DispatchOutcome:
        """Send a call that changes nothing."""
        result = _attempt(self.run, self.backend, self.tool, self.ask, None)
        return DispatchOutcome(_checked(self.run.harness, self.tool, result))

    def _lost(self) -> str | None:
        """Return the argument of a live call that was a secret before a restart."""
        if self.run.context.session.ledger is None:
            return None
        marked = (name for name, value in self.ask.args.items() if MASK in canonical_text(value))
        return next(marked, None)

    def send(self, provider_key: str | None) -> SendResult:
        lost = self._lost()
        if lost is not None:
            why = f"`{lost}` was a secret, which no trace keeps; the call cannot be sent"
            return SendResult(ToolResult(error=ToolError("invalid", why), sent=False), "failed")
        result = _attempt(self.run, self.backend, self.tool, self.ask, provider_key)
        error = result.error
        if error is not None:
            # A receipt that cannot be read does not undo what was done.
            if error.kind == "invalid_output" and result.sent:
                return SendResult(result, "unverified")
            return SendResult(
                result, "in_doubt" if result.sent and error.kind in _UNCERTAIN else "failed"
            )
        checked = _checked(self.run.harness, self.tool, result)
        return SendResult(checked, "unverified" if checked.error else "succeeded")

    def look_up(self) -> SendResult | None:
        how = self.tool.reconcile
        if how is None or how.tool not in self.run.harness.bundle.tools:
            return None
        variables: dict[str, Json] = {"args": self.ask.args}
        try:
            arguments = literal_or_expression(how.args)(variables)
            found = self.backend.send(how.tool, self.ask._replace(args=arguments), None)
            if found.error is not None and found.error.kind != "not_found":
                return None
            variables["result"] = found.value
            done = Expression(how.done_when).evaluate(variables) is True
        except ExpressionError:
            return None
        if done:
            return SendResult(found, "succeeded", "look-up")
        missing = ToolError("unavailable", f"`{self.tool.name}` did not happen; nothing changed")
        return SendResult(ToolResult(error=missing), "failed", "look-up")


def _attempt(
    run: Run, backend: Backend, tool: ToolSpec, ask: BackendCall, key: str | None
) -> ToolResult:
    """Send a call, and again after the failures its manifest names, as far as that is safe.

    A read may be repeated, and an effect whose provider recognises the key; any other effect only
    where it was certainly not sent.
    """
    retry = tool.retry
    reads = tool.effect == "none"
    may_repeat = reads or (tool.idempotency is not None and backend.idempotent(tool.name))
    attempts = 0
    while True:
        attempts += 1
        if reads and run.context.mode == "live":
            # A read is broken off when the run's time is up; a write that was begun is not.
            ask = ask._replace(left_s=run.remaining_s())
        result = backend.send(tool.name, ask, key)
        if result.latency_s:
            run.context.clock.advance(result.latency_s)
        kind = result.error.kind if result.error else None
        if (
            retry is None
            or kind not in retry.errors
            or attempts >= retry.attempts
            or not (may_repeat or not result.sent)
            or not _waited(run, tool, result, attempts)
        ):
            return result._replace(attempts=attempts) if attempts > 1 else result


def _waited(run: Run, tool: ToolSpec, result: ToolResult, attempts: int) -> bool:
    """Wait as long as a real system asks, or a little longer each time.

    Returns:
        Whether another attempt is worth it: not where that would take longer than one call
        of the tool, or longer than the run has left. Mocks need no wait.
    """
    if run.context.mode != "live" or tool.live is None:
        return True
    pause = pause_s(result.wait_s, BACKOFF_S, attempts)
    if pause > min(tool.live.timeout_s, run.remaining_s()):
        return False
    time.sleep(pause)
    return True


def _checked(harness: Harness, tool: ToolSpec, result: ToolResult) -> ToolResult:
    """Hold a result against the tool's output schema."""
    schema = harness.results.get(tool.name)
    if result.error is not None or schema is None or schema.ok(result.value):
        return result
    # The message names the place only: the value has not been filtered yet.
    problems = ", ".join(schema.broken_at(result.value)[:3])
    broken = ToolError("invalid_output", f"`{tool.name}` broke its output schema at {problems}")
    return result._replace(value=None, error=broken)


__all__ = [
    "BACKOFF_S",
    "DispatchOutcome",
    "dispatch",
    "effect_key",
    "live_backend",
    "mock_backend",
]
