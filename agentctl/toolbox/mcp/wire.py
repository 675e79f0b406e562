"""The two ways to an MCP server: a program of our own over stdio, and streamable HTTP.

A program sees the variables it was given and no others, and ends with everything it started. No
message may be longer than it was said: a reader that meets a longer one stops, and says so.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from agentctl.core.canonical import Json
from agentctl.toolbox.mcp.answers import AnswerCheck
from agentctl.toolbox.mcp.screening import Screening

Streams = tuple[Any, Any]
"""Messages in, messages out: what the SDK calls a transport."""
_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError)
MOST_STDERR = 1000
"""Characters of a program's stderr that are kept."""
_PATIENCE_S = 1.0
"""Seconds a program has to end by itself once its input is closed."""


class WireState:
    """What a session knows of its connection.

    Args:
        most: Bytes that a message may have.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.exceeded = False
        """Whether a message was longer."""
        self.stderr = ""
        """The end of what the server's program wrote to stderr."""
        self.legacy = False
        """Whether the server speaks the HTTP+SSE transport of 2024-11-05."""


@asynccontextmanager
async def stdio_transport(
    command: Sequence[str], env: Mapping[str, str], folder: Path, state: WireState
) -> AsyncGenerator[Streams]:
    """Start a server and talk to it over its stdin and stdout; the end of its stderr is kept.

    Raises:
        OSError: If it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        cwd=folder,
        start_new_session=True,
        limit=state.most,
    )
    assert process.stdin is not None and process.stdout is not None  # they are pipes
    assert process.stderr is not None
    state.stderr = ""
    incoming, to_read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    answers = AnswerCheck()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read_messages, process.stdout, incoming, state, answers)
            tasks.start_soon(_write_messages, process.stdin, outgoing, incoming, answers)
            tasks.start_soon(_keep_end, process.stderr, state)
            try:
                yield to_read, to_write
            finally:
                with anyio.CancelScope(shield=True):
                    await _end(process)
                tasks.cancel_scope.cancel()
                for stream in (incoming, to_read, to_write, outgoing):
                    stream.close()
    finally:
        # A pipe is closed when it was read to its end, which nobody else does any more.
        with anyio.move_on_after(_PATIENCE_S, shield=True):
            while await process.stdout.read(1 << 16):
                pass
            await _keep_end(process.stderr, state)


async def _read_messages(
    stdout: asyncio.StreamReader, incoming: Any, state: WireState, answers: AnswerCheck
) -> None:
    """Pass on what the server says, line by line; the end of it ends the session."""
    async with incoming:
        with suppress(*_CLOSED):
            while True:
                try:
                    line = await stdout.readline()
                except ValueError:
                    state.exceeded = True
                    return
                if not line:
                    return
                passed = answers.checked(line)
                if passed is None:
                    continue
                # What is no message is a stray print of the server.
                with suppress(ValueError):
                    message = jsonrpc_message_adapter.validate_json(passed, by_name=False)
                    await incoming.send(SessionMessage(message))


async def _keep_end(stderr: asyncio.StreamReader, state: WireState) -> None:
    while chunk := await stderr.read(1 << 16):
        state.stderr = (state.stderr + chunk.decode(errors="replace"))[-MOST_STDERR:]


async def _write_messages(
    stdin: asyncio.StreamWriter, outgoing: Any, incoming: Any, answers: AnswerCheck
) -> None:
    try:
        async with outgoing:
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                answers.asked(text)
                stdin.write(text + b"\n")
                await stdin.drain()
    except (*_CLOSED, OSError):
        await incoming.aclose()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and everything it started."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _PATIENCE_S)
    # Its children may go on without it: the whole group ends.
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _PATIENCE_S)


@asynccontextmanager
async def screened_streams(
    transport: AbstractAsyncContextManager[Streams], screening: Screening
) -> AsyncGenerator[Streams]:
    """Look at each message that comes in before the SDK does."""
    async with transport as (to_read, to_write):
        incoming, seen = anyio.create_memory_object_stream[Any](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_screen, to_read, incoming, screening)
            try:
                yield seen, to_write
            finally:
                tasks.cancel_scope.cancel()
                incoming.close()
                seen.close()


async def _screen(to_read: Any, incoming: Any, screening: Screening) -> None:
    async with incoming:
        with suppress(*_CLOSED):
            async for item in to_read:
                await incoming.send(screening.screen(item))


@asynccontextmanager
async def http_transport(
    url: str, headers: Mapping[str, str], state: WireState, auth: httpx2.Auth | None = None
) -> AsyncGenerator[Streams]:
    """Talk to a server over streamable HTTP; a redirect to another host is not followed."""
    # Compressed answers could be any length once unpacked.
    sent = {**headers, "Accept-Encoding": "identity"}
    async with (
        httpx2.AsyncClient(
            auth=auth,
            headers=sent,
            transport=BoundedTransport(state),
            timeout=httpx2.Timeout(None),
            trust_env=False,
        ) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=state.most) as streams,
    ):
        yield streams


class RenewedHeaders(httpx2.Auth):
    """Shows who calls with each request: a token may end in the middle of a session.

    Args:
        headers: Returns what is shown now.
        renew: Forgets what was refused; returns whether there can be something else to show.
    """

    def __init__(self, headers: Callable[[], dict[str, str]], renew: Callable[[], bool]) -> None:
        self._headers = headers
        self._renew = renew

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send a request; again with new headers if the first were refused."""
        request.headers.update(await asyncio.to_thread(self._headers))
        response = yield request
        if response.status_code == 401 and self._renew():
            request.headers.update(await asyncio.to_thread(self._headers))
            yield request


