"""Servers as they are in the world: what their peculiarities cost, and what is said of them."""

import contextlib
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli as command
from agentctl.core.messages import ToolResult
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.mcp.definitions import definition_hash
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle
from tests.toolbox.test_mcp import NOW

SCRIPT = Path(__file__).parent.parent / "support" / "mcp_script.py"
LOOK = {"name": "look", "description": "Look.", "inputSchema": {"type": "object"}}
TEXT = {"type": "text", "text": "x"}


def scripted(folder: Path, **script: Any) -> list[str]:
    """Write a script; return the command of a server that follows it."""
    file = folder / "script.json"
    file.write_text(json.dumps({"tools": [LOOK], "answer": {"content": [TEXT]}, **script}))
    return [sys.executable, str(SCRIPT), str(file)]


def called(folder: Path, **script: Any) -> ToolResult:
    """Call the tool `look` of a server that follows a script."""
    output = script.pop("output", None)
    tool = {
        **LOOK,
        "effect": "none",
        "live": {"kind": "mcp", "server": "desk", "definition": definition_hash(LOOK)},
        **({"outputSchema": output} if output else {}),
    }
    owner = bundle(tools=[tool], servers={"desk": {"command": scripted(folder, **script)}})
    with contextlib.closing(LiveTools(Opening(owner, variables_of(owner)))) as backend:
        return backend.send("look", BackendCall({}, {}, NOW), None)


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str, **script: Any) -> int:
    monkeypatch.chdir(folder)
    line = " ".join(scripted(folder, **script))
    return command(["tools", "import", "--mcp", line, "--name", "desk", *words])


INVALID = [
    {**LOOK, "name": "huge", "inputSchema": {"type": "object", "maxProperties": 2**63 - 1}},
    {"name": "no-schema", "description": "No schema."},
    {**LOOK, "name": "odd-hint", "annotations": {"readOnlyHint": "yes please"}},
    {**LOOK, "name": "odd-icons", "icons": "star"},
    {"description": "No name.", "inputSchema": {"type": "object"}},
    "no object",
]


def test_a_tool_that_breaks_the_protocol_costs_that_tool_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The SDK would refuse the whole list; each is named with what is wrong with it."""
    assert imported(tmp_path, monkeypatch, tools=[*INVALID, LOOK]) == 0
    said = capsys.readouterr().err
    written = parse_yaml((tmp_path / "tools" / "desk.yaml").read_text(), "-").data
    assert [tool["name"] for tool in written["tools"]] == ["look"]
    broken = "its definition breaks the protocol: "
    assert f"left out 'no-schema': {broken}inputSchema: Field required" in said
    assert f"left out 'odd-hint': {broken}annotations.readOnlyHint: Input should be" in said
    assert f"left out 'odd-icons': {broken}icons: Input should be a valid list" in said
    assert said.count("left out '(no name)'") == 2
    assert "left out 'huge': " in said


def test_a_tool_that_broke_the_protocol_since_is_not_called(tmp_path: Path):
    """The reason is what is wrong with it now."""
    result = called(tmp_path, tools=[{**LOOK, "inputSchema": {}}])
    assert result.error is not None and not result.sent
    assert "its definition breaks the protocol: inputSchema.type" in result.error.message


def test_a_list_of_several_pages_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Whatever the size of a page."""
    tools = [{**LOOK, "name": f"look_{number}"} for number in range(7)]
    assert imported(tmp_path, monkeypatch, tools=tools, page=3) == 0
    assert "7 of 7 tools ask before each call." in capsys.readouterr().err


def test_what_a_server_says_meanwhile_disturbs_no_call(tmp_path: Path):
    """Progress, log lines and the news that its list changed."""
    progress = {"progressToken": 1, "progress": 1, "total": 2}
    asks = [
        {"method": "notifications/progress", "params": progress},
        {"method": "notifications/tools/list_changed"},
        {"method": "notifications/message", "params": {"level": "info", "data": "busy"}},
    ]
    assert called(tmp_path, asks=asks).value == "x"


