"""An MCP server without an SDK, which answers a call with whatever bytes it is told.

`python tests/support/mcp_raw.py HOW` speaks over stdio; `RawServer(HOW)` over HTTP.
"""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

DONE = '{"content": [], "structuredContent": {"written": 1}}'
ANSWERS = {
    "well": f'{{"jsonrpc": "2.0", "id": ID, "result": {DONE}}}',
    "duplicate": '{"jsonrpc": "2.0", "id": ID, "result":'
    ' {"content": [], "structuredContent": {"written": 1, "written": 2}}}',
    "both": f'{{"jsonrpc": "2.0", "id": ID, "result": {DONE},'
    ' "error": {"code": -32602, "message": "no"}}',
    "text-id": f'{{"jsonrpc": "2.0", "id": "ID", "result": {DONE}}}',
    "float-id": f'{{"jsonrpc": "2.0", "id": ID.0, "result": {DONE}}}',
}
"""How a call is answered; `ID` stands for the id of its request."""
QUESTION = {
    "jsonrpc": "2.0",
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Who is there?",
        "requestedSchema": {"type": "object", "properties": {}},
    },
}


def answered(request: dict[str, Any], how: str) -> Iterator[bytes]:
    """Yield the messages that answer one request."""
    method, number = request.get("method"), request.get("id")
    if number is None or method is None:
        return
    result: dict[str, Any]
    if method == "tools/call" and how == "flood":
        count = 0
        while True:
            count += 1
            yield json.dumps({**QUESTION, "id": f"q{count}"}).encode()
    elif method == "tools/call":
        yield ANSWERS[how].replace("ID", str(number)).encode()
        return
    elif method == "initialize":
        version = request["params"]["protocolVersion"]
        about = {"name": "raw", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
    elif method == "tools/list":
        result = {"tools": [{"name": "write_file", "inputSchema": {"type": "object"}}]}
    else:
        error = {"code": -32601, "message": "never heard of it"}
        yield json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()
        return
    yield json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


class RawServer:
    """The same over HTTP: one answer as JSON, or as an event stream."""

    def __init__(self, how: str, *, stream: bool) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = b"".join(answered(sent, how))
                kind = "application/json"
                if stream and sent.get("method") == "tools/call":
                    kind = "text/event-stream"
                    body = b"event: message\r\ndata: " + body + b"\r\n\r\n"
                self.send_response(200 if body else 202)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.send_error(405)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> "RawServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    for line in sys.stdin:
        for message in answered(json.loads(line), sys.argv[1]):
            sys.stdout.buffer.write(message + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

__all__ = ["ANSWERS", "DONE", "RawServer", "answered"]
