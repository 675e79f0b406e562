"""The shape of what is real: `live:` of a tool, `servers:` of a manifest, and who they let in.

No secret stands in any of them: credentials are `${NAME}`, filled from the environment when a run
is live (`toolbox/variables.py`).
"""

from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, model_validator

from agentctl.core.messages import ToolErrorKind
from agentctl.specs.shapes.base import JsonObject, Many, Name, Spec, Text, ToolName

S = TypeVar("S", bound=Spec)

LiveKind = Literal["http", "python", "command", "mcp", "sql"]

Secret = Annotated[str, StringConstraints(pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")]
"""`${NAME}`: the value itself never stands in a file."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""The name of an environment variable."""
HttpStatus = Annotated[str, StringConstraints(pattern=r"^[1-5][0-9][0-9]$")]
"""An HTTP status."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Auth(Spec):
    """How a server knows who calls: the identity of the agent."""

    kind: Literal["bearer", "basic", "header", "oauth2"]
    token: Secret | None = None
    """`bearer` and `header`: the token."""
    header: Text | None = None
    """`header`: the name of the header that carries the token."""
    user: Text | None = None
    """`basic`."""
    password: Secret | None = None
    """`basic`."""
    token_url: Text | None = None
    """`oauth2` (RFC 6749): where tokens are given."""
    client_id: Text | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    """`oauth2`: given = the refresh grant, left out = client credentials."""
    scopes: Many[Text] = ()
    """`oauth2`: what is asked for; no more than the tools' own `scopes:`."""

    @model_validator(mode="after")
    def _fits(self) -> "Auth":
        needs, may = _AUTH[self.kind]
        return _only(self, self.kind, needs, may)


_AUTH: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bearer": (("token",), ()),
    "basic": (("user", "password"), ()),
    "header": (("header", "token"), ()),
    "oauth2": (("token_url", "client_id", "client_secret"), ("refresh_token", "scopes")),
}
"""Kind -> the fields it needs, and those it may have."""


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
    auth: Auth | None = None
    allow_private: bool = False
    """Whether the address may lie inside a private network."""

    @model_validator(mode="after")
    def _one(self) -> "Server":
        if (self.url is None) == (not self.command):
            raise ValueError("give `url` or `command`")
        return self


class Live(Spec):
    """Where the real tool is."""

    kind: LiveKind
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds one call may take."""
    max_bytes: Annotated[int, Field(ge=1)] = 1_000_000
    """An answer longer than this is refused."""
    server: Name | None = None
    """One of the manifest's `servers:`; `mcp` and `sql` need it, `http` may have it."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    """`http`; left out = GET."""
    url: Text | None = None
    """`http`: `${NAME}` is an environment variable, `{name}` an argument, which is never a part of
    the host; with `server`, what comes after the server's `url`. Arguments that do not stand in
    the URL are the query of GET and DELETE, and the JSON body of the others."""
    headers: dict[str, Text] = {}
    """`http`: `${NAME}` is an environment variable: no secret stands in a manifest."""
    body: JsonObject | None = None
    """`http`: the JSON body, where it is not simply the arguments; a string that begins with `=` is
    CEL over `args` and `principal`."""
    result: Text = "$"
    """`http`: which part of the answer is the result; `$` for all, `$.data.items` for a field."""
    idempotency_header: Text | None = None
    """`http`: the header by which the system recognises an effect it was sent before. Without it,
    an effect whose answer is lost is never sent again."""
    errors: dict[HttpStatus, ToolErrorKind] = {}
    """`http`: status -> the error it means, where it is not the usual one."""
    auth: Auth | None = None
    """`http`: used instead of the server's."""
    allow_private: bool = False
    """`http`: whether the address may lie inside a private network."""

    function: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    """`python`: `package.module:function`, called with the arguments in a process of its own."""
    command: Many[Text] | None = None
    """`command`: a program and its arguments, run without a shell: JSON on stdin and stdout."""
    env: Many[Variable] = ()
    """`python` and `command`: variables it is given, by name; of the others it sees `PATH` only."""
    memory_mb: Annotated[int, Field(ge=16)] = 512
    """`python` and `command`: most memory each of its processes may take; it holds on Linux."""

    tool: ToolName | None = None
    """`mcp`: the tool's name at the server, where it is another."""
    definition: Sha256 | None = None
    """`mcp`: sha256 of the definition that was reviewed (`agentctl tools import` writes it); a tool
    with another one, or without one here, is not called."""

    query: Text | None = None
    """`sql`: one statement; `:name` is an argument, always bound and never pasted."""
    writes: bool = False
    """`sql`: whether the statement changes anything; without it, it cannot."""
    max_rows: Annotated[int, Field(ge=1)] = 1000
    """`sql`: more rows than this are neither returned nor changed."""

    @model_validator(mode="after")
    def _fits(self) -> "Live":
        needs, may = _LIVE[self.kind]
        return _only(self, self.kind, needs, (*may, "timeout_s", "max_bytes"))


_LIVE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "http": (
        ("url",),
        ("method", "server", "headers", "body", "result", "idempotency_header", "errors", "auth",
         "allow_private"),
    ),
    "python": (("function",), ("env", "memory_mb")),
    "command": (("command",), ("env", "memory_mb")),
    "mcp": (("server",), ("tool", "definition")),
    "sql": (("server", "query"), ("writes", "max_rows")),
}  # fmt: skip
"""Kind -> the fields it needs, and those it may have besides a time-out and a size."""


def _only(model: S, kind: str, needs: tuple[str, ...], may: tuple[str, ...]) -> S:
    """Return `model` if it has the fields its kind needs, and none of another kind.

    Raises:
        ValueError: Naming the first that is missing or does not fit.
    """
    for name in needs:
        if not getattr(model, name):
            raise ValueError(f"`kind: {kind}` needs `{name}`")
    for name in type(model).model_fields:
        if name in model.model_fields_set and name not in ("kind", *needs, *may):
            raise ValueError(f"`{name}` does not go with `kind: {kind}`")
    return model


__all__ = ["Auth", "HttpStatus", "Live", "LiveKind", "Secret", "Server", "Sha256", "Variable"]
