"""What a system, a name server or a model cannot make a live tool do over HTTP."""

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.http import transport
from agentctl.toolbox.http.addresses import is_private, resolved
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle
from tests.support.crm_server import Crm, answers, drips, pours, redirects

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
MB = 1_000_000


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    with Crm() as server:
        monkeypatch.setenv("CRM_API", server.url)
        monkeypatch.setenv("CRM_TOKEN", "token-of-support")
        server.tokens["token-of-support"] = frozenset()
        yield server


def tools(**live: Any) -> LiveTools:
    how = {
        "kind": "http",
        "url": "${CRM_API}/accounts/{account_id}",
        "auth": {"kind": "bearer", "token": "${CRM_TOKEN}"},
        "allow_private": True,
        **live,
    }
    tool = {"name": "t", "description": "A tool.", "effect": "none", "live": how}
    owner = bundle(tools=[tool])
    return LiveTools(Opening(owner, variables_of(owner)))


def call(backend: LiveTools, **args: Any) -> ToolResult:
    principal = {"id": "ana", "role": "rep"}
    return backend.send("t", BackendCall({"account_id": "acc_1", **args}, principal, NOW), None)


def error(result: ToolResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.kind, result.error.message


@contextmanager
def never_accepting(host: str, port: int = 0) -> Iterator[int]:
    """Listen where nobody comes through; yield the port."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((host, port))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


# Redirects


def test_a_read_follows_redirects_on_its_own_host(crm: Crm):
    """With its credentials: it is the same system."""
    crm.steps.extend([redirects(f"{crm.url}/accounts/acc_9"), redirects("acc_1", 308)])
    assert call(tools()).ok
    assert crm.calls() == [f"GET /accounts/acc_{n}" for n in (1, 9, 1)]
    assert {one.headers["Authorization"] for one in crm.arrived} == {"Bearer token-of-support"}


def test_a_read_follows_three_redirects_and_no_more(crm: Crm):
    """A circle ends."""
    crm.steps.extend([redirects("/accounts/acc_1")] * 9)
    assert error(call(tools())) == ("internal", "it redirects more than 3 times")
    assert len(crm.arrived) == 4


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("http://OTHER/accounts/acc_1", "http://OTHER"),
        ("//OTHER/accounts/acc_1", "http://OTHER"),
        ("https://127.0.0.1/accounts", "https://127.0.0.1"),
        ("https://SELF/accounts/acc_1", "https://SELF"),
        ("http://evil.example/?t=1", "http://evil.example"),
        ("http://u:p@evil.example/", "http://evil.example"),
        ("file:///etc/passwd", "file://"),
    ],
)
def test_a_redirect_to_another_host_is_refused_by_name(crm: Crm, to: str, told: str):
    """Another port or scheme is another host; it sees neither the call nor its credentials."""
    with Crm() as other:
        place, own = (server.url.removeprefix("http://") for server in (other, crm))
        crm.steps.append(redirects(to.replace("OTHER", place).replace("SELF", own)))
        told = told.replace("OTHER", place).replace("SELF", own)
        want = f"HTTP 302: it redirects to {told}, and no call leaves its host"
        assert error(call(tools())) == ("internal", want)
        assert other.arrived == []
    assert len(crm.arrived) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(301, "unavailable"), (302, "unavailable"), (303, "unavailable"),
     (307, "internal"), (308, "internal")],
)  # fmt: skip
def test_a_write_follows_no_redirect(crm: Crm, status: int, kind: str):
    """After 307 and 308 nothing was done; after another, it is not known."""
    crm.steps.append(redirects("/accounts/acc_1", status))
    want = (kind, f"HTTP {status}: it redirects, and only a GET follows")
    assert error(call(tools(method="POST"))) == want
    assert len(crm.arrived) == 1


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_is_private_in_every_spelling(address: str):
    """Mapped, embedded and scoped ones too."""
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_an_address_of_the_internet_is_not_private(address: str):
    """Also where a network reaches it through NAT64."""
    assert not is_private(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]"]
)
def test_a_private_address_is_refused_however_it_is_written(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, host: str
):
    """It is judged after it was resolved."""
    port = crm.url.rpartition(":")[2]
    monkeypatch.setenv("CRM_API", f"http://{host}:{port}")
    result = call(tools(allow_private=False))
    kind, message = error(result)
    refusal = "is inside a private network; `allow_private: true` permits it"
    # Numbers with a leading zero are no address at all: some read them as octal.
    want = (
        ("invalid", "no address can be made of these arguments")
        if host.startswith("01")
        else ("forbidden", refusal)
    )
    assert kind == want[0] and message.endswith(want[1])
    assert not result.sent and crm.arrived == []


def test_a_host_with_one_private_address_among_others_is_refused(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """Whoever owns the name chooses the order."""
    monkeypatch.setattr(transport, "resolved", lambda host, port: ["8.8.8.8", "127.0.0.1"])
    assert error(call(tools(allow_private=False)))[0] == "forbidden"


def test_a_name_that_changes_its_address_is_connected_to_the_one_that_was_judged(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """One resolution a connection: a second answer of the name server is never asked for."""
    asked: list[str] = []
    connected: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["203.0.113.7" if len(asked) > 1 else "8.8.8.8"]

    def connect(self: Any, host: str, *args: Any, **more: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("no route in a test")

    monkeypatch.setattr(transport, "resolved", rebinding)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    monkeypatch.setenv("CRM_API", "http://crm.example")
    result = call(tools(allow_private=False))
    assert error(result) == ("unavailable", "cannot be reached: no route in a test")
    assert (asked, connected) == (["crm.example"], ["8.8.8.8"])


def test_the_second_address_of_a_host_is_tried_when_the_first_is_closed(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """And the host keeps its name in the request."""
    monkeypatch.setattr(transport, "resolved", lambda host, port: ["127.0.0.9", "127.0.0.1"])
    port = crm.url.rpartition(":")[2]
    monkeypatch.setenv("CRM_API", f"http://crm.example:{port}")
    assert call(tools()).ok
    assert crm.arrived[0].headers["Host"] == f"crm.example:{port}"


def test_an_address_that_never_answers_leaves_time_for_the_next(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """Each gets its share of what is left."""
    port = int(crm.url.rpartition(":")[2])
    monkeypatch.setattr(transport, "resolved", lambda host, port: ["127.0.0.9", "127.0.0.1"])
    with never_accepting("127.0.0.9", port):
        assert call(tools(timeout_s=1)).ok


def test_a_host_that_does_not_exist_was_not_sent_to(monkeypatch: pytest.MonkeyPatch):
    """Nothing happened, and the line says which host."""
    monkeypatch.setenv("CRM_TOKEN", "t")
    for host in ("no-such-host.invalid", "a" * 70 + ".invalid"):
        monkeypatch.setenv("CRM_API", f"http://{host}")
        result = call(tools())
        assert error(result) == ("unavailable", f"cannot be reached: no such host: {host}")
        assert not result.sent


def test_a_name_resolves_to_each_address_once():
    """However many kinds of socket it has them for."""
    assert resolved("127.0.0.1", 80) == ["127.0.0.1"]


def certificate_of(name: str, folder: Path) -> Path:
    """Write a certificate for a host, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def test_the_certificate_is_held_against_the_name_and_not_the_address(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Connecting to a judged address changes neither the name asked for nor the one believed."""
    file = certificate_of("crm.example", tmp_path)
    asked: list[str | None] = []
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    serving.sni_callback = lambda _socket, name, _context: asked.append(name)
    crm.speak_tls(serving)
    believing = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr(transport, "_certificates", lambda: believing)
    monkeypatch.setattr(transport, "resolved", lambda host, port: ["127.0.0.1"])
    port = crm.url.rpartition(":")[2]
    monkeypatch.setenv("CRM_API", f"https://crm.example:{port}")
    assert call(tools()).ok
    monkeypatch.setenv("CRM_API", f"https://evil.example:{port}")
    result = call(tools())
    kind, message = error(result)
    assert (kind, result.sent) == ("unavailable", False)
    assert "certificate verify failed" in message
    assert asked == ["crm.example", "evil.example"]
    assert len(crm.arrived) == 1


# Size


def test_an_answer_that_says_it_is_a_gigabyte_is_refused_at_once(crm: Crm):
    """Before any of it is read."""
    crm.steps.append(answers(200, b" " * 10, Content_Length="1000000000"))
    began = time.monotonic()
    want = ("invalid_output", "the answer is longer than 1000000 bytes")
    assert error(call(tools())) == want
    assert time.monotonic() - began < 1


def test_a_gigabyte_without_a_length_is_refused_at_the_cap(crm: Crm):
    """Reading stops, and so does the server."""
    sent = []

    def gigabyte() -> Iterator[bytes]:
        for _ in range(1000):
            sent.append(MB)
            yield b" " * MB

    crm.steps.append(pours(gigabyte()))
    assert error(call(tools())) == ("invalid_output", "the answer is longer than 1000000 bytes")
    assert sum(sent) < 40 * MB


@lru_cache(maxsize=2)
def bomb(wbits: int) -> bytes:
    """Return little that unfolds to forty megabytes."""
    squeeze = zlib.compressobj(1, wbits=wbits)
    return b"".join(squeeze.compress(b" " * MB) for _ in range(40)) + squeeze.flush()


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_bomb_is_counted_unfolded_and_never_kept(crm: Crm, encoding: str):
    """What would unfold to forty megabytes costs as much memory as the cap allows."""
    small = bomb(15 if encoding == "deflate" else 31)
    assert len(small) < MB
    crm.steps.append(pours(iter([small]), Content_Encoding=encoding))
    backend = tools()
    tracemalloc.start()
    found = error(call(backend))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == ("invalid_output", "the answer is longer than 1000000 bytes")
    assert peak < 10 * MB


def test_an_answer_that_was_compressed_all_the_same_is_read(crm: Crm):
    """It was asked for plain; some servers do not listen."""
    crm.steps.append(pours(iter([gzip.compress(b'{"a": 1}')]), Content_Encoding="gzip"))
    assert call(tools()).value == {"a": 1}
    assert crm.arrived[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "gzip", "cannot be decompressed: it ends early"),
        (b'{"a": 1}', "gzip", "cannot be decompressed"),
        (b'{"a": 1}', "br", "is compressed as 'br'"),
        (b'{"a": 1}', "gzip, gzip", "is compressed as 'gzip, gzip'"),
    ],
)
def test_an_answer_that_cannot_be_unfolded_is_refused(
    crm: Crm, content: bytes, encoding: str, told: str
):
    """Half an answer is none."""
    crm.steps.append(pours(iter([content]), Content_Encoding=encoding))
    assert error(call(tools())) == ("invalid_output", f"the answer {told}")


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_the_cap_is_exact(crm: Crm, size: int, fits: bool):
    """As many bytes as `max_bytes` says, plain or unfolded."""
    text = b'"' + b"x" * (size - 2) + b'"'
    crm.steps.append(answers(200, text))
    crm.steps.append(pours(iter([gzip.compress(text)]), Content_Encoding="gzip"))
    backend = tools(max_bytes=1000)
    assert [call(backend).ok, call(backend).ok] == [fits, fits]


# Time


@pytest.mark.parametrize("headers", [True, False])
def test_a_slow_drip_ends_at_the_time_out_in_total(crm: Crm, headers: bool):
    """No single read is late; the call is. Dripping headers count as well."""
    crm.steps.append(drips(crm, headers=headers))
    began = time.monotonic()
    result = call(tools(timeout_s=0.4))
    assert 0.3 < time.monotonic() - began < 1
    assert (error(result), result.sent) == (("timeout", "no answer within 0.4 s"), True)


def test_redirects_share_one_time_out(crm: Crm):
    """Each of them takes from what is left."""

    def slow_redirect(handler: Any) -> bool:
        time.sleep(0.2)
        return redirects("/accounts/acc_1")(handler)

    crm.steps.extend([slow_redirect] * 3)
    began = time.monotonic()
    assert error(call(tools(timeout_s=0.3)))[0] == "timeout"
    assert time.monotonic() - began < 0.6


def test_a_door_that_never_opens_was_not_passed(monkeypatch: pytest.MonkeyPatch):
    """A connection that is not accepted ends at the time-out and sent nothing."""
    with never_accepting("127.0.0.1") as port:
        monkeypatch.setenv("CRM_API", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("CRM_TOKEN", "t")
        began = time.monotonic()
        result = call(tools(timeout_s=0.3))
    assert time.monotonic() - began < 1
    assert (error(result)[0], result.sent) == ("unavailable", False)


# Arguments


@pytest.mark.parametrize("given", [{"account_id": ""}, {"account_id": None}])
def test_an_address_with_a_hole_is_not_called(crm: Crm, given: dict[str, Any]):
    """`DELETE /accounts/` is another call than `DELETE /accounts/acc_1`."""
    result = call(tools(method="DELETE"), **given)
    assert error(result) == ("invalid", "its address needs `account_id`")
    assert not result.sent and crm.arrived == []


def test_a_body_that_cannot_be_made_is_not_sent(crm: Crm):
    """An expression that fails is told, and nothing goes out."""
    result = call(tools(method="POST", body={"note": "=args.note"}))
    kind, message = error(result)
    assert kind == "invalid" and message.startswith("no body can be made of these arguments: ")
    assert not result.sent and crm.arrived == []


def test_an_argument_of_a_megabyte_is_no_address(crm: Crm):
    """It is told as a problem of the arguments."""
    result = call(tools(), account_id="x" * MB)
    assert error(result)[0] == "invalid" and not result.sent


@pytest.mark.parametrize("body", [b'{"data": {}}', b"[]", b"7", b""])
def test_an_answer_without_the_part_that_is_the_result_is_refused(crm: Crm, body: bytes):
    """Not an empty result: whoever wrote the manifest expected one."""
    crm.steps.append(answers(200, body))
    assert error(call(tools(result="$.data.account")))[0] == "invalid_output"


def test_calls_side_by_side_share_nothing_but_the_identity(crm: Crm):
    """Each has a connection and a deadline of its own."""
    backend = tools()
    found: list[bool] = []
    running = [threading.Thread(target=lambda: found.append(call(backend).ok)) for _ in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert found == [True] * 8
    assert len(crm.arrived) == 8


def test_a_missing_variable_is_told_before_any_call(monkeypatch: pytest.MonkeyPatch):
    """Also one that only the token's address needs."""
    monkeypatch.setenv("CRM_API", "http://127.0.0.1:9")
    auth = {"kind": "oauth2", "token_url": "${NOWHERE}", "client_id": "a", "client_secret": "${S}"}
    monkeypatch.setenv("S", "secret")
    with pytest.raises(Problem, match="needs the environment variable NOWHERE"):
        tools(auth=auth)
