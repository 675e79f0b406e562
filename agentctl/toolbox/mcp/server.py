"""Open a session with an MCP server that a manifest declares under `servers:`.

A program runs without a shell, in the manifest's folder, and sees `PATH` and the variables that are
named. An address inside a private network is refused unless the manifest allows it.
"""

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from agentctl.core.masking import masked
from agentctl.core.text import variables_in
from agentctl.specs.shapes.live import Server
from agentctl.toolbox.http.addresses import is_private, resolved
from agentctl.toolbox.http.auth import MOST_TOKEN_BYTES, identity_of, with_query
from agentctl.toolbox.http.exchange import HttpFailure, limits
from agentctl.toolbox.mcp.session import CONNECT_S, McpFault, McpSession
from agentctl.toolbox.mcp.wire import (
    RenewedHeaders,
    Streams,
    WireState,
    http_transport,
    stdio_transport,
)
from agentctl.toolbox.port import Elicit
from agentctl.toolbox.variables import ManifestVariables

_LEAST_BYTES = 4_000_000
"""A listing may be this long, however little a tool may answer."""
_ENVELOPE = 4
"""A message is at most so many times what it holds: text and structure, escaped."""


def open_session(
    name: str,
    server: Server,
    folder: Path,
    variables: ManifestVariables,
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
        Problem: If a variable is not set, or becomes no address.
    """
    state = WireState(max(_LEAST_BYTES, _ENVELOPE * most))
    asked = _naming_the_server(name, elicit) if elicit is not None else None
    if server.command:
        command = [variables.fill(part, name) for part in server.command]
        env = {key: variables.fill(f"${{{key}}}", name) for key in server.env}
        for key in (*server.env, *(key for part in server.command for key in variables_in(part))):
            value = variables.get(key) or ""
            if masked({key: value}) != {key: value}:
                variables.hide(value)
        env.setdefault("PATH", os.environ.get("PATH", os.defpath))
        return McpSession(lambda: stdio_transport(command, env, folder, state), state, asked)
    url = variables.address(server.url or "", name)
    headers = {key: variables.credential(value, name) for key, value in server.headers.items()}
    identity = identity_of(server.auth, variables, name) if server.auth is not None else None

    def shows() -> dict[str, str]:
        allowed = limits(CONNECT_S, MOST_TOKEN_BYTES, allow_private=server.allow_private)
        try:
            return identity.headers(allowed) if identity is not None else {}
        except HttpFailure as failed:
            raise McpFault(failed.kind, failed.message, lost=True, sent=False) from failed

    def transport() -> AbstractAsyncContextManager[Streams]:
        refused = None if server.allow_private else private_address(url)
        if refused is not None:
            raise McpFault("forbidden", refused, lost=True, sent=False)
        shown = shows()
        address = with_query(url, identity.query if identity is not None else "")
        auth = RenewedHeaders(shows, identity.renew) if identity is not None else None
        return http_transport(address, {**headers, **shown}, state, auth)

    return McpSession(transport, state, asked)


def _naming_the_server(name: str, elicit: Elicit) -> Elicit:
    """Tell the person who asks: a server does not say so itself."""
    return lambda message, schema: elicit(f"MCP server `{name}` asks: {message}", schema)


def private_address(url: str) -> str | None:
    """Say that a URL leads into a private network, if it does."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = resolved(host, parts.port or (443 if parts.scheme == "https" else 80))
    except OSError:
        return None  # the request itself says that there is no such host
    if any(map(is_private, found)):
        return f"{host} is inside a private network; `allow_private: true` permits it"
    return None


__all__ = ["open_session", "private_address"]
