"""Log a person in to an MCP server: OAuth authorization code with PKCE, in their own browser.

The SDK finds the authorization server, registers this program as a client and proves by PKCE that
the code it gets is its own. The answer comes to a listener on loopback that lives as long as the
login. What a server names is reached under the rules of every call: no private address unless that
is allowed, no answer without end.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import shorten
from agentctl.toolbox.mcp.server import private_address
from agentctl.toolbox.mcp.wire import BoundedTransport, WireState
from agentctl.toolbox.tokens import KeptToken

WITHIN_S = 300.0
"""Seconds a person has to log in."""
_MOST_ANSWER = 1_000_000
_PAGE = b"<!doctype html><title>agentctl</title><p>You may close this window."
_PROBE = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def log_in(
    url: str, show: Callable[[str], None], *, allow_private: bool = False, scopes: str | None = None
) -> KeptToken:
    """Ask a person to log in, and return what the server gave.

    Args:
        url: The MCP server.
        show: Given the address that the person opens.
        allow_private: Whether addresses may lie inside a private network.
        scopes: What is asked for; left out = what the server names.

    Raises:
        Problem: If the server wants no login, the person does not come back in time, or no token
            is given.
    """
    with _listener() as (address, answers):
        flow = _Login(show, answers)
        metadata = OAuthClientMetadata(
            client_name="agentctl", redirect_uris=[AnyUrl(address)], scope=scopes
        )
        provider = OAuthClientProvider(url, metadata, flow, flow.open, flow.wait)
        try:
            asyncio.run(_ask(url, provider, allow_private=allow_private))
        except (OAuthFlowError, httpx2.HTTPError, ValueError) as error:
            raise _failed(shorten(str(error), 300) or type(error).__name__) from error
    token, client = flow.tokens, provider.context.client_info
    if token is None or client is None:
        raise _failed("it answers without one", hint="leave out `auth:`")
    known = provider.context.oauth_metadata
    endpoint = str(known.token_endpoint) if known is not None else ""
    return KeptToken(
        token_url=endpoint,
        client_id=client.client_id or "",
        client_secret=client.client_secret or "",
        access_token=token.access_token,
        refresh_token=(token.refresh_token or "") if endpoint else "",
        ends_at=None if token.expires_in is None else time.time() + token.expires_in,
        resource=provider.context.get_resource_url(),
    )


class _Login:
    """The storage of the SDK for one login, and its two steps outside of this program."""

    def __init__(self, show: Callable[[str], None], answers: "SimpleQueue[dict[str, str]]") -> None:
        self.tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None
        self._show = show
        self._answers = answers

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info

    async def open(self, address: str) -> None:
        if urlsplit(address).scheme not in ("http", "https"):
            raise OAuthFlowError("its authorization server has no address of the web")
        self._show(address)

    async def wait(self) -> AuthorizationCodeResult:
        try:
            answer = await asyncio.to_thread(self._answers.get, timeout=WITHIN_S)
        except Empty:
            raise OAuthFlowError(f"nobody logged in within {WITHIN_S:g} s") from None
        if "code" not in answer:
            raise OAuthFlowError(answer.get("error", "the answer holds no code"))
        return AuthorizationCodeResult(
            code=answer["code"], state=answer.get("state"), iss=answer.get("iss")
        )


class _GuardedTransport(BoundedTransport):
    """Reaches no private address."""

    def __init__(self, *, allow_private: bool) -> None:
        super().__init__(WireState(_MOST_ANSWER))
        self._allow_private = allow_private

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        refused = None if self._allow_private else private_address(str(request.url))
        if refused is not None:
            raise httpx2.ConnectError(refused)
        return await super().handle_async_request(request)


async def _ask(url: str, provider: Any, *, allow_private: bool) -> None:
    """Send one request that needs a token, which begins the login."""
    async with (
        httpx2.AsyncClient(
            auth=provider,
            transport=_GuardedTransport(allow_private=allow_private),
            timeout=httpx2.Timeout(30.0),
            headers={
                "Accept": "application/json, text/event-stream",
                "Accept-Encoding": "identity",
            },
            trust_env=False,
        ) as client,
        client.stream("POST", url, json=_PROBE) as response,
    ):
        if response.status_code in (401, 403):
            raise OAuthFlowError(f"HTTP {response.status_code} after the login")


@contextmanager
def _listener() -> "Iterator[tuple[str, SimpleQueue[dict[str, str]]]]":
    """Listen on loopback for the browser that comes back; give the address and what it brings."""
    answers: SimpleQueue[dict[str, str]] = SimpleQueue()

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            known = parts.path == "/callback"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if known:
                self.wfile.write(_PAGE)
                answers.put({name: found[0] for name, found in parse_qs(parts.query).items()})

        def log_message(self, *_: Any) -> None:
            """Write nothing: the code is a secret."""

    server = HTTPServer(("127.0.0.1", 0), Callback)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _failed(why: str, hint: str | None = None) -> Exception:
    return problem(
        "no-login", f"the server gave no token: {why}", hint=hint, exit_code=ExitCode.UNKNOWN
    )


__all__ = ["WITHIN_S", "log_in"]
