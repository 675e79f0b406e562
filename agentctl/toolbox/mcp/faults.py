"""What can go wrong between this program and an MCP server, as one kind of error."""

import asyncio
from concurrent.futures import CancelledError, Future
from typing import TypeVar

import mcp_types as types
from mcp.shared.exceptions import MCPError

from agentctl.core.messages import ToolErrorKind
from agentctl.core.text import shorten

T = TypeVar("T")
_TEXT = 300
"""Most characters that are reported of what a server says went wrong."""
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


def outcome_of(future: "Future[T]") -> T:
    """Return what a request brought.

    Raises:
        McpFault: If it brought nothing that can be used.
    """
    try:
        return future.result()
    except McpFault:
        raise
    except CancelledError:
        raise McpFault("unavailable", "the connection ended", lost=True) from None
    except MCPError as error:
        kind = _KINDS.get(error.error.code, "internal")
        raise McpFault(kind, error_text(error), lost=error.error.code in _LOST) from error
    except ValueError as error:
        raise McpFault("invalid_output", "its answer does not follow the protocol") from error
    except Exception as error:
        raise McpFault(
            "unavailable", f"the connection broke: {error_text(error)}", lost=True
        ) from error


def first_cause(error: BaseException) -> BaseException:
    """Return what is inside groups of exceptions."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, asyncio.CancelledError):
        return ConnectionError("the connection ended")
    return error


def error_text(error: BaseException) -> str:
    """Return what an exception says, on one line."""
    return shorten(str(error), _TEXT) or type(error).__name__


__all__ = ["McpFault", "error_text", "first_cause", "outcome_of"]
