"""A conversation with one MCP server, for callers that know nothing of event loops.

The client of the official SDK runs in a thread of its own; a caller waits for it no longer than
it said, whatever the server does. A server may ask a person something while it works: that is
done in the thread of the caller, and the time it takes is not the server's. Requests to sample a
model or to list folders are declined.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from agentctl import __version__
from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.text import shorten
from agentctl.toolbox.mcp.definitions import Definition
from agentctl.toolbox.port import Elicit

try:
    import mcp_types as types
    from mcp import Client

    from agentctl.toolbox.mcp.faults import McpFault, error_text, first_cause, outcome_of
    from agentctl.toolbox.mcp.screening import Screening
    from agentctl.toolbox.mcp.wire import MOST_STDERR, Streams, WireState, screened_streams
except ImportError as missing:
    raise problem(
        "missing-extra",
        "MCP servers need the official SDK, which is not installed",
        hint="pip install 'agentctl[mcp]'",
    ) from missing

# What the SDK logs is for its authors: what matters is raised, and told in one line.
logging.getLogger("mcp").addHandler(logging.NullHandler())
logging.getLogger("mcp").propagate = False

T = TypeVar("T")
McpTransport = Callable[[], AbstractAsyncContextManager[Streams]]
"""Opens a new connection to the server."""
CONNECT_S = 30.0
"""Seconds a server has to start and to say who it is."""
_CLOSE_S = 5.0
_PAGES = 50
"""Most pages of a listing; a paginator that never ends is cut off here."""
_LEGACY = (
    "it speaks the HTTP+SSE transport of 2024-11-05, which is not supported: most servers offer"
    " streamable HTTP at another path, such as /mcp"
)


class McpResult(NamedTuple):
    """What came back from one call."""

    result: types.CallToolResult
    unanswered: str | None
    """What the server asked and nobody answered."""
    declined: str | None
    """What the server asked of its client, and no server is given."""


class _Question(NamedTuple):
    """What a server wants to know from a person."""

    message: str
    schema: dict[str, Json]
    answer: "Future[dict[str, Json] | None]"


class McpSession:
    """One server: connected when it is first needed, and again after the connection broke.

    One thing is asked at a time; other callers wait, no longer than they said.

    Args:
        transport: How it is reached.
        state: How long its messages may be, and what is seen of its connection.
        elicit: Asks a person; left out = nobody can be asked.
    """

    def __init__(
        self, transport: McpTransport, state: WireState, elicit: Elicit | None = None
    ) -> None:
        self._transport = transport
        self._state = state
        self._elicit = elicit
        self._connection: _Connection | None = None
        self._busy = threading.Lock()

    def open(self, within_s: float) -> None:
        """Connect, where that was not done yet.

        Raises:
            Fault: If the server cannot be reached within so many seconds.
        """
        self._request_repeatable(_connect_only, within_s, within_s)

    def listing(self, within_s: float) -> list[Definition]:
        """Return the tools as the server lists them now.

        Raises:
            Fault: If it does not say within so many seconds.
        """
        found: list[Definition] = self._request_repeatable(_list_tools, within_s).result
        return found

    def call(self, name: str, arguments: dict[str, Json], within_s: float) -> McpResult:
        """Call one tool.

        Raises:
            Fault: If no answer comes within so many seconds, or none that can be read.
        """

        async def call(client: Client) -> types.CallToolResult:
            return await client.call_tool(name, arguments)

        answer = self._request(call, within_s)
        return McpResult(answer.result, answer.unanswered, answer.declined)

    def close(self) -> None:
        """End the conversation, and the server where it is ours."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request_repeatable(
        self,
        request: Callable[[Client], Awaitable[Any]],
        within_s: float,
        start_s: float = CONNECT_S,
    ) -> "_Answer":
        """Ask what changes nothing; a server that ended since the last time is started again."""
        fresh = self._connection is None
        try:
            return self._request(request, within_s, start_s)
        except McpFault as fault:
            if fresh or not fault.lost:
                raise
            return self._request(request, within_s, start_s)

    def _request(
        self,
        request: Callable[[Client], Awaitable[Any]],
        within_s: float,
        start_s: float = CONNECT_S,
    ) -> "_Answer":
        if not self._busy.acquire(timeout=within_s):
            raise McpFault("timeout", f"the server was busy for {within_s:g} s", sent=False)
        try:
            self._state.exceeded = False
            if self._connection is None:
                self._connection = _Connection(self._transport)
            client = None
            try:
                client = self._connection.client(start_s)
                return self._connection.ask(client, request, within_s, self._elicit)
            except McpFault as fault:
                if fault.lost:
                    self.close()
                why = self._explanation(fault, started=client is not None)
                if why is None:
                    raise
                raise why from fault
            except BaseException:
                self.close()
                raise
        finally:
            self._busy.release()

    def _explanation(self, fault: McpFault, *, started: bool) -> McpFault | None:
        """Return what was seen of the connection and says more than the fault does."""
        state = self._state
        if state.exceeded:
            message = f"a message of the server is longer than {state.most} bytes"
            return McpFault("invalid_output", message, lost=True, sent=fault.sent)
        if started:
            return None
        if state.legacy:
            return McpFault("invalid", _LEGACY, lost=True, sent=False)
        if said := state.stderr.strip():
            message = f"{fault.message}; its stderr ends with: {shorten(said, MOST_STDERR)}"
            return McpFault(fault.kind, message, lost=True, sent=False)
        return None


