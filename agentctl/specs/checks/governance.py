"""Does a project hold to least privilege? What `agentctl check` refuses, and a run would survive.

The authorizer refuses whatever no rule allows, so one run is safe without this. It is
about policies that do not say what their author thinks: a rule that can never decide, a question
that nobody can answer, a refund that no rule holds back.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.hidden_fields import field_problems, field_warnings
from agentctl.specs.checks.references import is_unconditional, shadow_problem, tools_of_selector
from agentctl.specs.checks.tools.risks import DOES
from agentctl.specs.language.expressions import Expression
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import BUILT_IN_TOOLS, AgentSpec
from agentctl.specs.shapes.policy import Policy, Rule, role_holds
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import TableSpec, ToolManifest, ToolSpec

WRITES = frozenset({"internal_write", "external_write", "irreversible"})
OUTSIDE = frozenset({"external_write", "irreversible"})
"""What asks once untrusted text was read (`taint: ask`)."""


class Holder(NamedTuple):
    """An agent that works under a policy."""

    agent: AgentSpec
    source: Source
    tools: Mapping[str, ToolSpec]
    tables: Mapping[str, TableSpec]


def write_problems(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield the writes of a manifest that nothing keeps from happening twice."""
    for index, tool in enumerate(manifest.tools):
        if tool.effect in WRITES and tool.idempotency is None and tool.accept_risk is None:
            message = f"`{tool.name}` writes, but does not say when two calls are the same write"
            hint = "name the arguments: `idempotency: {key: [...]}`; or `accept_risk: REASON`"
            at = source.at("tools", index, "name")
            yield Diagnostic("no-idempotency", message, at, hint)


def governance_problems(
    policy: Policy, source: Source, holders: Sequence[Holder], project: ProjectSpec
) -> Iterator[Diagnostic]:
    """Yield where a policy does not say what it seems to, given every agent that works under it."""
    tools = {
        name: tool
        for holder in holders
        for name, tool in holder.tools.items()
        if any(role_holds(role, tool.name, tool.scopes) for role in policy.roles.values())
    }
    for index, rule in enumerate(policy.rules):
        at = source.at("rules", index, "id")
        if not tools_of_selector(rule, tools) and not _names_built_in(rule):
            message = f"rule `{rule.id}` matches no tool of an agent that uses this policy"
            hint = "give an agent and a role the tool, or remove the rule"
            yield Diagnostic("empty-rule", message, at, hint)
        yield from shadow_problem(rule, policy.rules, tools, at, strict=True)
    yield from _approver_problems(policy, source, holders, tools, project)
    for holder in holders:
        yield from _taint_problems(policy, holder, tools, project)
    for tool in tools.values():
        yield from _risk_problems(policy, source, tool)
    tables = {name: table for holder in holders for name, table in holder.tables.items()}
    yield from field_problems(policy, source, tools, tables)
    yield from field_warnings(policy, source, tools)


def _names_built_in(rule: Rule) -> bool:
    return any(name in BUILT_IN_TOOLS for name in rule.selector.tools or ())


def _approver_problems(
    policy: Policy,
    source: Source,
    holders: Sequence[Holder],
    tools: Mapping[str, ToolSpec],
    project: ProjectSpec,
) -> Iterator[Diagnostic]:
    for index, rule in enumerate(policy.rules):
        asked = tools_of_selector(rule, tools)
        if rule.verdict != "ask" or not asked:
            continue
        queues = [rule.by]
        if rule.by is None:
            queues = [_queue(h.agent) for h in holders if asked & h.tools.keys()]
        at = source.at("rules", index, "by" if rule.by else "id")
        for queue in dict.fromkeys(queues):
            missing = _nobody(queue, project)
            if missing is not None:
                message = f"nobody can approve what rule `{rule.id}` asks: {missing}"
                yield Diagnostic("nobody-approves", message, at, _how_to_serve(queue))


def _taint_problems(
    policy: Policy, holder: Holder, tools: Mapping[str, ToolSpec], project: ProjectSpec
) -> Iterator[Diagnostic]:
    """Yield the problem of an agent whose tainted runs ask people who are not there."""
    mine = [tool for name, tool in holder.tools.items() if name in tools]
    untrusted = next((tool for tool in mine if tool.trust == "untrusted"), None)
    outside = next((tool for tool in mine if tool.effect in OUTSIDE), None)
    if policy.taint == "ignore" or untrusted is None or outside is None:
        return
    queue = _queue(holder.agent)
    missing = _nobody(queue, project)
    if missing is not None:
        message = (
            f"`{outside.name}` asks once `{untrusted.name}` was read, and nobody can approve:"
            f" {missing}"
        )
        at = holder.source.at("escalation", "queue")
        yield Diagnostic("nobody-approves", message, at, _how_to_serve(queue))


def _queue(agent: AgentSpec) -> str | None:
    """Return who is asked where a rule names no queue."""
    return agent.escalation.queue if agent.escalation else None


def _nobody(queue: str | None, project: ProjectSpec) -> str | None:
    """Say why a question to a queue has nobody to answer it; without a queue, anybody may."""
    if not project.people:
        return "agentctl.yaml names no people"
    served = any(queue in person.queues for person in project.people.values())
    return None if queue is None or served else f"no person serves the queue `{queue}`"


def _how_to_serve(queue: str | None) -> str:
    shown = f"{{queues: [{queue}]}}" if queue else "{}"
    return f"add a person to agentctl.yaml: `people: {{ID: {shown}}}`"


def _risk_problems(policy: Policy, source: Source, tool: ToolSpec) -> Iterator[Diagnostic]:
    """Yield the problem of a tool that can do harm, and that a rule allows without more."""
    if not tool.risk or tool.accept_risk is not None:
        return
    about = [
        (index, rule)
        for index, rule in enumerate(policy.rules)
        if tool.name in tools_of_selector(rule, {tool.name: tool})
    ]
    open_at = [i for i, rule in about if rule.verdict == "allow" and not _depends(rule)]
    if not open_at or any(rule.verdict != "allow" and _stands(rule) for _, rule in about):
        return
    index = open_at[0]
    does = " and ".join(DOES[risk] for risk in tool.risk)
    message = f"rule `{policy.rules[index].id}` allows every call of `{tool.name}`, which {does}"
    hint = (
        "say `ask` or `draft`, or give the rule a condition; or write `accept_risk: REASON` in"
        " the manifest"
    )
    yield Diagnostic("unguarded-risk", message, source.at("rules", index, "id"), hint)


def _stands(rule: Rule) -> bool:
    """Whether a rule that says ask, draft or deny can hold a call back."""
    return is_unconditional(rule) or _depends(rule)


def _depends(rule: Rule) -> bool:
    """Whether a rule looks at the call or the run at all: `when: 1 == 1` does not."""
    return bool(rule.args) or (rule.when is not None and bool(Expression(rule.when).roots))


__all__ = [
    "OUTSIDE",
    "WRITES",
    "Holder",
    "governance_problems",
    "write_problems",
]
