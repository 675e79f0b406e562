"""What it takes to resume a paused run: which agent, for whom, against which tools.

Everything that happened is in the run's trace; this is only what a run was started with.
"""

import sqlite3
from typing import NamedTuple

from agentctl.core.canonical import Json, canonical_text, parse_strict
from agentctl.core.errors import problem
from agentctl.effects.db import prepare, rows, transaction

SCHEMA = "CREATE TABLE IF NOT EXISTS sessions (run TEXT PRIMARY KEY, recipe TEXT NOT NULL) STRICT"


class RunRecipe(NamedTuple):
    """How a run was started."""

    agent: str
    """The agent's file, relative to the project's root."""
    principal: dict[str, Json]
    """`{id, role, name, attributes}`."""
    mode: str
    """mock or live."""
    model: str | None = None
    """The model, where it is not the spec's."""
    world: str | None = None
    """The golden set that lends its world."""
    scenario: str | None = None
    """The scenario of `world` that is played."""
    environment: str | None = None
    """Where live tools are: staging or production."""
    records: bool = False
    """Whether what live tools answer is kept as replies for mocks."""
    batch: str | None = None
    """The results file of the batch it is part of."""
    task: str | None = None
    """Its id in the batch."""


class PausedRuns:
    """The runs of one project that can be resumed.

    Args:
        db: The database.

    Raises:
        Problem: If the database cannot be used.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        prepare(db, SCHEMA)

    def keep(self, run: str, recipe: RunRecipe) -> None:
        """Keep how a run was started, before anything happens in it.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO sessions (run, recipe) VALUES (?, ?)",
                (run, canonical_text(recipe._asdict())),
            )

    def find(self, run: str) -> RunRecipe:
        """Return how a run was started.

        Raises:
            Problem: If it has ended, or was never one that waits.
        """
        found = self.known(run)
        if found is None:
            raise problem(
                "not-resumable",
                f"run {run} cannot be resumed",
                hint="a run that waits for a person can, until it ends",
            )
        return found

    def known(self, run: str) -> RunRecipe | None:
        """Return how a run was started; `None` once it has ended."""
        found = rows(self._db, "SELECT recipe FROM sessions WHERE run = ?", (run,))
        return RunRecipe(**parse_strict(str(found[0][0]))) if found else None

    def of_batch(self, batch: str) -> dict[str, str]:
        """Return the runs of a batch that have no result yet: the task's id -> the newest run."""
        recipes = (
            (str(run), parse_strict(str(recipe)))
            for run, recipe in rows(self._db, "SELECT run, recipe FROM sessions ORDER BY run")
        )
        return {r["task"]: run for run, r in recipes if r.get("batch") == batch}

    def all(self) -> set[str]:
        """Return the ids of all runs that can be resumed."""
        return {str(run) for (run,) in rows(self._db, "SELECT run FROM sessions")}

    def forget(self, run: str) -> None:
        """Forget a run that has ended.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            self._db.execute("DELETE FROM sessions WHERE run = ?", (run,))


__all__ = ["PausedRuns", "RunRecipe"]
