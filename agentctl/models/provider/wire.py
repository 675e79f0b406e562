"""The conversation in the chat-completions format, and the provider's answer read back.

Names lose their dots here and get them back; nothing else of the format is known elsewhere.
Arguments of a call are handed on as the text the model wrote: the authorizer decides whether they
are an object. Nothing here asks a provider.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import MOST_TOKENS, Message, ModelReply, ToolCall, Usage
from agentctl.core.text import shorten, writable
from agentctl.models.port import ModelFault, Request, ToolOffer

LONGEST_NAME = 64
"""Characters a provider accepts in a tool's name."""
_MOST_SHOWN = 120
"""Characters of what a provider says that are shown."""


class ToolNames:
    """Tool names as the provider accepts them, and back.

    Args:
        names: The tools that are offered.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._sent: dict[str, str] = {}
        self._received: dict[str, str] = {}
        # Names that need no change keep theirs, whatever a dotted name would turn into.
        for name in sorted(names, key=lambda name: _accepted(name) != name):
            wire = _accepted(name)
            while wire in self._received:
                wire = _accepted(wire + "_")
            self._sent[name] = wire
            self._received[wire] = name

    def sent(self, name: str) -> str:
        """Return the name to send; one that is not offered is only made acceptable."""
        return self._sent.get(name) or _accepted(name)

    def received(self, wire: str) -> str:
        """Return the tool a provider's name means; an unknown name stays as it is."""
        return self._received.get(wire, wire)


def _accepted(name: str) -> str:
    """Return `name` with the characters and length that every provider accepts.

    >>> _accepted("crm.get_lead"), _accepted("two words")
    ('crm__get_lead', 'two_words')
    """
    plain = "".join(
        c if (c.isascii() and c.isalnum()) or c in "_-" else "_" for c in name.replace(".", "__")
    )
    if len(plain) <= LONGEST_NAME:
        return plain or "unnamed"
    return f"{plain[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def wire_messages(messages: Sequence[Message], names: ToolNames) -> list[dict[str, Json]]:
    """Return the conversation as a provider reads it.

    A turn in which the model said nothing is left out: several providers refuse empty messages.
    """
    silent = ("assistant", "", ())
    return [_wire_message(m, names) for m in messages if (m.role, m.content, m.calls) != silent]


def _wire_message(message: Message, names: ToolNames) -> dict[str, Json]:
    content = message.content
    match message.role:
        case "tool":
            text = canonical_text(content)
            return {"role": "tool", "tool_call_id": message.call_id or "", "content": text}
        case "assistant" if message.calls:
            calls = [_wire_call(call, names) for call in message.calls]
            return {"role": "assistant", "content": content or None, "tool_calls": calls}
    text = content if isinstance(content, str) else canonical_text(content)
    return {"role": message.role, "content": text}


