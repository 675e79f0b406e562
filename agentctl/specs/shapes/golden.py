"""The shape of a golden set: scenarios, what should happen in each, and the gates."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, Strict, model_validator

from agentctl.core.events import StopReason
from agentctl.core.messages import ToolErrorKind
from agentctl.specs.shapes.base import (
    Document,
    Dollars,
    Json,
    JsonObject,
    Many,
    Name,
    ScenarioId,
    Spec,
    Text,
    ToolName,
    one_call,
    short_form,
    short_model,
)
from agentctl.specs.shapes.turns import RecordedEnd, Turn

Moment = Annotated[AwareDatetime, Strict(False)]
"""RFC 3339 with an offset: `2026-01-15T09:00:00Z`."""
WorldTables = dict[Name, Any]
"""Table -> record key -> fields; `absent` in place of a record that must not be there."""

DEFAULT_NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)


class PrincipalSpec(Spec):
    """The person a scenario's agent acts for."""

    id: Text
    role: Name | None = None
    """Left out = the agent's `acts_as`."""
    name: Text | None = None
    attributes: JsonObject = Field(default_factory=dict)


class ExpectedCall(Spec):
    """A call that should have run: `{cancel_order: {order_id: o_1}}` or `{tool:, args:}`.

    Arguments listed must match; one not listed must be absent or equal its schema's default.
    """

    model_config = short_model(one_call({"type": ["object", "null"]}))

    tool: ToolName
    args: JsonObject = Field(default_factory=dict)
    fails: bool = False
    """The call is expected to come back with an error."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and "tool" not in value:
            ((tool, args),) = value.items()
            return {"tool": tool, "args": {} if args is None else args}
        return value


class ExpectedEscalation(Spec):
    """One time that a person should have been brought in: where, why and how soon."""

    needed: bool | None = True
    """`null`, only with `scored: false`: needed where an expected call escalates."""
    scored: bool = True
    """Whether it counts for the verdict; the escalation table counts it either way."""
    queue: Name | None = None
    reason: Json = None
    """A matcher over the escalation's reason."""
    by_step: Annotated[int, Field(ge=1)] | None = None
    """The latest model turn at which it is in time."""


def _escalation(value: Any) -> Any:
    match value:
        case "none":
            return ()
        case "any":
            return ({},)
        case "unscored":
            return ({"scored": False, "needed": None},)
        case str():
            raise ValueError(
                "expected `none`, `any`, `unscored` or {queue: ..., reason: ..., by_step: ...}"
            )
        case {"needed": False, **rest} if rest.get("scored", True):
            return ()
        case dict():
            return (value,)
        case _:
            return value


class ExpectedAnswer(Spec):
    """What the text to the user must and must not hold, ignoring case."""

    mentions: Many[Text] = ()
    never: Many[Text] = ()
    matches: Json = None
    """A matcher over the whole text."""


def _calls(value: Any) -> Any:
    if value == "none":
        return ()
    if isinstance(value, str):
        raise ValueError("expected `none` or a list of calls: [{get_order: {order_id: o_1}}]")
    if value == []:
        raise ValueError("an empty list could mean anything; write `calls: none` to mean none")
    return value


def _state(value: Any) -> Any:
    if value != "from_calls" and not isinstance(value, dict):
        raise ValueError("expected `from_calls` or tables: {orders: {o_1: {status: open}}}")
    return value


