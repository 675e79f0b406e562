"""A model that answers from a cassette, and fills it.

A recorded turn answers one request and no other: its key is the sha256 of everything the model was
asked. A request without a recorded answer is refused, with what differs from the recorded one.
What is kept of a request or an answer holds no secret, and a run that is recorded goes on with the
answer as it is kept, so that a replay is the same run.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json, NotCanonical, canonical_text, digest, parse_strict
from agentctl.core.masking import MASK, masked, suspicious
from agentctl.core.messages import Message, ModelReply, ToolCall
from agentctl.core.text import count
from agentctl.models.port import Model, ModelFault, Request, ToolOffer
from agentctl.models.request_diff import request_differences
from agentctl.models.scripted import reply_of_turn
from agentctl.specs.shapes.agent import ModelSpec
from agentctl.specs.shapes.turns import TapedTurn, Turn

_NOT_ASKED = {"name", "fallbacks", "price", "base_url"}
"""Keys of `model:` that say where to ask and what it costs, not what is asked."""


_ANSWER = {"calls", "say", "output", "usage", "by", "refused"}


class Rendered(NamedTuple):
    """A request as plain data without secrets: what is compared, hashed and kept."""

    model: dict[str, Json]
    """Name, settings, and the schema of the answer where one is wanted."""
    tools: list[Json]
    messages: list[Json]

    def key(self, scenario: str, trial: int) -> str:
        """Return what the answer to this request is found by, as 64 hex digits."""
        return digest({"scenario": scenario, "trial": trial, **self._asdict()})


class Exchange(NamedTuple):
    """One recorded turn: what was asked, and what the model said."""

    request: Rendered
    turn: TapedTurn

    @property
    def edited(self) -> bool:
        """Whether the answer is not the one that was recorded."""
        return self.turn.digest not in (None, answer_digest(self.turn))


class Renderer:
    """Writes the requests of one agent as plain data.

    Args:
        spec: The `model:` of the agent.
        name: The model that is asked.
        secrets: Values that must not be kept.
    """

    def __init__(self, spec: ModelSpec, name: str, secrets: Sequence[str] = ()) -> None:
        self.name = name
        settings = spec.model_dump(mode="json", exclude=_NOT_ASKED, exclude_defaults=True)
        self._model = {"name": name, **masked(settings)}
        self._secrets = secrets
        self._offered: tuple[tuple[ToolOffer, ...], list[Json]] = ((), [])

    def __call__(self, request: Request) -> Rendered:
        """Return `request` as it is compared and kept."""
        model = self._model
        if request.output is not None:
            model = {**model, "output": request.output}
        messages = [self.redact(message_data(message)) for message in request.messages]
        return Rendered(model, self._tools(request.tools), messages)

    def redact(self, value: Json) -> Json:
        """Return `value` without secrets."""
        value = _without(value, self._secrets) if self._secrets else value
        return masked(value) if suspicious(canonical_text(value)) else value

    def _tools(self, offers: tuple[ToolOffer, ...]) -> list[Json]:
        # The same tuple comes with nearly every request.
        known, plain = self._offered
        if known is not offers:
            plain = [self.redact(offer._asdict()) for offer in offers]
            self._offered = (offers, plain)
        return plain


class CassetteModel:
    """Answers what was recorded in one trial; what was not, it asks another model, or refuses.

    Args:
        render: Writes requests as they are kept.
        scenario: The scenario that is played.
        trial: Which attempt at it.
        recorded: The exchanges of that trial, in order.
        model: The model that answers what was not recorded; left out = none.
    """

    def __init__(
        self,
        render: Renderer,
        scenario: str,
        trial: int,
        recorded: Sequence[Exchange] = (),
        model: Model | None = None,
    ) -> None:
        self.name = render.name
        self.exchanges: list[Exchange] = []
        """What was asked and answered, in order: with a model to ask, the recording to keep."""
        self._render = render
        self._of = (scenario, trial)
        self._recorded = recorded
        self._answers = {one.request.key(*self._of): one.turn for one in recorded}
        self._model = model

    @property
    def edited(self) -> tuple[int, ...]:
        """The turns whose answers were edited by hand after they were recorded, from 1."""
        return tuple(one.turn.turn for one in self._recorded if one.edited)

    @property
    def unverified(self) -> bool:
        """Whether a recorded turn does not say what its answer was."""
        return any(one.turn.digest is None for one in self._recorded)

    @property
    def kind(self) -> Literal["written", "cassette"]:
        """What a trial with these turns tests: where a person edited one, no model said it."""
        return "written" if self.edited else "cassette"

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Return the recorded answer to `request`, or the other model's.

        Raises:
            ModelFault: `miss`, when there is neither; or what the other model raises.
        """
        rendered = self._render(request)
        turn = self._answers.get(rendered.key(*self._of))
        failed_attempts: tuple[dict[str, Json], ...] = ()
        if turn is None:
            if self._model is None:
                raise ModelFault(
                    "miss", self._miss_reason(rendered), "agentctl eval SET --record missing"
                )
            reply = self._model.reply(request, timeout_s)
            turn, failed_attempts = self._recorded_turn(reply), reply.failed_attempts
        self.exchanges.append(Exchange(rendered, turn))
        reply = reply_of_turn(turn, len(self.exchanges))
        return reply._replace(model=turn.by, refused=turn.refused, failed_attempts=failed_attempts)

    def _miss_reason(self, rendered: Rendered) -> str:
        number = len(self.exchanges) + 1
        if not self._recorded:
            return "this trial has no recording"
        if number > len(self._recorded):
            turns = count(len(self._recorded), "turn is", "turns are")
            return f"turn {number} is requested, and {turns} recorded"
        found = request_differences(*self._recorded[number - 1].request, *rendered)
        return f"turn {number}: the request differs from the recording: {found}"

    def _recorded_turn(self, reply: ModelReply) -> TapedTurn:
        """Return a reply as it is kept."""
        scenario, trial = self._of
        kept: dict[str, Json] = {
            "calls": [call_data(call) for call in reply.calls],
            "say": reply.text if reply.calls or reply.output is not None else reply.text or "",
            "output": reply.output,
        }
        kept = self._render.redact(kept)
        if reply.usage is not None:
            input_tokens, output_tokens, _, cached, reasoning = reply.usage
            kept["usage"] = {"in": input_tokens, "out": output_tokens}
            kept["usage"] |= {"cached": cached, "reasoning": reasoning}
        if reply.refused:
            kept["refused"] = True
        if reply.model is not None and reply.model != self.name:
            kept["by"] = reply.model
        where = {"scenario": scenario, "trial": trial, "turn": len(self.exchanges) + 1}
        turn = TapedTurn.model_validate({**where, **kept})
        return turn.model_copy(update={"digest": answer_digest(turn)})


