"""What three providers send over the wire: answers, streams and errors, as bytes and JSON.

One `Said` is what a model says; a `Wire` puts it into the format of a provider. Nothing here serves
anything: `tests/support/loopback.py` does.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

Json = Any


class Call(NamedTuple):
    """One tool call; `arguments` is the text the model wrote."""

    id: str
    name: str
    arguments: str


class Said(NamedTuple):
    """One turn of a model."""

    text: str | None = None
    calls: tuple[Call, ...] = ()
    usage: tuple[int, int] | None = None
    """Input and output tokens, those below included; `None` = the provider does not count."""
    cached: int = 0
    reasoning: int = 0
    refused: bool = False
    """`text` is then the model's refusal."""


class Wire(Protocol):
    """One provider's format."""

    model: str
    """As a spec names a model of it."""
    path: str
    """What follows the server's address in `base_url`."""

    def key(self, headers: Mapping[str, str]) -> str: ...

    def streams(self, path: str, body: Json) -> bool: ...

    def body(self, said: Said) -> Json: ...

    def events(self, said: Said) -> Iterator[bytes]: ...

    def error(self, status: int, message: str) -> Json: ...


def pieces(text: str) -> Iterator[str]:
    """Yield a text as a stream does: a few characters at a time."""
    for start in range(0, len(text), 7):
        yield text[start : start + 7]


