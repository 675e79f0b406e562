"""A real HTTP server on 127.0.0.1 that speaks as a provider of models does, and does as it is told.

Each request takes the next step of the script; a request beyond it is answered with 400. What was
asked is kept, so that a test counts attempts where they arrive.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.support.loopback_wires import OPENAI, Call, Said, Wire

Json = Any
Step = Callable[["Handler"], None]


class Asked(NamedTuple):
    """One request as it arrived."""

    path: str
    key: str
    body: dict[str, Json]
    headers: dict[str, str]


def send(
    handler: "Handler",
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


def says(text: str | None, usage: tuple[int, int] | None = (12, 3), **more: Json) -> Step:
    """Answer with words.

    Args:
        text: The words.
        usage: Input and output tokens; `None` = not counted.
        more: Other fields of `Said`: cached, reasoning, refused.
    """
    return turn(Said(text, (), usage, **more))


def calls(*made: tuple[str, str], ids: tuple[str, ...] = (), say: str | None = None) -> Step:
    """Answer with tool calls: name and the text of the arguments."""
    listed = tuple(
        Call(ids[n] if n < len(ids) else f"call_{n}", name, arguments)
        for n, (name, arguments) in enumerate(made)
    )
    return turn(Said(say, listed, (20, 8)))


def turn(said: Said) -> Step:
    """Answer with one turn of a model, whole or as a stream, as it was asked for."""

    def step(handler: Handler) -> None:
        if handler.streams:
            stream(handler, list(handler.wire.events(said)))
        else:
            send(handler, 200, json.dumps(handler.wire.body(said)).encode())

    return step


def stream(handler: "Handler", events: Iterable[bytes]) -> None:
    """Send events as they come, and close the connection after the last."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for event in events:
        handler.wfile.write(event)
        handler.wfile.flush()


def sends(body: Json) -> Step:
    """Answer 200 with any JSON."""
    return lambda handler: send(handler, 200, json.dumps(body).encode())


def sends_page(text: str) -> Step:
    """Answer 200 with what is not JSON."""
    return lambda handler: send(handler, 200, text.encode())


def fails(status: int, message: str = "as told", **headers: str) -> Step:
    """Answer with an error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def step(handler: Handler) -> None:
        send(handler, status, json.dumps(handler.wire.error(status, message)).encode(), named)

    return step


def stalls(server: "Loopback") -> Step:
    """Say nothing until the server closes."""
    return lambda _: server.closing.wait(30) and None


def drips(server: "Loopback") -> Step:
    """Send one byte now and then, never the whole."""

    def step(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        end = time.monotonic() + 10
        while time.monotonic() < end and not server.closing.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    return step


def cuts(handler: "Handler") -> None:
    """Break off in the middle of the answer, without a word about it."""
    said = Said("Half of this answer never arrives.", (), (12, 3))
    if handler.streams:
        events = list(handler.wire.events(said))
        stream(handler, events[: len(events) // 2])
        return
    body = json.dumps(handler.wire.body(said)).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """One request; what a step needs to know about it."""

    server: "Server"
    streams: bool
    """Whether the answer is wanted as a stream."""

    @property
    def wire(self) -> Wire:
        """The format that is spoken."""
        return self.server.loopback.wire

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.streams = self.wire.streams(self.path, body)
        key = self.wire.key(self.headers)  # type: ignore[arg-type]
        step = self.server.loopback.next(Asked(self.path, key, body, dict(self.headers)))
        try:
            step(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Json) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The sockets of a loopback server."""

    daemon_threads = True
    block_on_close = False
    loopback: "Loopback"


class Loopback:
    """The server. Use as a context manager.

    Args:
        wire: The format it speaks; OpenAI's unless told otherwise.
    """

    def __init__(self, wire: Wire = OPENAI) -> None:
        self.wire = wire
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._steps: deque[Step] = deque()
        self._lock = threading.Lock()
        self._http = Server(("127.0.0.1", 0), Handler)
        self._http.loopback = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """What a spec's `base_url` says to have it asked."""
        return f"http://127.0.0.1:{self._http.server_port}{self.wire.path}"

    def script(self, *steps: Step) -> None:
        """Forget what was asked and follow `steps` from here on."""
        with self._lock:
            self.asked.clear()
            self._steps = deque(steps)

    def next(self, asked: Asked) -> Step:
        """Note what was asked and return what follows."""
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
    "Handler",
    "Loopback",
    "Step",
    "calls",
    "cuts",
    "drips",
    "fails",
    "says",
    "send",
    "sends",
    "sends_page",
    "stalls",
    "stream",
    "turn",
]
