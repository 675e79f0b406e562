"""Do the names in agents and policies lead somewhere, and does every expression hold?

Each function yields what is wrong with one file, at its place; none of them raises.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from agentctl.core.errors import Diagnostic, Location
from agentctl.specs.checks.values import (
    Scope,
    arguments_of,
    expression_problems,
    placeholder_problems,
    schema_problem,
    unknown_name,
)
from agentctl.specs.language.matchers import matcher_field_problems
from agentctl.specs.language.schemas import path_text
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.agent import BUILT_IN_TOOLS, AgentSpec
from agentctl.specs.shapes.policy import VERDICTS, Policy, Rule, selects
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolSpec

LIMITS = ("steps", "tool_calls", "wall_clock_s", "tokens", "cost_usd", "per_tool")
"""What a trigger on a limit can name."""


def agent_problems(
    agent: AgentSpec, source: Source, policy: Policy, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with an agent, given its policy and the tools that are defined."""
    yield from _tool_names(agent, source, tools)
    if agent.acts_as not in policy.roles:
        yield unknown_name("role", agent.acts_as, policy.roles, source.at("acts_as"))
    scope = Scope(("results", "intent", "answer"), {"results": agent.tools})
    for index, intent in enumerate(agent.intents):
        for place, name in enumerate(intent.tools):
            if name not in agent.tools:
                at = source.at("intents", index, "tools", place)
                yield unknown_name("tool", name, agent.tools, at)
        if intent.done_when:
            at = source.at("intents", index, "done_when")
            yield from expression_problems(intent.done_when, at, scope)
    for name in agent.limits.per_tool:
        if name not in agent.tools:
            at = source.key_at("limits", "per_tool", name)
            yield unknown_name("tool", name, agent.tools, at)
    if agent.done_when:
        yield from expression_problems(agent.done_when.that, source.at("done_when"), scope)
    if agent.output is not None:
        yield from schema_problem(agent.output, source, "output")
    for text, path in _prose(agent):
        yield from placeholder_problems(text, source.at(*path))
    yield from _trigger_problems(agent, source, policy)


