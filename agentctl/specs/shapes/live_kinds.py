"""The fields of each built-in kind of live tool; `shapes/backends.py` names them."""

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, StringConstraints

from agentctl.core.messages import ToolErrorKind
from agentctl.specs.shapes.base import JsonObject, Many, Name, Spec, Text
from agentctl.specs.shapes.live import Auth, Live, ServedLive, Variable

HttpStatus = Annotated[str, StringConstraints(pattern=r"^[1-5][0-9][0-9]$")]
"""An HTTP status."""


ServerToolName = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,254}[!-~])?$")]
"""A name as an MCP server may give it: at most 256 characters of printable ASCII."""


class HttpParameter(Spec):
    """Where an argument of an HTTP call goes, and in what form (OpenAPI's parameter styles)."""

    place: Literal["path", "query", "header", "field", "body"] = Field(alias="in")
    """`field` is one field of the body, `body` the whole body."""
    name: Text | None = None
    """What the system calls it; left out = as the argument is called."""
    style: (
        Literal[
            "simple",
            "label",
            "matrix",
            "form",
            "spaceDelimited",
            "pipeDelimited",
            "deepObject",
            "json",
        ]
        | None
    ) = None
    """How lists and objects are written; left out = `form` in a query or a form, `simple` in a path
    or header. `json` writes the value as JSON text."""
    explode: bool | None = None
    """Whether each item of a list or object stands by itself; left out = yes for `form` and
    `deepObject`."""


class HttpLive(ServedLive):
    """A call of an HTTP API."""

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    """Left out = GET."""
    url: Text
    """`${NAME}` is an environment variable, `{name}` an argument, which is never a part of the
    host; with `server`, what comes after the server's `url`. Arguments that stand neither in the
    URL nor under `parameters` are the query of GET and DELETE, and fields of the body of the
    others."""
    headers: dict[str, Text] = {}
    """`${NAME}` is an environment variable: no secret stands in a manifest."""
    parameters: dict[str, HttpParameter] = {}
    """Argument -> where it goes, where that is not the usual place, name or form."""
    content: Literal["json", "form", "multipart", "text"] = "json"
    """How the body is written. A header `Content-Type` may name another type of JSON or text."""
    body: JsonObject | None = None
    """The fields of the body, where they are not simply the arguments; a string that begins with
    `=` is CEL over `args` and `principal`."""
    result: Text = "$"
    """Which part of the answer is the result; `$` for all, `$.data.items` for a field."""
    idempotency_header: Text | None = None
    """The header by which the system recognises an effect it was sent before. Without it, an effect
    whose answer is lost is never sent again."""
    errors: dict[HttpStatus, ToolErrorKind] = {}
    """Status -> the error it means, where it is not the usual one."""
    error_parts: Many[Text] = (
        "code", "detail", "error", "error_description", "errors", "field", "loc", "message", "msg",
        "param", "reason", "title",
    )  # fmt: skip
    """The fields of an error body (status 4xx) that the model is shown, wherever they stand in it;
    `[]` = none. Secrets in them are masked, and they are cut at 400 characters."""
    auth: SerializeAsAny[Auth] | None = None
    """Used instead of the server's."""
    allow_private: bool = False
    """Whether the address may lie inside a private network."""


class ProcessLive(Live):
    """A tool that runs in a process of its own."""

    env: Many[Variable] = ()
    """Variables it is given, by name; of the others it sees `PATH` only."""
    memory_mb: Annotated[int, Field(ge=16)] = 512
    """Most memory each of its processes may take; it holds on Linux."""


class PythonLive(ProcessLive):
    """A Python function."""

    kind: Literal["python"]
    function: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
    """`package.module:function`, called with the arguments."""


class CommandLive(ProcessLive):
    """A program, run without a shell: JSON on stdin and stdout."""

    kind: Literal["command"]
    command: Annotated[Many[Text], Field(min_length=1)]
    """The program and its arguments."""


class McpLive(ServedLive):
    """A tool of an MCP server."""

    kind: Literal["mcp"]
    server: Name
    """One of the manifest's `servers:`."""
    tool: ServerToolName | None = None
    """The tool's name at the server, where it is another."""
    definition: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """sha256 of the definition that was reviewed (`agentctl tools import` writes it); a tool with
    another one, or without one here, is not called."""


class SqlLive(ServedLive):
    """A statement of a database."""

    kind: Literal["sql"]
    server: Name
    """One of the manifest's `servers:`."""
    query: Text
    """One statement; `:name` is an argument, always bound and never pasted."""
    writes: bool = False
    """Whether the statement changes anything; without it, it cannot."""
    max_rows: Annotated[int, Field(ge=1)] = 1000
    """More rows than this are neither returned nor changed."""


__all__ = [
    "CommandLive",
    "HttpLive",
    "HttpParameter",
    "McpLive",
    "ProcessLive",
    "PythonLive",
    "SqlLive",
]