def answer_digest(turn: TapedTurn) -> str:
    """Return the digest of what the model said in a recorded turn, as 16 hex digits."""
    answer = turn.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=_ANSWER)
    return digest(answer)[:16]


def message_data(message: Message) -> dict[str, Json]:
    """Return one message of a conversation as plain data, secrets and all."""
    plain: dict[str, Json] = {"role": message.role, "content": message.content}
    if message.calls:
        plain["calls"] = [call_data(call) for call in message.calls]
    if message.call_id is not None:
        plain["call_id"] = message.call_id
    return plain


def call_data(call: ToolCall) -> dict[str, Json]:
    """Return one call as plain data."""
    return {"id": call.id, "tool": call.name, "args": _parsed(call.arguments)}


def reply_message(turn: Turn, number: int) -> dict[str, Json]:
    """Return what a recorded turn adds to the conversation."""
    reply = reply_of_turn(turn, number)
    return message_data(Message("assistant", reply.text or "", reply.calls))


def _parsed(arguments: dict[str, Json] | str) -> Json:
    """Return arguments as an object; text that is none stays as the model wrote it."""
    if isinstance(arguments, str):
        try:
            value = parse_strict(arguments)
        except NotCanonical:
            return arguments
        return value if isinstance(value, dict) else arguments
    return arguments


def _without(value: Json, secrets: Sequence[str]) -> Json:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _without(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secrets) for item in value]
    return value


__all__ = [
    "CassetteModel",
    "Exchange",
    "Rendered",
    "Renderer",
    "answer_digest",
    "call_data",
    "message_data",
    "reply_message",
]
