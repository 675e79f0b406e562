"""The shape of an agent: `agents/*.yaml`."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from agentctl.core.messages import MOST_TOKENS
from agentctl.specs.shapes.base import (
    Document,
    Dollars,
    ExpressionText,
    Json,
    JsonObject,
    JsonSchema,
    Many,
    Name,
    Spec,
    Text,
    ToolName,
    exactly_one,
    short_form,
)
from agentctl.specs.shapes.live import Variable

BUILT_IN_TOOLS = ("escalate", "ask_user", "hand_off", "declare_intent")
"""Offered by the runtime itself where the spec allows; no manifest may define these names."""
OUT_OF_DOMAIN = "out_of_domain"
"""The intent by which a model says that a request is not the agent's business."""


class Price(Spec):
    """What the model costs, where litellm's price map does not know it or should not be asked."""

    input_per_mtok: Dollars
    """Dollars for a million input tokens."""
    output_per_mtok: Dollars
    """Dollars for a million output tokens."""
    cached_input_per_mtok: Dollars | None = None
    """Dollars for a million input tokens out of the provider's cache; left out = as any input."""


_Share = Annotated[float, Field(ge=0, le=1)]
_Penalty = Annotated[float, Field(ge=-2, le=2)]
_MostTokens = Annotated[int, Field(ge=1, le=MOST_TOKENS)]


class ModelSettings(Spec):
    """What the provider is asked to do; each is passed on as it is.

    Nothing here leads a request elsewhere: addresses, keys and callbacks are not settings.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: _Share | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    min_p: _Share | None = None
    seed: int | None = None
    max_tokens: _MostTokens | None = None
    """Most tokens of one reply."""
    max_completion_tokens: _MostTokens | None = None
    """Most tokens of one reply, those of its reasoning included."""
    stop: Text | Many[Text] | None = None
    """Text that ends a reply."""
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: Text | JsonObject | None = None
    reasoning_effort: Text | None = None
    thinking: JsonObject | None = None
    verbosity: Text | None = None
    service_tier: Text | None = None
    store: bool | None = None
    user: Text | None = None
    safety_identifier: Text | None = None
    prompt_cache_key: Text | None = None
    extra_body: JsonObject | None = None
    """Sent beside the rest, for what only one provider knows."""

    def given(self) -> dict[str, Json]:
        """Return the settings that are written, as JSON data."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def most_output(self) -> int | None:
        """Most tokens that one reply may have; `None` = nothing says."""
        return self.max_completion_tokens or self.max_tokens


class ModelSpec(Spec):
    """Which model runs the agent."""

    name: Text
    """As litellm names it: `provider/model`."""
    fallbacks: Many[Text] = ()
    """Asked in this order when the model is unavailable."""
    mode: Literal["tools", "json-action"] = "tools"
    """`json-action` asks for one JSON action a turn: for models whose tool calls are unreliable."""
    settings: ModelSettings = ModelSettings()
    """Passed to the provider: temperature, max_tokens and so on."""
    price: Price | None = None
    base_url: Text | None = None
    """An OpenAI-compatible server of your own."""


class BehaviourRule(Spec):
    """One rule of conduct, named so that a review and a trace can point at it."""

    id: Name
    text: Text


class Intent(Spec):
    """One thing users come for, and the only tools that exist once it is declared.

    Before an intent is declared no tool exists at all: an intent such as `unclear`, with the tools
    that only read, lets a model look before it decides, and declare again.
    """

    id: Name
    description: Text | None = None
    tools: Many[ToolName]
    done_when: ExpressionText | None = None
    """Replaces the agent's `done_when` for this intent."""


class IntentGate(Spec):
    """What happens when the model is not sure what is wanted."""

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.7
    below: Literal["ask", "escalate"] = "ask"


class Goal(Spec):
    """The check that the goal is reached before a run counts as answered."""

    that: ExpressionText
    """CEL over `results` (tool name -> list of its results in this run), `intent`, `answer`."""
    otherwise: Literal["retry", "escalate", "stop"] = Field(default="retry", alias="else")
    attempts: Annotated[int, Field(ge=1, le=5)] = 1
    """How often `retry` lets the model try again."""


def _goal(value: Any) -> Any:
    return {"that": value} if isinstance(value, str) else value


class ToolErrorTrigger(Spec):
    """Fires after so many failed tool calls in a row."""

    consecutive: Annotated[int, Field(ge=1)]


class DeniedTrigger(Spec):
    """Fires after so many calls in a row that the policy denied."""

    consecutive: Annotated[int, Field(ge=1)]


class Trigger(Spec):
    """One reason to pass the case to a person. Exactly one condition."""

    any_keyword: Many[Text] | None = None
    """Whole words, ignoring case, width, accents and look-alike letters; "not a refund" is none."""
    intents: Many[Name] | None = None
    confidence_below: Annotated[float, Field(ge=0, le=1)] | None = None
    sentiment: Many[Text] | None = None
    """As the model declares it with `declare_intent`."""
    tool_error: ToolErrorTrigger | None = None
    denied: DeniedTrigger | None = None
    limit: Text | None = None
    """A limit's name, or `any`."""
    guardrail: Text | None = None
    """A guardrail's id, or `any`."""
    on: Literal["input", "tool", "output"] | None = None
    """Where keywords are looked for (left out = input), or a guardrail hits (left out = all)."""
    queue: Name | None = None
    """Left out = the agent's queue."""

    @model_validator(mode="after")
    def _one(self) -> "Trigger":
        exactly_one(
            self,
            (
                "any_keyword",
                "intents",
                "confidence_below",
                "sentiment",
                "tool_error",
                "denied",
                "limit",
                "guardrail",
            ),
        )
        if self.on is not None and self.any_keyword is None and self.guardrail is None:
            raise ValueError("`on` goes with `any_keyword` and `guardrail`")
        return self