def _wire_call(call: ToolCall, names: ToolNames) -> dict[str, Json]:
    function = {"name": names.sent(call.name), "arguments": _arguments(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _arguments(arguments: dict[str, Json] | str) -> str:
    if isinstance(arguments, str):
        try:
            if isinstance(parse_strict(arguments), dict):
                return arguments
        except NotCanonical:
            pass
        # Several providers parse what they are sent and refuse the whole conversation over it.
        arguments = {"malformed_arguments": arguments}
    try:
        return canonical_text(arguments)
    except NotCanonical:
        return "{}"


def wire_tools(offers: Sequence[ToolOffer], names: ToolNames) -> list[dict[str, Json]]:
    """Return the offered tools as a provider reads them."""
    return [
        {
            "type": "function",
            "function": {
                "name": names.sent(offer.name),
                "description": offer.description,
                # A copy: litellm rewrites schemas in place, and these are the manifest's own.
                "parameters": {"type": "object", "properties": {}, **deepcopy(offer.parameters)},
            },
        }
        for offer in offers
    ]


def response_format(schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return how a provider is told the schema of the answer."""
    # Strict mode accepts only a part of JSON Schema; the runtime validates the answer anyway.
    named = {"name": "answer", "schema": dict(schema), "strict": False}
    return {"type": "json_schema", "json_schema": named}


def parse_reply(response: Any, request: Request, names: ToolNames, model: str) -> ModelReply:
    """Read a provider's answer.

    Args:
        response: litellm's `ModelResponse`.
        request: What was asked; call ids it already holds are not given twice.
        names: The names that were sent.
        model: Who answered.

    Raises:
        ModelFault: `bad_reply`, when it holds no message.
    """
    choices = getattr(response, "choices", None)
    choice = choices[0] if choices else None
    message = getattr(choice, "message", None)
    if message is None:
        raise ModelFault("bad_reply", f"{model} sent a reply without a message")
    calls = _calls(getattr(message, "tool_calls", None) or (), request, names)
    content = getattr(message, "content", None)
    text = writable(content) if isinstance(content, str) else None
    refusal = _refusal(message)
    if not text and not calls:
        text = refusal or ""
    filtered = getattr(choice, "finish_reason", None) == "content_filter"
    wanted = request.output is not None and not calls
    usage, rejected = _usage(getattr(response, "usage", None))
    return ModelReply(
        text=text or ("" if not calls else None),
        calls=calls,
        output=structured_output(text or "") if wanted else None,
        usage=usage,
        model=model,
        refused=not calls and (filtered or bool(refusal)),
        usage_rejected=rejected,
    )


def structured_output(text: str) -> Json:
    """Return the JSON that an answer holds, bare, fenced or among words; `None` without any.

    >>> structured_output('Here you are:\\n```json\\n{"reply": "done"}\\n```')
    {'reply': 'done'}
    """
    whole = text.strip()
    # The bracket that opens first is the outer one.
    pairs = sorted((("{", "}"), ("[", "]")), key=lambda pair: whole.find(pair[0]))
    for opening, closing in (("", ""), *pairs):
        start, end = whole.find(opening), whole.rfind(closing) + len(closing)
        if 0 <= start < end:
            try:
                return parse_strict(whole[start:end])
            except NotCanonical:
                continue
    return None


def _calls(found: Iterable[Any], request: Request, names: ToolNames) -> tuple[ToolCall, ...]:
    taken = {call.id for message in request.messages for call in message.calls}
    calls = []
    for number, item in enumerate(found, start=1):
        call_id = base = writable(getattr(item, "id", None) or f"call_{number}")
        extra = 1
        # Some servers count from zero in every turn; a trace ties events together by this id.
        while call_id in taken:
            extra += 1
            call_id = f"{base}_{extra}"
        taken.add(call_id)
        name = writable(names.received(getattr(item.function, "name", None) or ""))
        arguments = writable(getattr(item.function, "arguments", None) or "")
        calls.append(ToolCall(call_id, name, arguments if arguments else "{}"))
    return tuple(calls)


def _refusal(message: Any) -> str | None:
    refusal = getattr(message, "refusal", None)
    if refusal is None:
        refusal = (getattr(message, "provider_specific_fields", None) or {}).get("refusal")
    return writable(refusal) if isinstance(refusal, str) else None


def _usage(usage: Any) -> tuple[Usage | None, str | None]:
    """Return the tokens that a provider counted, or what it said of them that cannot be true."""
    told = [getattr(usage, f"{side}_tokens", None) for side in ("prompt", "completion")]
    if not any(told):
        # litellm fills in zeros where the provider counted nothing.
        return None, None
    input_tokens, output_tokens = map(_counted, told)
    if input_tokens is None or output_tokens is None:
        return None, shorten(f"{told[0]!r} tokens in, {told[1]!r} out", _MOST_SHOWN)
    cached = _part(usage, "prompt_tokens_details", "cached_tokens", input_tokens)
    reasoning = _part(usage, "completion_tokens_details", "reasoning_tokens", output_tokens)
    return Usage(input_tokens, output_tokens, False, cached, reasoning), None


def _part(usage: Any, details: str, name: str, whole: int) -> int:
    """Return a part of the tokens that a provider may tell apart."""
    return min(_counted(getattr(getattr(usage, details, None), name, None)) or 0, whole)


def _counted(told: Any) -> int | None:
    """Return a count of tokens; `None` for what is no count: negative, a fraction, too large."""
    if told is None:
        return 0
    return told if type(told) is int and 0 <= told <= MOST_TOKENS else None


__all__ = [
    "LONGEST_NAME",
    "ToolNames",
    "parse_reply",
    "response_format",
    "structured_output",
    "wire_messages",
    "wire_tools",
]
