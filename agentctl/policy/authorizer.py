"""The one authorizer: every tool call passes `Authorizer.decide` where it is dispatched.

Order: parse the arguments strictly, is the tool offered, fill in defaults and bound arguments,
JSON Schema, is the record acted on known to be the principal's, was the call declined before, is
a limit of the tool reached, the rules, taint. The first that refuses decides. Nothing here does
I/O, and what is decided depends on the call and the facts alone.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from agentctl.core.canonical import (
    MAX_DEPTH,
    Json,
    NotCanonical,
    check_plain,
    parse_strict,
)
from agentctl.core.messages import EffectKind, ToolCall, call_key
from agentctl.policy.facts import Decision, Facts
from agentctl.policy.rules import Ruling, ToolRules, rules_for
from agentctl.policy.visibility import Visibility
from agentctl.specs.language.expressions import Expression, ExpressionError
from agentctl.specs.language.schemas import Schema
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.tools import ToolSpec

TAINTED_EFFECTS: frozenset[EffectKind] = frozenset({"external_write", "irreversible"})
"""Effects that ask once the model has read untrusted text."""
_FLAT = frozenset({str, int, float, bool, type(None)})
"""Types that hold nothing else; writing them canonically shows whether they are JSON."""
MOST_DEPTH = MAX_DEPTH - 16
"""Deepest nesting of arguments: the trace that holds them must stay readable."""
MOST_SHOWN = 2000
"""Characters kept of arguments that have no canonical form."""
_ALLOW_BUILT_IN = Ruling("allow", ("built-in",), "offered by the agent's spec")


class AuthorizedTool:
    """One tool as the authorizer needs it, compiled once per agent."""

    def __init__(
        self,
        spec: ToolSpec,
        rules: ToolRules | None,
        visibility: Visibility | None = None,
        most: int | None = None,
    ) -> None:
        self.spec = spec
        self.rules = rules
        """`None` = a built-in tool no rule speaks about: allowed wherever it is offered."""
        self.visibility = visibility
        self.most = most
        """Calls that may run; `None` = no limit of its own."""
        self.schema = Schema(spec.input_schema)
        self.defaults = {
            name: part["default"]
            for name, part in spec.input_schema.get("properties", {}).items()
            if isinstance(part, dict) and "default" in part
        }
        self._shared = [n for n, value in self.defaults.items() if isinstance(value, dict | list)]
        self.bound = tuple((name, path.split(".")[1:]) for name, path in spec.bind.items())
        self.filled = tuple(spec.bind)
        """Names of the bound arguments, in the order of the manifest."""
        self.bound_names = frozenset(spec.bind)
        self.target = Expression(spec.target.key) if spec.target else None

    def with_defaults(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """Return arguments with the defaults of the schema, which no tool can change for others."""
        if not self.defaults:
            return dict(given)
        arguments = {**self.defaults, **given}
        for name in self._shared:
            if name not in given:
                arguments[name] = deepcopy(self.defaults[name])
        return arguments

    def bound_values(self, principal: Mapping[str, Json]) -> dict[str, Json]:
        """Return the bound arguments, filled from the principal."""
        return {name: _principal_value(principal, path) for name, path in self.bound}

    def parameters(self) -> dict[str, Any]:
        """Return the input schema as the model sees it: without bound arguments."""
        schema = self.spec.input_schema
        if not self.bound_names:
            return schema
        properties = {
            k: v for k, v in schema.get("properties", {}).items() if k not in self.bound_names
        }
        required = [name for name in schema.get("required", ()) if name not in self.bound_names]
        return {**schema, "properties": properties, "required": required}


class Authorizer:
    """The policy of one agent, ready to decide.

    Args:
        bundle: The agent with its tools and policy.
        built_in: Specs of the runtime's own tools that the agent is offered.
    """

    def __init__(self, bundle: Bundle, built_in: Mapping[str, ToolSpec]) -> None:
        self.tools = {
            name: AuthorizedTool(
                tool,
                rules_for(tool, bundle.policy),
                Visibility(tool, bundle.tables, bundle.policy.roles),
                bundle.agent.limits.per_tool.get(name),
            )
            for name, tool in bundle.tools.items()
        }
        for name, tool in built_in.items():
            self.tools[name] = AuthorizedTool(tool, _built_in_rules(tool, bundle.policy))
        self._taint = bundle.policy.taint == "ask"

    def decide(self, call: ToolCall, facts: Facts) -> Decision:
        """Decide on one call. Always returns; anything it cannot judge is denied."""
        tool = self.tools.get(call.name)
        if tool is None:
            return _refused(call, "none", "unknown_tool", "offer", f"no tool `{call.name}` exists")
        effect = tool.spec.effect
        try:
            given = call.arguments
            if isinstance(given, str):
                given = parse_strict(given or "{}", max_depth=MOST_DEPTH)
            elif not isinstance(given, dict) or not _FLAT.issuperset(map(type, given.values())):
                check_plain(given, max_depth=MOST_DEPTH)
            if not isinstance(given, dict):
                return _refused(call, effect, "invalid", "parse", "arguments are not an object")
            bound_by_model = tool.bound_names and tool.bound_names & given.keys()
            arguments = tool.with_defaults(given)
            if tool.bound:
                arguments.update(tool.bound_values(facts.principal))
            key = call_key(call.name, arguments)
        except NotCanonical as error:
            return _refused(call, effect, "invalid", "parse", f"arguments refused: {error}")

        def refuse(error: str, stage: str, reason: str) -> Decision:
            return Decision(
                "deny", stage, call.name, effect, arguments, tool.filled, (), reason,
                key, error,
            )  # fmt: skip

        if call.name not in facts.offered:
            return refuse("not_offered", "offer", f"tool `{call.name}` is not available here")
        if bound_by_model:
            names = ", ".join(f"`{name}`" for name in tool.filled if name in bound_by_model)
            return refuse("denied", "arguments", f"{names} is set by the system, not by the model")
        for name in tool.filled:
            if arguments[name] is None:
                reason = f"`{name}` comes from the principal, who has no {tool.spec.bind[name]}"
                return refuse("denied", "arguments", reason)
        if not tool.schema.ok(arguments):
            return refuse("invalid", "arguments", "; ".join(tool.schema.errors(arguments)))
        unknown = self._unknown_record(tool, arguments, facts)
        if unknown is not None:
            return refuse("not_found", "visibility", unknown)
        if key in facts.declined:
            reason = "declined by a person in this run; do not retry"
            return refuse("declined", "declined", reason)
        if tool.most is not None and facts.ran.get(call.name, 0) >= tool.most:
            return refuse("denied", "limit", f"`{call.name}` may run {tool.most} times in one run")
        ruling = tool.rules.decide(arguments, facts) if tool.rules else _ALLOW_BUILT_IN
        if (
            ruling.verdict == "allow"
            and self._taint
            and facts.tainted_by is not None
            and effect in TAINTED_EFFECTS
        ):
            return Decision(
                "ask", "taint", call.name, effect, arguments, tool.filled, ruling.rules,
                f"`{facts.tainted_by}` returned text of strangers earlier in this run", key,
            )  # fmt: skip
        return Decision(
            ruling.verdict, "rule", call.name, effect, arguments, tool.filled, ruling.rules,
            ruling.reason, key, "denied", ruling.by, ruling.within_s,
        )  # fmt: skip

    def _unknown_record(
        self, tool: AuthorizedTool, arguments: dict[str, Json], facts: Facts
    ) -> str | None:
        """Say why the record a write acts on is not known to be the principal's, if it is not.

        A read needs no such proof: what it returns is filtered.
        """
        target = tool.spec.target
        if target is None or tool.target is None or tool.spec.effect == "none":
            return None
        try:
            wanted = tool.target.evaluate({"args": arguments})
        except ExpressionError as error:
            return f"the record to act on cannot be determined: {error}"
        # Keys are text; a list would not even be hashable.
        record = facts.seen.get(target.table, {}).get(wanted) if isinstance(wanted, str) else None
        if record is None:
            return f"no record `{wanted}` of {target.table} was seen in this run; look it up first"
        if tool.visibility is not None and not tool.visibility.may_see(record, facts.principal):
            return f"no record `{wanted}` in {target.table}"
        return None


def _built_in_rules(tool: ToolSpec, policy: Policy) -> ToolRules | None:
    """Return rules for a built-in tool where the policy names it; else it is simply allowed."""
    named = [r for r in policy.rules if tool.name in (r.selector.tools or ())]
    return ToolRules(named) if named else None


def _principal_value(principal: Mapping[str, Json], path: list[str]) -> Json:
    value: Json = principal.get(path[0]) if path else None
    for part in path[1:]:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _refused(call: ToolCall, effect: EffectKind, error: str, stage: str, reason: str) -> Decision:
    """Refuse a call whose arguments have no canonical form; the trace keeps what was sent."""
    sent = call.arguments
    arguments = sent if isinstance(sent, dict) else {"": _shown(sent)}
    try:
        check_plain(arguments, max_depth=MOST_DEPTH)
        key = call_key(call.name, arguments)
    except NotCanonical:
        arguments = {"": _shown(sent)}
        key = call_key(call.name, arguments)
    return Decision("deny", stage, call.name, effect, arguments, (), (), reason, key, error)


def _shown(sent: Json) -> str:
    """Return the beginning of what was sent, as text that can be recorded."""
    try:
        text = sent if isinstance(sent, str) else repr(sent)
        return text[:MOST_SHOWN].encode("utf-8", "backslashreplace").decode()
    except RecursionError:
        return "nested too deeply to be shown"


__all__ = ["MOST_DEPTH", "MOST_SHOWN", "TAINTED_EFFECTS", "AuthorizedTool", "Authorizer"]