DefaultTrigger = Literal["refund", "legal", "urgent", "escalate", "manager"]
DEFAULT_TRIGGERS: tuple[DefaultTrigger, ...] = get_args(DefaultTrigger)
"""The groups of words that ship, in English, German, French, Spanish and Italian."""


def _default_triggers(value: Any) -> Any:
    match value:
        case "all":
            return DEFAULT_TRIGGERS
        case "none":
            return ()
        case str():
            raise ValueError("expected a list of groups, `all` or `none`")
    return value


class EscalationSpec(Spec):
    """When and where the case goes to people."""

    queue: Name
    """Where it goes unless something names another queue."""
    queues: Many[Name] = ()
    """Other queues the model may choose with the `escalate` tool."""
    default_triggers: Annotated[
        Many[DefaultTrigger],
        short_form(_default_triggers, list[DefaultTrigger] | Literal["all", "none"]),
    ] = DEFAULT_TRIGGERS
    """Groups of words that ship and are looked for in what the user says; left out = `all`."""
    triggers: Many[Trigger] = ()
    """Asked before the default ones."""


class CostLimit(Spec):
    """Dollars an agent may spend, on models and on tools with a price."""

    session: Dollars | None = None
    """In one run."""
    day: Dollars | None = None
    """On one day (UTC), all runs of the agent together; evaluations are not counted."""
    month: Dollars | None = None
    """In one calendar month, likewise."""
    alert_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of a limit at which a warning is recorded."""

    @property
    def any(self) -> bool:
        """Whether money is limited at all."""
        return (self.session, self.day, self.month) != (None, None, None)


def _repeats(value: Any) -> Any:
    if isinstance(value, str) and value != "off":
        raise ValueError("expected a whole number or `off`")
    return 0 if value == "off" else value


class LimitsSpec(Spec):
    """The most one run may take; whichever is met first ends it."""

    steps: Annotated[int, Field(ge=1)] = 20
    """Model turns."""
    tool_calls: Annotated[int, Field(ge=1)] = 40
    """Calls the model proposes, refused ones included."""
    wall_clock_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds from the start of the run. A model's turn and a read are broken off then; a live
    write that was begun is given its own `timeout_s`, so that nobody is left in doubt."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Input and output tokens together."""
    cost_usd: CostLimit = CostLimit()
    per_tool: dict[ToolName, Annotated[int, Field(ge=0)]] = {}
    """Calls of one tool that may run."""
    repeats: Annotated[int, Field(ge=0), short_form(_repeats, int | Literal["off"])] = 3
    """The same call this many times, or A-B-A-B, is a loop; so is the same error of a tool, when
    nothing new comes between. `off` = never."""


class Domain(Spec):
    """What the agent is for, and what it says to anything else."""

    description: Text
    decline: Text
    """The answer to a request outside the domain."""


class AgentSpec(Document):
    """An agent: a goal, instructions, the tools it may use and the limits it works within."""

    kind: Literal["Agent"] = "Agent"
    name: Name
    description: Text | None = None
    owner: Text | None = None
    """The team or person who answers for this agent."""
    persona: Text | None = None
    """Who the agent is to the user: voice and tone."""
    goal: Text
    """One sentence: what a finished run has achieved."""
    model: ModelSpec
    instructions: Text
    """The system prompt; `{{ principal.name }}` and other principal fields are filled in."""
    behaviour_rules: Many[BehaviourRule] = ()
    acts_as: Name
    """A role of the policy: an agent never has more rights than this role."""
    tools: Many[ToolName]
    manifests: Many[Text] = ()
    """Manifest files, where `tools/` should not be searched."""
    domain: Domain | None = None
    intents: Many[Intent] = ()
    intent_gate: IntentGate = IntentGate()
    ask_user: bool = True
    """Whether the model may ask the user a question."""
    output: JsonSchema | None = None
    """JSON Schema of the structured answer, where the agent gives one."""
    done_when: Annotated[Goal, short_form(_goal, Goal | str)] | None = None
    credentials: dict[Variable, Variable] = {}
    """Name in a manifest -> the variable with this agent's own: `{CRM_TOKEN: SUPPORT_CRM_TOKEN}`.
    Two agents never share one."""
    handoffs: Many[Name] = ()
    escalation: EscalationSpec | None = None
    limits: LimitsSpec = LimitsSpec()
    memory: JsonObject | None = None
    knowledge: Many[JsonObject] = ()
    triggers: Many[JsonObject] = ()
    policy: Text
    """File, relative to this one."""


__all__ = [
    "BUILT_IN_TOOLS",
    "DEFAULT_TRIGGERS",
    "OUT_OF_DOMAIN",
    "AgentSpec",
    "BehaviourRule",
    "CostLimit",
    "DefaultTrigger",
    "DeniedTrigger",
    "Domain",
    "EscalationSpec",
    "Goal",
    "Intent",
    "IntentGate",
    "LimitsSpec",
    "ModelSpec",
    "Price",
    "ToolErrorTrigger",
    "Trigger",
]
