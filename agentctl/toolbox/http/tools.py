"""Call a real system over HTTP, as a manifest's `live: {kind: http}` says.

A call stays on the host it began on, shows only the credentials of its own agent, says on whose
behalf it comes, and is sent once: only the dispatcher repeats it, which knows what may be
repeated. The client library is loaded with this module, which is loaded for live runs only.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import httpx

from agentctl.core.canonical import NotCanonical, parse_strict
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.specs.shapes.live import Auth
from agentctl.specs.shapes.live_kinds import HttpLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.http.auth import Identity, identity_of, with_query
from agentctl.toolbox.http.drafting import (
    RequestDraft,
    RequestTemplate,
    draft_request,
    request_template,
)
from agentctl.toolbox.http.exchange import (
    HttpAnswer,
    HttpFailure,
    HttpLimits,
    HttpRequest,
    exchange,
    limits,
)
from agentctl.toolbox.http.problems import problem_text
from agentctl.toolbox.port import BackendCall, Opening

PRINCIPAL_HEADER = "X-Agentctl-Principal"
"""`role:id` of the person on whose behalf a call is made, percent-encoded."""
AGENT_HEADER = "X-Agentctl-Agent"
"""The agent that makes it."""
MOST_REDIRECTS = 3
_KINDS: dict[int, ToolErrorKind] = {
    400: "invalid", 401: "forbidden", 403: "forbidden", 404: "not_found", 408: "timeout",
    409: "conflict", 410: "not_found", 412: "conflict", 422: "invalid", 429: "rate_limited",
}  # fmt: skip
"""What a status means; any other from 500 on is `unavailable`, the rest `internal`."""


class _Endpoint(NamedTuple):
    """A tool, ready to be called: variables filled in, expressions compiled."""

    live: HttpLive
    template: RequestTemplate
    identity: Identity | None
    allow_private: bool
    result: tuple[str, ...]


class HttpTools:
    """The tools of one agent that are reached over HTTP.

    Args:
        tools: They, by name.
        opening: Whose they are, and the variables they may use.

    Raises:
        Problem: If a tool has no address, or names a variable that is not set.
    """

    def __init__(self, tools: Mapping[str, ToolSpec], opening: Opening) -> None:
        self._agent = opening.bundle.agent.name
        # Tools with the same credential share a token.
        identities: dict[Auth, Identity] = {}
        self._tools = {name: _endpoint(tool, opening, identities) for name, tool in tools.items()}

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    def idempotent(self, name: str) -> bool:
        """Whether the system recognises the key it is sent, so that sending twice is safe."""
        return self._tools[name].live.idempotency_header is not None

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Send one call, and return what the system answers."""
        tool = self._tools[name]
        live = tool.live
        given = limits(
            call.within(live.timeout_s), live.max_bytes, allow_private=tool.allow_private
        )
        try:
            draft = draft_request(tool.template, call)
            if key is not None and live.idempotency_header is not None:
                draft.headers[live.idempotency_header] = key
            return _result(_exchanged(tool, draft, self._from(call), given), tool)
        except HttpFailure as failed:
            error = ToolError(failed.kind, failed.message)
            return ToolResult(error=error, sent=failed.sent, wait_s=failed.wait_s)

    def _from(self, call: BackendCall) -> dict[str, str]:
        """Return the headers that say who acts for whom; no manifest can say otherwise."""
        said = {AGENT_HEADER: self._agent}
        if "id" in call.principal:
            role, person = (str(call.principal.get(name) or "") for name in ("role", "id"))
            said[PRINCIPAL_HEADER] = f"{_plain(role)}:{_plain(person)}"
        return said


def _endpoint(tool: ToolSpec, opening: Opening, identities: dict[Auth, Identity]) -> _Endpoint:
    live = tool.live
    assert isinstance(live, HttpLive)
    variables = opening.variables
    server = opening.bundle.servers.get(tool.name)
    url = live.url if server is None else (server.url or "").rstrip("/") + live.url
    headers = httpx.Headers({"User-Agent": "agentctl"})
    for written in (server.headers if server else {}, live.headers):
        headers.update({k: variables.credential(v, tool.name) for k, v in written.items()})
    auth = live.auth or (server.auth if server else None)
    if auth is not None and auth not in identities:
        identities[auth] = identity_of(auth, variables, tool.name)
    return _Endpoint(
        live,
        request_template(live, variables.address(url, tool.name), headers),
        identities[auth] if auth is not None else None,
        live.allow_private or (server is not None and server.allow_private),
        tuple(live.result.split(".")[1:]),
    )


