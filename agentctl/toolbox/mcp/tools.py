"""Call the tools of MCP servers, as a manifest's `live: {kind: mcp}` says.

Before every call the server lists its tools again, and a tool whose definition is not the one that
was reviewed is not called. MCP has no key by which a server would recognise an effect it was sent
before, so a call whose answer is lost is never sent again.
"""

import time
from collections.abc import Mapping

from agentctl.core.canonical import Json, NotCanonical, canonical_text, check_plain, parse_strict
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.core.text import shorten
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.mcp.definitions import Definition, refusal
from agentctl.toolbox.mcp.server import open_session
from agentctl.toolbox.mcp.session import CONNECT_S, McpFault, McpResult, McpSession
from agentctl.toolbox.port import BackendCall, Opening

_SHOWN = 300
"""Most characters of a server's error message that are told."""


class McpTools:
    """The tools of one agent that MCP servers bring, and a session with each server.

    A server is started, or connected to, when the first of its tools is called.

    Args:
        tools: They, by name.
        opening: Whose they are, the variables they may use, and who is asked what a server asks.

    Raises:
        Problem: If the SDK is not installed, or a server needs a variable that is not set.
    """

    def __init__(self, tools: Mapping[str, ToolSpec], opening: Opening) -> None:
        self._tools = tools
        self._first: dict[str, Definition] = {}
        sessions: dict[int, McpSession] = {}
        self._sessions: dict[str, McpSession] = {}
        for name, tool in tools.items():
            assert isinstance(tool.live, McpLive)
            server = opening.bundle.servers[name]
            if id(server) not in sessions:
                mine = [t.live for n, t in tools.items() if opening.bundle.servers[n] is server]
                sessions[id(server)] = open_session(
                    tool.live.server,
                    server,
                    opening.bundle.folders[name],
                    opening.variables,
                    most=max(live.max_bytes for live in mine if live is not None),
                    elicit=opening.elicit,
                )
            self._sessions[name] = sessions[id(server)]

    def close(self) -> None:
        """End the sessions, and the servers that were started for them."""
        for session in dict.fromkeys(self._sessions.values()):
            session.close()

    def idempotent(self, name: str) -> bool:  # noqa: ARG002
        """Return `False`: MCP carries no key, whatever a server says about itself."""
        return False

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:  # noqa: ARG002
        """Look at the tool's definition, send one call, and return what the server answers."""
        tool, session = self._tools[name], self._sessions[name]
        live = tool.live
        assert isinstance(live, McpLive)
        try:
            session.open(call.within(CONNECT_S))
            seconds = call.within(live.timeout_s)
            until = time.monotonic() + seconds
            listing = session.listing(seconds)
        except McpFault as fault:
            return _failed(fault.kind, f"`{live.server}`: {fault.message}", sent=False)
        refused = refusal(tool, listing, self._first.get(name))
        if refused is not None:
            return _failed("forbidden", f"`{name}` is not called: {refused}", sent=False)
        wanted = live.tool or name
        self._first.setdefault(name, next(one for one in listing if one["name"] == wanted))
        left = until - time.monotonic()
        if left <= 0:
            return _failed("timeout", f"no answer within {seconds:g} s", sent=False)
        try:
            answered = session.call(wanted, call.args, left)
        except McpFault as fault:
            return _failed(fault.kind, fault.message, sent=fault.sent)
        return _result(answered, live.max_bytes)


def _result(answered: McpResult, max_bytes: int) -> ToolResult:
    result = answered.result
    texts = [part.text for part in result.content if part.type == "text"]
    if result.is_error:
        message = shorten(" ".join(texts), _SHOWN) or "the tool failed without a reason"
        if answered.unanswered is not None:
            question = shorten(answered.unanswered, _SHOWN)
            message += f" (it asked a person `{question}`, and got no answer)"
        return _failed("internal", message)
    if result.structured_content is not None:
        return _value(result.structured_content, max_bytes)
    other = next((part.type for part in result.content if part.type != "text"), None)
    if other is not None:
        return _failed("invalid_output", f"the answer holds {other}, and only text is read")
    return _value(_read("\n".join(texts), max_bytes) if texts else None, max_bytes)


def _read(text: str, max_bytes: int) -> Json:
    """Return the object or list that a text is, else the text: `007` is no number."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return parse_strict(text, max_bytes=max_bytes)
        except NotCanonical:
            return text
    return text


def _value(value: Json, max_bytes: int) -> ToolResult:
    try:
        check_plain(value)
        size = len(canonical_text(value).encode())
    except NotCanonical as error:
        return _failed("invalid_output", f"the answer is not plain JSON: {error}")
    if size > max_bytes:
        return _failed("invalid_output", f"the answer is longer than {max_bytes} bytes")
    return ToolResult(value)


def _failed(kind: ToolErrorKind, message: str, *, sent: bool = True) -> ToolResult:
    return ToolResult(error=ToolError(kind, message), sent=sent)


__all__ = ["McpTools"]
