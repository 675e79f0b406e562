"""The shape of recorded model turns: inline in a scenario, in a recordings file, in a cassette."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from agentctl.specs.shapes.base import (
    Json,
    JsonObject,
    Many,
    Name,
    Spec,
    Text,
    one_call,
    short_model,
)


class TurnCall(Spec):
    """One tool call the model made: `{get_order: {order_id: o_1}}`."""

    model_config = short_model(one_call({}))

    tool: Text
    args: Json = Field(default_factory=dict)
    """An object; text stands for arguments that are not JSON."""
    id: Text | None = None
    """What the provider called this call; left out = a number is made up."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and "tool" not in value:
            ((tool, args),) = value.items()
            return {"tool": tool, "args": {} if args is None else args}
        return value


class TurnUsage(Spec):
    """Tokens of the turn, where they were recorded."""

    input: Annotated[int, Field(ge=0, alias="in")]
    output: Annotated[int, Field(ge=0, alias="out")]
    cached: Annotated[int, Field(ge=0)] = 0
    """Of the input: read from the provider's cache."""
    reasoning: Annotated[int, Field(ge=0)] = 0
    """Of the output: thought and not said."""


class Turn(Spec):
    """One model response: calls, words, or a structured output."""

    model_config = short_model(
        {"type": "object", "required": ["call"], "not": {"required": ["calls"]}}
    )

    calls: Many[TurnCall] = ()
    say: str | None = None
    output: Json = None
    usage: TurnUsage | None = None

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
        elif not value.get("calls") and value.get("say") is None and value.get("output") is None:
            raise ValueError("a turn has `call`, `calls`, `say` or `output`")
        return value


class Recording(Spec):
    """What a model said in one trial of one scenario, in order."""

    scenario: Name
    trial: Annotated[int, Field(ge=1)] = 1
    model: Text | None = None
    turns: Many[Turn]
    end: Literal["error", "limit"] | None = None
    """The recorded run ended by a fault of its own: a scored failure."""


class TapedTurn(Turn):
    """One model turn of a cassette: what was asked, and what the model said.

    `to`, `tools` and `system` name what many turns share and what stands once in the file; left
    out, they are those of the turn before.
    """

    scenario: Name
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

    @field_validator("asked")
    @classmethod
    def _messages(cls, value: Any) -> Any:
        if not all(isinstance(one.get("role"), str) and "content" in one for one in value):
            raise ValueError("a message has `role` and `content`")
        return value


__all__ = ["Recording", "TapedTurn", "Turn", "TurnCall", "TurnUsage"]
