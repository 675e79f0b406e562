"""The one door to `state.db`: what must survive the process and be agreed on by several.

Every table belongs to one module, which creates it when it is first used.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode

BUSY_TIMEOUT_S = 10.0
"""How long one process waits for another that is writing."""


def open_db(path: Path) -> sqlite3.Connection:
    """Open the state of a project; the file and its folder are made where they are missing.

    Args:
        path: `state.db` in the state folder.

    Raises:
        Problem: If it cannot be opened, or is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
    except (OSError, sqlite3.Error) as error:
        raise _unusable(f"{path}: {error}") from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do what is inside as a whole or not at all, with nobody else writing meanwhile.

    Raises:
        Problem: If it cannot be written, or another process holds it for too long.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise _unusable(f"the project's state: {error}") from error
        raise


def _unusable(message: str) -> Problem:
    hint = "nothing was done; state.db must be a database of agentctl that can be written"
    return problem("state-unusable", message, hint=hint, exit_code=ExitCode.UNKNOWN)


__all__ = ["BUSY_TIMEOUT_S", "open_db", "transaction"]
