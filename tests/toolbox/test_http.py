"""Calls over HTTP, against a real server: what goes out, what is believed, what is refused."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle
from tests.support.provider import Provider, serving

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
MB = 1_000_000


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with serving(Provider()) as provider:
        monkeypatch.setenv("SHOP_API", provider.url)
        yield provider


def tool(name: str = "cancel_order", **live: Any) -> dict[str, Any]:
    how = {"kind": "http", "method": "POST", "url": "${SHOP_API}/orders/{order_id}/cancel"}
    return {
        "name": name,
        "description": "Cancel one order.",
        "effect": "irreversible",
        "live": {**how, "allow_private": True, **live},
    }


def tools(*raw: dict[str, Any]) -> LiveTools:
    owner = bundle(tools=list(raw))
    return LiveTools(Opening(owner, variables_of(owner)))


def send(backend: LiveTools, key: str | None = None, **args: Any) -> ToolResult:
    return backend.send("cancel_order", BackendCall({"order_id": "o_1", **args}, {}, NOW), key)


def error(result: ToolResult) -> str:
    assert result.error is not None
    return result.error.kind


def test_a_call_goes_out_as_the_manifest_says(shop: Provider):
    """Arguments fill the URL, the rest is the JSON body; the answer is the result."""
    result = send(tools(tool()), note="late")
    assert result.value == {"order_id": "o_1", "status": "cancelled"}
    assert [(r[0], r[1]) for r in shop.requests] == [("POST", "/orders/o_1/cancel")]
    assert shop.effects == [{"order_id": "o_1", "key": "", "note": "late"}]


def test_a_read_puts_its_other_arguments_into_the_query(shop: Provider):
    """GET has no body."""
    reading = tool(method="GET", url="${SHOP_API}/orders/{order_id}")
    send(tools(reading), page=2, status="open now")
    assert shop.requests[0][1] == "/orders/o_1?page=2&status=open+now"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("../../admin", "/orders/..%2F..%2Fadmin/cancel"),
        ("..", "/orders/%2E%2E/cancel"),
        ("o_1?x=1#y", "/orders/o_1%3Fx%3D1%23y/cancel"),
        ("ö 1", "/orders/%C3%B6%201/cancel"),
    ],
)
def test_an_argument_cannot_leave_its_place_in_the_url(shop: Provider, given: str, sent: str):
    """What a model writes is a value, never a path or a query."""
    send(tools(tool()), order_id=given)
    assert shop.requests[0][1] == sent


def test_the_key_goes_out_under_the_header_the_manifest_names(shop: Provider):
    """Only where the system is said to recognise it."""
    assert not tools(tool()).idempotent("cancel_order")
    backend = tools(tool(idempotency_header="Idempotency-Key", headers={"X-Team": "a"}))
    assert backend.idempotent("cancel_order")
    send(backend, "k1")
    assert shop.effects[0]["key"] == "k1"
    assert shop.requests[0][2]["X-Team"] == "a"


def test_a_secret_comes_from_the_environment_or_nothing_is_sent(
    shop: Provider, monkeypatch: pytest.MonkeyPatch
):
    """A header names a variable; one that is not set is an error before any call."""
    secret = tool(headers={"Authorization": "Bearer ${SHOP_TOKEN}"})
    with pytest.raises(Problem, match="needs the environment variable SHOP_TOKEN"):
        tools(secret)
    monkeypatch.setenv("SHOP_TOKEN", "t-1")
    send(tools(secret))
    assert shop.requests[0][2]["Authorization"] == "Bearer t-1"


def test_a_tool_without_a_live_side_is_refused(shop: Provider):
    """Before anything is sent."""
    with pytest.raises(Problem, match="`get_order` has no live side"):
        tools(tool(), {**tool("get_order"), "live": None})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid"), (401, "forbidden"), (403, "forbidden"), (404, "not_found"),
        (408, "timeout"), (409, "conflict"), (418, "internal"), (422, "invalid"),
        (429, "rate_limited"), (500, "unavailable"), (503, "unavailable"),
    ],
)  # fmt: skip
def test_a_status_is_an_error_of_a_known_kind(shop: Provider, status: int, kind: str):
    """What its body holds besides the allowed parts is not shown."""
    shop.answers["/orders/o_1/cancel"] = (status, {}, b'{"secret": "x"}')
    result = send(tools(tool()))
    assert result.error is not None
    assert (result.error.kind, result.error.message) == (kind, f"HTTP {status}")


PROBLEM = b"""{"title": "Invalid", "trace": "at db.py:7", "record": {"message": "of another user"},
 "errors": [{"loc": ["body", "age"], "msg": "must be a number", "input": "4711"}, {"msg": "x"}]}"""


@pytest.mark.parametrize(
    ("status", "parts", "message"),
    [
        (422, None, "title: Invalid; errors.loc: body; errors.loc: age;"
         " errors.msg: must be a number; errors.msg: x"),
        (422, ["title"], "title: Invalid"),
        (422, [], ""),
        (500, None, ""),
    ],
)  # fmt: skip
def test_a_model_is_shown_the_allowed_parts_of_an_error(
    shop: Provider, status: int, parts: list[str] | None, message: str
):
    """A field inside a part that is not allowed is not shown, nor anything of a broken server."""
    shop.answers["/orders/o_1/cancel"] = (status, {}, PROBLEM)
    result = send(tools(tool(**({} if parts is None else {"error_parts": parts}))))
    assert result.error is not None
    assert result.error.message == (f"HTTP {status}: {message}" if message else f"HTTP {status}")


def test_a_secret_in_an_error_is_masked_and_a_long_one_is_cut(
    shop: Provider, monkeypatch: pytest.MonkeyPatch
):
    """An API may repeat what it was sent."""
    monkeypatch.setenv("SHOP_TOKEN", "t-very-secret-1")
    words = f'{{"message": "bad token t-very-secret-1, {"x" * 900}"}}'
    shop.answers["/orders/o_1/cancel"] = (401, {}, words.encode())
    result = send(tools(tool(headers={"Authorization": "Bearer ${SHOP_TOKEN}"})))
    assert result.error is not None
    assert "very-secret" not in result.error.message
    assert len(result.error.message) < 450


def test_a_manifest_may_know_better_what_a_status_means(shop: Provider):
    """Some systems answer 400 to a conflict."""
    shop.answers["/orders/o_1/cancel"] = (400, {}, b"")
    assert error(send(tools(tool(errors={"400": "conflict"})))) == "conflict"


def test_a_redirect_is_not_followed(shop: Provider):
    """Another host never sees the call, nor its headers."""
    with serving(Provider()) as other:
        location = {"Location": f"{other.url}/orders/o_1/cancel"}
        shop.answers["/orders/o_1/cancel"] = (307, location, b"")
        result = send(tools(tool()))
        assert result.error is not None and "redirects" in result.error.message
        assert other.requests == []


@pytest.mark.parametrize("url", ["${SHOP_API}/x/{order_id}", "http://169.254.169.254/{order_id}"])
def test_a_private_address_is_refused_unless_it_is_allowed(shop: Provider, url: str):
    """A model cannot use a tool to reach into the network around it."""
    result = send(tools(tool(url=url, allow_private=False)))
    assert error(result) == "forbidden"
    assert not result.sent
    assert shop.requests == []


def test_an_answer_of_fifty_megabytes_is_refused_and_not_kept(shop: Provider):
    """Reading stops at the size that the manifest allows."""
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(50):
            sent.append(MB)
            yield b" " * MB

    shop.answers["/orders/o_1/cancel"] = (200, {}, endless)
    result = send(tools(tool()))
    assert error(result) == "invalid_output"
    assert sum(sent) < 40 * MB


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b"[" * 10_000,
        b'{"n": 9007199254740993}',
    ],
)
def test_an_answer_that_is_no_plain_json_is_refused(shop: Provider, body: bytes):
    """What two readers could understand differently is believed by neither."""
    shop.answers["/orders/o_1/cancel"] = (200, {}, body)
    assert error(send(tools(tool()))) == "invalid_output"


def test_an_empty_answer_is_no_value(shop: Provider):
    """204 and friends."""
    shop.answers["/orders/o_1/cancel"] = (204, {}, b"")
    assert send(tools(tool())) == ToolResult(None)


def test_a_lost_answer_may_have_arrived_and_a_closed_door_has_not(
    shop: Provider, monkeypatch: pytest.MonkeyPatch
):
    """Only what surely did nothing counts as not sent."""
    shop.lose_answers = 1
    lost = send(tools(tool()))
    assert (error(lost), lost.sent) == ("unavailable", True)
    assert shop.effects_on("o_1") == 1
    monkeypatch.setenv("SHOP_API", "http://127.0.0.1:9")
    closed = send(tools(tool()))
    assert (error(closed), closed.sent) == ("unavailable", False)


def test_a_stall_ends_at_the_time_out(shop: Provider):
    """And counts as sent."""
    stop = threading.Event()

    def stalling() -> Iterator[bytes]:
        stop.wait(10)
        yield b"{}"

    shop.answers["/orders/o_1/cancel"] = (200, {}, stalling)
    result = send(tools(tool(timeout_s=0.2)))
    stop.set()
    assert (error(result), result.sent) == ("timeout", True)
