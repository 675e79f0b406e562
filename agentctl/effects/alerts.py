"""Alerts that leave the process: a program that is run, an address that is posted to.

Each is sent once for an agent, a limit and a period, whichever process meets it first. An alert
that could not be sent is forgotten again, so the next breach tries again; it never stops a run. One
whose process dies while it is being sent is not sent a second time.
"""

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.money import money_text
from agentctl.core.text import fill_variables
from agentctl.effects.budget import BudgetBreach
from agentctl.specs.shapes.project import Alerts

SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
    agent TEXT NOT NULL,
    what TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    period TEXT NOT NULL,
    channel TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (agent, what, limit_name, period, channel)
) STRICT;
"""
COMMAND_TIMEOUT_S = 10.0
WEBHOOK_TIMEOUT_S = 5.0


class Alert(NamedTuple):
    """One breach of a limit on money."""

    what: BudgetBreach
    agent: str
    run: str
    """The run that met it."""
    limit: str
    """`cost_usd.day` and so on."""
    period: str
    """`2026-01-15`, `2026-01`, or the run."""
    used: Decimal
    most: Decimal
    at: str

    def as_json(self) -> dict[str, Json]:
        """Return what the command reads and the webhook is sent; money is text."""
        used, most = money_text(self.used), money_text(self.most)
        return {"schema_version": "1", **self._asdict(), "used": used, "most": most}


class _NotSent(Exception):  # noqa: N818 - it says what is so
    """Why an alert did not go out, without addresses, which may hold a secret."""


class AlertSender:
    """Sends alerts, each once.

    Args:
        db: The project's state: it remembers what was sent.
        spec: Where to.
        root: Where the command is run.
        note: Told of alerts that could not be sent.
        env: The variables of the process; left out = those it has.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        spec: Alerts,
        root: Path,
        note: Callable[[str], None],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._db = db
        self._spec = spec
        self._root = root
        self._note = note
        self._env = os.environ if env is None else env
        db.executescript(SCHEMA)

    def send(self, alert: Alert) -> None:
        """Send an alert by every channel that has not sent it yet."""
        if alert.what not in self._spec.on:
            return
        if self._spec.command is not None:
            self._try(alert, "command", self._run)
        if self._spec.webhook is not None:
            self._try(alert, "webhook", self._post)

    def _try(self, alert: Alert, channel: str, send: Callable[[bytes], None]) -> None:
        try:
            self._once(alert, channel, send)
        except (_NotSent, sqlite3.Error) as error:
            told = f"{alert.limit} of {alert.agent}"
            self._note(f"warning: the alert on {told} was not sent: {error}")

    def _once(self, alert: Alert, channel: str, send: Callable[[bytes], None]) -> None:
        key = (alert.agent, alert.what, alert.limit, alert.period, channel)
        claimed = self._db.execute(
            "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?)", (*key, alert.at)
        )
        if not claimed.rowcount:
            return
        try:
            send(json.dumps(alert.as_json(), ensure_ascii=False).encode() + b"\n")
        except _NotSent:
            self._db.execute(
                "DELETE FROM alerts WHERE agent = ? AND what = ? AND limit_name = ?"
                " AND period = ? AND channel = ?",
                key,
            )
            raise

    def _run(self, body: bytes) -> None:
        command = self._spec.command or ()
        names = ("PATH", *self._spec.env)
        try:
            done = subprocess.run(
                command,
                input=body,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_TIMEOUT_S,
                env={name: self._env[name] for name in names if name in self._env},
                cwd=self._root,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _NotSent(f"the command took longer than {COMMAND_TIMEOUT_S:g} s") from error
        except (OSError, ValueError) as error:
            raise _NotSent(f"the command cannot be run: {error}") from error
        if done.returncode:
            raise _NotSent(f"the command ended with {done.returncode}")

    def _post(self, body: bytes) -> None:
        address = self._address()
        import httpx  # noqa: PLC0415 - takes a tenth of a second, so only when there is an alert

        try:
            answer = httpx.post(
                address,
                content=body,
                headers={"Content-Type": "application/json"},
                timeout=WEBHOOK_TIMEOUT_S,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _NotSent(f"the webhook was not reached: {type(error).__name__}") from error
        if not answer.is_success:
            raise _NotSent(f"the webhook answered {answer.status_code}")

    def _address(self) -> str:
        """Return the webhook's address with `${NAME}` filled in from the environment."""
        webhook = self._spec.webhook or ""
        try:
            return fill_variables(webhook, self._env.__getitem__)
        except KeyError as missing:
            why = f"the webhook needs the variable {missing.args[0]}, which is not set"
            raise _NotSent(why) from missing


__all__ = ["COMMAND_TIMEOUT_S", "SCHEMA", "WEBHOOK_TIMEOUT_S", "Alert", "AlertSender"]