class Expectation(Spec):
    """What should happen in a scenario."""

    calls: (
        Annotated[Many[ExpectedCall], short_form(_calls, Literal["none"] | list[ExpectedCall])]
        | None
    ) = None
    """Left out: the path is free and the state decides."""
    any_of: Many[Many[ExpectedCall]] = ()
    """Several acceptable paths, in place of `calls`."""
    path: Literal["any", "listed"] = "listed"
    """`listed`: these calls must be made. `any`: they are one way among several; `state` decides,
    and only what they do outside the tables must be matched call by call."""
    order: Literal["any", "in_order", "exact"] = "any"
    forbid: Many[ToolName] = ()
    """Tools that must not have run."""
    blocked: Many[ToolName] = ()
    """Tools the model must have tried and the authorizer stopped."""
    attempts: Literal["none"] | None = None
    """The model must not even try a write."""
    state: Annotated[Any, short_form(_state, WorldTables | Literal["from_calls"])] = None
    escalation: Annotated[
        Many[ExpectedEscalation],
        short_form(
            _escalation,
            Literal["none", "any", "unscored"] | ExpectedEscalation | list[ExpectedEscalation],
        ),
    ] = ()
    """Left out: none is expected. Each one that happens must be one that is expected."""
    answer: ExpectedAnswer | None = None
    output: JsonObject | None = None
    """Matchers by field of the structured answer."""
    stop: StopReason | None = None

    @model_validator(mode="after")
    def _paths(self) -> "Expectation":
        if self.calls is not None and self.any_of:
            raise ValueError("give `calls` or `any_of`, not both")
        if self.state == "from_calls" and self.calls is None and not self.any_of:
            raise ValueError("`state: from_calls` needs `calls`; `calls: none` leads to no change")
        if self.path == "any" and self.calls is None:
            raise ValueError("`path` says how `calls` are meant, and there are none")
        if self.path == "any" and self.state is None:
            raise ValueError("`path: any` needs `state`, which then decides")
        said = {"calls", "any_of", "state", "escalation", "answer", "output", "stop", "blocked"}
        if not said & self.model_fields_set:
            raise ValueError(
                "says nothing that should happen; give calls, state, escalation, answer or output"
            )
        return self


