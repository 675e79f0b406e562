"""The world that the expected calls of a scenario lead to, and what they do outside it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import Diagnostic
from agentctl.core.messages import ToolResult
from agentctl.runtime.dispatch import mock_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import scenario_principal
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import ExpectedCall, Scenario
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import BackendCall


class ExpectedWorld(NamedTuple):
    """Where one list of expected calls leads."""

    world: World
    outside: tuple[ExpectedCall, ...]
    """Writes that left no mark in a table: what they did must be matched call by call."""
    wrong: tuple[Diagnostic, ...]
    """Writes that fail and are not marked `fails`, or the other way round. Without a place."""
    notes: tuple[str, ...]
    """Reads that fail: they change nothing."""


def expected_world(
    harness: Harness,
    scenario: Scenario,
    tables: WorldSnapshot,
    calls: Sequence[ExpectedCall],
    now: datetime,
) -> ExpectedWorld:
    """Apply the expected calls to a fresh world: mocks only, nothing is authorized.

    Args:
        harness: The agent.
        scenario: The case the calls are expected in.
        tables: The world it starts from.
        calls: In the order in which they are applied.
        now: The set's `now:`, where the scenario names none.
    """
    world = World(tables, harness.bundle.tables, scenario.world)
    for fault in scenario.faults:
        world.disturb(fault.world)
    principal = scenario_principal(scenario, harness).facts()
    outside, wrong, notes = [], [], []
    for call in calls:
        before = len(world.writes)
        result = _apply(harness, world, call, principal, scenario.now or now)
        reads = harness.authorizer.tools[call.tool].spec.effect == "none"
        if result.ok == call.fails:
            message = _mismatch(scenario, call, result)
            if reads:
                notes.append(message)
            else:
                hint = "fix the world or the call, or mark the call `fails: true`"
                wrong.append(Diagnostic("expected-call", message, None, hint))
        elif result.ok and len(world.writes) == before and _is_write(harness, call.tool):
            outside.append(call)
    return ExpectedWorld(world, tuple(outside), tuple(wrong), tuple(notes))


def _mismatch(scenario: Scenario, call: ExpectedCall, result: ToolResult) -> str:
    expected = "fail" if call.fails else "succeed"
    said = result.error.message if result.error else "it succeeded"
    return (
        f"scenario `{scenario.id}`: the expected call {call.tool} {canonical_text(call.args)}"
        f" should {expected}, and in this world: {said}"
    )


def _is_write(harness: Harness, tool: str) -> bool:
    return harness.authorizer.tools[tool].spec.effect not in ("none", "escalation")


def _apply(
    harness: Harness, world: World, call: ExpectedCall, principal: dict[str, Json], now: datetime
) -> ToolResult:
    """Apply one expected call to `world`, with bound arguments and defaults filled in."""
    tool = harness.authorizer.tools[call.tool]
    arguments = {**tool.defaults, **call.args, **tool.bound_values(principal)}
    if call.tool in harness.built_in or call.tool not in harness.mocks:
        return ToolResult()
    return mock_backend(harness, world).send(
        call.tool, BackendCall(arguments, principal, now), None
    )


__all__ = ["ExpectedWorld", "expected_world"]
