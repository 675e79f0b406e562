"""What a model, a tool and a person say to each other.

These are the nouns that cross every floor: the loop passes them, the trace stores them, the
evaluation compares them. They are plain and frozen; nothing here knows a provider's format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json, canonical_text, digest

EffectKind = Literal["none", "internal_write", "external_write", "irreversible", "escalation"]
"""What a tool does to the world. `none` reads; `escalation` passes the case to a person."""

ToolErrorKind = Literal[
    "not_found",
    "conflict",
    "invalid",
    "forbidden",
    "timeout",
    "unavailable",
    "rate_limited",
    "internal",
    "unknown_tool",
    "not_offered",
    "denied",
    "declined",
    "pending",
    "missing_mock",
    "invalid_output",
]
"""Why a call brought no result. The last group is the runtime's own; the first the tool's."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The person on whose behalf an agent acts."""

    id: str
    role: str
    name: str | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)

    def facts(self) -> dict[str, Json]:
        """Return what rules and templates may read: attributes, then `id`, `role` and `name`."""
        return {**self.attributes, "id": self.id, "role": self.role, "name": self.name or self.id}


MOST_TOKENS = 1_000_000_000
"""A count of tokens of one turn that is larger is a mistake, or a lie."""


class Usage(NamedTuple):
    """Tokens of one model call, as the provider counts them."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False
    """True when nobody counted and the text's length stands in: ceil(bytes / 4)."""
    cached_tokens: int = 0
    """Of the input: read from the provider's cache, and cheaper."""
    reasoning_tokens: int = 0
    """Of the output: thought and not said."""


class ToolCall(NamedTuple):
    """One request of the model to act."""

    id: str
    """Of a reply: the provider's. From the trace on: `step.index`, unique in its run."""
    name: str
    arguments: dict[str, Json] | str
    """An object, or the text a provider sent when it is not parsed yet."""
    provider_id: str | None = None
    """What the provider called it; kept to answer the provider, and identifies nothing."""

    def named(self, own: str) -> "ToolCall":
        """Return the call under an id of our own: those of a provider may come twice."""
        return self._replace(id=own, provider_id=self.id or None)

    def as_json(self) -> dict[str, Json]:
        """Return the call as the trace keeps it."""
        kept: dict[str, Json] = {"id": self.id, "name": self.name, "arguments": self.arguments}
        if self.provider_id is not None:
            kept["provider_id"] = self.provider_id
        return kept

    @property
    def told_id(self) -> str:
        """The id by which the model knows the call."""
        return self.provider_id if self.provider_id is not None else self.id


class ToolError(NamedTuple):
    """Why a call brought no result."""

    kind: ToolErrorKind
    message: str

    def as_json(self) -> dict[str, Json]:
        """Return the shape in which the model and the trace see it."""
        return {"error": self.kind, "message": self.message}


class ToolResult(NamedTuple):
    """What came back from one call: a value, or an error."""

    value: Json = None
    error: ToolError | None = None
    attempts: int = 1
    latency_s: float = 0.0
    """Declared (mocks) or measured (live) seconds."""
    sent: bool = True
    """Whether the call may have reached the tool; `False` = surely nothing happened."""
    wait_s: float | None = None
    """With an error: the seconds the tool's system asks to be left alone."""

    @property
    def ok(self) -> bool:
        """Whether the tool did what was asked."""
        return self.error is None


class ModelReply(NamedTuple):
    """One response of a model."""

    text: str | None = None
    calls: tuple[ToolCall, ...] = ()
    output: Json = None
    """The structured answer where the agent declares an `output` contract."""
    usage: Usage | None = None
    model: str | None = None
    """The model that answered; `None` = the one that was asked."""
    refused: bool = False
    """The model, or its provider, declined to answer; `text` says why, where anything does."""
    failed_attempts: tuple[dict[str, Json], ...] = ()
    """The requests before that brought no reply, in order: whom, what kind of fault, one line."""
    usage_rejected: str | None = None
    """What the provider said of its tokens, where it cannot be true; then `usage` is `None`."""


class Message(NamedTuple):
    """One entry of the conversation that a model sees (the OpenAI chat roles)."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Json
    """Text; for `tool` the result itself, which a model is sent as JSON text."""
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    """For `tool`: the call this answers."""


def call_key(tool: str, arguments: Json) -> str:
    """Return what makes two calls the same.

    Args:
        tool: Its name.
        arguments: All of them, canonical; or only those that count.

    >>> call_key("refund", {"cents": 1.0, "order": "o_1"})
    'refund{"cents":1,"order":"o_1"}'

    Raises:
        NotCanonical: If the arguments have no canonical form.
    """
    return tool + canonical_text(arguments)


class ApprovalRequest(NamedTuple):
    """A call that waits for a person: what will run if they say yes."""

    call_id: str
    tool: str
    effect: EffectKind
    arguments: dict[str, Json]
    """Canonical: these and no others will run."""
    bound: tuple[str, ...]
    origins: Mapping[str, str]
    """Argument -> where its value came from (the user, a tool, the model, the system)."""
    rule: str | None
    reason: str
    by: str | None
    """The queue whose people may approve."""
    within_s: int | None

    @property
    def call_hash(self) -> str:
        """sha256 of the tool and its canonical arguments: what an approval is bound to."""
        return digest([self.tool, self.arguments])


class Approval(NamedTuple):
    """A person's answer to one call that asks."""

    answer: Literal["approve", "modify", "reject", "timeout"]
    by: str | None = None
    """Who answered; `None` for a time-out."""
    reason: str | None = None
    arguments: dict[str, Json] | None = None
    """With `modify`: the arguments to run instead."""
    id: int | None = None
    """Its number in the inbox, where it was asked for there."""


__all__ = [
    "MOST_TOKENS",
    "Approval",
    "ApprovalRequest",
    "EffectKind",
    "Message",
    "ModelReply",
    "Principal",
    "ToolCall",
    "ToolError",
    "ToolErrorKind",
    "ToolResult",
    "Usage",
    "call_key",
]