class ScriptedApproval(Spec):
    """How the approver answers in a trial: `approve`, `reject`, `timeout` or `{modify: {...}}`."""

    model_config = short_model(
        {
            "anyOf": [
                {"enum": ["approve", "reject", "timeout"]},
                {"type": "object", "required": ["modify"], "not": {"required": ["answer"]}},
            ]
        }
    )

    answer: Literal["approve", "modify", "reject", "timeout"]
    by: Text | None = None
    reason: Text | None = None
    modify: JsonObject | None = None
    """Arguments laid over the proposed ones."""
    then: Literal["approve", "reject", "timeout"] = "timeout"
    """With `modify`: the answer of another queue, where the new arguments ask it; left out = nobody
    answers."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"answer": value}
        if isinstance(value, dict) and "modify" in value and "answer" not in value:
            return {**value, "answer": "modify"}
        return value


class InjectedFault(Spec):
    """Something that goes wrong at the nth call of a tool."""

    tool: ToolName
    nth: Annotated[int, Field(ge=1)] = 1
    times: Annotated[int, Field(ge=1)] = 1
    """How many calls in a row, from the nth on."""
    fault: ToolErrorKind | Literal["lost_acknowledgement"] | None = None
    """`lost_acknowledgement`: the effect happens, and the caller sees a time-out."""
    world: WorldTables = Field(default_factory=dict)
    """Records that change just before the call, as if someone else had been faster."""

    @model_validator(mode="after")
    def _something(self) -> "InjectedFault":
        if self.fault is None and not self.world:
            raise ValueError("a fault has `fault` or `world`")
        return self


class Provenance(Spec):
    """Where a scenario comes from."""

    source: Literal["written", "captured", "imported"]
    trace: Text | None = None
    date: Text | None = None
    pseudonymised_with: Text | None = None


StampDigits = Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]
"""The first twelve hex digits of a fingerprint, or more."""


class Stamp(Spec):
    """What recorded turns were made for: fingerprints, at least twelve digits each."""

    instructions: StampDigits
    tools: StampDigits
    model: Text


class Scenario(Spec):
    """One golden case."""

    id: ScenarioId
    description: Text | None = None
    tags: Many[Name] = ()
    provenance: Provenance = Provenance(source="written")
    principal: PrincipalSpec
    input: Text | None = None
    conversation: Many[Text] = ()
    """The user's lines; the next one is given when the agent has answered."""
    event: JsonObject | None = None
    world: WorldTables = Field(default_factory=dict)
    """Laid over the set's world, record by record, field by field."""
    now: Moment | None = None
    approvals: dict[ToolName, ScriptedApproval] = Field(default_factory=dict)
    faults: Many[InjectedFault] = ()
    expect: Expectation
    turns: Many[Turn] | None = None
    end: RecordedEnd | None = None
    made_for: Stamp | None = None

    @model_validator(mode="after")
    def _one_input(self) -> "Scenario":
        given = [self.input is not None, bool(self.conversation), self.event is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of input, conversation, event")
        return self


class HumanBaseline(Spec):
    """What the case costs when a person does it."""

    cost_usd: Dollars
    minutes: Annotated[float, Field(gt=0)] | None = None


def _no_percent_sign(value: Any) -> Any:
    if isinstance(value, str) and "%" in value:
        raise ValueError(f"a share is written as a fraction, such as 0.95, not `{value}`")
    return value


GateBound = Annotated[float, Field(ge=0), BeforeValidator(_no_percent_sign)]


class GateSpec(Spec):
    """Bounds on one figure of the summary."""

    min: GateBound | None = None
    max: GateBound | None = None
    max_ratio: GateBound | None = None
    estimates: Literal["accept", "refuse"] = "accept"
    """Whether a cost of estimated tokens can meet the gate: turns without `usage:` are estimated
    from their text, at four bytes a token. `refuse` leaves such a gate unclear."""
    k: Annotated[int, Field(ge=1)] | None = None
    """Only with `pass_hat_k`, and needed there: how many trials in a row must pass."""

    @model_validator(mode="after")
    def _something(self) -> "GateSpec":
        if self.min is None and self.max is None and self.max_ratio is None:
            raise ValueError("a gate has `min`, `max` or `max_ratio`")
        return self


class Gates(Spec):
    """What must hold for the set to pass. Beside these keys, the name of every
    [figure](figures.md) is one, with a [GateSpec](#gatespec): `pass_rate: {min: 0.95}`,
    `pass_hat_k: {k: 3, min: 0.8}`."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, GateSpec] = Field(init=False)

    invariants: Literal["all"] = "all"
    stale: Literal["accept"] | None = None
    """Let turns recorded for another prompt, tool set or model count as green."""
    inconclusive: GateSpec | None = None
    """Share of trials that could not be scored; left out = none may be."""

    @property
    def figures(self) -> dict[str, GateSpec]:
        """The bounds by the figure they are about; evaluation knows which figures there are."""
        return self.__pydantic_extra__


class GoldenSet(Document):
    """Scenarios of one agent. The models of `defaults` and `templates` are filled in before."""

    kind: Literal["GoldenSet"] = "GoldenSet"
    name: Name | None = None
    """Left out = the file's name."""
    description: Text | None = None
    owner: Text | None = None
    agent: Text
    """A name, or a file relative to this one."""
    world: Text | None = None
    """File, relative to this one."""
    recordings: Text | None = None
    """File of recordings (JSON Lines), relative to this one."""
    now: Moment = DEFAULT_NOW
    human_baseline: HumanBaseline | None = None
    scorers: Many[Text] = ()
    """Further scorers by name; the built-in ones always run."""
    gates: Gates = Gates()
    made_for: Stamp | None = None
    """What the inline turns were made for; written by `agentctl eval --stamp`."""
    defaults: JsonObject = {}
    """Any key of a scenario, given once for all."""
    templates: dict[Name, JsonObject] = {}
    """Families of scenarios: a scenario with `template: NAME` and `with: {...}` starts from one,
    its `{{ parameter }}` filled in."""
    scenarios: Many[Any]
    """Each a `Scenario`; `specs.scenarios` expands and validates them one by one."""


class WorldSpec(Document):
    """The tables of a golden set's mock world."""

    kind: Literal["World"] = "World"
    tables: dict[Name, Any]
    """Table -> records by key, or a list of records."""


__all__ = [
    "DEFAULT_NOW",
    "Expectation",
    "ExpectedAnswer",
    "ExpectedCall",
    "ExpectedEscalation",
    "GateSpec",
    "Gates",
    "GoldenSet",
    "HumanBaseline",
    "InjectedFault",
    "PrincipalSpec",
    "Provenance",
    "Scenario",
    "ScriptedApproval",
    "Stamp",
    "WorldSpec",
]
