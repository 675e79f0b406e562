"""Who an agent is to a real system: tokens, passwords, on whose behalf; and none of it is told."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.masking import without
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import ManifestVariables, variables_of
from tests.support.build import bundle
from tests.support.crm_server import Crm, answers, drips, redirects

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
ANA = {"id": "ana", "role": "rep", "name": "Ana"}
SECRET = "s3cret-of-support"
OAUTH = {
    "kind": "oauth2",
    "token_url": "${CRM_API}/oauth/token",
    "client_id": "support",
    "client_secret": "${CRM_SECRET}",
    "scopes": ["accounts:read", "tickets:write"],
}
READ = {"kind": "http", "server": "crm", "url": "/accounts/{account_id}", "result": "$.data"}
OPEN = {
    "kind": "http",
    "server": "crm",
    "method": "POST",
    "url": "/accounts/{account_id}/tickets",
    "body": {"ticket": {"subject": "=args.subject", "by": "=principal.name"}},
    "result": "$.data",
    "idempotency_header": "Idempotency-Key",
}


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    with Crm() as server:
        monkeypatch.setenv("CRM_API", server.url)
        monkeypatch.setenv("CRM_SECRET", SECRET)
        yield server


def tool(name: str, live: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": "A tool.", "effect": "irreversible", "live": live}


def tools(
    auth: dict[str, Any] | None = OAUTH, live: dict[str, Any] | None = None, **server: Any
) -> LiveTools:
    shared = {"url": "${CRM_API}/", "allow_private": True, **server}
    owner = bundle(
        tools=[tool("get_account", {**READ, **(live or {})}), tool("open_ticket", OPEN)],
        servers={"crm": {**shared, **({"auth": auth} if auth else {})}},
        credentials={"CRM_TOKEN": "SUPPORT_TOKEN"},
    )
    return LiveTools(Opening(owner, variables_of(owner)))


def read(backend: LiveTools, account: str = "acc_1", who: dict[str, Any] = ANA) -> ToolResult:
    return backend.send("get_account", BackendCall({"account_id": account}, who, NOW), None)


def write(backend: LiveTools, key: str | None = "k1") -> ToolResult:
    ask = BackendCall({"account_id": "acc_1", "subject": "late"}, ANA, NOW)
    return backend.send("open_ticket", ask, key)


def error(result: ToolResult) -> tuple[str, str, bool]:
    assert result.error is not None, result
    return result.error.kind, result.error.message, result.sent


def test_a_server_lends_its_address_its_token_and_its_headers(crm: Crm):
    """The tool says what is its own: the path, the body, the part of the answer."""
    backend = tools(headers={"X-Team": "support", "X-Shape": "server"}, live={
        "headers": {"x-shape": "tool"}})  # fmt: skip
    assert read(backend).value == {"account": {"id": "acc_1", "name": "Acme", "owner": "ana"}}
    assert write(backend).value == {"ticket_id": "t_1", "account_id": "acc_1"}
    assert crm.calls() == ["GET /accounts/acc_1", "POST /accounts/acc_1/tickets"]
    asked, sent = crm.arrived
    assert asked.headers["X-Team"] == "support"
    assert [v for k, v in asked.headers.items() if k.lower() == "x-shape"] == ["tool"]
    assert json.loads(sent.body) == {"ticket": {"subject": "late", "by": "Ana"}}
    assert sent.headers["Content-Type"] == "application/json"
    assert crm.sql("SELECT account, subject, opened_by FROM tickets") == [("acc_1", "late", "ana")]


def test_one_token_serves_all_calls_until_shortly_before_it_ends(crm: Crm):
    """The request for it says what RFC 6749 asks for: grant, scopes, client as Basic."""
    backend = tools()
    read(backend), read(backend), write(backend)
    assert crm.asked_for_tokens == [
        {
            "grant_type": "client_credentials",
            "scope": "accounts:read tickets:write",
            "client": "support",
        }
    ]
    assert len(crm.arrived) == 3


def test_a_client_and_its_secret_may_hold_any_character(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """They are form-encoded inside Basic (RFC 6749, section 2.3.1)."""
    crm.clients = {"desk:1": "a+b%c:d e"}
    monkeypatch.setenv("CRM_SECRET", "a+b%c:d e")
    assert read(tools({**OAUTH, "client_id": "desk:1"})).ok


@pytest.mark.parametrize("seconds", [30, 1, 0, -5, "10"])
def test_a_token_that_is_about_to_end_is_not_used_again(crm: Crm, seconds: Any):
    """Clocks differ and calls take time: half a minute before its end it counts as ended."""
    crm.expires_in = seconds
    backend = tools()
    read(backend), read(backend)
    assert len(crm.asked_for_tokens) == 2


def test_a_token_ends_when_its_time_is_up(crm: Crm):
    """What is left after the half minute is used."""
    crm.expires_in = 30.5
    backend = tools()
    read(backend), read(backend)
    assert len(crm.asked_for_tokens) == 1
    time.sleep(0.6)
    read(backend)
    assert len(crm.asked_for_tokens) == 2


@pytest.mark.parametrize("seconds", [None, True, "soon", 31])
def test_a_token_without_an_end_is_used_until_it_is_refused(crm: Crm, seconds: Any):
    """Not every server says how long."""
    crm.expires_in = seconds
    backend = tools()
    assert read(backend).ok and read(backend).ok
    assert len(crm.asked_for_tokens) == 1


def test_a_token_that_was_taken_back_is_fetched_anew_once(crm: Crm):
    """A 401 says that the server did nothing: the call goes out again, with one effect."""
    backend = tools()
    read(backend)
    crm.tokens.clear()
    assert write(backend).ok
    assert crm.calls()[1:] == ["POST /accounts/acc_1/tickets"] * 2
    assert len(crm.asked_for_tokens) == 2
    assert crm.sql("SELECT count(*) FROM tickets") == [(1,)]


def test_a_second_401_is_an_answer(crm: Crm):
    """No loop, whatever the server says."""
    crm.steps.extend([answers(401)] * 3)
    assert error(read(tools())) == ("forbidden", "HTTP 401", True)
    assert (len(crm.arrived), len(crm.asked_for_tokens)) == (2, 2)


def test_a_401_to_a_fixed_token_is_not_tried_again(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """There is nothing else to show."""
    monkeypatch.setenv("SUPPORT_TOKEN", "wrong-token")
    backend = tools({"kind": "bearer", "token": "${CRM_TOKEN}"})
    assert error(read(backend)) == ("forbidden", "HTTP 401: error: who are you?", True)
    assert len(crm.arrived) == 1


def test_a_refresh_token_is_used_once_and_its_successor_after_it(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """RFC 6749, section 6: a server that gives a new one takes the old one back."""
    monkeypatch.setenv("CRM_REFRESH", "refresh-0-of-support")
    crm.refresh = {"refresh-0-of-support"}
    crm.expires_in = 1
    backend = tools({**OAUTH, "refresh_token": "${CRM_REFRESH}"})
    assert read(backend).ok and read(backend).ok
    assert [(asked["grant_type"], asked["refresh_token"]) for asked in crm.asked_for_tokens] == [
        ("refresh_token", "refresh-0-of-support"),
        ("refresh_token", "refresh-1-of-support"),
    ]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "bearer", "token": "${CRM_TOKEN}"}, "Authorization", "Bearer own-token"),
        ({"kind": "header", "header": "X-Api-Key", "token": "${CRM_TOKEN}"}, "X-Api-Key",
         "own-token"),
        ({"kind": "basic", "user": "desk", "password": "${CRM_TOKEN}"}, "Authorization",
         "Basic " + base64.b64encode(b"desk:own-token").decode()),
    ],
)  # fmt: skip
def test_each_kind_of_credential_goes_where_it_belongs(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, auth: dict[str, Any], header: str, value: str
):
    """And it is the agent's own, not the one of the name in the manifest."""
    monkeypatch.setenv("SUPPORT_TOKEN", "own-token")
    monkeypatch.setenv("CRM_TOKEN", "somebody-else")
    read(tools(auth))
    assert crm.arrived[0].headers[header] == value


