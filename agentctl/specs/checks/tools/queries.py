"""One SQL statement of a manifest: where its arguments stand, and that it is one.

It is read only as far as that takes: literals, quoted names and comments are left alone, so a colon
or a semicolon in them means nothing. What the statement does is for the database to say.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.values import LiveTool, unknown_name
from agentctl.specs.shapes.live_kinds import SqlLive

_PART = re.compile(
    r"""(?P<left>
          (?<!\w)[eE]'(?:[^'\\]|''|\\.)*'       # PostgreSQL: a literal with escapes
        | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | (?<!\w)\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$
        | --[^\n]* | /\*.*?\*/
        | ::
      )
      | (?<!\w):(?P<name>[A-Za-z_]\w*)
      | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


class Statement(NamedTuple):
    """A query, ready to be bound."""

    text: str
    """As SQLAlchemy's `text()` takes it: `:name` is an argument, any other colon is escaped."""
    names: tuple[str, ...]
    """The arguments, each once, in the order in which they stand."""
    single: bool
    """Whether nothing comes after its end."""


def statement(query: str) -> Statement:
    """Read a query.

    >>> statement("select ':no' from t where a = :a and b::text = :b;")
    Statement(text="select '\\\\:no' from t where a = :a and b\\\\:\\\\:text = :b", names=('a', 'b'), single=True)
    """  # noqa: E501
    names: dict[str, None] = {}
    made: list[str] = []
    start, end = 0, None
    for part in _PART.finditer(query):
        made.append(query[start : part.start()].replace(":", "\\:"))
        start = part.end()
        if part["name"]:
            names[part["name"]] = None
            made.append(part[0])
        elif part["end"]:
            end = len(made) if end is None else end
        else:
            made.append(part[0].replace(":", "\\:"))
    made.append(query[start:].replace(":", "\\:"))
    rest = made[end:] if end is not None else []
    single = not any(_says_something(part) for part in rest)
    return Statement("".join(made[:end]).strip(), tuple(names), single)


def query_problems(given: LiveTool) -> Iterator[Diagnostic]:
    """Yield what is wrong with a tool of `kind: sql`."""
    tool, server, arguments, source, here = given
    live = tool.live
    assert isinstance(live, SqlLive)
    read = statement(live.query)
    at = source.at(*here, "query")
    if not read.single:
        hint = "a tool is one statement: make two tools, or a function in the database"
        yield Diagnostic("two-statements", "the query holds more than one statement", at, hint)
    for name in read.names:
        if name not in arguments:
            yield unknown_name("argument", name, arguments, at)
    if live.writes and tool.effect == "none":
        hint = "say `internal_write`, `external_write` or `irreversible`"
        message = "a tool that writes cannot have `effect: none`"
        yield Diagnostic("effect-too-mild", message, source.at(*here, "writes"), hint)
    if server is not None and server.url is None:
        at = source.at(*here, "server")
        hint = 'give it one: `url: "${DATABASE_URL}"`'
        yield Diagnostic("no-database", f"`{live.server}` has no `url`", at, hint)


def _says_something(part: str) -> bool:
    text = part.strip()
    return bool(text) and not text.startswith(("--", "/*"))


__all__ = ["Statement", "query_problems", "statement"]
