"""Ask a database: the one statement of a manifest, with its arguments bound.

The only module that imports SQLAlchemy, loaded for live runs that need it. A tool reads unless its
manifest says `writes: true`, and the database itself holds that. Each call has a connection and a
transaction of its own: nothing of one call is left for the next, and what breaks before the commit
changed nothing. No message shows an address or a statement.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from time import monotonic
from typing import Any

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import problem
from agentctl.core.masking import masked
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.core.text import count, shorten
from agentctl.specs.checks.tools.queries import statement
from agentctl.specs.shapes.live_kinds import SqlLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.sql.databases import Database, PostgreSQL, SQLite, plain_value
from agentctl.toolbox.sql.wording import without_arguments

_EXTRA = "pip install 'agentctl[sql]'"
try:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ModuleNotFoundError as error:
    raise problem("missing-extra", "`kind: sql` needs SQLAlchemy", hint=_EXTRA) from error

_LEAST_S = 0.05
_SAID = 200
"""Characters of what a database says of a failure."""


class SqlTools:
    """The tools of one agent that ask a database.

    Args:
        tools: They, by name.
        opening: Whose they are, and the variables they may use.

    Raises:
        Problem: If a database is of no kind that is known, is no file, or a variable is not set.
    """

    def __init__(self, tools: Mapping[str, ToolSpec], opening: Opening) -> None:
        self._queries = {name: _prepared(tool, opening) for name, tool in tools.items()}

    def close(self) -> None:
        """Do nothing: each call has closed its own connection."""

    def idempotent(self, name: str) -> bool:  # noqa: ARG002
        """Return `False`: a database recognises no key."""
        return False

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:  # noqa: ARG002
        """Run the statement once, and return its records, or how many it changed."""
        return self._queries[name].run(call)


class _Refused(Exception):  # noqa: N818 - it says what is so
    """The records are not an answer that may be given."""

    def __init__(self, kind: ToolErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Query:
    """One statement, ready to be asked."""

    def __init__(self, live: SqlLive, database: Database, engine: sqlalchemy.Engine) -> None:
        read = statement(live.query)
        self._live = live
        self._names = read.names
        self._text = sqlalchemy.text(read.text)
        self._database = database
        self._engine = engine

    def run(self, call: BackendCall) -> ToolResult:
        """Ask; a statement that writes is committed when all is well."""
        seconds = call.within(self._live.timeout_s)
        until = monotonic() + seconds
        values = {name: self._bound(call.args.get(name)) for name in self._names}
        try:
            connection = self._engine.connect()
        except SQLAlchemyError:
            message = "the database cannot be reached, or does not let this user in"
            return ToolResult(error=ToolError("unavailable", message), sent=False)
        committing = False
        try:
            with self._watched(connection, until), connection:
                for line in self._database.begin(self._live, _left(until)):
                    connection.exec_driver_sql(line)
                # A reader takes rows as they are read, so that it can stop in the middle.
                options = {"stream_results": not self._live.writes}
                asked = connection.execute(self._text, values, execution_options=options)
                with closing(asked) as result:
                    value = self._value(result)
                if self._live.writes:
                    committing = True
                    connection.commit()
                return ToolResult(value)
        except _Refused as refused:
            return ToolResult(error=ToolError(refused.kind, str(refused)), sent=False)
        except SQLAlchemyError as failed:
            return self._failed(failed, call.args, committing, until, seconds)

    def _bound(self, value: Json) -> Json:
        """Return an argument as a driver takes it; an object is its JSON text."""
        if isinstance(value, list):
            return self._database.bound(value)
        return canonical_text(value) if isinstance(value, dict) else value

    def _failed(
        self,
        failed: SQLAlchemyError,
        args: Mapping[str, Json],
        committing: bool,
        until: float,
        seconds: float,
    ) -> ToolResult:
        cause = failed.orig if isinstance(failed, DBAPIError) and failed.orig else failed
        kind, message, undone = self._database.fault(cause)
        if kind == "unavailable" and monotonic() >= until:
            kind, message = "timeout", f"no answer within {seconds:g} s"
        told = shorten(str(masked(without_arguments(message, args))), _SAID)
        return ToolResult(error=ToolError(kind, told), sent=committing and not undone)

    @contextmanager
    def _watched(self, connection: sqlalchemy.Connection, until: float) -> Iterator[None]:
        """Break off what takes longer than it may."""
        raw = connection.connection.dbapi_connection
        timer = threading.Timer(_left(until) + self._database.grace_s, self._database.stop, (raw,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _value(self, result: sqlalchemy.CursorResult[Any]) -> Json:
        """Return records, or how many were changed; more than the tool may is refused."""
        most, writes = self._live.max_rows, self._live.writes
        # After a write, `invalid_output` would mean that it happened.
        kind: ToolErrorKind = "invalid" if writes else "invalid_output"
        if not result.returns_rows:
            if result.rowcount > most:
                changes = f"it would change {result.rowcount} rows, and may change {most}"
                raise _Refused(kind, f"{changes}; nothing was changed")
            return {"changed": max(0, result.rowcount)}
        columns = list(result.keys())
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise _Refused(kind, f"two columns are called `{twice}`; name one with `as`")
        records: list[Json] = []
        size = 0
        for row in result:
            if len(records) == most:
                way_out = "nothing was changed" if writes else "narrow the query"
                raise _Refused(kind, f"more than {count(most, 'row')}; {way_out}")
            records.append(
                {name: plain_value(item) for name, item in zip(columns, row, strict=True)}
            )
            size += len(canonical_text(records[-1]).encode())
            if size > self._live.max_bytes:
                raise _Refused(kind, f"the records are longer than {self._live.max_bytes} bytes")
        return records


def _prepared(tool: ToolSpec, opening: Opening) -> _Query:
    live, server = tool.live, opening.bundle.servers[tool.name]
    assert isinstance(live, SqlLive)
    address = opening.variables.fill(server.url or "", tool.name)
    place = f"server `{live.server}` of `{tool.name}`"
    try:
        url = sqlalchemy.make_url(address)
    except (ArgumentError, ValueError):
        # Without the cause: it repeats the address.
        hint = "write `sqlite:///shop.db` or `postgresql://user:password@host/database`"
        raise problem("bad-database", f"{place}: its `url` names no database", hint=hint) from None
    database: Database
    match url.get_backend_name():
        case "sqlite":
            file = opening.bundle.folders[tool.name].resolve() / (url.database or "")
            if not file.is_file():
                hint = (
                    "`sqlite:///shop.db` is beside the manifest, `sqlite:////data/shop.db` is not"
                )
                raise problem("bad-database", f"{place}: there is no such file", hint=hint)
            database, url = SQLite(file), sqlalchemy.make_url("sqlite://")
        case "postgresql" | "postgres":
            database, url = PostgreSQL(), url.set(drivername="postgresql+psycopg")
        case other:
            message = f"{place}: `{other}` cannot be held to reading"
            raise problem("bad-database", message, hint="use SQLite or PostgreSQL")
    try:
        engine = sqlalchemy.create_engine(url, poolclass=NullPool, **database.options(live))
    except ModuleNotFoundError as error:
        raise problem("missing-extra", f"{place} needs psycopg", hint=_EXTRA) from error
    return _Query(live, database, engine)


def _left(until: float) -> float:
    return max(_LEAST_S, until - monotonic())


__all__ = ["SqlTools"]