def test_a_tools_own_auth_stands_for_the_servers(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """One of the two, never both."""
    monkeypatch.setenv("SUPPORT_TOKEN", "own-token")
    own = {"kind": "bearer", "token": "${CRM_TOKEN}"}
    read(tools(live={"auth": own}))
    assert crm.arrived[0].headers["Authorization"] == "Bearer own-token"
    assert crm.asked_for_tokens == []


def test_the_system_is_told_for_whom_and_by_which_agent(crm: Crm):
    """So it can enforce its own rules; and it does."""
    backend = tools()
    assert error(read(backend, "acc_2")) == ("forbidden", "HTTP 403: error: not theirs", True)
    sent = crm.arrived[0].headers
    assert (sent["X-Agentctl-Principal"], sent["X-Agentctl-Agent"]) == ("rep:ana", "order-desk")


@pytest.mark.parametrize(
    ("person", "sent"),
    [
        ("ana@example.org", "rep:ana@example.org"),
        ("a:b", "rep:a%3Ab"),
        ("Jörg", "rep:J%C3%B6rg"),
        ("x\r\nX-Admin: 1", "rep:x%0D%0AX-Admin%3A%201"),
        ("100%", "rep:100%25"),
    ],
)
def test_no_name_of_a_person_can_forge_a_header(crm: Crm, person: str, sent: str):
    """What is not plain is percent-encoded, and comes back as it was."""
    read(tools(), who={**ANA, "id": person})
    assert crm.arrived[0].headers["X-Agentctl-Principal"] == sent
    assert "X-Admin" not in crm.arrived[0].headers


def test_no_manifest_says_for_whom_a_call_comes(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """Nor under another spelling of the header, nor as a credential."""
    monkeypatch.setenv("SUPPORT_TOKEN", "admin:root")
    auth = {"kind": "header", "header": "X-agentctl-Principal", "token": "${CRM_TOKEN}"}
    read(tools(auth, headers={"x-agentctl-principal": "admin:root", "X-AGENTCTL-AGENT": "boss"}))
    sent = [(k.lower(), v) for k, v in crm.arrived[0].headers.items() if "agentctl-" in k.lower()]
    assert sorted(sent) == [
        ("x-agentctl-agent", "order-desk"),
        ("x-agentctl-principal", "rep:ana"),
    ]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (None, ("forbidden", "HTTP 401, invalid_client")),
        (answers(400, b'{"error": "s3cret-of-support is wrong"}'), ("forbidden", "HTTP 400")),
        (answers(400, b'{"error": ["invalid_client"]}'), ("forbidden", "HTTP 400")),
        (answers(429, Retry_After="7"), ("rate_limited", "HTTP 429")),
        (answers(503), ("unavailable", "HTTP 503")),
        (answers(200, b"<html>"), ("invalid_output", "its answer contains none")),
        (answers(200, b'{"access_token": "a\\nb", "token_type": "bearer"}'),
         ("invalid_output", "its answer contains none")),
        (answers(200, b'{"access_token": "abc", "token_type": "mac"}'),
         ("invalid_output", "its tokens are not bearer tokens")),
        (answers(200, b" " * 200_000),
         ("invalid_output", "the answer is longer than 100000 bytes")),
        (redirects("http://127.0.0.1:9/oauth/token", 307),
         ("forbidden", "HTTP 307: it redirects, and a secret goes nowhere else")),
    ],
)  # fmt: skip
def test_without_a_token_nothing_is_sent_and_no_secret_is_told(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, step: Any, told: tuple[str, str]
):
    """Whatever the token's server says, only known words of it are repeated."""
    if step is None:
        monkeypatch.setenv("CRM_SECRET", "another-secret")
    else:
        crm.token_steps.append(step)
    result = write(tools())
    kind, why = told
    assert error(result) == (kind, f"no token from the token endpoint: {why}", False)
    assert crm.arrived == []
    assert result.wait_s == (7 if kind == "rate_limited" else None)


