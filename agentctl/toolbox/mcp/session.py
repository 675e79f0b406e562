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
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from agentctl import __version__
from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.messages import ToolErrorKind
from agentctl.core.text import shorten
from agentctl.toolbox.mcp.definitions import Definition
from agentctl.toolbox.port import Elicit

try:
    import mcp_types as types
    from mcp import Client
    from mcp.shared.exceptions import MCPError

    from agentctl.toolbox.mcp.wire import MessageLimit, Streams
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
_TEXT = 300
"""Most characters that are told of what a server says went wrong."""
_KINDS: dict[int, ToolErrorKind] = {
    types.CONNECTION_CLOSED: "unavailable",
    types.REQUEST_TIMEOUT: "timeout",
    types.INVALID_PARAMS: "invalid",
    types.METHOD_NOT_FOUND: "not_found",
    types.INVALID_REQUEST: "internal",
    # The server failed in the middle: the call may have happened.
    types.INTERNAL_ERROR: "unavailable",
    types.PARSE_ERROR: "invalid_output",
}


_LOST = frozenset({types.CONNECTION_CLOSED, types.INVALID_REQUEST})
"""After these a new session is begun: over HTTP, one that the server forgot is a bad request."""


class McpFault(Exception):  # noqa: N818 - a fault of the server, not of this program
    """The server did not answer as it should.

    Args:
        kind: What it means for a call.
        message: One line.
        lost: Whether the connection is of no use any more.
        sent: Whether what was asked may have reached the server.
    """

    def __init__(
        self, kind: ToolErrorKind, message: str, *, lost: bool = False, sent: bool = True
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.lost = lost
        self.sent = sent


class McpResult(NamedTuple):
    """What came back from one call."""

    result: types.CallToolResult
    unanswered: str | None
    """What the server asked and nobody answered."""


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
        limit: How long its messages may be.
        elicit: Asks a person; left out = nobody can be asked.
    """

    def __init__(
        self, transport: McpTransport, limit: MessageLimit, elicit: Elicit | None = None
    ) -> None:
        self._transport = transport
        self._limit = limit
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
        return McpResult(answer.result, answer.unanswered)

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
            self._limit.exceeded = False
            if self._connection is None:
                self._connection = _Connection(self._transport)
            try:
                client = self._connection.client(start_s)
                return self._connection.ask(client, request, within_s, self._elicit)
            except McpFault as fault:
                if fault.lost:
                    self.close()
                if self._limit.exceeded:
                    message = f"a message of the server is longer than {self._limit.most} bytes"
                    raise McpFault("invalid_output", message, lost=True, sent=fault.sent) from fault
                raise
            except BaseException:
                self.close()
                raise
        finally:
            self._busy.release()


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


class _Connection:
    """One connection from its handshake to its end, in a thread with an event loop of its own."""

    def __init__(self, transport: McpTransport) -> None:
        self._transport = transport
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
                return _Answer(_result(future), unanswered)
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
            message = f"cannot be reached: {_error_text(error)}"
            raise McpFault("unavailable", message, lost=True, sent=False) from error

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._converse())
        try:
            self._loop.run_until_complete(self._main)
        except BaseException as error:  # noqa: BLE001 - passed to the caller that waits for the connection
            if not self._ready.done():
                self._ready.set_exception(_first(error))
        finally:
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _converse(self) -> None:
        async with Client(
            self._transport(),
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


def _result(future: "Future[T]") -> T:
    try:
        return future.result()
    except McpFault:
        raise
    except CancelledError:
        raise McpFault("unavailable", "the connection ended", lost=True) from None
    except MCPError as error:
        kind = _KINDS.get(error.error.code, "internal")
        raise McpFault(kind, _error_text(error), lost=error.error.code in _LOST) from error
    except ValueError as error:
        raise McpFault("invalid_output", "its answer does not follow the protocol") from error
    except Exception as error:
        raise McpFault(
            "unavailable", f"the connection broke: {_error_text(error)}", lost=True
        ) from error


def _first(error: BaseException) -> BaseException:
    """Return what is inside groups of exceptions."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, asyncio.CancelledError):
        return ConnectionError("the connection ended")
    return error


def _error_text(error: BaseException) -> str:
    return shorten(str(error), _TEXT) or type(error).__name__


__all__ = ["CONNECT_S", "McpFault", "McpResult", "McpSession", "McpTransport"]