async def _connect_only(client: Client) -> None:
    """Ask for nothing: there is a connection."""


async def _list_tools(client: Client) -> list[Definition]:
    found: list[Definition] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools
        ]
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise McpFault("invalid_output", f"its listing goes on after {_PAGES} pages")


class _Answer(NamedTuple):
    result: Any
    unanswered: str | None
    declined: str | None


class _Connection:
    """One connection from its handshake to its end, in a thread with an event loop of its own."""

    def __init__(self, transport: McpTransport) -> None:
        self._transport = transport
        self._screening = Screening()
        self._loop = asyncio.new_event_loop()
        self._ready: Future[Client] = Future()
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="mcp", daemon=True)
        self._thread.start()

    def ask(
        self,
        client: Client,
        request: Callable[[Client], Awaitable[T]],
        within_s: float,
        elicit: Elicit | None,
    ) -> _Answer:
        """Wait for the answer to one request, and for a person where the server asks one."""
        questions = self._questions = SimpleQueue()
        self._screening.declined = None

        async def requested() -> T:
            return await request(client)

        coroutine = requested()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            raise McpFault("unavailable", "the connection ended", lost=True, sent=False) from error
        future.add_done_callback(lambda _: questions.put(None))
        unanswered = None
        deadline = time.monotonic() + within_s
        # A server that asks without end has a question ready at every moment.
        while (left := deadline - time.monotonic()) > 0:
            try:
                question = questions.get(timeout=left)
            except Empty:
                break
            if question is None:
                return _Answer(outcome_of(future), unanswered, self._screening.declined)
            answer = None
            # Who declined once is not asked again, and only a person's time is not the server's.
            if elicit is not None and unanswered is None:
                began = time.monotonic()
                answer = elicit(question.message, question.schema)
                deadline += time.monotonic() - began
            question.answer.set_result(answer)
            if answer is None:
                unanswered = question.message
        future.cancel()
        raise McpFault("timeout", f"no answer within {within_s:g} s")

    def close(self) -> None:
        """End the connection; wait for that no longer than a few seconds."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(_CLOSE_S)

    def client(self, within_s: float) -> Client:
        """Wait for the connection.

        Raises:
            Fault: If there is none within so many seconds.
        """
        try:
            return self._ready.result(within_s)
        except McpFault:
            raise
        except TimeoutError:
            message = f"it did not start within {within_s:g} s"
            raise McpFault("unavailable", message, lost=True, sent=False) from None
        except Exception as error:
            message = f"cannot be reached: {error_text(error)}"
            raise McpFault("unavailable", message, lost=True, sent=False) from error

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._converse())
        try:
            self._loop.run_until_complete(self._main)
        except BaseException as error:  # noqa: BLE001 - passed to the caller that waits for the connection
            if not self._ready.done():
                self._ready.set_exception(first_cause(error))
        finally:
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _converse(self) -> None:
        async with Client(
            screened_streams(self._transport(), self._screening),
            cache=None,
            client_info=types.Implementation(name="agentctl", version=__version__),
            elicitation_callback=self._elicited,
        ) as client:
            # The authorizer holds results against the manifest's schema; the SDK would do it with
            # patterns that a server can make run without end.
            client.session.validate_tool_result = _unchecked  # type: ignore[method-assign]
            self._ready.set_result(client)
            await asyncio.Event().wait()

    def _stop(self) -> None:
        if self._main is not None:
            self._main.cancel()

    async def _elicited(self, context: Any, params: Any) -> types.ElicitResult:  # noqa: ARG002
        if not isinstance(params, types.ElicitRequestFormParams):
            # Nobody is sent to an address that a server names.
            return types.ElicitResult(action="decline")
        future: Future[dict[str, Json] | None] = Future()
        self._questions.put(_Question(params.message, dict(params.requested_schema), future))
        content = await asyncio.wrap_future(future)
        if content is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=content)


async def _unchecked(name: str, result: types.CallToolResult) -> None:
    """Leave a result to the authorizer."""


__all__ = ["CONNECT_S", "McpFault", "McpResult", "McpSession", "McpTransport"]