def parsed(text: str) -> Json:
    """Return arguments as an object; these formats cannot say what is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class OpenAI:
    """Chat completions."""

    model = "openai/small"
    path = "/v1"

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("Authorization", "").removeprefix("Bearer ")

    def streams(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def body(self, said: Said) -> Json:
        message: dict[str, Json] = {"role": "assistant", "content": said.text}
        if said.refused:
            message = {"role": "assistant", "content": None, "refusal": said.text}
        if said.calls:
            message["tool_calls"] = [self._call(call) for call in said.calls]
        choice = {"index": 0, "finish_reason": self._finish(said), "message": message}
        found = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                 "model": "loopback-1", "choices": [choice]}  # fmt: skip
        return found if said.usage is None else {**found, "usage": self._usage(said)}

    def events(self, said: Said) -> Iterator[bytes]:
        for delta in self._deltas(said):
            yield self._chunk([{"index": 0, "delta": delta, "finish_reason": None}])
        yield self._chunk([{"index": 0, "delta": {}, "finish_reason": self._finish(said)}])
        if said.usage is not None:
            yield self._chunk([], usage=self._usage(said))
        yield b"data: [DONE]\n\n"

    def error(self, status: int, message: str) -> Json:
        return {"error": {"message": message, "type": "test", "code": None}}

    def _call(self, call: Call) -> Json:
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": call.id, "type": "function", "function": function}

    def _finish(self, said: Said) -> str:
        return "tool_calls" if said.calls else "stop"

    def _usage(self, said: Said) -> Json:
        given, wrote = said.usage or (0, 0)
        found = {"prompt_tokens": given, "completion_tokens": wrote, "total_tokens": given + wrote}
        if said.cached:
            found["prompt_tokens_details"] = {"cached_tokens": said.cached}
        if said.reasoning:
            found["completion_tokens_details"] = {"reasoning_tokens": said.reasoning}
        return found

    def _deltas(self, said: Said) -> Iterator[Json]:
        yield {"role": "assistant", "content": "" if said.text and not said.refused else None}
        for piece in pieces(said.text or ""):
            yield {"refusal" if said.refused else "content": piece}
        for index, call in enumerate(said.calls):
            whole = self._call(call)
            whole["function"]["arguments"] = ""
            yield {"tool_calls": [{"index": index, **whole}]}
            for piece in pieces(call.arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _chunk(self, choices: list[Json], **more: Json) -> bytes:
        found = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                 "model": "loopback-1", "choices": choices, **more}  # fmt: skip
        return f"data: {json.dumps(found)}\n\n".encode()


class Anthropic:
    """Messages."""

    model = "anthropic/claude-haiku-4-5"
    path = ""

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key", "") or headers.get("Authorization", "").removeprefix(
            "Bearer "
        )

    def streams(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def body(self, said: Said) -> Json:
        content: list[Json] = [{"type": "text", "text": said.text}] if said.text else []
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": parsed(call.arguments)}
            for call in said.calls
        ]
        return self._message(content, self._stop(said), self._usage(said))

    def events(self, said: Said) -> Iterator[bytes]:
        usage = self._usage(said)
        opening = {**usage, "output_tokens": 1} if usage else usage
        yield self._event("message_start", message=self._message([], None, opening))
        blocks: list[tuple[Json, Iterator[Json]]] = []
        if said.text:
            deltas = ({"type": "text_delta", "text": piece} for piece in pieces(said.text))
            blocks.append(({"type": "text", "text": ""}, deltas))
        for call in said.calls:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            parts = pieces(call.arguments)
            blocks.append(
                (block, ({"type": "input_json_delta", "partial_json": part} for part in parts))
            )
        for index, (block, inside) in enumerate(blocks):
            yield self._event("content_block_start", index=index, content_block=block)
            for delta in inside:
                yield self._event("content_block_delta", index=index, delta=delta)
            yield self._event("content_block_stop", index=index)
        closing = {"output_tokens": usage["output_tokens"]} if usage else {}
        delta = {"stop_reason": self._stop(said), "stop_sequence": None}
        yield self._event("message_delta", delta=delta, usage=closing)
        yield self._event("message_stop")

    def error(self, status: int, message: str) -> Json:
        return {"type": "error", "error": {"type": "test_error", "message": message}}

    def _message(self, content: list[Json], stop: str | None, usage: Json) -> Json:
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": "loopback-1",
                "content": content, "stop_reason": stop, "stop_sequence": None,
                "usage": usage}  # fmt: skip

    def _stop(self, said: Said) -> str:
        return "tool_use" if said.calls else "refusal" if said.refused else "end_turn"

    def _usage(self, said: Said) -> Json:
        if said.usage is None:
            return {}
        given, wrote = said.usage
        # What comes from the cache is counted apart here.
        return {"input_tokens": given - said.cached, "cache_read_input_tokens": said.cached,
                "cache_creation_input_tokens": 0, "output_tokens": wrote}  # fmt: skip

    def _event(self, kind: str, **more: Json) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


class Gemini:
    """generateContent. It counts thoughts beside the answer and gives calls no ids."""

    model = "gemini/gemini-2.5-flash"
    path = "/v1beta"

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-goog-api-key", "")

    def streams(self, path: str, body: Json) -> bool:
        return ":streamGenerateContent" in path

    def body(self, said: Said) -> Json:
        return self._candidate(self._parts(said), self._finish(said), said)

    def events(self, said: Said) -> Iterator[bytes]:
        for piece in pieces(said.text or ""):
            yield self._event(self._candidate([{"text": piece}], None, None))
        calls = self._parts(said._replace(text=None))
        yield self._event(self._candidate(calls, self._finish(said), said))

    def error(self, status: int, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": "TEST"}}

    def _parts(self, said: Said) -> list[Json]:
        found: list[Json] = [{"text": said.text}] if said.text else []
        if not self._malformed(said):
            found += [
                {"functionCall": {"name": call.name, "args": parsed(call.arguments)}}
                for call in said.calls
            ]
        return found

    def _finish(self, said: Said) -> str:
        if said.refused:
            return "SAFETY"
        return "MALFORMED_FUNCTION_CALL" if self._malformed(said) else "STOP"

    def _malformed(self, said: Said) -> bool:
        return any(not isinstance(parsed(call.arguments), dict) for call in said.calls)

    def _candidate(self, parts: list[Json], finish: str | None, said: Said | None) -> Json:
        candidate: dict[str, Json] = {"index": 0}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        if finish is not None:
            candidate["finishReason"] = finish
        found: dict[str, Json] = {"candidates": [candidate], "modelVersion": "loopback-1"}
        if said is not None and said.usage is not None:
            given, wrote = said.usage
            found["usageMetadata"] = {
                "promptTokenCount": given,
                "candidatesTokenCount": wrote - said.reasoning,
                "thoughtsTokenCount": said.reasoning,
                "cachedContentTokenCount": said.cached,
                "totalTokenCount": given + wrote,
            }
        return found

    def _event(self, found: Json) -> bytes:
        return f"data: {json.dumps(found)}\r\n\r\n".encode()


OPENAI, ANTHROPIC, GEMINI = OpenAI(), Anthropic(), Gemini()
WIRES: tuple[Wire, ...] = (OPENAI, ANTHROPIC, GEMINI)

__all__ = ["ANTHROPIC", "GEMINI", "OPENAI", "WIRES", "Call", "Said", "Wire"]