def _exchanged(
    tool: _Endpoint, draft: RequestDraft, behalf: Mapping[str, str], given: HttpLimits
) -> HttpAnswer:
    """Send a call, and return the answer that is not a redirect and not a refused token.

    Raises:
        Failed: If there is none.
    """
    url, renewed, redirects = draft.url, False, 0
    while True:
        headers = httpx.Headers(draft.headers)
        if tool.identity is not None:
            headers.update(tool.identity.headers(given))
        headers.update(behalf)
        address = url
        if tool.identity is not None:
            address = httpx.URL(with_query(str(url), tool.identity.query))
        answer = exchange(HttpRequest(tool.template.method, address, headers, draft.content), given)
        if answer.status == 401 and tool.identity is not None and not renewed:
            # The server did nothing: it did not know who asked. Its token may have ended early.
            renewed = True
            if tool.identity.renew():
                continue
        if not answer.redirects:
            return answer
        url = _next(tool, url, answer)
        redirects += 1
        if redirects > MOST_REDIRECTS:
            raise HttpFailure("internal", f"it redirects more than {MOST_REDIRECTS} times")


def _next(tool: _Endpoint, url: httpx.URL, answer: HttpAnswer) -> httpx.URL:
    """Return where a redirect leads, if a call may go there.

    Raises:
        Failed: If it is no read, or leads to another host: nobody but the system that the
            manifest names sees a call and its credentials.
    """
    status = answer.status
    if tool.template.method != "GET":
        # 307 and 308 say that it has to be sent again; after another, nobody knows.
        kind: ToolErrorKind = "internal" if status in (307, 308) else "unavailable"
        raise HttpFailure(kind, f"HTTP {status}: it redirects, and only a GET follows")
    try:
        target = url.join(answer.headers.get("Location", ""))
    except httpx.InvalidURL:
        raise HttpFailure("internal", f"HTTP {status}: it redirects to no address") from None
    if (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port):
        return target
    where = quote(f"{target.scheme}://{target.host}", safe=":/.-_")[:100]
    port = f":{target.port}" if target.port else ""
    message = f"HTTP {status}: it redirects to {where}{port}, and no call leaves its host"
    raise HttpFailure("internal", message)


def _result(answer: HttpAnswer, tool: _Endpoint) -> ToolResult:
    """Return what an answer says: the value, or the error it stands for."""
    status, live = answer.status, tool.live
    if not 200 <= status < 300:
        kind = live.errors.get(str(status)) or _KINDS.get(status)
        kind = kind or ("unavailable" if status >= 500 else "internal")
        said = problem_text(answer.content, live.error_parts) if status < 500 else ""
        message = f"HTTP {status}: {said}" if said else f"HTTP {status}"
        raise HttpFailure(kind, message, wait_s=answer.wait_s)
    if not answer.content.strip() and not tool.result:
        return ToolResult(None)
    try:
        value = parse_strict(answer.content.decode(), max_bytes=live.max_bytes)
    except (NotCanonical, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0]
        raise HttpFailure("invalid_output", f"the answer is not JSON: {said}") from error
    for name in tool.result:
        if not isinstance(value, dict) or name not in value:
            raise HttpFailure("invalid_output", f"the answer has no `{live.result}`")
        value = value[name]
    return ToolResult(value)


def _plain(text: str) -> str:
    """Return text as a header can carry it, without a line break or a `:` of its own.

    >>> _plain("ana@example.org"), _plain("a:b\\r\\nX: 1")
    ('ana@example.org', 'a%3Ab%0D%0AX%3A%201')
    """
    return quote(text, safe="@+")


__all__ = ["AGENT_HEADER", "MOST_REDIRECTS", "PRINCIPAL_HEADER", "HttpTools"]
