"""A reply that arrives in time and in pieces, put together again.

litellm ends every stream as if the provider had: it makes up the reason for the end, and counts
tokens itself where nobody did. So whether a stream is whole, and whether its tokens were counted,
is asked of what came from the provider.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from agentctl.core.text import writable

UNSTREAMED = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})
"""Providers whose streams litellm does not mark the end of: half of one looks whole."""


BROKEN_OFF = " [broken off: this does not count]\n"
"""Shown to anyone who watches, so that half of an answer is not taken for one."""


class BrokenOff(Exception):  # noqa: N818 - says what happened
    """A stream ended before its provider said so."""


class TimeUp(Exception):  # noqa: N818 - says what happened
    """What was asked for did not arrive in time."""


def with_deadline(seconds: float, ask: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Yield what `ask` brings, as it arrives.

    It runs in a thread of its own: the library's time-out counts the pauses between bytes, and a
    server that sends one now and then would hold the run without end.

    Raises:
        TimeUp: After so many seconds.
        Exception: Whatever `ask` raises.
    """
    arrived: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    left = threading.Event()

    def run() -> None:
        try:
            for item in ask():
                if left.is_set():
                    return
                arrived.put(("item", item))
            arrived.put(("end", None))
        except Exception as error:  # noqa: BLE001 - whatever the library raises is a fault
            arrived.put(("error", error))

    threading.Thread(target=run, name="agentctl-model", daemon=True).start()
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                kind, item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeUp from None
            if kind == "error":
                raise item
            if kind == "end":
                return
            yield item
    finally:
        left.set()


class ReplyAssembler:
    """Gathers the chunks of one reply."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, SimpleNamespace] = {}
        self._finish: str | None = None
        self._usage: Any = None

    def add(self, chunk: Any) -> str:
        """Take in one chunk and return the words it brought."""
        self._usage = getattr(chunk, "usage", None) or self._usage
        choices = getattr(chunk, "choices", None)
        if not choices:
            return ""
        self._finish = getattr(choices[0], "finish_reason", None) or self._finish
        delta = choices[0].delta
        for part in getattr(delta, "tool_calls", None) or ():
            self._add_call(part)
        words = getattr(delta, "content", None) or ""
        self._text.append(words)
        return words

    def _add_call(self, part: Any) -> None:
        function = SimpleNamespace(name="", arguments="")
        call = self._calls.setdefault(part.index, SimpleNamespace(id=None, function=function))
        call.id = call.id or part.id
        call.function.name = call.function.name or getattr(part.function, "name", None) or ""
        call.function.arguments += getattr(part.function, "arguments", None) or ""

    def response(self, *, counted: bool) -> Any:
        """Return the whole, in the shape in which a reply comes that was not streamed.

        Args:
            counted: Whether the provider counted the tokens.
        """
        calls = [self._calls[index] for index in sorted(self._calls)]
        message = SimpleNamespace(content="".join(self._text), tool_calls=calls)
        choice = SimpleNamespace(message=message, finish_reason=self._finish)
        return SimpleNamespace(choices=[choice], usage=self._usage if counted else None)


def assembled_reply(stream: Iterable[Any], on_text: Callable[[str], None]) -> Any:
    """Return the reply that a stream brings, and pass its words on as they come.

    Args:
        stream: What `stream_chunks` yields.
        on_text: Told of the words; of the end of the line after the last; and that they do not
            count, where the stream ends too early.
    """
    assembler = ReplyAssembler()
    shown = counted = False
    try:
        for chunk in stream:
            if isinstance(chunk, bool):
                counted = chunk
            elif words := assembler.add(chunk):
                shown = True
                on_text(writable(words))
    except Exception:
        if shown:
            on_text(BROKEN_OFF)
        raise
    if shown:
        on_text("\n")
    return assembler.response(counted=counted)


def stream_chunks(stream: Any) -> Iterator[Any]:
    """Yield the chunks of litellm's stream; the last item is whether tokens were counted.

    Raises:
        BrokenOff: If the provider did not say that this was all.
    """
    yield from stream
    if not (stream.received_finish_reason or stream.intermittent_finish_reason):
        raise BrokenOff
    yield any(getattr(chunk, "usage", None) for chunk in stream.chunks)


__all__ = [
    "BROKEN_OFF",
    "UNSTREAMED",
    "BrokenOff",
    "ReplyAssembler",
    "TimeUp",
    "assembled_reply",
    "stream_chunks",
    "with_deadline",
]
