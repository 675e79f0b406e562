"""Approvals that wait: what a person is asked, and whether their answer may still be used.

The answer itself is an event in the trace of its run. The row here makes it findable and makes
it count once: an approval is bound to one canonical call of one run, under one policy and one set
of tools, until it expires.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json, canonical_text, parse_strict
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.masking import masked
from agentctl.core.messages import ApprovalRequest
from agentctl.effects.db import prepare, rows, transaction
from agentctl.effects.ledger import EffectIntent

ApprovalAnswer = Literal["approve", "modify", "reject"]
ApprovalStanding = Literal["pending", "approve", "modify", "reject", "used", "expired"]
DEFAULT_WITHIN_S = 24 * 3600
"""How long an approval is waited for where the rule does not say (`within:`)."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS approvals (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    agent TEXT NOT NULL,
    principal TEXT NOT NULL,
    call_id TEXT NOT NULL,
    call_hash TEXT NOT NULL,
    policy TEXT NOT NULL,
    tools TEXT NOT NULL,
    request TEXT NOT NULL,
    queue TEXT,
    standing TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    decided_by TEXT,
    decided_at TEXT,
    reason TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_pending ON approvals (run, call_hash)
    WHERE standing = 'pending';
"""
_COLUMNS = (
    "id, run, agent, principal, call_id, call_hash, policy, tools, request, queue, standing,"
    " requested_at, expires_at, decided_by, decided_at, reason"
)


class ApprovalBinding(NamedTuple):
    """What an approval holds for, besides the call itself."""

    run: str
    agent: str
    principal: str
    """Whom the agent acts for; they may not approve."""
    policy: str
    """Fingerprint of the policy the call was decided under."""
    tools: str
    """Fingerprint of the tools."""


class PendingApproval(NamedTuple):
    """One row: a request, and how it stands."""

    id: int
    run: str
    agent: str
    principal: str
    call_id: str
    call_hash: str
    policy: str
    tools: str
    request: dict[str, Json]
    queue: str | None
    standing: ApprovalStanding
    requested_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None
    reason: str | None

    def lapses(self, asked: ApprovalRequest) -> datetime:
        """Return when this request, and an answer to it, lapses: never later than its rule says."""
        latest = lapse_of(asked, datetime.fromisoformat(self.requested_at))
        return min(latest, datetime.fromisoformat(self.expires_at))

    def changed_since(self, policy: str, tools: str) -> bool:
        """Whether the call was decided under another policy or other tools than these."""
        return (self.policy, self.tools) != (policy, tools)


def lapse_of(asked: ApprovalRequest, at: datetime) -> datetime:
    """Return when a request that was made at a moment lapses, and any answer to it."""
    return at + timedelta(seconds=asked.within_s or DEFAULT_WITHIN_S)


def request_row(asked: ApprovalRequest) -> dict[str, Json]:
    """Return a request as the inbox keeps it."""
    kept = {**asked._asdict(), "origins": dict(asked.origins), "bound": list(asked.bound)}
    return dict(masked(kept))


class Approvals:
    """The approvals of one project.

    Args:
        db: The database.

    Raises:
        Problem: If the database cannot be used.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        prepare(db, SCHEMA)

    def request(
        self, binding: ApprovalBinding, asked: ApprovalRequest, now: datetime
    ) -> PendingApproval:
        """Put a request into the inbox, or find it there.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            self._expire(now)
            found = self._all(
                "run = ? AND call_hash = ? AND standing = 'pending'", binding.run, asked.call_hash
            )
            if not found:
                self._db.execute(
                    "INSERT INTO approvals (run, agent, principal, policy, tools, call_id,"
                    " call_hash, request, queue, standing, requested_at, expires_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
                    (
                        *binding,
                        asked.call_id,
                        asked.call_hash,
                        canonical_text(request_row(asked)),
                        asked.by,
                        stamp(now),
                        stamp(lapse_of(asked, now)),
                    ),
                )
                found = self._all("id = last_insert_rowid()")
        return found[0]

    def restore(self, row: PendingApproval) -> None:
        """Enter a request as its trace says it; its number is kept where it has one.

        Raises:
            Problem: If the database cannot be used.
        """
        values = [*row._replace(request={})]
        values[0], values[8] = row.id or None, canonical_text(row.request)
        places = ", ".join("?" * len(values))
        with transaction(self._db):
            self._db.execute(
                f"INSERT OR IGNORE INTO approvals ({_COLUMNS}) VALUES ({places})",
                values,
            )

    def decide(
        self, approval_id: int, answer: ApprovalAnswer, by: str, reason: str | None, now: datetime
    ) -> None:
        """Note a person's answer; the event in the trace comes before it.

        Raises:
            Problem: If it was decided, used or has expired meanwhile.
        """
        with transaction(self._db):
            self._expire(now)
            done = self._db.execute(
                "UPDATE approvals SET standing = ?, decided_by = ?, decided_at = ?, reason = ?"
                " WHERE id = ? AND standing = 'pending'",
                (answer, by, stamp(now), reason, approval_id),
            )
            if done.rowcount != 1:
                raise not_pending(self.find(approval_id))

    def use(
        self, db: sqlite3.Connection, approval: int, intent: EffectIntent, now: datetime
    ) -> str | None:
        """Use an approval up, inside the ledger's transaction; or say why it cannot be used."""
        self._expire(now)
        row = db.execute("SELECT run, standing FROM approvals WHERE id = ?", (approval,)).fetchone()
        if row is None:
            return f"no approval {approval}"
        run, standing = row
        if run != intent.run:
            return f"approval {approval} was given for another run"
        if standing not in ("approve", "modify"):
            return f"approval {approval} is {_SAID.get(standing, standing)}"
        db.execute("UPDATE approvals SET standing = 'used' WHERE id = ?", (approval,))
        return None

    def find(self, approval_id: int) -> PendingApproval:
        """Return one request.

        Raises:
            Problem: If no approval has this number.
        """
        found = self._all("id = ?", approval_id)
        if not found:
            message = f"no approval {approval_id}"
            raise problem("unknown-approval", message, hint="agentctl inbox list")
        return found[0]

    def current(self, approval_id: int, now: datetime) -> PendingApproval:
        """Return one request in its present state.

        Raises:
            Problem: If no approval has this number.
        """
        with transaction(self._db):
            self._expire(now)
        return self.find(approval_id)

    def pending(self, now: datetime) -> list[PendingApproval]:
        """Return what waits, the oldest first."""
        with transaction(self._db):
            self._expire(now)
        return self._all("standing = 'pending' ORDER BY id")

    def _expire(self, now: datetime) -> None:
        self._db.execute(
            "UPDATE approvals SET standing = 'expired' WHERE expires_at <= ?"
            " AND standing IN ('pending', 'approve', 'modify')",
            (stamp(now),),
        )

    def _all(self, where: str, *values: object) -> list[PendingApproval]:
        query = f"SELECT {_COLUMNS} FROM approvals WHERE {where}"
        return [_waiting(row) for row in rows(self._db, query, values)]


_SAID = {
    "pending": "not given yet",
    "reject": "a rejection",
    "used": "used already",
    "expired": "expired",
}


def not_pending(found: PendingApproval) -> Problem:
    """Return the problem that a request does not wait any more."""
    said = _SAID.get(found.standing, "given already")
    by = f", by {found.decided_by}" if found.decided_by else ""
    return problem(
        "not-pending", f"approval {found.id} is {said}{by}", exit_code=ExitCode.NO,
        hint=f"agentctl inbox show {found.id}",
    )  # fmt: skip


def _waiting(row: tuple[object, ...]) -> PendingApproval:
    values = list(row)
    values[8] = parse_strict(str(values[8]), max_bytes=2**30)
    return PendingApproval(*values)  # type: ignore[arg-type]  # the columns are in the order of the fields


__all__ = [
    "DEFAULT_WITHIN_S",
    "SCHEMA",
    "ApprovalAnswer",
    "ApprovalBinding",
    "ApprovalStanding",
    "Approvals",
    "PendingApproval",
    "lapse_of",
    "not_pending",
    "request_row",
]
