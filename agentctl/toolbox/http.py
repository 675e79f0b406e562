"""Call a real system over HTTP, as a manifest's `live: {kind: http}` says.

The answer is read strictly and up to a size; redirects are not followed, and addresses inside a
private network are refused unless the manifest allows them. The client library is loaded with this
module, which is loaded for live runs only.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.specs.live import Live
from agentctl.specs.tools import ToolSpec
from agentctl.toolbox.live import Opening
from agentctl.toolbox.port import Ask
from agentctl.toolbox.variables import Variables

_ARGUMENT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KINDS: dict[int, ToolErrorKind] = {
    400: "invalid", 401: "forbidden", 403: "forbidden", 404: "not_found", 408: "timeout",
    409: "conflict", 410: "not_found", 412: "conflict", 422: "invalid", 429: "rate_limited",
}  # fmt: skip
"""What a status means; any other from 500 on is `unavailable`, the rest `internal`."""


class HttpTools:
    """The tools of one agent that are reached over HTTP, and one client for them.

    Args:
        tools: They, by name.
        opening: Whose they are, and the variables they may use.

    Raises:
        Problem: If a tool has no address, or names a variable that is not set.
    """

    def __init__(self, tools: Mapping[str, ToolSpec], opening: Opening) -> None:
        self._tools = {name: _prepared(tool, opening.variables) for name, tool in tools.items()}
        self._client = httpx.Client(follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def idempotent(self, name: str) -> bool:
        """Whether the system recognises the key it is sent, so that sending twice is safe."""
        return self._tools[name].idempotency_header is not None

    def send(self, name: str, ask: Ask, key: str | None) -> ToolResult:
        """Send one call, and return what the system answers."""
        live = self._tools[name]
        url, rest = _url(live.url or "", ask.args)
        refused = None if live.allow_private else _private(url)
        if refused is not None:
            return ToolResult(error=ToolError("forbidden", refused), sent=False)
        headers = dict(live.headers)
        if key is not None and live.idempotency_header is not None:
            headers[live.idempotency_header] = key
        body: dict[str, Any] = {}
        if live.method in ("GET", "DELETE"):
            body["params"] = {k: v if isinstance(v, str) else canonical_text(v)
                              for k, v in rest.items()}  # fmt: skip
        else:
            body["content"] = canonical_text(rest).encode()
            headers["Content-Type"] = "application/json"
        try:
            with self._client.stream(
                live.method or "GET", url, headers=headers, timeout=live.timeout_s, **body
            ) as response:
                return _answer(response, live)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return _failed("unavailable", f"cannot be reached: {_said(error)}", sent=False)
        except httpx.TimeoutException:
            return _failed("timeout", f"no answer within {live.timeout_s:g} s")
        except httpx.HTTPError as error:
            return _failed("unavailable", f"the connection broke: {_said(error)}")


def _prepared(tool: ToolSpec, variables: Variables) -> Live:
    live = tool.live
    assert live is not None and live.url is not None  # the schema of a manifest holds this
    return live.model_copy(
        update={
            "url": variables.fill(live.url, tool.name),
            "headers": {k: variables.fill(v, tool.name) for k, v in live.headers.items()},
        }
    )


def _url(template: str, arguments: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """Fill a URL with arguments, escaped; return it with the arguments it does not hold."""
    used = set(_ARGUMENT.findall(template))

    def value(match: re.Match[str]) -> str:
        given = arguments.get(match[1], "")
        escaped = quote(given if isinstance(given, str) else canonical_text(given), safe="")
        # A server would read these as a step to another folder.
        return escaped.replace(".", "%2E") if set(escaped) <= {"."} else escaped

    url = _ARGUMENT.sub(value, template)
    return url, {name: given for name, given in arguments.items() if name not in used}


def _private(url: str) -> str | None:
    """Say that a URL leads into a private network, if it does."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return None  # the request itself says that there is no such host
    for address in found:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            return f"{host} is inside a private network; `allow_private: true` permits it"
    return None


def _answer(response: httpx.Response, live: Live) -> ToolResult:
    status = response.status_code
    if response.is_redirect:
        return _failed("internal", f"HTTP {status}: it redirects, and that is not followed")
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > live.max_bytes:
            message = f"the answer is longer than {live.max_bytes} bytes"
            return _failed("invalid_output", message)
    if not response.is_success:
        kind = live.errors.get(str(status)) or _KINDS.get(status)
        return _failed(kind or ("unavailable" if status >= 500 else "internal"), f"HTTP {status}")
    if not content.strip():
        return ToolResult(None)
    try:
        return ToolResult(parse_strict(content.decode(), max_bytes=live.max_bytes))
    except (NotCanonical, UnicodeDecodeError) as error:
        return _failed("invalid_output", f"the answer is no JSON: {_said(error)}")


def _failed(kind: ToolErrorKind, message: str, *, sent: bool = True) -> ToolResult:
    return ToolResult(error=ToolError(kind, message), sent=sent)


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


__all__ = ["HttpTools"]
