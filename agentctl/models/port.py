"""The one way the loop asks a model for its next turn."""

from typing import Literal, NamedTuple, Protocol

from agentctl.core.canonical import Json
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Message, ModelReply

FaultKind = Literal[
    "unavailable",
    "rate_limited",
    "timeout",
    "rejected",
    "unknown_model",
    "no_key",
    "bad_reply",
    "exhausted",
    "silent",
    "miss",
]

_USAGE_FAULTS = frozenset({"no_key", "unknown_model"})


class ToolOffer(NamedTuple):
    """A tool as the model sees it; bound arguments are not part of it."""

    name: str
    description: str
    parameters: dict[str, Json]
    """JSON Schema of the arguments."""


class Request(NamedTuple):
    """What the model is asked: the conversation so far and what it may do."""

    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...] = ()
    output: dict[str, Json] | None = None
    """JSON Schema of the structured answer, where one is wanted."""


class ModelFault(Exception):  # noqa: N818 - a fault of the provider, not of this program
    """The model gave no turn. Never the agent's failure.

    Args:
        kind: What went wrong; `exhausted` = a scripted model has no turn left; `silent` = a
            recorded one leaves the turn to its user; `miss` = a cassette holds no answer to this
            request.
        message: One sentence, without secrets.
        hint: The way out.
    """

    def __init__(self, kind: FaultKind, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint

    @property
    def exit_code(self) -> ExitCode:
        """How a command ends that met it: 2 when the request was wrong, else 3."""
        return ExitCode.USAGE if self.kind in _USAGE_FAULTS else ExitCode.UNKNOWN


class Model(Protocol):
    """Anything that can take the next turn."""

    @property
    def name(self) -> str:
        """`provider/model`, as prices and fingerprints know it."""
        ...

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Return the next turn within `timeout_s` seconds.

        Raises:
            ModelFault: If there is none.
        """
        ...


__all__ = ["FaultKind", "Model", "ModelFault", "Request", "ToolOffer"]
