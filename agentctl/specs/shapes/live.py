"""The shape of what is real: `live:` of a tool, `servers:` of a manifest, and who they let in.

No secret stands in any of them: credentials are `${NAME}`, filled from the environment when a run
is live (`toolbox/variables.py`).
"""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, StringConstraints, model_validator

from agentctl.specs.shapes.backends import backend_names, backend_part
from agentctl.specs.shapes.base import Family, Many, Name, Spec, Text

Secret = Annotated[str, StringConstraints(pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")]
"""`${NAME}`: the value itself never stands in a file."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""The name of an environment variable."""


class Auth(Family):
    """How a server knows who calls: the identity of the agent."""

    @classmethod
    def kinds(cls) -> Collection[str]:
        """Return the names of the ways."""
        return _AUTH

    @classmethod
    def member(cls, kind: str) -> "type[Auth] | None":
        """Return the model of a way."""
        return _AUTH.get(kind)


class BearerAuth(Auth):
    """A token in the header `Authorization` (RFC 6750)."""

    kind: Literal["bearer"]
    token: Secret


class BasicAuth(Auth):
    """A user and a password (RFC 7617)."""

    kind: Literal["basic"]
    user: Text
    password: Secret


class HeaderAuth(Auth):
    """A token in a header of its own."""

    kind: Literal["header"]
    header: Text
    """The name of the header that carries the token."""
    token: Secret


class QueryAuth(Auth):
    """A token in the query of the address."""

    kind: Literal["query"]
    parameter: Text
    """The name of the query parameter that carries the token."""
    token: Secret


class CookieAuth(Auth):
    """A token in a cookie."""

    kind: Literal["cookie"]
    cookie: Text
    """The name of the cookie that carries the token."""
    token: Secret


class OAuth2Auth(Auth):
    """Tokens that a server issues (RFC 6749)."""

    kind: Literal["oauth2"]
    token_url: Text
    """Where tokens are issued."""
    client_id: Text
    client_secret: Secret
    refresh_token: Secret | None = None
    """Given = the refresh grant, left out = client credentials."""
    scopes: Many[Text] = ()
    """What is asked for; no more than the tools' own `scopes:`."""


class LoginAuth(Auth):
    """A token that a person got in a browser: OAuth authorization code with PKCE (RFC 7636).

    `agentctl tools login NAME` gets it from an MCP server. It is kept outside git, and renewed
    where the server permits that.
    """

    kind: Literal["login"]
    name: Name
    """Under which name the token is kept; servers may share one."""
    scopes: Many[Text] = ()
    """What is asked for; left out = what the server names."""


class AllAuth(Auth):
    """Several credentials in every request, such as two API keys."""

    kind: Literal["all"]
    of: Annotated[Many[SerializeAsAny[Auth]], Field(min_length=2)]


class NoAuth(Auth):
    """No credential: of a tool, whatever its server shows elsewhere."""

    kind: Literal["none"]


def auth_parts(auth: Auth | None) -> tuple[Auth, ...]:
    """Return each single credential of an `auth:` block."""
    if isinstance(auth, AllAuth):
        return tuple(part for one in auth.of for part in auth_parts(one))
    return () if auth is None or isinstance(auth, NoAuth) else (auth,)


_AUTH: dict[str, type[Auth]] = {
    "bearer": BearerAuth,
    "basic": BasicAuth,
    "header": HeaderAuth,
    "query": QueryAuth,
    "cookie": CookieAuth,
    "oauth2": OAuth2Auth,
    "login": LoginAuth,
    "all": AllAuth,
    "none": NoAuth,
}


class Server(Spec):
    """A system that several tools of a manifest share: an HTTP API, an MCP server, a database."""

    url: Text | None = None
    """HTTP: what the tools' `url` begins with. MCP over HTTP: its address. SQL: the database, as
    SQLAlchemy names it. `${NAME}` is an environment variable."""
    command: Many[Text] | None = None
    """MCP over stdio: a program and its arguments, run without a shell."""
    env: Many[Variable] = ()
    """Variables the program is given, by name; of the others it sees `PATH` only."""
    headers: dict[str, Text] = {}
    auth: SerializeAsAny[Auth] | None = None
    allow_private: bool = False
    """Whether the address may lie inside a private network."""

    @model_validator(mode="after")
    def _one(self) -> "Server":
        if (self.url is None) == (not self.command):
            raise ValueError("give `url` or `command`")
        return self


class Live(Family):
    """Where the real tool is. Its kinds are the table of tool backends (`shapes/backends.py`)."""

    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds one call may take."""
    max_bytes: Annotated[int, Field(ge=1)] = 1_000_000
    """An answer longer than this is refused."""

    @classmethod
    def kinds(cls) -> Collection[str]:
        """Return the names of the tool backends, those of installed packages included."""
        return backend_names()

    @classmethod
    def member(cls, kind: str) -> "type[Live] | None":
        """Return the model of a kind."""
        model: type[Live] | None = backend_part(kind, "live")
        return model


class ServedLive(Live):
    """A tool of a system that the manifest declares under `servers:`."""

    server: Name | None = None
    """One of the manifest's `servers:`."""


def server_of(live: Live | None) -> str | None:
    """Return the name of the server a tool is reached through, where it names one."""
    return live.server if isinstance(live, ServedLive) else None


__all__ = [
    "AllAuth",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "CookieAuth",
    "HeaderAuth",
    "Live",
    "LoginAuth",
    "NoAuth",
    "OAuth2Auth",
    "QueryAuth",
    "Secret",
    "ServedLive",
    "Server",
    "Variable",
    "auth_parts",
    "server_of",
]
