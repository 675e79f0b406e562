"""The one database of a project, `.agentctl/state.db`: effects, approvals, budgets, paused runs.

What is committed here has happened, whatever becomes of the process: write-ahead logging, every
commit on the disk (https://sqlite.org/pragma.html#pragma_synchronous), one writer at a time.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode

PATIENCE_S = 10.0
"""How long a process waits for others that are writing."""
_TURN = Lock()
"""Threads of one process write one after the other. A waiting connection of SQLite tries again now
and then, and of fifty some would never get their turn."""


def open_db(path: Path) -> sqlite3.Connection:
    """Open the database, and make it where it is not there yet.

    Raises:
        Problem: If it cannot be opened, or is not a database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        db = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
    except (sqlite3.Error, OSError) as error:
        raise _failed(path, error) from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do everything inside or nothing; other writers wait.

    Raises:
        Problem: If the database fails; then nothing of it was done.
    """
    try:
        with _TURN:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
    except (sqlite3.Error, OverflowError) as error:
        raise _failed(None, error) from error


def prepare(db: sqlite3.Connection, schema: str) -> None:
    """Make the tables that are not there yet.

    Raises:
        Problem: If the database fails.
    """
    with transaction(db):
        for statement in schema.split(";"):
            db.execute(statement)


def rows(
    db: sqlite3.Connection, query: str, values: Sequence[object] = ()
) -> list[tuple[object, ...]]:
    """Return what a query finds.

    Raises:
        Problem: If the database fails.
    """
    try:
        return list(db.execute(query, tuple(values)))
    except sqlite3.Error as error:
        raise _failed(None, error) from error


def _failed(path: Path | None, error: Exception) -> Problem:
    where = f" {path}" if path else ""
    return problem(
        "state-unusable",
        f"the state of this project{where} cannot be used: {error}",
        hint="nothing was sent; make room, permit writing, or wait for the other process",
        exit_code=ExitCode.UNKNOWN,
    )


__all__ = ["PATIENCE_S", "open_db", "prepare", "rows", "transaction"]
