"""Open a session with an MCP server that a manifest declares under `servers:`.

A program runs without a shell, in the manifest's folder, and sees `PATH` and the variables that are
named. An address inside a private network is refused unless the manifest allows it.
"""

import ipaddress
import os
import socket
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from agentctl.core.errors import problem
from agentctl.specs.live import Server
from agentctl.toolbox.live import Elicit
from agentctl.toolbox.mcp_session import Fault, McpSession
from agentctl.toolbox.mcp_wire import Size, Streams, address, program
from agentctl.toolbox.variables import Variables

_LEAST_BYTES = 4_000_000
"""A listing may be this long, however little a tool may answer."""
_ENVELOPE = 4
"""A message is at most so many times what it holds: text and structure, escaped."""


def open_session(
    name: str,
    server: Server,
    folder: Path,
    variables: Variables,
    *,
    most: int = 1_000_000,
    elicit: Elicit | None = None,
) -> McpSession:
    """Return a session that reaches a server when it is first used.

    Args:
        name: What the server is called, for messages.
        server: How it is reached.
        folder: Of the manifest.
        variables: What `${NAME}` stands for.
        most: Bytes the longest answer may have.
        elicit: Asks a person.

    Raises:
        Problem: If a variable is not set, or it is to be let in by a way that MCP does not have.
    """
    size = Size(max(_LEAST_BYTES, _ENVELOPE * most))
    asked = _introduced(name, elicit) if elicit is not None else None
    if server.command:
        command = [variables.fill(part, name) for part in server.command]
        env = {key: variables.fill(f"${{{key}}}", name) for key in server.env}
        env.setdefault("PATH", os.environ.get("PATH", os.defpath))
        return McpSession(lambda: program(command, env, folder, size), size, asked)
    url = variables.fill(server.url or "", name)
    headers = _headers(name, server, variables)

    def way() -> AbstractAsyncContextManager[Streams]:
        refused = None if server.allow_private else private_address(url)
        if refused is not None:
            raise Fault("forbidden", refused, lost=True)
        return address(url, headers, size)

    return McpSession(way, size, asked)


def _introduced(name: str, elicit: Elicit) -> Elicit:
    """Tell the person who asks: a server does not say so itself."""
    return lambda message, schema: elicit(f"MCP server `{name}` asks: {message}", schema)


def _headers(name: str, server: Server, variables: Variables) -> Mapping[str, str]:
    headers = {key: variables.fill(value, name) for key, value in server.headers.items()}
    auth = server.auth
    if auth is None:
        return headers
    if auth.kind == "bearer":
        headers["Authorization"] = f"Bearer {variables.fill(auth.token or '', name)}"
    elif auth.kind == "header":
        headers[auth.header or ""] = variables.fill(auth.token or "", name)
    else:
        raise problem(
            "auth-not-supported",
            f"MCP server `{name}` is let in by `auth: {{kind: {auth.kind}}}`, and only `bearer`"
            " and `header` work there yet",
            hint="name a variable that holds a token",
        )
    return headers


def private_address(url: str) -> str | None:
    """Say that a URL leads into a private network, if it does."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return None  # the request itself says that there is no such host
    for one in found:
        if not ipaddress.ip_address(one.partition("%")[0]).is_global:
            return f"{host} is inside a private network; `allow_private: true` permits it"
    return None


__all__ = ["open_session", "private_address"]
