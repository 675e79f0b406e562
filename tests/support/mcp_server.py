"""A real MCP server, written with the official SDK, over stdio or streamable HTTP.

`python tests/support/mcp_server.py FOLDER` is the one over stdio. It keeps what it is told and what
it did in FOLDER: `control.json` changes how it behaves, at any moment; `calls.jsonl` holds the
calls that arrived; `seen.json` the variables it sees.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

PATH = {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}}
NAME = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
ANYTHING = {"type": "object"}
WRITTEN = {"type": "object", "properties": {"written": {"type": "integer"}}}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "read_file",
        "description": "Read one file.",
        "inputSchema": PATH,
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "write_file",
        "description": "Write one file.",
        "inputSchema": {
            **PATH,
            "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
        },
        "outputSchema": WRITTEN,
        "annotations": {"readOnlyHint": False, "idempotentHint": True},
    },
    {
        "name": "greet",
        "description": "Greet the person who sits there.",
        "inputSchema": ANYTHING,
        "annotations": {"readOnlyHint": True},
    },
    {"name": "answer", "description": "Answer as told.", "inputSchema": ANYTHING},
]


class State:
    """What the server shares with a test: a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def control(self) -> dict[str, Any]:
        file = self.folder / "control.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def tell(self, **control: Any) -> None:
        """Change how the server behaves from now on."""
        new = self.folder / "control.new"
        new.write_text(json.dumps(control))
        new.replace(self.folder / "control.json")

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls that took effect."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def note(self, name: str, arguments: Mapping[str, Any]) -> None:
        with (self.folder / "calls.jsonl").open("a") as file:
            file.write(json.dumps({"tool": name, **arguments}) + "\n")

    def seen(self) -> dict[str, str]:
        """Return the variables the server sees."""
        return json.loads((self.folder / "seen.json").read_text())


def listing(control: Mapping[str, Any]) -> list[types.Tool]:
    changes = control.get("change", {})
    tools = [{**tool, **changes.get(tool["name"], {})} for tool in TOOLS]
    tools = [t for t in tools if t["name"] not in control.get("hide", [])]
    return [types.Tool.model_validate(t) for t in tools + control.get("extra", [])]


def build(state: State) -> Server:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        control = state.control()
        await asyncio.sleep(control.get("stall_listing", 0))
        if len(state.calls()) >= control.get("changes_after", 1_000_000):
            control["change"] = control["into"]
        return types.ListToolsResult(tools=listing(control))

    async def call_tool(ctx: Any, params: Any) -> Any:
        control, given = state.control(), params.arguments or {}
        state.note(params.name, given)
        if control.get("die"):
            os._exit(1)
        await asyncio.sleep(control.get("stall", 0))
        if control.get("break"):
            raise MCPError(control["break"], "it broke")
        if params.name == "read_file":
            return said(f"contents of {given['path']}")
        if params.name == "write_file":
            return types.CallToolResult(content=[], structured_content={"written": 1})
        if params.name == "greet":
            return await greet(ctx, params)
        return types.CallToolResult.model_validate(control["answer"])

    async def greet(ctx: Any, params: Any) -> Any:
        question = types.ElicitRequestFormParams(message="Who is there?", requested_schema=NAME)
        if ctx.protocol_version >= "2026":
            if not params.input_responses:
                asked = types.ElicitRequest(params=question)
                return types.InputRequiredResult(input_requests={"who": asked})
            got = params.input_responses["who"]
        else:
            got = await ctx.session.elicit_form(question.message, NAME)
        if got.action != "accept":
            return said(f"nobody is there: {got.action}", is_error=True)
        return said(f"Hello {got.content['name']}")

    async def discover(ctx: Any, params: Any) -> Any:
        if state.control().get("era") == "handshake":
            raise MCPError(types.METHOD_NOT_FOUND, "never heard of it")
        return await known(ctx, params)

    server = Server("files", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    known = server.get_request_handler("server/discover").handler
    server.add_request_handler("server/discover", types.RequestParams, discover)
    return server


def said(text: str, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], is_error=is_error
    )


def main() -> None:
    folder = Path(sys.argv[1])
    state = State(folder)
    (folder / "seen.json").write_text(json.dumps(dict(os.environ)))
    (folder / "pid").write_text(str(os.getpid()))
    server = build(state)
    if state.control().get("silent"):
        time.sleep(60)
    if state.control().get("child"):
        child = subprocess.Popen(["sleep", "60"])
        (folder / "child").write_text(str(child.pid))

    async def stdio() -> None:
        async with stdio_server() as (incoming, outgoing):
            if state.control().get("era") == "handshake":
                await serve_loop(server, incoming, outgoing, lifespan_state={})
            else:
                await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(stdio())


def guarded(app: Any, state: State) -> Any:
    """Note the headers of each request; answer it otherwise where that was told."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        (state.folder / "headers.json").write_text(json.dumps(headers))
        told = state.control().get("http")
        if told is None:
            await app(scope, receive, send)
            return
        start = {
            "type": "http.response.start",
            "status": told["status"],
            "headers": [(k.encode(), v.encode()) for k, v in told.get("headers", {}).items()],
        }
        await send(start)
        chunk = b" " * 1_000_000
        for _ in range(told.get("megabytes", 0)):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return asgi


@contextlib.contextmanager
def over_http(folder: Path, around: Callable[[Any], Any] | None = None) -> Iterator[str]:
    """Serve over HTTP until the block ends; return the address.

    Args:
        folder: Of its state.
        around: Makes an application of it that answers some requests itself.
    """
    state = State(folder)
    app = guarded(build(state).streamable_http_app(), state)
    if around is not None:
        app = around(app)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


if __name__ == "__main__":
    main()

__all__ = ["ANYTHING", "NAME", "PATH", "TOOLS", "State", "over_http"]
