"""Do the names in agents, manifests and policies lead somewhere, and does every expression compile?

Each function returns what is wrong with one file, at its place; none of them raises.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Location
from agentctl.core.text import did_you_mean
from agentctl.specs.agent import BUILT_IN_TOOLS, AgentSpec
from agentctl.specs.expressions import (
    Expression,
    ExpressionError,
    literal_or_expression,
    placeholders,
)
from agentctl.specs.matchers import matcher_problems
from agentctl.specs.policy import VERDICTS, Policy, Rule, selects
from agentctl.specs.project import ProjectSpec
from agentctl.specs.schemas import Schema, SchemaProblem
from agentctl.specs.tools import Mock, TableSpec, ToolManifest, ToolSpec
from agentctl.specs.yaml import Source

_PRINCIPAL = ("id", "role", "name")


def unknown(what: str, name: str, known: Collection[str], at: Location) -> Diagnostic:
    """Return the diagnostic for a name that leads nowhere."""
    hint = did_you_mean(name, known)
    if hint is None and known:
        hint = f"there are: {', '.join(sorted(known))}" if len(known) < 9 else None
    return Diagnostic(f"unknown-{what}", f"no {what.replace('-', ' ')} `{name}`", at, hint)


def expression_problem(text: str, at: Location) -> list[Diagnostic]:
    """Return the diagnostic for an expression that does not compile."""
    try:
        Expression(text)
    except ExpressionError as error:
        return [Diagnostic("bad-expression", f"`{text}` is not CEL: {error}", at)]
    return []


def value_problem(value: Json, at: Location) -> list[Diagnostic]:
    """Return the diagnostic for a value whose `=` expressions do not compile."""
    try:
        literal_or_expression(value)
    except ExpressionError as error:
        return [Diagnostic("bad-expression", f"not CEL: {error}", at)]
    return []


def schema_problem(schema: dict[str, Any], source: Source, *path: str | int) -> list[Diagnostic]:
    """Return the diagnostic for a JSON Schema that is not one."""
    try:
        Schema(schema)
    except SchemaProblem as problem:
        return [Diagnostic("bad-schema", str(problem), source.at(*path, *problem.path))]
    return []


def agent_problems(
    agent: AgentSpec, source: Source, policy: Policy, tools: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with an agent, given its policy and the tools that are defined."""
    seen: set[str] = set()
    for index, name in enumerate(agent.tools):
        at = source.at("tools", index)
        if name in BUILT_IN_TOOLS:
            hint = "leave it out: the runtime offers it where the spec allows"
            yield Diagnostic("built-in-tool", f"`{name}` is a built-in tool", at, hint)
        elif name not in tools:
            yield unknown("tool", name, tools, at)
        if name in seen:
            yield Diagnostic("twice", f"`{name}` stands twice", at)
        seen.add(name)
    if agent.acts_as not in policy.roles:
        yield unknown("role", agent.acts_as, policy.roles, source.at("acts_as"))
    for index, intent in enumerate(agent.intents):
        for place, name in enumerate(intent.tools):
            if name not in agent.tools:
                at = source.at("intents", index, "tools", place)
                yield unknown("tool", name, agent.tools, at)
        if intent.done_when:
            yield from expression_problem(
                intent.done_when, source.at("intents", index, "done_when")
            )
    for name in agent.limits.per_tool:
        if name not in agent.tools:
            at = source.key_at("limits", "per_tool", name)
            yield unknown("tool", name, agent.tools, at)
    if agent.done_when:
        yield from expression_problem(agent.done_when.that, source.at("done_when"))
    if agent.output is not None:
        yield from schema_problem(agent.output, source, "output")
    for name in placeholders(agent.instructions):
        if not name.startswith("principal."):
            yield unknown("placeholder", name, ["principal.name"], source.at("instructions"))
    yield from _trigger_problems(agent, source, policy)


