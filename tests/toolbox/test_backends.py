"""What every tool backend promises, whichever kind it is: one suite, one line a backend.

A new kind adds itself to `KINDS`, with a function that builds, for a folder, an agent with three
tools: `read` returns `{"id": ...}` of its argument, `refuse` declares `not_found`, `stall` takes
longer than its time-out.
"""

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from agentctl.core.canonical import canonical_text
from agentctl.specs.shapes.backends import BACKENDS
from agentctl.specs.shapes.bundle import Bundle, WorldSnapshot
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.mcp.definitions import definition_hash
from agentctl.toolbox.mock.operations import compile_mocks
from agentctl.toolbox.mock.tools import MockBackend
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import Backend, BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle
from tests.support.provider import Provider, serving

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PRINCIPAL = {"id": "cus_7", "role": "customer", "name": "Ana"}
TIMEOUT_S = 0.4

PROGRAM = """\
import json, sys, time
asked = json.load(sys.stdin)
if asked["tool"] == "stall": time.sleep(20)
if asked["tool"] == "refuse": print('{"error": "not_found", "message": "no such id"}')
else: print(json.dumps({"id": asked["args"]["id"]}))
"""
FUNCTION = """\
import time
def answer(args, context):
    if context.tool == "stall": time.sleep(20)
    if context.tool == "refuse": return {"error": "not_found", "message": "no such id"}
    return {"id": args["id"]}
"""
SERVER = """\
import asyncio, mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

async def list_tools(ctx, params):
    names = ("read", "refuse", "stall")
    return types.ListToolsResult(tools=[
        types.Tool(name=n, description="Look up.", input_schema={"type": "object"}) for n in names])

async def call_tool(ctx, params):
    if params.name == "stall": await asyncio.sleep(20)
    if params.name == "refuse":
        said = types.TextContent(type="text", text="no such id")
        return types.CallToolResult(content=[said], is_error=True)
    return types.CallToolResult(content=[], structured_content={"id": params.arguments["id"]})

async def main():
    server = Server("shop", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())

asyncio.run(main())
"""
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


