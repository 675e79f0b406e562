"""Where the arguments of an HTTP call go, and in what form, as a real server receives them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
COLOURS = ["blue", "black b", "a,b"]
POINT = {"R": 100, "G": 200}


class Received:
    """The last request of the server."""

    path = ""
    headers: dict[str, str]
    body = b""
    url = ""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            received.path, received.headers = self.path, dict(self.headers)
            received.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(204)
            self.end_headers()

        do_GET = do_POST = do_DELETE = _do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("API", f"http://127.0.0.1:{server.server_port}")
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


def call(args: dict[str, Any], **live: Any) -> ToolResult:
    how = {"kind": "http", "url": "${API}/pets", "allow_private": True, **live}
    tool = {"name": "t", "description": "T.", "effect": "none", "live": how}
    owner = bundle(tools=[tool])
    return LiveTools(Opening(owner, variables_of(owner))).send("t", BackendCall(args, {}, NOW), "")


QUERIES: list[tuple[dict[str, Any], Any, str]] = [
    ({}, COLOURS, "color=blue&color=black+b&color=a%2Cb"),
    ({"explode": False}, COLOURS, "color=blue,black%20b,a%2Cb"),
    ({"style": "spaceDelimited"}, COLOURS[:2], "color=blue%20black%20b"),
    ({"style": "pipeDelimited"}, COLOURS[:2], "color=blue%7Cblack%20b"),
    ({"style": "pipeDelimited", "explode": True}, COLOURS[:2], "color=blue&color=black+b"),
    ({}, POINT, "R=100&G=200"),
    ({"explode": False}, POINT, "color=R,100,G,200"),
    ({"style": "deepObject"}, POINT, "color%5BR%5D=100&color%5BG%5D=200"),
    ({"style": "deepObject"}, {"a": [1]}, "color%5Ba%5D%5B0%5D=1"),
    ({"style": "json"}, POINT, "color=%7B%22G%22%3A200%2C%22R%22%3A100%7D"),
    ({}, [{"a": 1}], "color=%7B%22a%22%3A1%7D"),
    ({"name": "colour[]"}, ["a", "b"], "colour%5B%5D=a&colour%5B%5D=b"),
    ({}, True, "color=true"),
    ({}, 1.5, "color=1.5"),
    ({}, "a&b=c#d", "color=a%26b%3Dc%23d"),
    ({}, [], ""),
    ({}, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value", "sent"), QUERIES)
def test_a_query_is_written_as_its_style_says(
    api: Received, form: dict[str, Any], value: Any, sent: str
):
    """The table of OpenAPI's styles; what it leaves undefined is what most servers read."""
    assert call({"color": value}, parameters={"color": {"in": "query", **form}}).ok
    assert api.path.partition("?")[2] == sent


def test_a_list_without_a_declared_form_is_one_pair_for_each_item(api: Received):
    """That is the default of OpenAPI; JSON text would be silently wrong."""
    assert call({"tags": ["a", "b"]}).ok
    assert api.path == "/pets?tags=a&tags=b"


PATHS: list[tuple[dict[str, Any], Any, str]] = [
    ({}, ["a", "b"], "a,b"),
    ({}, POINT, "R,100,G,200"),
    ({"explode": True}, POINT, "R=100,G=200"),
    ({"style": "label"}, "a", ".a"),
    ({"style": "label"}, ["a", "b"], ".a,b"),
    ({"style": "label", "explode": True}, ["a", "b"], ".a.b"),
    ({"style": "matrix"}, "a", ";id=a"),
    ({"style": "matrix"}, ["a", "b"], ";id=a,b"),
    ({"style": "matrix", "explode": True}, ["a", "b"], ";id=a;id=b"),
    ({"style": "matrix", "explode": True}, POINT, ";R=100;G=200"),
    ({}, ["../x", "y,z"], "..%2Fx,y%2Cz"),
    ({"style": "label"}, ".", "%2E%2E"),
]


@pytest.mark.parametrize(("form", "value", "sent"), PATHS)
def test_a_path_is_written_as_its_style_says(
    api: Received, form: dict[str, Any], value: Any, sent: str
):
    """And no value leaves its place in the path."""
    assert call({"id": value}, url="${API}/x/{id}/y", parameters={"id": {"in": "path", **form}}).ok
    assert api.path == f"/x/{sent}/y"


@pytest.mark.parametrize(
    ("form", "value", "sent"),
    [
        ({}, ["a", "b"], "a,b"),
        ({}, POINT, "R,100,G,200"),
        ({"explode": True}, POINT, "R=100,G=200"),
        ({}, 5, "5"),
    ],
)
def test_a_header_is_written_as_its_style_says(
    api: Received, form: dict[str, Any], value: Any, sent: str
):
    """Under the name the system knows it by."""
    where = {"in": "header", "name": "X-Colors", **form}
    assert call({"colors": value}, parameters={"colors": where}).ok
    assert api.headers["X-Colors"] == sent