def _trigger_problems(agent: AgentSpec, source: Source, policy: Policy) -> Iterator[Diagnostic]:
    if agent.escalation is None:
        return
    intents = [intent.id for intent in agent.intents]
    rails = [rail.id for rail in (*policy.guardrails.input, *policy.guardrails.output)]
    for index, trigger in enumerate(agent.escalation.triggers):
        at = source.at("escalation", "triggers", index)
        for name in trigger.intents or ():
            if name not in intents:
                yield unknown("intent", name, intents, at)
        if trigger.guardrail not in (None, "any", *rails):
            yield unknown("guardrail", str(trigger.guardrail), rails, at)
        if trigger.confidence_below is not None and not intents:
            hint = "declare `intents:`, so that the model declares its confidence"
            message = "no model declares a confidence to this agent"
            yield Diagnostic("dead-trigger", message, at, hint)


def manifest_problems(
    manifest: ToolManifest, source: Source, tables: Mapping[str, TableSpec]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a manifest, given the tables of all manifests in use."""
    names = {tool.name for tool in manifest.tools}
    folded: dict[str, str] = {}
    for index, tool in enumerate(manifest.tools):
        at = source.at("tools", index, "name")
        other = folded.setdefault(tool.name.casefold(), tool.name)
        if tool.name in BUILT_IN_TOOLS:
            yield Diagnostic("built-in-tool", f"`{tool.name}` is a built-in tool", at, "rename it")
        if any(tool.name == earlier.name for earlier in manifest.tools[:index]):
            yield Diagnostic("two-tools", f"tool `{tool.name}` is defined twice", at)
        elif other != tool.name:
            message = f"`{tool.name}` and `{other}` differ in case only"
            yield Diagnostic("look-alike", message, at, "rename one")
        yield from _tool_problems(tool, source, index, tables, names)


def _tool_problems(
    tool: ToolSpec,
    source: Source,
    index: int,
    tables: Mapping[str, TableSpec],
    names: Collection[str],
) -> Iterator[Diagnostic]:
    here = ("tools", index)
    yield from schema_problem(tool.input_schema, source, *here, "inputSchema")
    if tool.output_schema is not None:
        yield from schema_problem(tool.output_schema, source, *here, "outputSchema")
    arguments = tool.input_schema.get("properties", {})
    for name, path in tool.bind.items():
        if name not in arguments:
            yield unknown("argument", name, arguments, source.key_at(*here, "bind", name))
        if not path.startswith("principal."):
            at = source.at(*here, "bind", name)
            hint = "write `principal.id`"
            yield Diagnostic("bad-bind", f"`{path}` is no field of the principal", at, hint)
    for name in tool.idempotency.key if tool.idempotency else ():
        if name not in arguments:
            yield unknown("argument", name, arguments, source.at(*here, "idempotency", "key"))
    if tool.visible_when:
        yield from expression_problem(tool.visible_when, source.at(*here, "visible_when"))
    if tool.target:
        yield from expression_problem(tool.target.key, source.at(*here, "target", "key"))
    for field, part in (("target", tool.target), ("records", tool.records)):
        if part is not None and part.table not in tables:
            yield unknown("table", part.table, tables, source.at(*here, field, "table"))
    if tool.draft is not None and tool.draft not in names:
        yield unknown("tool", tool.draft, names, source.at(*here, "draft"))
    if tool.mock is not None:
        yield from _mock_problems(tool.mock, source, (*here, "mock"), tables, arguments)


def _mock_problems(
    mock: Mock,
    source: Source,
    here: tuple[str | int, ...],
    tables: Mapping[str, TableSpec],
    arguments: Collection[str],
) -> Iterator[Diagnostic]:
    for operation in ("get", "find", "insert", "update", "delete"):
        table = getattr(mock, operation)
        if table is None:
            continue
        if table not in tables:
            yield unknown("table", table, tables, source.at(*here, operation))
        elif operation in ("get", "update", "delete") and mock.key is None:
            key = tables[table].key
            if key not in arguments:
                message = f"the tool has no argument `{key}` to find the record by"
                hint = "give `key:` with an expression such as args.id"
                yield Diagnostic("missing-key", message, source.at(*here), hint)
    for field in ("key", "where"):
        text = getattr(mock, field)
        if text is not None:
            yield from expression_problem(text, source.at(*here, field))
    for number, requirement in enumerate(mock.require):
        at = source.at(*here, "require", number, "that")
        yield from expression_problem(requirement.that, at)
    for field, value in (("set", mock.set), ("record", mock.record), ("return", mock.value)):
        yield from value_problem(value, source.at(*here, field))
    for number, reply in enumerate(mock.replies or ()):
        at = source.at(*here, "replies", number)
        yield from value_problem(reply.value, at)
        for path, fault in matcher_problems(reply.args):
            yield Diagnostic("bad-matcher", f"{path}: {fault}", at)


def policy_problems(
    policy: Policy, source: Source, tools: Mapping[str, ToolSpec], project: ProjectSpec
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a policy, given every tool it may speak about."""
    queues = {queue for person in project.people.values() for queue in person.queues}
    for role, spec in policy.roles.items():
        for place, selector in enumerate(spec.tools):
            if not _covered(selector, tools) and selector not in BUILT_IN_TOOLS:
                at = source.at("roles", role, "tools", place)
                yield unknown("tool", selector, tools, at)
    ids: set[str] = set()
    for index, rule in enumerate(policy.rules):
        at = source.at("rules", index, "id")
        if rule.id in ids:
            yield Diagnostic("twice", f"two rules are called `{rule.id}`", at, "rename one")
        ids.add(rule.id)
        yield from _rule_problems(rule, source, index, tools)
        if rule.by is not None and project.people and rule.by not in queues:
            yield unknown("queue", rule.by, queues, source.at("rules", index, "by"))
        shadow = _shadow(rule, policy.rules, tools)
        if shadow is not None:
            message = f"rule `{rule.id}` never decides: `{shadow}` always does"
            yield Diagnostic("shadowed-rule", message, at, "remove one of them")


def _rule_problems(
    rule: Rule, source: Source, index: int, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    here = ("rules", index)
    if not tools_of(rule, tools):
        for place, selector in enumerate(rule.selector.tools or ()):
            if selector not in BUILT_IN_TOOLS:
                at = source.at(*here, rule.verdict, place)
                yield unknown("tool", selector, tools, at)
        if rule.selector.effects is not None:
            at = source.at(*here, rule.verdict)
            yield Diagnostic("empty-rule", f"rule `{rule.id}` matches no tool", at)
    else:
        for place, selector in enumerate(rule.selector.tools or ()):
            if selector not in BUILT_IN_TOOLS and not _covered(selector, tools):
                yield unknown("tool", selector, tools, source.at(*here, rule.verdict, place))
    if rule.when is not None:
        yield from expression_problem(rule.when, source.at(*here, "when"))
    for path, fault in matcher_problems(rule.args):
        yield Diagnostic("bad-matcher", f"{path}: {fault}", source.at(*here, "args"))


def _covered(selector: str, tools: Iterable[str]) -> bool:
    return any(selects(selector, name) for name in tools)


def tools_of(rule: Rule, tools: Mapping[str, ToolSpec]) -> set[str]:
    """Return the names of the tools a rule speaks about."""
    selector = rule.selector
    if selector.effects is not None:
        return {name for name, tool in tools.items() if tool.effect in selector.effects}
    return {name for name in tools if any(selects(s, name) for s in selector.tools or ())}


def _shadow(rule: Rule, rules: Iterable[Rule], tools: Mapping[str, ToolSpec]) -> str | None:
    """Return the unconditional, stronger rule that decides wherever this one could."""
    mine = tools_of(rule, tools)
    strength = VERDICTS.index(rule.verdict)
    for other in rules:
        if other is rule or other.when is not None or other.args:
            continue
        if VERDICTS.index(other.verdict) > strength and mine and mine <= tools_of(other, tools):
            return other.id
    return None


__all__ = [
    "agent_problems",
    "expression_problem",
    "manifest_problems",
    "policy_problems",
    "schema_problem",
    "tools_of",
    "unknown",
    "value_problem",
]
