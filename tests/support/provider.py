"""A real HTTP server on 127.0.0.1 that stands for the system an agent acts on.

It counts what arrives and what took effect, recognises idempotency keys when told to, and can lose
an answer after the effect, as real systems do.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Provider:
    """What the server knows; shared with the test."""

    def __init__(self, *, recognises_keys: bool = False) -> None:
        self.recognises_keys = recognises_keys
        self.lose_answers = 0
        """So many answers are cut off after the effect."""
        self.effects: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of everything that arrived."""
        self.answers: dict[str, Any] = {}
        """Path -> `(status, headers, body)` to answer with instead."""
        self._known: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.url = ""

    def effects_on(self, order: str) -> int:
        return sum(effect["order_id"] == order for effect in self.effects)

    def take(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes] | None:
        """Return status and body, or `None` to cut the connection."""
        with self._lock:
            self.requests.append((method, path, headers))
            order = urlsplit(path).path.split("/")[2]
            if method == "GET":
                done = any(e["order_id"] == order for e in self.effects)
                status = "cancelled" if done else "pending"
                record = {"order_id": order, "customer_id": "cus_7", "status": status, "total": 250}
                return 200, json.dumps(record).encode()
            key = headers.get("Idempotency-Key", "")
            if self.recognises_keys and key and key in self._known:
                return 200, self._known[key]
            arguments = json.loads(body) if body else {}
            self.effects.append({"order_id": order, "key": key, **arguments})
            answer = json.dumps({"order_id": order, "status": "cancelled"}).encode()
            self._known[key] = answer
            if self.lose_answers:
                self.lose_answers -= 1
                return None
            return 200, answer


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            told = provider.answers.get(urlsplit(self.path).path)
            if told is not None:
                provider.requests.append((self.command, self.path, dict(self.headers)))
                status, headers, answer = told
                self._send(status, headers, answer)
                return
            found = provider.take(self.command, self.path, dict(self.headers), body)
            if found is None:
                self.close_connection = True
                self.connection.close()
                return
            self._send(found[0], {"Content-Type": "application/json"}, found[1])

        def _send(self, status: int, headers: dict[str, str], body: Any) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if isinstance(body, bytes):
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                for chunk in body():
                    self.wfile.write(chunk)
            except (BrokenPipeError, ConnectionResetError):
                pass

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


__all__ = ["Provider", "serving"]