def _tool_names(
    agent: AgentSpec, source: Source, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    # Dots become `__` on the way to the model.
    folded: dict[str, str] = {}
    for index, name in enumerate(agent.tools):
        at = source.at("tools", index)
        if name in BUILT_IN_TOOLS:
            hint = "leave it out: the runtime offers it where the spec allows"
            yield Diagnostic("built-in-tool", f"`{name}` is a built-in tool", at, hint)
        elif name not in tools:
            yield unknown_name("tool", name, tools, at)
        if name in seen:
            yield Diagnostic("twice", f"`{name}` is listed twice", at)
        seen.add(name)
        other = folded.setdefault(name.replace(".", "__").casefold(), name)
        if other != name:
            message = f"`{name}` and `{other}` look the same to the model"
            yield Diagnostic("look-alike", message, at, "rename one")
        how = tools[name].reconcile if name in tools else None
        if how is not None and how.tool not in agent.tools:
            message = (
                f"`{name}` looks its effects up with `{how.tool}`, which the agent does not have"
            )
            yield Diagnostic("unknown-tool", message, at, f"add `{how.tool}` to `tools:`")
        draft = tools[name].draft if name in tools else None
        if draft is not None and draft not in agent.tools:
            message = f"`{name}` saves drafts with `{draft}`, which the agent does not have"
            yield Diagnostic("unknown-tool", message, at, f"add `{draft}` to `tools:`")


def _prose(agent: AgentSpec) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield every text that becomes a part of the prompt, and where it stands."""
    yield agent.instructions, ("instructions",)
    yield agent.goal, ("goal",)
    yield agent.persona or "", ("persona",)
    yield agent.domain.description if agent.domain else "", ("domain", "description")
    for index, rule in enumerate(agent.behaviour_rules):
        yield rule.text, ("behaviour_rules", index, "text")
    for index, intent in enumerate(agent.intents):
        yield intent.description or "", ("intents", index, "description")


def _trigger_problems(agent: AgentSpec, source: Source, policy: Policy) -> Iterator[Diagnostic]:
    if agent.escalation is None:
        return
    intents = [intent.id for intent in agent.intents]
    rails = policy.guardrails.ids
    for index, trigger in enumerate(agent.escalation.triggers):
        at = source.at("escalation", "triggers", index)
        for name in trigger.intents or ():
            if name not in intents:
                yield unknown_name("intent", name, intents, at)
        if trigger.guardrail not in (None, "any", *rails):
            yield unknown_name("guardrail", str(trigger.guardrail), rails, at)
        if trigger.limit not in (None, "any", *LIMITS):
            yield unknown_name("limit", str(trigger.limit), LIMITS, at)
        if trigger.confidence_below is not None and not intents:
            hint = "declare `intents:`, so that the model declares its confidence"
            message = "the model declares no confidence to this agent"
            yield Diagnostic("dead-trigger", message, at, hint)


def policy_problems(
    policy: Policy,
    source: Source,
    tools: Mapping[str, ToolSpec],
    tables: Collection[str],
    project: ProjectSpec,
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a policy, given every tool and table it may speak about."""
    queues = {queue for person in project.people.values() for queue in person.queues}
    for role, spec in policy.roles.items():
        for place, selector in enumerate(spec.tools):
            if not _covered(selector, tools) and selector not in BUILT_IN_TOOLS:
                at = source.at("roles", role, "tools", place)
                yield unknown_name("tool", selector, tools, at)
        for kind in ("visible_fields", "hidden_fields"):
            for table in getattr(spec, kind):
                if table not in tables:
                    at = source.key_at("roles", role, kind, table)
                    yield unknown_name("table", table, tables, at)
    ids: set[str] = set()
    for index, rule in enumerate(policy.rules):
        at = source.at("rules", index, "id")
        if rule.id in ids:
            yield Diagnostic("twice", f"two rules are called `{rule.id}`", at, "rename one")
        ids.add(rule.id)
        yield from _selector_problems(rule, source, index, tools)
        yield from _condition_problems(rule, source, index, tools, tables)
        if rule.by is not None and project.people and rule.by not in queues:
            yield unknown_name("queue", rule.by, queues, source.at("rules", index, "by"))
        yield from shadow_problem(rule, policy.rules, tools, at)


def _selector_problems(
    rule: Rule, source: Source, index: int, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    here = ("rules", index)
    unknown = [
        (place, selector)
        for place, selector in enumerate(rule.selector.tools or ())
        if selector not in BUILT_IN_TOOLS and not _covered(selector, tools)
    ]
    for place, selector in unknown:
        yield unknown_name("tool", selector, tools, source.at(*here, rule.verdict, place))
    if rule.selector.effects is not None and not unknown and not tools_of_selector(rule, tools):
        at = source.at(*here, rule.verdict)
        yield Diagnostic("empty-rule", f"rule `{rule.id}` matches no tool", at)
    for name in sorted(tools_of_selector(rule, tools)) if rule.draft and rule.draft.tools else ():
        if tools[name].draft is None:
            at = source.at(*here, rule.verdict)
            message = f"rule `{rule.id}` allows a draft, and `{name}` names no draft tool"
            yield Diagnostic("no-draft", message, at, "give the tool `draft:` in its manifest")


def _condition_problems(
    rule: Rule,
    source: Source,
    index: int,
    tools: Mapping[str, ToolSpec],
    tables: Collection[str],
) -> Iterator[Diagnostic]:
    here = ("rules", index)
    arguments = _arguments(rule, tools)
    for name in rule.args:
        if arguments is not None and name not in arguments:
            yield unknown_name("argument", name, arguments, source.key_at(*here, "args", name))
    for path, fault in matcher_field_problems(rule.args):
        where = source.at(*here, "args", *path)
        yield Diagnostic("bad-matcher", f"{path_text(path)}: {fault}", where)
    if rule.when is not None:
        members = {"seen": tables} if arguments is None else {"seen": tables, "args": arguments}
        scope = Scope(("args", "principal", "seen", "now"), members)
        yield from expression_problems(rule.when, source.at(*here, "when"), scope)


def _arguments(rule: Rule, tools: Mapping[str, ToolSpec]) -> Collection[str] | None:
    """Return the arguments of the tools a rule speaks about; `None` = there may be any."""
    schemas = [tools[name].input_schema for name in tools_of_selector(rule, tools)]
    if not schemas or any(not arguments_of(s) and "additionalProperties" not in s for s in schemas):
        return None
    if any(schema.get("additionalProperties", False) is not False for schema in schemas):
        return None
    return {name for schema in schemas for name in arguments_of(schema)}


def _covered(selector: str, tools: Iterable[str]) -> bool:
    return any(selects(selector, name) for name in tools)


def tools_of_selector(rule: Rule, tools: Mapping[str, ToolSpec]) -> set[str]:
    """Return the names of the tools a rule speaks about."""
    return {name for name, tool in tools.items() if rule.selector.takes(name, tool.effect)}


def shadow_problem(
    rule: Rule,
    rules: Iterable[Rule],
    tools: Mapping[str, ToolSpec],
    at: Location,
    *,
    strict: bool = False,
) -> Iterator[Diagnostic]:
    """Yield the problem of a rule that can never decide.

    Other rules hold without a condition wherever this one could: they are stronger, or say the
    same and come first.

    Args:
        rule: The rule in question.
        rules: All rules, in the order of the file.
        tools: The tools there are.
        at: Where the rule stands.
        strict: Count a conditional rule behind an equal one as dead too. Its errors still deny,
            so it has an effect, but hardly the intended one.
    """
    mine = tools_of_selector(rule, tools)
    strength = VERDICTS.index(rule.verdict)
    covered: dict[str, set[str]] = {}
    before = True
    for other in rules:
        if other is rule:
            before = False
            continue
        stronger = VERDICTS.index(other.verdict) - strength
        equal = stronger == 0 and before and (strict or is_unconditional(rule))
        if is_unconditional(other) and (stronger > 0 or equal):
            covered[other.id] = mine & tools_of_selector(other, tools)
    names = _covering(covered, mine)
    if names:
        shown = " and ".join(f"`{name}`" for name in names)
        does = "does" if len(names) == 1 else "do"
        message = f"rule `{rule.id}` never decides: {shown} always {does}"
        hint = "remove one of them"
        if strict and not is_unconditional(rule):
            hint = f"put it before {shown}, or remove one of them"
        yield Diagnostic("shadowed-rule", message, at, hint)


def _covering(covered: Mapping[str, set[str]], wanted: set[str]) -> list[str]:
    """Return few rules that cover all of `wanted` together; none, if they do not."""
    left = set(wanted)
    names = []
    while left:
        best = max(covered, key=lambda name: len(covered[name] & left), default=None)
        if best is None or not covered[best] & left:
            return []
        names.append(best)
        left -= covered[best]
    return names


def is_unconditional(rule: Rule) -> bool:
    """Whether a rule holds for every call of its tools."""
    return rule.when is None and not rule.args


def idle_conditions(
    policy: Policy, source: Source, tools: Mapping[str, ToolSpec]
) -> Iterator[Diagnostic]:
    """Yield warnings about conditions on what another rule allows anyway."""
    for index, rule in enumerate(policy.rules):
        mine = tools_of_selector(rule, tools)
        if rule.verdict != "allow" or is_unconditional(rule) or not mine:
            continue
        # One that comes after the other is reported as shadowed.
        for other in policy.rules[index + 1 :]:
            always = other.verdict == "allow" and is_unconditional(other)
            if always and mine <= tools_of_selector(other, tools):
                allowed = f"`{other.id}` allows the same calls"
                message = f"the condition of `{rule.id}` has no effect: {allowed}"
                at = source.at("rules", index, "id")
                hint = "narrow the other rule, or say `deny` or `ask`"
                yield Diagnostic("idle-condition", message, at, hint)
                break


__all__ = [
    "LIMITS",
    "agent_problems",
    "idle_conditions",
    "is_unconditional",
    "policy_problems",
    "shadow_problem",
    "tools_of_selector",
]