_NOT_STREAMABLE = (404, 405)
"""How a server that knows no streamable HTTP answers POST."""


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Reads no answer further than its size allows, and none that is not clear."""

    def __init__(self, state: WireState) -> None:
        super().__init__(trust_env=False)
        self._state = state
        self._answers = AnswerCheck()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = self._answers.asked(await request.aread())
        response = await super().handle_async_request(request)
        if request.method == "POST" and response.status_code in _NOT_STREAMABLE:
            self._state.legacy = await self._is_legacy(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.StreamError("the answer is compressed, and that was not asked for")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        # What is passed on may be longer or shorter than what came.
        response.headers.pop("Content-Length", None)
        response.stream = _CheckedStream(response.stream, self._state, self._answers, kind, asked)
        return response

    async def _is_legacy(self, refused: httpx2.Request) -> bool:
        """Whether a server that takes no POST answers GET with a stream, as was done in 2024."""
        headers = {**refused.headers, "Accept": "text/event-stream"}
        for name in ("content-length", "content-type"):
            headers.pop(name, None)
        probe = httpx2.Request("GET", refused.url, headers=headers)
        response = await super().handle_async_request(probe)
        await response.aclose()
        kind = str(response.headers.get("Content-Type", ""))
        return response.status_code == 200 and kind.startswith("text/event-stream")


class _CheckedStream(httpx2.AsyncByteStream):
    def __init__(
        self, stream: Any, state: WireState, answers: AnswerCheck, kind: str, asked: Json
    ) -> None:
        self._stream = stream
        self._state = state
        self._answers = answers
        self._kind = kind
        self._asked = asked

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._kind == "text/event-stream":
            async for event in self._answers.checked_events(self._counted()):
                yield event
            return
        whole = b"".join([chunk async for chunk in self._counted()])
        yield self._answers.checked_reply(whole, self._asked)

    async def _counted(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._stream:
            seen += len(chunk)
            if seen > self._state.most:
                self._state.exceeded = True
                raise httpx2.StreamError("the answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


__all__ = [
    "MOST_STDERR",
    "BoundedTransport",
    "Streams",
    "WireState",
    "http_transport",
    "screened_streams",
    "stdio_transport",
]
