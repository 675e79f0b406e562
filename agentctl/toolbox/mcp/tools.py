"""Call the tools of MCP servers, as a manifest's `live: {kind: mcp}` says.

Before every call the server lists its tools again, and a tool whose definition is not the one that
was reviewed is not called. MCP has no key by which a server would recognise an effect it was sent
before, so a call whose answer is lost is never sent again.
"""

import time
from collections.abc import Mapping

from agentctl.core.messages import ToolResult
from agentctl.core.text import shorten
from agentctl.specs.shapes.live_kinds import McpLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.mcp.content import MOST_ERROR, called_result, failed
from agentctl.toolbox.mcp.definitions import Definition, refusal
from agentctl.toolbox.mcp.server import open_session
from agentctl.toolbox.mcp.session import CONNECT_S, McpFault, McpResult, McpSession
from agentctl.toolbox.port import BackendCall, Opening


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
            return failed(fault.kind, f"`{live.server}`: {fault.message}", sent=False)
        refused = refusal(tool, listing, self._first.get(name))
        if refused is not None:
            return failed("forbidden", f"`{name}` is not called: {refused}", sent=False)
        wanted = live.tool or name
        self._first.setdefault(name, next(one for one in listing if one["name"] == wanted))
        left = until - time.monotonic()
        if left <= 0:
            return failed("timeout", f"no answer within {seconds:g} s", sent=False)
        try:
            answered = session.call(wanted, call.args, left)
        except McpFault as fault:
            return failed(fault.kind, fault.message, sent=fault.sent)
        return _result(answered, tool, live)


def _result(answered: McpResult, tool: ToolSpec, live: McpLive) -> ToolResult:
    result = called_result(answered.result, tool.output_schema, live.max_bytes)
    if result.error is None:
        return result
    message = result.error.message
    if answered.unanswered is not None:
        question = shorten(answered.unanswered, MOST_ERROR)
        message += f" (it asked a person `{question}`, and got no answer)"
    if answered.declined is not None:
        message += f" (it asked {answered.declined}, which is always declined)"
    return result._replace(error=result.error._replace(message=message))


__all__ = ["McpTools"]
