"""A real CRM over HTTP on 127.0.0.1: accounts and tickets in its own SQLite, and OAuth tokens.

It enforces its own rules: a token, a scope, and that a person changes only what belongs to them. It
recognises idempotency keys and can be told to misbehave once, as real systems do. What arrived and
what took effect is counted here, where it counts.
"""

import base64
import json
import sqlite3
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

SCHEMA = """
CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT, owner TEXT);
CREATE TABLE tickets (id INTEGER PRIMARY KEY, account TEXT, subject TEXT, opened_by TEXT);
CREATE TABLE answered (key TEXT PRIMARY KEY, body TEXT);
INSERT INTO accounts VALUES ('acc_1', 'Acme', 'ana'), ('acc_2', 'Beta', 'ben');
"""
Handler = BaseHTTPRequestHandler
Step = Callable[[Handler], bool]
"""Answers instead of the CRM; returns whether the CRM goes on all the same."""


class Arrived(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def answers(status: int, body: bytes = b"{}", **headers: str) -> Step:
    """Answer so, whatever was asked."""

    def step(handler: Handler) -> bool:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return False

    return step


def redirects(to: str, status: int = 302) -> Step:
    return answers(status, b"", Location=to)


def drips(crm: "Crm", *, headers: bool = False) -> Step:
    """Send a byte now and then, in the answer or in a header, and never an end."""

    def step(handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X-A: " if headers else b"\r\n"))
        for _ in range(200):
            if crm.closing.wait(0.05):
                break
            handler.wfile.write(b" ")
            handler.wfile.flush()
        handler.close_connection = True
        return False

    return step


def pours(chunks: Iterator[bytes], **headers: str) -> Step:
    """Send an answer of unknown length."""

    def step(handler: Handler) -> bool:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(chunk)
        return False

    return step


def loses_the_answer(handler: Handler) -> bool:
    """Act, and cut the connection before the answer."""
    handler.wfile = open("/dev/null", "wb")  # type: ignore[assignment]  # noqa: SIM115, PTH123
    handler.close_connection = True
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that refuses an answer closes its connection."""


class Crm:
    """The CRM. Use as a context manager."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.closing = threading.Event()
        self.steps: deque[Step] = deque()
        """What is done with the next requests to the API, instead of serving them."""
        self.token_steps: deque[Step] = deque()
        self.clients = {"support": "s3cret-of-support"}
        self.refresh: set[str] = set()
        """Refresh tokens that are good; each is good once."""
        self.expires_in: Any = 3600
        self.tokens: dict[str, frozenset[str]] = {}
        """Token -> its scopes."""
        self.asked_for_tokens: list[dict[str, str]] = []
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.executescript(SCHEMA)
        self._lock = threading.RLock()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> "Crm":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._db.close()

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS on connections from here on."""
        self._http.socket = context.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def calls(self) -> list[str]:
        """Return method and path of what arrived at the API."""
        return [f"{one.method} {one.path}" for one in self.arrived]

    def give_token(self, form: dict[str, str], credentials: str) -> tuple[int, dict[str, Any]]:
        """Serve RFC 6749."""
        decoded = base64.b64decode(credentials.removeprefix("Basic ")).decode()
        user, _, secret = (unquote_plus(part) for part in decoded.partition(":"))
        self.asked_for_tokens.append({**form, "client": user})
        if self.clients.get(user) != secret:
            return 401, {"error": "invalid_client", "error_description": f"not {secret}"}
        given: dict[str, Any] = {}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh:
                return 400, {"error": "invalid_grant"}
            given["refresh_token"] = f"refresh-{len(self.asked_for_tokens)}-of-{user}"
            self.refresh = {given["refresh_token"]}
        token = f"token-{len(self.asked_for_tokens)}-of-{user}"
        self.tokens[token] = frozenset(form.get("scope", "").split())
        return 200, {
            **given,
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }

    def serve(self, one: Arrived) -> tuple[int, Any]:
        """Serve one call of the API."""
        kind, _, token = one.headers.get("Authorization", "").partition(" ")
        scopes = self.tokens.get(token)
        if kind != "Bearer" or scopes is None:
            return 401, {"error": "who are you?"}
        role, _, person = one.headers.get("X-Agentctl-Principal", "").partition(":")
        if (unquote(role), unquote(person)) == ("", ""):
            return 403, {"error": "on whose behalf?"}
        parts = urlsplit(one.path).path.strip("/").split("/")
        found = self.sql("SELECT id, name, owner FROM accounts WHERE id = ?", unquote(parts[1]))
        if not found:
            return 404, {}
        account = dict(zip(("id", "name", "owner"), found[0], strict=True))
        if account["owner"] != unquote(person):
            return 403, {"error": "not theirs"}
        if one.method == "GET":
            return 200, {"data": {"account": account}}
        if "tickets:write" not in scopes:
            return 403, {"error": "insufficient_scope"}
        key = one.headers.get("Idempotency-Key", "")
        known = self.sql("SELECT body FROM answered WHERE key = ?", key)
        if key and known:
            return 201, json.loads(known[0][0])
        ticket = json.loads(one.body)["ticket"]
        self.sql(
            "INSERT INTO tickets (account, subject, opened_by) VALUES (?, ?, ?)",
            account["id"], ticket["subject"], unquote(person),
        )  # fmt: skip
        number = self.sql("SELECT max(id) FROM tickets")[0][0]
        answer = {"data": {"ticket_id": f"t_{number}", "account_id": account["id"]}}
        self.sql("INSERT OR REPLACE INTO answered VALUES (?, ?)", key, json.dumps(answer))
        return 201, answer


def _handler(crm: Crm) -> type[Handler]:
    class CrmHandler(Handler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            one = Arrived(self.command, self.path, dict(self.headers), body)
            is_token = self.path == "/oauth/token"
            with crm._lock:
                if not is_token:
                    crm.arrived.append(one)
                steps = crm.token_steps if is_token else crm.steps
                step = steps.popleft() if steps else None
            try:
                if step is not None and not step(self):
                    return
                with crm._lock:
                    if is_token:
                        form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
                        status, said = crm.give_token(form, one.headers.get("Authorization", ""))
                    else:
                        status, said = crm.serve(one)
                answers(status, json.dumps(said).encode(), Content_Type="application/json")(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return CrmHandler


__all__ = [
    "Arrived",
    "Crm",
    "Step",
    "answers",
    "drips",
    "loses_the_answer",
    "pours",
    "redirects",
]
