"""Do the names in scenarios and worlds lead somewhere?

Tools, arguments, tables, roles and queues are looked up in the agent the set is for.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.expected_values import (
    TEXT,
    expected_field_problems,
    expected_value_problems,
)
from agentctl.specs.checks.values import unknown_name
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import BUILT_IN_TOOLS
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.golden import ExpectedCall, Scenario, WorldSpec

At = tuple[str | int, ...]


def world_problems(world: WorldSpec, source: Source, bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield what is wrong with a world, given the tables the agent's manifests declare."""
    for name, records in world.tables.items():
        if name not in bundle.tables:
            yield unknown_name("table", name, bundle.tables, source.key_at("tables", name))
            continue
        key = bundle.tables[name].key
        if isinstance(records, list):
            seen: set[str] = set()
            for index, record in enumerate(records):
                at = source.at("tables", name, index)
                if not isinstance(record, dict) or not isinstance(record.get(key), str):
                    message = f"a record of `{name}` needs its key `{key}`, as text"
                    yield Diagnostic("missing-key", message, at)
                elif record[key] in seen:
                    message = f"two records of `{name}` have the key `{record[key]}`"
                    yield Diagnostic("duplicate-record", message, at)
                else:
                    seen.add(record[key])
            continue
        if not isinstance(records, dict):
            at = source.at("tables", name)
            yield Diagnostic("wrong-type", f"`{name}` should be records by key, or a list", at)
            continue
        for record_key, record in records.items():
            at = source.at("tables", name, record_key)
            if not isinstance(record, dict):
                yield Diagnostic("wrong-type", f"record `{record_key}` should be a mapping", at)
            elif record.get(key, record_key) != record_key:
                message = f"record `{record_key}` says `{key}: {record[key]}`"
                yield Diagnostic("key-mismatch", message, at)


def scenario_problems(
    scenario: Scenario, source: Source, at: At, bundle: Bundle
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a scenario, given its agent."""
    known = {*bundle.tools, *BUILT_IN_TOOLS}
    expect = scenario.expect
    for path, calls in _paths(scenario):
        for index, call in enumerate(calls):
            yield from _call_problems(call, source, (*at, *path, index), bundle)
    for field in ("forbid", "blocked"):
        for index, name in enumerate(getattr(expect, field)):
            if name not in known:
                yield unknown_name("tool", name, known, source.at(*at, "expect", field, index))
    for name in scenario.approvals:
        if name not in bundle.tools:
            yield unknown_name("tool", name, bundle.tools, source.key_at(*at, "approvals", name))
    for index, fault in enumerate(scenario.faults):
        here = (*at, "faults", index)
        if fault.tool not in bundle.tools:
            yield unknown_name("tool", fault.tool, bundle.tools, source.at(*here, "tool"))
        yield from _table_problems(fault.world, source, (*here, "world"), bundle)
    yield from _table_problems(scenario.world, source, (*at, "world"), bundle)
    if isinstance(expect.state, dict):
        here = (*at, "expect", "state")
        yield from _table_problems(expect.state, source, here, bundle)
        yield from _state_problems(expect.state, source, here)
    if expect.output is not None:
        here = (*at, "expect", "output")
        yield from expected_field_problems(expect.output, source, here, bundle.agent.output or {})
    if expect.answer is not None:
        here = (*at, "expect", "answer", "matches")
        yield from expected_value_problems(expect.answer.matches, source, here, TEXT)
    if scenario.provenance.source == "written":
        yield from _turn_problems(scenario, source, at, known)
    role = scenario.principal.role
    if role is not None and role not in bundle.policy.roles:
        yield unknown_name("role", role, bundle.policy.roles, source.at(*at, "principal", "role"))
    yield from _escalation_problems(scenario, source, at, bundle)


def _paths(scenario: Scenario) -> Iterator[tuple[At, Collection[ExpectedCall]]]:
    if scenario.expect.calls:
        yield ("expect", "calls"), scenario.expect.calls
    for index, path in enumerate(scenario.expect.any_of):
        yield ("expect", "any_of", index), path


def _call_problems(
    call: ExpectedCall, source: Source, here: At, bundle: Bundle
) -> Iterator[Diagnostic]:
    tool = bundle.tools.get(call.tool)
    if tool is None:
        if call.tool not in BUILT_IN_TOOLS:
            yield unknown_name("tool", call.tool, bundle.tools, source.at(*here))
        return
    short: At = (*here, call.tool)
    place = short if short in source.values else (*here, "args")
    for name in call.args:
        if name in tool.bind:
            message = f"`{name}` is bound: the system fills it, so it is not compared"
            where = source.key_at(*place, name)
            yield Diagnostic("bound-argument", message, where, "leave it out")
    free = {name: value for name, value in call.args.items() if name not in tool.bind}
    yield from expected_field_problems(free, source, place, tool.input_schema, "argument")


def _turn_problems(
    scenario: Scenario, source: Source, at: At, known: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield the tools that turns written by hand call and nobody has: the model never saw them."""
    for index, turn in enumerate(scenario.turns or ()):
        here = (*at, "turns", index)
        for number, call in enumerate(turn.calls):
            if call.tool not in known:
                several: At = (*here, "calls", number)
                place = several if several in source.values else (*here, "call")
                yield unknown_name("tool", call.tool, known, source.key_at(*place, call.tool))


def _state_problems(state: Mapping[str, Any], source: Source, here: At) -> Iterator[Diagnostic]:
    for table, records in state.items():
        for key, fields in records.items() if isinstance(records, dict) else ():
            if isinstance(fields, dict):
                yield from expected_field_problems(fields, source, (*here, table, key), {})


def _table_problems(
    tables: dict[str, Any], source: Source, here: At, bundle: Bundle
) -> Iterator[Diagnostic]:
    for name, records in tables.items():
        if name not in bundle.tables:
            yield unknown_name("table", name, bundle.tables, source.key_at(*here, name))
        elif not isinstance(records, dict):
            message = f"`{name}` should be records by key: {{o_1: {{status: open}}}}"
            yield Diagnostic("wrong-type", message, source.at(*here, name))
        else:
            for key, fields in records.items():
                if not isinstance(fields, dict) and fields != "absent":
                    message = f"record `{key}` should be its fields, or `absent`"
                    yield Diagnostic("wrong-type", message, source.at(*here, name, key))


def _escalation_problems(
    scenario: Scenario, source: Source, at: At, bundle: Bundle
) -> Iterator[Diagnostic]:
    here = (*at, "expect", "escalation")
    for index, expected in enumerate(scenario.expect.escalation):
        place = (*here, index) if (*here, index) in source.values else here
        yield from expected_value_problems(expected.reason, source, (*place, "reason"), TEXT)
    spec = bundle.agent.escalation
    if spec is None:
        return
    queues = {spec.queue, *spec.queues, *(t.queue for t in spec.triggers if t.queue)}
    by_tool = any(tool.effect == "escalation" for tool in bundle.tools.values())
    for index, expected in enumerate(scenario.expect.escalation):
        if expected.queue is not None and expected.queue not in queues and not by_tool:
            place = (*here, index) if (*here, index) in source.values else here
            where = source.at(*place, "queue")
            yield unknown_name("queue", expected.queue, queues, where)


__all__ = ["scenario_problems", "world_problems"]
