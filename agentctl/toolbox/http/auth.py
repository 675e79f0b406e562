"""Who calls: what an `auth:` block adds to a request, and how OAuth tokens are got and kept.

A token is kept in memory until shortly before it ends. It is asked for under the same rules as
every call: address, deadline, size, and no redirect at all. No message holds what a credential or
the token's server said, other than the error codes of RFC 6749.
"""

import base64
import time
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from threading import Lock
from typing import Protocol
from urllib.parse import quote_plus, urlencode

import httpx

from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import problem
from agentctl.core.messages import ToolErrorKind
from agentctl.specs.shapes.live import (
    Auth,
    BasicAuth,
    BearerAuth,
    CookieAuth,
    HeaderAuth,
    LoginAuth,
    OAuth2Auth,
    QueryAuth,
    auth_parts,
)
from agentctl.toolbox.http.exchange import (
    HttpAnswer,
    HttpFailure,
    HttpLimits,
    HttpRequest,
    exchange,
)
from agentctl.toolbox.tokens import KeptToken, keep_token, read_token, token_file
from agentctl.toolbox.variables import ManifestVariables

SKEW_S = 30.0
"""A token counts as ended so many seconds before it is: clocks differ, and calls take time."""
MOST_TOKEN_BYTES = 100_000
_ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"}
    | {"unsupported_grant_type", "invalid_scope"}
)
"""RFC 6749, section 5.2."""


class Identity(Protocol):
    """What an agent shows to a server."""

    @property
    def query(self) -> str:
        """What is added to the query of each address, escaped; mostly nothing."""
        ...

    def headers(self, limits: HttpLimits) -> dict[str, str]:
        """Return the headers of a request.

        Args:
            limits: Of the call, the time it takes to get a token included.

        Raises:
            Failed: If there is no token. The call itself was not sent.
        """
        ...

    def renew(self) -> bool:
        """Forget what the server refused; return whether there can be something else to show."""
        ...


class Fixed:
    """The same headers each time.

    Args:
        headers: They.
        query: What is added to the query, escaped.
    """

    def __init__(self, headers: dict[str, str], query: str = "") -> None:
        self._headers = headers
        self.query = query

    def headers(self, limits: HttpLimits) -> dict[str, str]:  # noqa: ARG002
        """Return them."""
        return self._headers

    def renew(self) -> bool:
        """Return `False`: there is nothing else to show."""
        return False


class Combined:
    """Several identities in one request; cookies share one header.

    Args:
        parts: They.
    """

    def __init__(self, parts: Sequence[Identity]) -> None:
        self._parts = parts
        self.query = "&".join(part.query for part in parts if part.query)

    def headers(self, limits: HttpLimits) -> dict[str, str]:
        """Return the headers of all of them."""
        found: dict[str, str] = {}
        for part in self._parts:
            for name, value in part.headers(limits).items():
                shared = name == "Cookie" and name in found
                found[name] = f"{found[name]}; {value}" if shared else value
        return found

    def renew(self) -> bool:
        """Forget what was refused; return whether any of them can show something else."""
        renewed = [part.renew() for part in self._parts]
        return any(renewed)


