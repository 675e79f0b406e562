"""The effect ledger: what was intended, what was sent, what happened. Each effect at most once.

    intended -> dispatched -> succeeded | unverified | failed | in_doubt

A doubt is reconciled by the tool's look-up or by a person: the effect then has the state they
found, and `settled_by` says who found it.

An effect is known by its key, which is made of the arguments that the manifest names, not of the
model's call id. So a duplicate that the model plans again, a second process and a run that is
resumed after a crash all meet what is here, and none of them sends it again.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from agentctl.core.canonical import Json, canonical_text, digest, parse_strict
from agentctl.core.clock import stamp
from agentctl.core.errors import problem
from agentctl.core.masking import masked
from agentctl.core.messages import ToolError, ToolResult
from agentctl.effects.db import prepare, rows, transaction

EffectState = Literal["intended", "dispatched", "succeeded", "unverified", "failed", "in_doubt"]
"""How far an effect got. `unverified`: it happened, and its receipt cannot be read."""
SETTLED: frozenset[str] = frozenset({"succeeded", "unverified", "failed"})

CONFIRM = "no effect is sent until a person confirms it: agentctl inbox confirm"

SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    provider_key TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    approval INTEGER UNIQUE,
    intended_at TEXT NOT NULL,
    settled_at TEXT,
    settled_by TEXT,
    reason TEXT,
    UNIQUE (run, key)
) STRICT;
CREATE INDEX IF NOT EXISTS effects_by_key ON effects (key);
CREATE TABLE IF NOT EXISTS holds (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    confirmed_by TEXT,
    confirmed_at TEXT
) STRICT;
"""
_COLUMNS = (
    "id, run, key, tool, arguments, provider_key, state, result, intended_at, settled_at,"
    " settled_by, reason"
)


class EffectIntent(NamedTuple):
    """An effect that is about to be sent."""

    run: str
    key: str
    """What makes two calls the same effect."""
    tool: str
    arguments: dict[str, Json]
    """Canonical: those that were decided on. Their secrets are masked in the ledger."""
    approval: int | None = None
    """The approval it uses up, where it needed one that waited."""
    remembered_s: float = 0.0
    """For so many seconds the same effect of another run is refused."""


def provider_key(run: str, key: str) -> str:
    """Return what a provider is sent as the idempotency key of an effect."""
    return digest([run, key])[:32]


def ledger_key(tool: str, key: str | None, run: str, seq: int, environment: str | None) -> str:
    """Return by what the ledger knows an effect.

    Args:
        tool: The tool.
        key: What makes it the same effect as another; `None` = it is known by its place in its run.
        run: The run.
        seq: The position of its `effect.intended`.
        environment: What was done in staging has not been done in production.
    """
    known = key or f"{tool} {run} {seq}"
    return f"{environment} {known}" if environment is not None else known


class EffectRecord(NamedTuple):
    """One row of the ledger."""

    id: int
    run: str
    key: str
    tool: str
    arguments: dict[str, Json]
    provider_key: str
    """What the provider is sent as its idempotency key."""
    state: EffectState
    result: dict[str, Json] | None
    """`{value}` or `{error, message}`; `None` while it is not known."""
    intended_at: str
    settled_at: str | None
    settled_by: str | None
    """Who found out: `provider`, `look-up`, or a person."""
    reason: str | None


class LedgerClaim(NamedTuple):
    """What the ledger says to an effect that is about to be sent."""

    effect: EffectRecord | None
    """The row; `None` where the effect must not happen."""
    send: bool
    """Whether it may be sent: it has not been sent before."""
    refusal: str | None = None
    """Why it must not happen."""
    unapproved: bool = False
    """Whether that is for want of an approval."""


class ApprovalUse(Protocol):
    """What uses up an approval inside the ledger's transaction."""

    def use(
        self, db: sqlite3.Connection, approval: int, intent: EffectIntent, now: datetime
    ) -> str | None:
        """Use it up, or say why it cannot be used."""
        ...