def tools(**how: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the three tools, each with its own `live:` or `mock:`."""
    return [
        {
            "name": name,
            "description": "Look up.",
            "effect": "none",
            **how[name],
        }
        for name in ("read", "refuse", "stall")
    ]


Made = AbstractContextManager[Bundle]


def mock(folder: Path) -> Made:
    reply = {"id": "=args.id"}
    refused = {"fails": {"error": "not_found", "message": "no such id"}}
    return nullcontext(
        bundle(
            tools=tools(
                read={"mock": {"replies": [{"return": reply}]}},
                refuse={"mock": {"replies": [refused]}},
                stall={
                    "mock": {"replies": [{"fails": {"error": "timeout", "message": "no answer"}}]}
                },
            )
        )
    )


def command(folder: Path) -> Made:
    (folder / "program.py").write_text(PROGRAM)
    program = {"kind": "command", "command": [sys.executable, "program.py"]}
    return live(folder, program, stall={"timeout_s": TIMEOUT_S})


def python(folder: Path) -> Made:
    (folder / "shop.py").write_text(FUNCTION)
    function = {"kind": "python", "function": "shop:answer"}
    return live(folder, function, stall={"timeout_s": TIMEOUT_S})


@contextmanager
def http(folder: Path) -> Iterator[Bundle]:
    stop = threading.Event()

    def stalling() -> Iterator[bytes]:
        stop.wait(20)
        yield b"{}"

    provider = Provider()
    provider.answers["/refuse"] = (404, {}, b"")
    provider.answers["/stall"] = (200, {}, stalling)
    provider.take = lambda method, path, headers, body: (  # type: ignore[method-assign]
        200,
        canonical_text({"id": urlsplit(path).path.split("/")[-1]}).encode(),
    )
    with serving(provider):
        address = {"kind": "http", "method": "GET", "allow_private": True}
        made = live(
            folder,
            address,
            read={"url": f"{provider.url}/read/{{id}}"},
            refuse={"url": f"{provider.url}/refuse"},
            stall={"url": f"{provider.url}/stall", "timeout_s": TIMEOUT_S},
        )
        with made as found:
            yield found
        stop.set()


def mcp(folder: Path) -> Made:
    (folder / "server.py").write_text(SERVER)
    tool = {"description": "Look up.", "inputSchema": {"type": "object"}}
    pinned = {
        name: {"definition": definition_hash({"name": name, **tool})}
        for name in ("read", "refuse", "stall")
    }
    pinned["stall"] |= {"timeout_s": TIMEOUT_S}
    how = {"kind": "mcp", "server": "shop"}
    return live(folder, how, {"command": [sys.executable, "server.py"]}, **pinned)


def sql(folder: Path) -> Made:
    sqlite3.connect(folder / "shop.db").close()
    query = {"kind": "sql", "server": "shop"}
    return live(
        folder,
        query,
        {"url": "sqlite:///shop.db"},
        read={"query": "select :id as id"},
        refuse={"query": "select nothing from nowhere"},
        stall={"query": ENDLESS, "timeout_s": TIMEOUT_S},
    )


def live(
    folder: Path,
    how: dict[str, Any],
    server: dict[str, Any] | None = None,
    **more: dict[str, Any],
) -> Made:
    """Return an agent whose tools are real, each as `how` says and `more` for it."""
    ways = {name: {"live": {**how, **more.get(name, {})}} for name in ("read", "refuse", "stall")}
    servers = {"shop": server} if server else None
    return nullcontext(bundle(tools=tools(**ways), servers=servers, folder=folder))


class Kind(NamedTuple):
    """How a kind is built, and where it may differ."""

    made: Callable[[Path], Made]
    one: Callable[[Any], Any] = lambda record: record
    """What `read` returns for a record."""
    refusal: str = "not_found"
    """The error of `refuse`, where a kind cannot declare one."""
    recognises_keys: bool = False


KINDS = {
    "command": Kind(command),
    "http": Kind(http),
    "mcp": Kind(mcp, refusal="internal"),
    "mock": Kind(mock, recognises_keys=True),
    "python": Kind(python),
    "sql": Kind(sql, one=lambda record: [record], refusal="internal"),
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def backend(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Open one backend of each kind: what a test does to it, the next must not notice."""
    with opened(kind, tmp_path_factory.mktemp("backend")) as backend:
        yield backend


@contextmanager
def opened(kind: Kind, folder: Path) -> Iterator[Backend]:
    with kind.made(folder) as owner:
        backend: Backend
        if kind.made is mock:
            backend = MockBackend(compile_mocks(owner), World(WorldSnapshot({}), owner.tables))
        else:
            backend = LiveTools(Opening(owner, variables_of(owner)))
        yield backend
        backend.close()


def ask(**args: Any) -> BackendCall:
    return BackendCall(args, dict(PRINCIPAL), NOW)


def test_every_kind_of_tool_is_in_the_suite():
    """A new backend is held to the same promises."""
    assert set(BACKENDS) <= set(KINDS)


def test_a_call_returns_what_the_system_answers(backend: Backend, kind: Kind):
    """A value, and no error."""
    result = backend.send("read", ask(id="o_1"), None)
    assert result.ok
    assert result.value == kind.one({"id": "o_1"})


def test_a_refusal_is_a_result_and_no_exception(backend: Backend, kind: Kind):
    """With a kind and a short sentence, and without a value."""
    result = backend.send("refuse", ask(id="o_1"), None)
    assert result.error is not None
    assert result.error.kind == kind.refusal
    assert "\n" not in result.error.message and len(result.error.message) < 250
    assert result.value is None


def test_no_call_takes_longer_than_it_may(backend: Backend):
    """What stalls is a time-out."""
    assert backend.send("read", ask(id="o_1"), None).ok, "what takes long to start has started"
    result = backend.send("stall", ask(id="o_1"), None)
    assert result.error is not None and result.error.kind == "timeout"


def test_a_failure_leaves_the_next_call_alone(backend: Backend):
    """Nothing of one call is left for the next."""
    for _ in range(2):
        backend.send("refuse", ask(id="o_1"), None)
        backend.send("stall", ask(id="o_1"), None)
        assert backend.send("read", ask(id="o_1"), None).ok


def test_what_was_decided_on_stays_as_it_was(backend: Backend):
    """No backend changes the arguments or the principal it is given."""
    given = ask(id="o_1", more={"a": [1]})
    backend.send("read", given, "k1")
    assert given == ask(id="o_1", more={"a": [1]})


def test_only_a_mock_recognises_keys_without_being_told(backend: Backend, kind: Kind):
    """Sending twice is safe only where a manifest says so."""
    assert backend.idempotent("read") is kind.recognises_keys


def test_calls_side_by_side_get_their_own_answers(backend: Backend, kind: Kind):
    """Reads of one turn may run at the same time."""
    results: dict[str, Any] = {}

    def call(number: int) -> None:
        results[f"o_{number}"] = backend.send("read", ask(id=f"o_{number}"), None).value

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {id: kind.one({"id": id}) for id in sorted(results)}
    assert len(results) == 4


def test_closing_twice_does_no_harm(kind: Kind, tmp_path: Path):
    """A run that broke off closes what it opened, and so does its caller."""
    with opened(kind, tmp_path) as backend:
        assert backend.send("read", ask(id="o_1"), None).ok
        backend.close()
    backend.close()