SAMPLING = {"messages": [{"role": "user", "content": TEXT}], "maxTokens": 9}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"method": "sampling/createMessage", "params": SAMPLING}, "to sample a model"),
        ({"method": "roots/list"}, "to list folders"),
        (
            {
                "method": "elicitation/create",
                "params": {
                    "mode": "url",
                    "message": "Go",
                    "url": "https://evil.example",
                    "elicitationId": "e",
                },
            },
            "a person to visit an address",
        ),
    ],
    ids=["sampling", "roots", "address"],
)
def test_what_a_server_asks_of_its_client_is_declined_by_name(
    tmp_path: Path, asked: dict[str, Any], named: str
):
    """The server is told no; where the call then fails, its error says what was asked."""
    failing = {"content": [TEXT], "isError": True}
    result = called(tmp_path, asks=[{"id": "q-1", **asked}], answer=failing)
    assert result.error is not None
    assert result.error.message == f"x (it asked {named}, which is always declined)"
    heard = json.loads((tmp_path / "script.json.heard").read_text())
    assert heard["id"] == "q-1" and ("error" in heard or heard["result"]["action"] == "decline")


PICTURE = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
HASH = hashlib.sha256(b"hi").hexdigest()


@pytest.mark.parametrize(
    ("part", "described"),
    [
        (PICTURE, {"type": "image", "mime_type": "image/png", "bytes": 2, "sha256": HASH}),
        (
            {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
            {"type": "audio", "mime_type": "audio/wav", "bytes": 2, "sha256": HASH},
        ),
        (
            {"type": "resource_link", "uri": "file:///a.txt", "name": "a", "size": 7},
            {"type": "resource_link", "uri": "file:///a.txt", "name": "a", "bytes": 7},
        ),
        (
            {"type": "resource", "resource": {"uri": "demo://a", "text": "words"}},
            {"type": "resource", "uri": "demo://a", "text": "words"},
        ),
        (
            {"type": "resource", "resource": {"uri": "demo://a", "blob": "aGk="}},
            {"type": "resource", "uri": "demo://a", "bytes": 2, "sha256": HASH},
        ),
        (
            {**PICTURE, "data": "?"},
            {"type": "image", "mime_type": "image/png", "unreadable": "it is not base64"},
        ),
    ],
    ids=["image", "audio", "link", "text", "blob", "damaged"],
)
def test_text_is_kept_and_the_rest_is_described(tmp_path: Path, part: Any, described: Any):
    """By type, size and hash: the text beside a picture is not lost with it."""
    result = called(tmp_path, answer={"content": [TEXT, part]})
    assert result.value == {"text": "x", "attachments": [described]}


def test_an_answer_without_text_is_its_attachments(tmp_path: Path):
    """There is no empty text."""
    value = called(tmp_path, answer={"content": [PICTURE]}).value
    assert value.keys() == {"attachments"}


def test_an_error_without_text_shows_the_fields_its_schema_names(tmp_path: Path):
    """And no others: a server puts into an error what it likes."""
    answer = {"content": [], "isError": True, "structuredContent": {"code": 422, "trace": "secret"}}
    output = {"type": "object", "properties": {"code": {"type": "integer"}}}
    result = called(tmp_path, answer=answer, output=output)
    assert result.error is not None and result.error.message == '{"code":422}'


def test_a_server_that_does_not_start_is_told_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The end of its stderr, without secrets."""
    said = "Traceback ...\nModuleNotFoundError: no module `desk`; sk-abcdefghijklmnopqrstuv"
    assert imported(tmp_path, monkeypatch, stderr="x" * 5000 + said, exit=1) == 3
    error = capsys.readouterr().err
    assert error.startswith("error[unreachable-server]: MCP server `desk`: cannot be reached: ")
    assert "its stderr ends with: xxx" in error
    assert "ModuleNotFoundError: no module `desk`; [secret]" in error and len(error) < 1500


def test_what_a_server_writes_to_stderr_later_stays_unseen(tmp_path: Path):
    """It is for its authors; a call that fails says what the server answered."""
    result = called(tmp_path, stderr="busy", answer={"content": [TEXT], "isError": True})
    assert result.error is not None and result.error.message == "x"


class LegacySse(BaseHTTPRequestHandler):
    """The HTTP+SSE transport of 2024: GET is a stream, POST there is not allowed."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"event: endpoint\ndata: /messages?session=1\n\n")

    def do_POST(self) -> None:
        self.send_error(405)

    def log_message(self, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def legacy() -> Iterator[str]:
    """Return the address of a server that speaks HTTP+SSE."""
    server = HTTPServer(("127.0.0.1", 0), LegacySse)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sse"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_of_the_old_transport_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], legacy: str
):
    """With what to look for instead."""
    monkeypatch.chdir(tmp_path)
    assert command(["tools", "import", "--mcp", legacy, "--name", "desk"]) == 3
    said = capsys.readouterr().err
    assert "MCP server `desk`: it speaks the HTTP+SSE transport of 2024-11-05, which is not" in said
    assert "streamable HTTP at another path, such as /mcp" in said
