"""A real HTTP server on 127.0.0.1 that speaks OpenAI's chat completions and does as it is told.

Each request takes the next step of the script; a request beyond it is answered with 400. What was
asked is kept, so that a test counts attempts where they arrive.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Json = Any
Step = Callable[[BaseHTTPRequestHandler], None]


class Asked(NamedTuple):
    """One request as it arrived."""

    path: str
    key: str
    body: dict[str, Json]


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def completion(message: dict[str, Json], usage: tuple[int, int] | None) -> dict[str, Json]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    body: dict[str, Json] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "loopback-1",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
    }
    if usage is not None:
        given, said = usage
        body["usage"] = {
            "prompt_tokens": given,
            "completion_tokens": said,
            "total_tokens": given + said,
        }
    return body


def says(text: str | None, usage: tuple[int, int] | None = (12, 3), **more: Json) -> Step:
    """Answer with words."""
    return sends(completion({"role": "assistant", "content": text, **more}, usage))


def calls(*made: tuple[str, str], ids: tuple[str, ...] = ()) -> Step:
    """Answer with tool calls: name and the text of the arguments."""
    listed = [
        {
            "id": ids[n] if n < len(ids) else f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for n, (name, arguments) in enumerate(made)
    ]
    return sends(completion({"role": "assistant", "content": None, "tool_calls": listed}, (20, 8)))


def sends(body: Json) -> Step:
    """Answer 200 with any JSON."""
    return lambda handler: send(handler, 200, json.dumps(body).encode())


def sends_page(text: str) -> Step:
    """Answer 200 with what is not JSON."""
    return lambda handler: send(handler, 200, text.encode())


def fails(status: int, message: str = "as told", **headers: str) -> Step:
    """Answer with an error."""
    body = json.dumps({"error": {"message": message, "type": "test", "code": None}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: send(handler, status, body, named)


def stalls(server: "Loopback") -> Step:
    """Say nothing until the server closes."""
    return lambda _: server.closing.wait(30) and None


def drips(server: "Loopback") -> Step:
    """Send one byte now and then, never the whole."""

    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        end = time.monotonic() + 10
        while time.monotonic() < end and not server.closing.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    return step


def cuts(handler: BaseHTTPRequestHandler) -> None:
    """Break off in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"id": "chatcmpl-1", ')
    handler.wfile.flush()
    handler.close_connection = True


class Loopback:
    """The server. Use as a context manager."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                step = outer._next(Asked(self.path, key, body))
                try:
                    step(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: Json) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def script(self, *steps: Step) -> None:
        """Forget what was asked and follow `steps` from here on."""
        with self._lock:
            self.asked.clear()
            self._steps = deque(steps)

    def _next(self, asked: Asked) -> Step:
        with self._lock:
            self.asked.append(asked)
            return self._steps.popleft() if self._steps else fails(400, "nothing scripted")

    def __enter__(self) -> "Loopback":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


__all__ = [
    "Asked",
    "Loopback",
    "Step",
    "calls",
    "completion",
    "cuts",
    "drips",
    "fails",
    "says",
    "send",
    "sends",
    "sends_page",
    "stalls",
]