class OAuth2:
    """Tokens by client credentials, or by a refresh token (RFC 6749, sections 4.4 and 6).

    Args:
        url: The token endpoint.
        client: Id and secret, sent as HTTP Basic authentication; the id as a field without one.
        grant: The fields of the token request.
        hide: Told each token, so that it is masked wherever it turns up.
        clock: Monotonic seconds.
    """

    query = ""

    def __init__(
        self,
        url: httpx.URL,
        client: tuple[str, str],
        grant: dict[str, str],
        hide: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client
        self._grant = grant
        self._hide = hide
        self._clock = clock
        self._token: str | None = None
        self._ends = 0.0
        # Calls side by side ask for one token, not for one each.
        self._lock = Lock()

    def headers(self, limits: HttpLimits) -> dict[str, str]:
        """Return the header with a token that is still good."""
        with self._lock:
            if self._token is None or self._clock() >= self._ends:
                self._token = self._ask(limits._replace(max_bytes=MOST_TOKEN_BYTES))
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Forget the token; another one may be given."""
        with self._lock:
            self._token = None
        return True

    def _ask(self, limits: HttpLimits) -> str:
        user, password = (quote_plus(part) for part in self._client)
        headers = httpx.Headers(
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        )
        fields = self._grant
        if password:
            headers["Authorization"] = basic(user, password)
        else:
            fields = {**fields, "client_id": self._client[0]}
        asked_at = self._clock()
        try:
            request = HttpRequest("POST", self._url, headers, urlencode(fields).encode())
            answer = exchange(request, limits)
        except HttpFailure as failed:
            # Whatever became of the request for a token, the call itself was not sent.
            raise _no_token(failed.kind, failed.message) from None
        found = _answered(answer)
        token, kind, seconds = (
            found.get(name) for name in ("access_token", "token_type", "expires_in")
        )
        if not isinstance(token, str) or not _fits_a_header(token):
            raise _no_token("invalid_output", "its answer contains none")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise _no_token("invalid_output", "its tokens are not bearer tokens")
        self._ends = asked_at + _seconds(seconds) - SKEW_S
        renewed = found.get("refresh_token")
        if isinstance(renewed, str) and renewed and "refresh_token" in self._grant:
            # The old one must not be used again (RFC 6749, section 6).
            self._grant = {**self._grant, "refresh_token": renewed}
            self._hide(renewed)
        self._hide(token)
        return token


class LoggedIn(OAuth2):
    """The token of a person who logged in, renewed as long as its server permits it.

    Args:
        path: Where it is kept.
        kept: It.
        hide: As for `OAuth2`.
    """

    def __init__(self, path: Path, kept: KeptToken, hide: Callable[[str], None]) -> None:
        grant = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
        if kept.resource:
            grant["resource"] = kept.resource
        client = (kept.client_id, kept.client_secret)
        super().__init__(httpx.URL(kept.token_url), client, grant, hide)
        self._path = path
        self._kept = kept
        self._token = kept.access_token
        left = inf if kept.ends_at is None else kept.ends_at - time.time()
        self._ends = self._clock() + left - SKEW_S

    def renew(self) -> bool:
        """Forget the token, where another one can be had without a person."""
        return bool(self._kept.refresh_token) and super().renew()

    def _ask(self, limits: HttpLimits) -> str:
        if not self._kept.refresh_token:
            name = self._path.stem
            message = f"the login has ended: agentctl tools login {name}"
            raise HttpFailure("forbidden", message, sent=False)
        token = super()._ask(limits)
        left = self._ends - self._clock()
        self._kept = self._kept._replace(
            access_token=token,
            refresh_token=self._grant["refresh_token"],
            ends_at=None if left == inf else time.time() + left + SKEW_S,
        )
        keep_token(self._path, self._kept)
        return token


def identity_of(auth: Auth, variables: ManifestVariables, tool: str) -> Identity:
    """Return what an `auth:` block stands for.

    Args:
        auth: The block.
        variables: Where its credentials come from.
        tool: Whose it is, for messages.

    Raises:
        Problem: If a variable is not set, or no header can carry its value.
    """

    def value(text: str) -> str:
        return variables.credential(text, tool)

    parts = auth_parts(auth)
    if len(parts) != 1:
        return Combined([identity_of(part, variables, tool) for part in parts])
    match auth:
        case QueryAuth(parameter=name, token=token):
            shown = quote_plus(value(token))
            variables.hide(shown)
            return Fixed({}, f"{quote_plus(name)}={shown}")
        case CookieAuth(cookie=name, token=token):
            return Fixed({"Cookie": f"{name}={value(token)}"})
        case BearerAuth(token=token):
            return Fixed({"Authorization": f"Bearer {value(token)}"})
        case HeaderAuth(header=header, token=token):
            return Fixed({header: value(token)})
        case BasicAuth(user=user, password=password):
            shown = basic(value(user), value(password))
            variables.hide(shown.removeprefix("Basic "))
            return Fixed({"Authorization": shown})
        case OAuth2Auth():
            grant = {"grant_type": "client_credentials"}
            if auth.refresh_token is not None:
                refresh = value(auth.refresh_token)
                grant = {"grant_type": "refresh_token", "refresh_token": refresh}
            if auth.scopes:
                grant["scope"] = " ".join(auth.scopes)
            client = (value(auth.client_id), value(auth.client_secret))
            url = httpx.URL(variables.address(auth.token_url, tool))
            return OAuth2(url, client, grant, variables.hide)
        case LoginAuth(name=name):
            path = token_file(variables.tokens or Path(), name)
            kept = read_token(path)
            if kept is None:
                raise problem(
                    "not-logged-in",
                    f"`{tool}` needs a login that nobody made yet",
                    hint=f"agentctl tools login {name}",
                )
            for secret in (kept.access_token, kept.refresh_token, kept.client_secret):
                variables.hide(secret)
            return LoggedIn(path, kept, variables.hide)
    raise AssertionError(auth.kind)


def basic(user: str, password: str) -> str:
    """Return the value of an `Authorization` header (RFC 7617).

    >>> basic("ana", "pw")
    'Basic YW5hOnB3'
    """
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def with_query(url: str, query: str) -> str:
    """Return an address with something added to its query.

    >>> with_query("https://a.example/x?y=1#z", "key=k")
    'https://a.example/x?y=1&key=k#z'
    """
    if not query:
        return url
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{query}{mark}{fragment}"


def _answered(answer: HttpAnswer) -> dict[str, Json]:
    """Return what the token endpoint said.

    Raises:
        Failed: If it gave no token.
    """
    try:
        found = parse_strict(answer.content.decode(), max_bytes=MOST_TOKEN_BYTES)
    except (NotCanonical, UnicodeDecodeError):
        found = None
    said = found if isinstance(found, dict) else {}
    status = answer.status
    if 200 <= status < 300:
        return said
    if answer.redirects:
        raise _no_token("forbidden", f"HTTP {status}: it redirects, and a secret goes nowhere else")
    code = said.get("error")
    why = f"HTTP {status}" + (f", {code}" if isinstance(code, str) and code in _ERRORS else "")
    kind: ToolErrorKind = "forbidden"
    if status == 429:
        kind = "rate_limited"
    elif status >= 500:
        kind = "unavailable"
    raise _no_token(kind, why, answer.wait_s)


def _no_token(kind: ToolErrorKind, why: str, wait_s: float | None = None) -> HttpFailure:
    return HttpFailure(kind, f"no token from the token endpoint: {why}", sent=False, wait_s=wait_s)


def _seconds(said: Json) -> float:
    """Return how long a token is good; where nobody says, until a call is refused."""
    if isinstance(said, str) and said.isdecimal() and len(said) < 10:
        return float(said)
    numeric = isinstance(said, int | float) and not isinstance(said, bool)
    return float(said) if numeric else float("inf")


def _fits_a_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


__all__ = [
    "MOST_TOKEN_BYTES",
    "SKEW_S",
    "Combined",
    "Fixed",
    "Identity",
    "OAuth2",
    "basic",
    "identity_of",
    "with_query",
]
