"""The two kinds of database that tools may ask: how each is opened, held to reading, and stopped.

What a driver complains of is told apart by its code, never by its words. Values come back as JSON;
what JSON has no form for is text.
"""

import math
import os
import socket
import sqlite3
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from agentctl.core.canonical import MAX_SAFE_INTEGER, Json, canonical_text
from agentctl.core.messages import ToolErrorKind
from agentctl.specs.shapes.live_kinds import SqlLive

_OUTSIDE = "from within a transaction"
READS_ONLY = "this tool only reads, and the database refused to write"


class DatabaseFault(NamedTuple):
    """What a driver's error means."""

    kind: ToolErrorKind
    message: str
    undone: bool = True
    """Whether the transaction surely did not happen."""


_BROKEN = DatabaseFault("unavailable", "the connection to the database broke", undone=False)


class Database(Protocol):
    """One kind of database."""

    @property
    def grace_s(self) -> float:
        """Seconds a statement may run over its time before it is stopped from here."""
        ...

    def options(self, live: SqlLive) -> dict[str, Any]:
        """Return how SQLAlchemy opens a connection for a tool, besides the address."""
        ...

    def begin(self, live: SqlLive, seconds: float) -> tuple[str, ...]:
        """Return the statements that begin a transaction which may take so long."""
        ...

    def stop(self, connection: Any) -> None:
        """Break off what a connection does; called from another thread."""
        ...

    def bound(self, value: list[Json]) -> Json:
        """Return a list as the driver binds it."""
        ...

    def fault(self, error: BaseException) -> DatabaseFault:
        """Return what the driver's error means, in words that may hold a value."""
        ...


class SQLite:
    """A file, opened read-only unless the tool writes; never created.

    Args:
        path: The file.
    """

    grace_s = 0.0

    def __init__(self, path: Path) -> None:
        self._path = path

    def options(self, live: SqlLive) -> dict[str, Any]:
        """Return how a connection is opened."""
        mode = "rw" if live.writes else "ro"
        address = f"{self._path.as_uri()}?mode={mode}"

        def connect() -> sqlite3.Connection:
            made = sqlite3.connect(address, timeout=live.timeout_s, isolation_level=None, uri=True)
            made.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # it would create another file
            made.set_authorizer(_no_other_file)
            return made

        return {"creator": connect}

    def begin(self, live: SqlLive, seconds: float) -> tuple[str, ...]:  # noqa: ARG002
        """Return the statements that begin a transaction; who writes waits for the others here."""
        return ("BEGIN IMMEDIATE",) if live.writes else ("BEGIN",)

    def stop(self, connection: Any) -> None:
        """Break off what a connection does."""
        with suppress(sqlite3.Error):
            connection.interrupt()

    def bound(self, value: list[Json]) -> Json:
        """Return the JSON text, which `json_each` takes apart: SQLite knows no arrays."""
        return canonical_text(value)

    def fault(self, error: BaseException) -> DatabaseFault:
        """Return what an error means, by its result code (sqlite.org/rescode.html)."""
        code: int | None = getattr(error, "sqlite_errorcode", None)
        if code is None:  # Not SQLite's own: the driver's words may repeat a value.
            return DatabaseFault("internal", f"the driver refused it: {type(error).__name__}")
        said = str(error)
        match code & 0xFF:
            case sqlite3.SQLITE_INTERRUPT:
                return DatabaseFault("timeout", "the statement took too long; it was undone")
            case sqlite3.SQLITE_READONLY:
                return DatabaseFault("forbidden", READS_ONLY)
            case sqlite3.SQLITE_AUTH | sqlite3.SQLITE_PERM:
                return DatabaseFault("forbidden", "the statement reaches for another file")
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return DatabaseFault("unavailable", "the database is locked by another")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_FULL:
                return DatabaseFault("unavailable", "the database cannot be used")
            case sqlite3.SQLITE_CONSTRAINT:
                return DatabaseFault("conflict", said)
            case sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_TOOBIG:
                return DatabaseFault("invalid", said)
        if _OUTSIDE in said:  # `VACUUM INTO`: the one refusal that has no code of its own
            return DatabaseFault("forbidden", said)
        return DatabaseFault("internal", said)


class PostgreSQL:
    """A server, in a read-only transaction unless the tool writes."""

    grace_s = 1.0
    """Seconds after which the connection is cut, should the server not end the statement itself."""

    def options(self, live: SqlLive) -> dict[str, Any]:
        """Return how a connection is opened: every statement is prepared, so it can be but one."""
        seconds = math.ceil(live.timeout_s)
        return {"connect_args": {"prepare_threshold": 0, "connect_timeout": seconds}}

    def begin(self, live: SqlLive, seconds: float) -> tuple[str, ...]:
        """Return the statements that begin a transaction."""
        limit = f"SET LOCAL statement_timeout = {math.ceil(seconds * 1000)}"
        return (limit,) if live.writes else ("SET TRANSACTION READ ONLY", limit)

    def stop(self, connection: Any) -> None:
        """Cut the connection: a server that did not stop by itself may not hear a request to."""
        with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def bound(self, value: list[Json]) -> Json:
        """Return an array, for `= any(:ids)`; items of several kinds are JSON text."""
        kinds = {type(item) for item in value if item is not None}
        plain = kinds <= {str} or kinds <= {bool} or kinds <= {int, float}
        return value if plain else canonical_text(value)

    def fault(self, error: BaseException) -> DatabaseFault:
        """Return what an error means, by its SQLSTATE (PostgreSQL's appendix A)."""
        state: str = getattr(error, "sqlstate", None) or ""
        said = str(getattr(getattr(error, "diag", None), "message_primary", None) or "no reason")
        if state == "57014":
            return DatabaseFault("timeout", "the statement took too long; it was undone")
        if state == "25006":
            return DatabaseFault("forbidden", READS_ONLY)
        if state == "42501" or state[:2] == "25":
            # 25: it would have to run outside of the transaction that holds it to its limits.
            return DatabaseFault("forbidden", said)
        match state[:2]:
            case "23":
                return DatabaseFault("conflict", said)
            case "22":
                return DatabaseFault("invalid", said)
            case "40":
                return DatabaseFault("unavailable", said, state != "40003")
            case "53" | "55":
                return DatabaseFault("unavailable", said)
            case "08" | "57":
                return _BROKEN
            case "":  # Not the server's own.
                name = type(error).__name__
                lost = name in ("OperationalError", "InterfaceError")
                kind: ToolErrorKind = "invalid" if name == "DataError" else "internal"
                return _BROKEN if lost else DatabaseFault(kind, f"the driver refused it: {name}")
        return DatabaseFault("internal", said)


def _no_other_file(action: int, *_: object) -> int:
    """Refuse what opens another database; `VACUUM INTO` does as well."""
    other = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    return sqlite3.SQLITE_DENY if other else sqlite3.SQLITE_OK


def plain_value(value: object) -> Json:
    """Return a value of a database as JSON.

    Decimals, moments, UUIDs and integers beyond 2^53 become text, bytes base64, NaN and infinities
    text as well; what is a list or an object stays one.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return b64encode(value).decode()
        case Mapping():
            return {str(key): plain_value(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_value(item) for item in value]
    return str(value)


__all__ = ["READS_ONLY", "Database", "DatabaseFault", "PostgreSQL", "SQLite", "plain_value"]
