"""Answers of MCP servers that two readers could understand differently."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.mcp.answers import AnswerCheck
from agentctl.toolbox.mcp.definitions import definition_hash
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle
from tests.support.mcp_raw import RawServer

RAW = Path(__file__).parent.parent / "support" / "mcp_raw.py"
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PIN = definition_hash({"name": "write_file", "inputSchema": {"type": "object"}})
OVER = ["stdio", "json", "stream"]
ASKED = b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'


def call(how: str, over: str, *, timeout_s: float = 5.0, elicit: Any = None) -> ToolResult:
    """Call a tool that writes at a raw server, and return what is made of its answer."""
    with ExitStack() as stack:
        server: dict[str, Any] = {"command": [sys.executable, str(RAW), how]}
        if over != "stdio":
            raw = stack.enter_context(RawServer(how, stream=over == "stream"))
            server = {"url": raw.url, "allow_private": True}
        tool = {
            "name": "write_file",
            "description": "Write.",
            "inputSchema": {"type": "object"},
            "effect": "internal_write",
            "live": {"kind": "mcp", "server": "files", "timeout_s": timeout_s, "definition": PIN},
        }
        owner = bundle(tools=[tool], servers={"files": server})
        backend = stack.enter_context(
            closing(LiveTools(Opening(owner, variables_of(owner), elicit)))
        )
        return backend.send("write_file", BackendCall({}, {}, NOW), None)


def told(result: ToolResult) -> tuple[str, str]:
    assert result.error is not None
    return result.error.kind, result.error.message


@pytest.mark.parametrize("over", OVER)
def test_an_answer_that_is_clear_is_taken(over: str):
    """The server of these tests is understood where it answers well."""
    assert call("well", over) == ToolResult({"written": 1})


@pytest.mark.parametrize("over", OVER)
def test_equal_keys_in_structured_content_are_refused(over: str):
    """As everywhere: two readers would take two values; the write is not called failed."""
    result = call("duplicate", over)
    kind, message = told(result)
    assert (kind, result.sent) == ("invalid_output", True)
    assert "the same key stands twice" in message


@pytest.mark.parametrize("over", OVER)
def test_a_result_beside_an_error_leaves_a_write_in_doubt(over: str):
    """Neither is believed: the call may have happened."""
    result = call("both", over)
    assert told(result) == ("unavailable", "it answered with a result and an error")
    assert result.sent


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("how", ["text-id", "float-id"])
def test_an_answer_under_another_id_is_no_answer(over: str, how: str):
    """The answer to `"1"` is not that to `1`: nothing is taken, and a write is in doubt."""
    result = call(how, over, timeout_s=1.0)
    assert told(result)[0] in ("timeout", "unavailable")
    assert result.sent


@pytest.mark.parametrize("elicit", [None, lambda *_: None], ids=["nobody", "who declines"])
def test_a_flood_of_questions_ends_at_the_time_out(elicit: Any):
    """A server that asks without end takes no longer than a call may take."""
    began = time.monotonic()
    result = call("flood", "stdio", timeout_s=1.0, elicit=elicit)
    assert told(result)[0] == "timeout"
    assert result.sent
    assert time.monotonic() - began < 30


def test_one_request_has_one_answer():
    """A second one, and one to a request that was never made, are dropped."""
    check = AnswerCheck()
    check.asked(ASKED)
    check.asked(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    answer = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    assert check.checked(answer) == answer
    assert check.checked(answer) is None
    assert check.checked(b'{"jsonrpc":"2.0","id":2,"result":{}}') is None
    assert check.checked(b'{"jsonrpc":"2.0","id":true,"result":{}}') is None


@pytest.mark.parametrize(
    "message",
    [b"Listening on port 1", b"[]", b'{"method":"x","id":7}', b'{"id":null,"error":{}}', b"\xff"],
)
def test_what_is_no_answer_is_left_to_the_sdk(message: bytes):
    """Stray prints, requests of the server and errors without an id pass as they came."""
    assert AnswerCheck().checked(message) == message


@given(st.lists(st.integers(1, 20), max_size=60), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_an_event_stream_is_read_the_same_however_it_is_cut(cuts: list[int], line_end: bytes):
    """Chunks end anywhere, also between the two bytes of a line end."""
    answer = b'{"jsonrpc":"2.0","id":1,"result":{"a":"b"}}'
    lines = [b": hello", b"", b"event: message", b"id: 4", b"data: " + answer, b"", b"data:", b""]
    stream = line_end.join([*lines, b""])

    async def chunks() -> AsyncIterator[bytes]:
        rest = stream
        for cut in cuts:
            yield rest[:cut]
            rest = rest[cut:]
        yield rest

    async def read() -> bytes:
        check = AnswerCheck()
        check.asked(ASKED)
        return b"".join([part async for part in check.checked_events(chunks())])

    found = asyncio.run(read())
    assert [line for line in found.split(b"\n") if line] == [
        b": hello",
        b"event: message",
        b"id: 4",
        b"data: " + answer,
        b"data: ",
    ]
    assert json.loads(answer)["id"] == 1