def test_a_header_cannot_carry_a_line_break(api: Received):
    """A model must not be able to add a header of its own."""
    result = call({"h": "a\r\nX-Admin: 1"}, parameters={"h": {"in": "header"}})
    assert result.error is not None
    assert (result.error.kind, result.sent) == ("invalid", False)
    assert api.path == ""


def test_no_argument_says_for_whom_a_call_comes(api: Received):
    """Even where a manifest that was not checked names the header."""
    where = {"in": "header", "name": "X-Agentctl-Agent"}
    assert call({"h": "somebody-else"}, parameters={"h": where}).ok
    assert api.headers["X-Agentctl-Agent"] == "order-desk"


def test_a_form_is_sent_as_a_form(api: Received):
    """Each field by its own style; a list is one pair for each item."""
    fields = {
        "To": "+49 1",
        "media_url": ["u1", "u2"],
        "meta": {"k": "v"},
        "flag": True,
        "ids": [1, 2],
    }
    parameters = {
        "media_url": {"in": "field", "name": "MediaUrl"},
        "meta": {"in": "field", "style": "deepObject"},
        "ids": {"in": "field", "explode": False},
    }
    assert call(fields, method="POST", content="form", parameters=parameters).ok
    assert api.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert api.body == b"To=%2B49+1&MediaUrl=u1&MediaUrl=u2&meta%5Bk%5D=v&flag=true&ids=1%2C2"


def test_a_multipart_form_has_one_part_for_each_item(api: Received):
    """An object is JSON text in its part."""
    args = {"file": "line 1\r\n--agentctl-\r\n", "tags": ["a", "b"], "meta": {"k": 1}}
    assert call(args, method="POST", content="multipart").ok
    kind = api.headers["Content-Type"].encode()
    message = BytesParser().parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + api.body)
    found = [
        (part.get_param("name", header="content-disposition"), part.get_payload())
        for part in message.walk()
        if not part.is_multipart()
    ]
    assert found == [
        ("file", args["file"]), ("tags", "a"), ("tags", "b"), ("meta", '{"k":1}')
    ]  # fmt: skip


def test_one_argument_may_be_the_whole_body(api: Received):
    """A list is a JSON body like any other; without it there is no body."""
    live = {"method": "POST", "parameters": {"items": {"in": "body"}, "dry_run": {"in": "query"}}}
    assert call({"items": [1, 2], "dry_run": False}, **live).ok
    assert (api.path, api.body) == ("/pets?dry_run=false", b"[1,2]")
    assert call({}, **live).ok
    assert (api.body, "Content-Type" in api.headers) == (b"", False)


def test_text_is_sent_under_the_type_the_manifest_names(api: Received):
    """A header may name another type of text or JSON."""
    live = {"method": "POST", "parameters": {"text": {"in": "body"}}, "content": "text"}
    assert call({"text": "# Hi"}, **live, headers={"Content-Type": "text/markdown"}).ok
    assert (api.headers["Content-Type"], api.body) == ("text/markdown", b"# Hi")
    assert call({"a": 1}, method="POST", headers={"content-type": "application/x+json"}).ok
    assert api.headers["Content-Type"] == "application/x+json"


def test_a_delete_may_have_a_body_where_the_manifest_says_so(api: Received):
    """Its other arguments are the query."""
    live = {"method": "DELETE", "parameters": {"reason": {"in": "field"}}}
    assert call({"reason": "old", "force": True}, **live).ok
    assert (api.path, api.body) == ("/pets?force=true", b'{"reason":"old"}')


def test_two_keys_are_shown_at_once(api: Received, monkeypatch: pytest.MonkeyPatch):
    """In a header, in the query and in cookies, and none of them in what comes back."""
    for name in "ABCD":
        monkeypatch.setenv(f"KEY_{name}", f"secret/{name}")
    auth = {
        "kind": "all",
        "of": [
            {"kind": "header", "header": "X-Key", "token": "${KEY_A}"},
            {"kind": "query", "parameter": "api_key", "token": "${KEY_B}"},
            {"kind": "cookie", "cookie": "c", "token": "${KEY_C}"},
            {"kind": "cookie", "cookie": "d", "token": "${KEY_D}"},
        ],
    }
    assert call({"ids": [1, 2]}, auth=auth).ok
    assert api.path == "/pets?ids=1&ids=2&api_key=secret%2FB"
    assert (api.headers["X-Key"], api.headers["Cookie"]) == ("secret/A", "c=secret/C; d=secret/D")
    assert call({}, auth={"kind": "none"}).ok
    assert "X-Key" not in api.headers
