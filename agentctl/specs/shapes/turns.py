"""The shape of recorded model turns: inline in a scenario, in a recordings file, in a cassette."""

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, field_validator, model_validator

from agentctl.core.messages import MOST_TOKENS
from agentctl.specs.shapes.base import (
    Dollars,
    Json,
    JsonObject,
    Many,
    ScenarioId,
    Spec,
    Text,
    one_call,
    short_model,
)
from agentctl.specs.shapes.chat import turns_of_messages


class TurnCall(Spec):
    """One tool call the model made: `{get_order: {order_id: o_1}}`."""

    model_config = short_model(one_call({}))

    tool: Text
    args: Json = Field(default_factory=dict)
    """An object; text stands for arguments that are not JSON."""
    id: Text | None = None
    """What the provider called this call; left out = a number is made up."""
    result: Json = None
    """What the tool answered when this was recorded; `--tools recorded` answers reads with it.
    `{error: not_found, message: text}` is an error of the tool."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and "tool" not in value:
            ((tool, args),) = value.items()
            return {"tool": tool, "args": {} if args is None else args}
        return value


class TurnUsage(Spec):
    """Tokens of the turn, where they were recorded."""

    input: Annotated[int, Field(ge=0, le=MOST_TOKENS, alias="in")]
    output: Annotated[int, Field(ge=0, le=MOST_TOKENS, alias="out")]
    cached: Annotated[int, Field(ge=0, le=MOST_TOKENS)] = 0
    """Of the input: read from the provider's cache."""
    reasoning: Annotated[int, Field(ge=0, le=MOST_TOKENS)] = 0
    """Of the output: thought and not said."""


class Turn(Spec):
    """One model response: calls, words, or a structured output; or a line of the user."""

    model_config = short_model(
        {"type": "object", "required": ["call"], "not": {"required": ["calls"]}}
    )

    calls: Many[TurnCall] = ()
    say: str | None = None
    output: Json = None
    usage: TurnUsage | None = None
    user: str | None = None
    """What the user said at this point; such a turn has nothing else."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "call" in value:
            if "calls" in value:
                raise ValueError("give `call` or `calls`, not both")
            value = dict(value)
            value["calls"] = [value.pop("call")]
        if value.get("user") is not None:
            if len(value) > 1:
                raise ValueError("a line of the user has `user` and nothing else")
        elif not value.get("calls") and value.get("say") is None and value.get("output") is None:
            raise ValueError("a turn has `call`, `calls`, `say`, `output` or `user`")
        return value


RecordedEnd = Literal["answered", "user_left", "escalated", "error", "limit"]
"""How a recorded run ended. `error` and `limit` are faults of its own: a scored failure."""


class Recording(Spec):
    """What was said in one trial of one scenario, in order."""

    scenario: ScenarioId
    trial: Annotated[int, Field(ge=1)] = 1
    """Which attempt; left out = the next one of its scenario in the file."""
    model: Text | None = None
    agent: Text | None = None
    """Who played it, where several agents are compared."""
    turns: Many[Turn]
    """With lines of the user among them, these hold in place of the scenario's `input` or
    `conversation`. `messages:` takes an OpenAI chat list in their place."""
    end: RecordedEnd | None = None
    """Left out: a run that would go on after the last turn is inconclusive."""
    cost: Annotated[Dollars, Strict(False)] | None = None
    """What the whole run cost, in US dollars; left out = priced from its tokens."""

    @model_validator(mode="before")
    @classmethod
    def _messages(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "messages" not in value:
            return value
        if "turns" in value:
            raise ValueError("give `turns` or `messages`, not both")
        value = dict(value)
        turns = value["turns"] = turns_of_messages(value.pop("messages"))
        if value.get("end") is None and turns and "user" in turns[-1]:
            value["end"] = "user_left"
        return value


class TapedTurn(Turn):
    """One model turn of a cassette: what was asked, and what the model said.

    `to`, `tools` and `system` name what many turns share and what stands once in the file; left
    out, they are those of the turn before.
    """

    scenario: ScenarioId
    trial: Annotated[int, Field(ge=1)]
    turn: Annotated[int, Field(ge=1)]
    """Which turn of the trial, from 1."""
    to: Text | None = None
    """The model, its settings and the shape of the answer."""
    tools: Text | None = None
    system: Text | None = None
    anew: bool = False
    """`asked` is the whole conversation; otherwise it goes on from the turn before."""
    asked: Many[JsonObject] = ()
    """The messages that are new since the model's last turn."""
    by: Text | None = None
    """The model that answered, where it was not the one that was asked."""
    refused: bool = False
    """The model declined to answer."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None = None
    """Of the answer as the model gave it: one that was edited by hand does not fit it any more."""

    @field_validator("asked")
    @classmethod
    def _messages(cls, value: Any) -> Any:
        if not all(isinstance(one.get("role"), str) and "content" in one for one in value):
            raise ValueError("a message has `role` and `content`")
        return value


__all__ = ["RecordedEnd", "Recording", "TapedTurn", "Turn", "TurnCall", "TurnUsage"]
