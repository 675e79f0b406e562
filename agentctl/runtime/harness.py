"""One agent, made ready to run: everything that is the same for all of its runs is done once."""

from functools import lru_cache
from typing import Any

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import problem
from agentctl.core.messages import Message
from agentctl.core.money import PriceStatus
from agentctl.guardrails.claims import Claims
from agentctl.guardrails.grounding import grounded
from agentctl.guardrails.rails import GuardrailSet
from agentctl.guardrails.triggers import Triggers
from agentctl.models.port import ToolOffer
from agentctl.models.pricing import price_of
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.rights import Rights, effective_rights
from agentctl.runtime.built_in import built_in_tools
from agentctl.specs.language.expressions import Expression, Template
from agentctl.specs.language.schemas import Schema
from agentctl.specs.shapes.agent import EscalationSpec, Goal, Intent, Price
from agentctl.specs.shapes.bundle import Bundle
from agentctl.toolbox.mock.operations import compile_mocks


class Harness:
    """An agent with its authorizer, mocks, prices and prompts compiled.

    Args:
        bundle: The agent and what it references.
        model: The model to run it with; left out = the spec's.

    Raises:
        Problem: If money is limited and the model has no price, or a mock cannot be loaded.
    """

    def __init__(self, bundle: Bundle, model: str | None = None) -> None:
        self.bundle = bundle
        self.agent = bundle.agent
        self.model_name = model or bundle.agent.model.name
        self.price_of = lru_cache(maxsize=64)(self._price_of)
        if bundle.agent.limits.cost_usd.any:
            asked = (self.model_name, *(() if model else bundle.agent.model.fallbacks))
            unpriced = [name for name in asked if self.price_of(name)[0] is None]
            if unpriced:
                raise problem(
                    "unpriced-model",
                    f"agent `{self.agent.name}` limits money, and the price of `{unpriced[0]}`"
                    " is unknown",
                    hint="declare its price, under `model:` or under `prices:` in agentctl.yaml",
                )
        self.triggers = Triggers(bundle.agent.escalation)
        self.declared_triggers = _declared_only(bundle.agent.escalation) or self.triggers
        """Those of a recording that is only scored: words that nobody chose for its agent would
        end a run that in truth went on."""
        self.policy = bundle.fingerprints.policy[:12]
        self.built_in = built_in_tools(self.agent)
        self.authorizer = Authorizer(bundle, self.built_in)
        self.mocks = compile_mocks(bundle)
        self.rails_in = GuardrailSet(bundle.policy.guardrails.input)
        self.rails_out = GuardrailSet(bundle.policy.guardrails.output)
        self.rails_tool = GuardrailSet(bundle.policy.guardrails.tool)
        self.rails_handoff = GuardrailSet(bundle.policy.guardrails.handoff)
        self.claims = Claims(bundle.policy.guardrails.claims)
        self.grounding = grounded(bundle.policy.guardrails.grounding)
        self.results = {
            name: Schema(tool.output_schema)
            for name, tool in bundle.tools.items()
            if tool.output_schema is not None
        }
        self.output = Schema(self.agent.output) if self.agent.output is not None else None
        self.intents = {intent.id: intent for intent in self.agent.intents}
        self._prompt = Template(render_prompt(self))
        self._system: tuple[dict[str, Json], Message] | None = None
        """The last principal and their prompt: trials mostly act for the same person."""
        self.rights = lru_cache(maxsize=64)(self._rights)
        self.offered = lru_cache(maxsize=256)(self._offered)
        self.offers = lru_cache(maxsize=64)(self._offers)
        self.goal = lru_cache(maxsize=64)(self._goal)
        self.started = self._started()

    def _price_of(self, model: str) -> tuple[Price | None, PriceStatus]:
        """Return the price of a model; the spec's own holds for the spec's own model only."""
        own = self.agent.model
        return price_of(model, own.price if model == own.name else None, self.bundle.project.prices)

    def _rights(self, role: str) -> Rights:
        return effective_rights(self.bundle.tools, self.bundle.policy.roles.get(role))

    def _offered(self, role: str, intent: str | None, unsure: bool) -> frozenset[str]:
        """Return the names of the tools that exist for the model at this moment.

        Args:
            role: The role the run acts as.
            intent: What the model declared; `None` = nothing yet.
            unsure: It declared less confidence than the agent asks for.
        """
        tools = self.rights(role).tools
        if self.intents:
            tools = tools & frozenset(self.intents[intent].tools) if intent else frozenset()
            if unsure:
                tools = frozenset()
        return tools.union(self.built_in)

    def _offers(self, names: frozenset[str]) -> tuple[ToolOffer, ...]:
        return tuple(
            ToolOffer(name, tool.spec.description, tool.parameters())
            for name, tool in self.authorizer.tools.items()
            if name in names
        )

    def _goal(self, intent: str | None) -> tuple[Goal, Expression] | None:
        goal = self.agent.done_when
        found = self.intents.get(intent) if intent else None
        if isinstance(found, Intent) and found.done_when:
            goal = Goal.model_validate(
                {"that": found.done_when, **({"else": goal.otherwise} if goal else {})}
            )
        return (goal, Expression(goal.that)) if goal else None

    def system_message(self, principal: dict[str, Json]) -> Message:
        """Return the system prompt, filled in with what may be known of the principal."""
        rendered = self._system
        if rendered is None or rendered[0] != principal:
            filled = Message("system", self._prompt.fill({"principal": principal}))
            rendered = self._system = (principal, filled)
        return rendered[1]

    def _started(self) -> dict[str, Json]:
        """Return the part of `run.started` that is the same for every run."""
        prints = self.bundle.fingerprints
        limits = self.agent.limits
        return {
            "agent": self.agent.name,
            "model": self.model_name,
            "fingerprints": {
                "agent": prints.agent,
                "instructions": prints.instructions,
                "tools": prints.tools,
                "model": self.model_name,
                "policy": prints.policy,
            },
            "limits": {
                "steps": limits.steps,
                "tool_calls": limits.tool_calls,
                "wall_clock_s": str(limits.wall_clock_s),
                "cost_usd": str(limits.cost_usd.session) if limits.cost_usd.session else None,
            },
        }


def render_prompt(harness: Harness) -> str:
    """Build the system prompt from the parts of the spec."""
    agent = harness.agent
    parts = [agent.instructions.strip(), f"Goal: {agent.goal}"]
    if agent.persona:
        parts.append(f"Persona: {agent.persona}")
    if agent.behaviour_rules:
        rules = "\n".join(f"- [{rule.id}] {rule.text}" for rule in agent.behaviour_rules)
        parts.append(f"Rules of conduct:\n{rules}")
    if agent.domain:
        parts.append(f"You deal with: {agent.domain.description}")
    if agent.intents:
        intents = "\n".join(f"- {i.id}: {i.description or i.id}" for i in agent.intents)
        parts.append(f"First call declare_intent. Intents:\n{intents}")
    if agent.output is not None:
        parts.append(f"Answer with one JSON object of this schema: {_schema(agent.output)}")
    return "\n\n".join(parts)


def _schema(schema: dict[str, Any]) -> str:
    return canonical_text(schema)


def _declared_only(spec: EscalationSpec | None) -> Triggers | None:
    """Return the triggers without the default words, where these were not asked for by name."""
    if spec is None or "default_triggers" in spec.model_fields_set:
        return None
    return Triggers(spec.model_copy(update={"default_triggers": ()}))


__all__ = ["Harness", "render_prompt"]