class Ledger:
    """The effects of one project.

    Args:
        db: The database.
        approvals: What uses up approvals, in the same transaction.

    Raises:
        Problem: If the database cannot be used.
    """

    def __init__(self, db: sqlite3.Connection, approvals: ApprovalUse) -> None:
        self._db = db
        self._approvals = approvals
        prepare(db, SCHEMA)

    def claim(self, intent: EffectIntent, now: datetime) -> LedgerClaim:
        """Write the intent, or find the outcome of the same effect.

        One transaction looks for the effect, uses up the approval and writes `intended`.

        Raises:
            Problem: If the database cannot be used; then nothing may be sent.
        """
        kept = masked(intent.arguments)
        with transaction(self._db):
            own = self._one("run = ? AND key = ?", (intent.run, intent.key))
            if own is not None and own.state != "failed":
                # A secret is not kept, so that two of them cannot be compared.
                if own.arguments != kept or kept != intent.arguments:
                    return LedgerClaim(None, False, _other_arguments(own))
                return LedgerClaim(own, own.state == "intended")
            held = self.held()
            if held is not None:
                return LedgerClaim(None, False, f"{held}: {CONFIRM}", unapproved=True)
            refusal = self._elsewhere(intent, now)
            if refusal is not None:
                return LedgerClaim(None, False, refusal)
            if intent.approval is not None:
                refusal = self._approvals.use(self._db, intent.approval, intent, now)
                if refusal is not None:
                    return LedgerClaim(None, False, refusal, unapproved=True)
            self._write(intent._replace(arguments=kept), own, now)
            return LedgerClaim(self._one("run = ? AND key = ?", (intent.run, intent.key)), True)

    def _elsewhere(self, intent: EffectIntent, now: datetime) -> str | None:
        """Say which other run stands in the way: its effect is open, or happened not long ago."""
        since = stamp(now - timedelta(seconds=intent.remembered_s))
        for other in self._all("key = ? AND run != ? ORDER BY id DESC", (intent.key, intent.run)):
            if other.state not in SETTLED:
                return (
                    f"run {other.run} left the same effect {other.state.replace('_', ' ')};"
                    f" settle it first: agentctl inbox settle {other.id}"
                )
            if other.state != "failed" and (other.settled_at or "") >= since:
                return f"run {other.run} did this already, at {other.settled_at}"
        return None

    def _write(self, intent: EffectIntent, failed: EffectRecord | None, now: datetime) -> None:
        if failed is not None:
            self._db.execute(
                "UPDATE effects SET state = 'intended', arguments = ?, result = NULL,"
                " intended_at = ?, settled_at = NULL, settled_by = NULL, approval = ? WHERE id = ?",
                (canonical_text(intent.arguments), stamp(now), intent.approval, failed.id),
            )
            return
        self._db.execute(
            "INSERT INTO effects (run, key, tool, arguments, provider_key, state, approval,"
            " intended_at) VALUES (?, ?, ?, ?, ?, 'intended', ?, ?)",
            (
                intent.run,
                intent.key,
                intent.tool,
                canonical_text(intent.arguments),
                provider_key(intent.run, intent.key),
                intent.approval,
                stamp(now),
            ),
        )

    def restore(self, record: EffectRecord, approval: int | None) -> None:
        """Enter an effect as its trace says it; of several with one key the one that happened.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            own = self._one("run = ? AND key = ?", (record.run, record.key))
            if own is not None and own.state != "failed":
                return
            self._db.execute(
                "INSERT OR REPLACE INTO effects (run, key, tool, arguments, provider_key, state,"
                " result, approval, intended_at, settled_at, settled_by)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.run,
                    record.key,
                    record.tool,
                    canonical_text(record.arguments),
                    record.provider_key,
                    record.state,
                    None if record.result is None else canonical_text(record.result),
                    approval,
                    record.intended_at,
                    record.settled_at,
                    record.settled_by,
                ),
            )

    def hold(self, reason: str) -> None:
        """Send no effect that is not known yet, until a person confirms that it may be sent.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            self._db.execute("INSERT INTO holds (reason) VALUES (?)", (reason,))

    def held(self) -> str | None:
        """Return why no effect is sent at present, if none is."""
        found = rows(self._db, "SELECT reason FROM holds WHERE confirmed_by IS NULL")
        return "; ".join(str(reason) for (reason,) in found) or None

    def confirm(self, by: str, now: datetime) -> None:
        """Let effects be sent again, on the word of a person.

        Raises:
            Problem: If the database cannot be used.
        """
        with transaction(self._db):
            self._db.execute(
                "UPDATE holds SET confirmed_by = ?, confirmed_at = ? WHERE confirmed_by IS NULL",
                (by, stamp(now)),
            )

    def dispatched(self, effect: EffectRecord) -> bool:
        """Record that the effect is being sent; `False` where another process was faster.

        Raises:
            Problem: If it cannot be recorded; then it must not be sent.
        """
        with transaction(self._db):
            done = self._db.execute(
                "UPDATE effects SET state = 'dispatched' WHERE id = ? AND state = 'intended'",
                (effect.id,),
            )
            return done.rowcount == 1

    def settle(
        self,
        effect: EffectRecord,
        state: EffectState,
        result: ToolResult,
        now: datetime,
        by: str = "provider",
        reason: str | None = None,
    ) -> None:
        """Record the outcome of an effect that was sent.

        Raises:
            Problem: If it cannot be recorded; the effect then stays dispatched, for `reconcile`.
        """
        known = masked(result.error.as_json() if result.error else {"value": result.value})
        with transaction(self._db):
            self._db.execute(
                "UPDATE effects SET state = ?, result = ?, settled_at = ?, settled_by = ?,"
                " reason = ? WHERE id = ? AND state IN ('intended', 'dispatched', 'in_doubt')",
                (state, canonical_text(known), stamp(now), by, reason, effect.id),
            )

    def find(self, effect_id: int) -> EffectRecord:
        """Return one effect.

        Raises:
            Problem: If no effect has this number.
        """
        found = self._one("id = ?", (effect_id,))
        if found is None:
            raise problem("unknown-effect", f"no effect {effect_id}", hint="agentctl inbox list")
        return found

    def open_effects(self) -> list[EffectRecord]:
        """Return what was sent, or may have been, and is not settled."""
        return self._all("state IN ('intended', 'dispatched', 'in_doubt') ORDER BY id", ())

    def _one(self, where: str, values: Sequence[object]) -> EffectRecord | None:
        found = self._all(where, values)
        return found[0] if found else None

    def _all(self, where: str, values: Sequence[object]) -> list[EffectRecord]:
        query = f"SELECT {_COLUMNS} FROM effects WHERE {where}"
        return [_effect(row) for row in rows(self._db, query, values)]


def result_of(effect: EffectRecord) -> ToolResult:
    """Return what a settled effect brought, as its tool returned it."""
    known = effect.result or {}
    if "error" in known:
        return ToolResult(error=ToolError(known["error"], known["message"]))
    return ToolResult(known.get("value"))


def _effect(row: tuple[object, ...]) -> EffectRecord:
    values = list(row)
    values[4] = parse_strict(str(values[4]))
    values[7] = None if values[7] is None else parse_strict(str(values[7]), max_bytes=2**30)
    return EffectRecord(*values)  # type: ignore[arg-type]  # the columns are in the order of the fields


def _other_arguments(own: EffectRecord) -> str:
    return (
        f"the same effect (by the manifest's idempotency key) was already {own.state} in this run"
        " with other arguments"
    )


__all__ = [
    "SETTLED",
    "ApprovalUse",
    "EffectIntent",
    "EffectRecord",
    "EffectState",
    "Ledger",
    "LedgerClaim",
    "ledger_key",
    "provider_key",
    "result_of",
]