def test_a_token_endpoint_that_drips_ends_at_the_time_out_of_the_call(crm: Crm):
    """The time for a token is the call's own; it surely was not sent."""
    crm.token_steps.append(drips(crm))
    began = time.monotonic()
    result = read(tools(live={"timeout_s": 0.3}))
    assert time.monotonic() - began < 1
    assert error(result) == (
        "timeout", "no token from the token endpoint: no answer within 0.3 s", False,
    )  # fmt: skip
    assert crm.arrived == []


def test_a_token_endpoint_inside_a_private_network_is_refused(crm: Crm):
    """The rule for addresses holds for tokens too."""
    kind, message, sent = error(read(tools(allow_private=False)))
    assert (kind, sent) == ("forbidden", False)
    assert "127.0.0.1 is inside a private network" in message
    assert crm.asked_for_tokens == []


def test_a_credential_that_a_system_echoes_is_masked(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """In values, keys and errors: the variables of `auth:` and headers, and the tokens got."""
    monkeypatch.setenv("TEAM_KEY", "key-of-the-team")
    echoes = {"token-1-of-support": ["s3cret-of-support", "id key-of-the-team."], "n": 1}
    crm.steps.append(answers(200, json.dumps({"data": echoes}).encode()))
    backend = tools(headers={"X-Team": "${TEAM_KEY}"})
    assert read(backend).value == {"[secret]": ["[secret]", "id [secret]."], "n": 1}


def test_an_encoded_password_that_a_system_echoes_is_masked(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """Basic authentication is the password in other letters."""
    monkeypatch.setenv("SUPPORT_TOKEN", "own-token")
    encoded = base64.b64encode(b"desk:own-token").decode()
    crm.steps.append(answers(200, json.dumps({"data": f"Basic {encoded}"}).encode()))
    backend = tools({"kind": "basic", "user": "desk", "password": "${CRM_TOKEN}"})
    assert read(backend).value == "Basic [secret]"


def test_a_credential_that_begins_with_another_is_masked_whole():
    """The longest is looked for first."""
    secrets = {"key-of-team", "key-of-team-2"}
    assert without({"a": ["key-of-team-2 key-of-team"]}, secrets) == {"a": ["[secret] [secret]"]}


def test_plain_settings_are_not_taken_for_secrets(crm: Crm, monkeypatch: pytest.MonkeyPatch):
    """What `agentctl.yaml` says is in git; a word of two letters would be found anywhere."""
    owner = bundle(
        tools=[tool("get_account", {**READ, "headers": {"X-T": "${TENANT}", "X-L": "${LANG_}"}})],
        servers={"crm": {"url": "${CRM_API}", "allow_private": True, "auth": OAUTH}},
        project={"environments": {"staging": {"variables": {"TENANT": "acme-staging"}}}},
    )
    monkeypatch.setenv("LANG_", "en")
    backend = LiveTools(Opening(owner, variables_of(owner, "staging")))
    crm.steps.append(answers(200, b'{"data": "acme-staging sends"}'))
    assert read(backend).value == "acme-staging sends"
    assert crm.arrived[0].headers["X-T"] == "acme-staging"


def test_a_credential_with_a_line_break_is_refused_before_any_call(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
):
    """It would end the header; the message names the variable and not its value."""
    monkeypatch.setenv("SUPPORT_TOKEN", "own-token\r\nX-Admin: 1")
    with pytest.raises(Problem, match="SUPPORT_TOKEN, which holds a character") as met:
        tools({"kind": "bearer", "token": "${CRM_TOKEN}"})
    assert "own-token" not in str(met.value)


@pytest.mark.parametrize(
    "url",
    ["ftp://crm", "https:///", "https://user:pw@crm", "https://crm:x"],
)
def test_an_address_that_may_not_be_called_is_refused_before_any_call(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, url: str
):
    """What a variable turns out to hold is looked at; its value is not repeated."""
    monkeypatch.setenv("CRM_API", url)
    with pytest.raises(Problem, match="becomes no address that may be called") as met:
        tools(None)
    assert url not in str(met.value)


@pytest.mark.parametrize(
    "url",
    ["https://crm/api#", "https://crm/api?", "https://crm/api?x=1", "https://{account_id}.crm",
     "https://crm/{account_id}", "https://crm/api /", "https://crm/api\n"],
)  # fmt: skip
def test_a_variable_that_would_cut_off_the_rest_of_an_address_is_refused(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, url: str
):
    """`https://crm/api#` before `/accounts/{id}` would call `/api`, whatever the argument."""
    monkeypatch.setenv("CRM_API", url)
    with pytest.raises(Problem, match="environment variable CRM_API holds a character") as met:
        tools(None)
    assert url not in str(met.value)


@pytest.mark.parametrize(
    ("url", "fits"),
    [("https://crm/mcp?key=1", True), ("https://crm/mcp?", False), ("https://crm/mcp#a", False)],
)
def test_an_address_that_is_a_variable_may_have_a_query(url: str, fits: bool):
    """A hosted server may be named by one; what says nothing or is never sent is refused."""
    variables = ManifestVariables({}, {}, {"HOSTED": url}, {})
    if fits:
        assert variables.address("${HOSTED}", "hosted") == url
    else:
        with pytest.raises(Problem, match="HOSTED holds a character"):
            variables.address("${HOSTED}", "hosted")
