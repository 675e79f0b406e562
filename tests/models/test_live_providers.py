"""Three providers' formats, through the real litellm, against real servers: the same behaviour.

Each case is played whole and as a stream where the provider is streamed. Attempts are counted
where they arrive.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.core.exits import ExitCode
from agentctl.core.messages import Message, ModelReply, ToolCall, Usage
from agentctl.models.opening import open_model
from agentctl.models.port import ModelFault, Request, ToolOffer
from agentctl.models.provider.live import LiveModel
from agentctl.models.provider.streaming import BROKEN_OFF
from agentctl.specs.shapes.agent import ModelSpec
from tests.support.loopback import (
    Loopback,
    Step,
    calls,
    cuts,
    drips,
    fails,
    says,
    sends_page,
    stalls,
)
from tests.support.loopback_wires import ANTHROPIC, GEMINI, OPENAI, WIRES, Wire

# The door ignores what litellm is warned about; pytest sets the filters anew for each test.

KEY = "loopback-key-0123456789"
ORDER = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
OFFERS = (ToolOffer("crm.get_lead", "Read a lead.", ORDER), ToolOffer("list_all", "List.", {}))
ASK = Request((Message("system", "Be brief."), Message("user", "Hello")), OFFERS)
# litellm's stream of Anthropic now and then sends nothing for a whole attempt, even on a quiet
# machine; until that is understood these play in soak, where one that fails can be looked at.
WAYS = [
    pytest.param(
        (wire, streamed),
        marks=pytest.mark.soak if streamed and wire is ANTHROPIC else (),
    )
    for wire in WIRES
    for streamed in (False, True)
]


def _named(way: tuple[Wire, bool]) -> str:
    wire, streamed = way
    return f"{wire.model.partition('/')[0]}-{'streamed' if streamed else 'whole'}"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Loopback]]:
    """One server for each format; litellm imported and warm."""
    running = {wire.model: Loopback(wire) for wire in WIRES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        for server in running.values():
            server.__enter__()
            spec = ModelSpec(name=server.wire.model, base_url=server.base_url)
            for watch in (None, len):
                server.script(says("warm"))
                LiveModel(spec, env={}, on_text=watch).reply(ASK, 60)
        yield running
        for server in running.values():
            server.__exit__()


class Way:
    """One provider, asked whole or for a stream."""

    def __init__(self, server: Loopback, *, streamed: bool) -> None:
        self.server = server
        self.shown: list[str] = []
        """What somebody who watches saw."""
        self.waits: list[float] = []
        self.watch = self.shown.append if streamed else None
        self.streams = streamed and server.wire is not GEMINI

    def model(self, **spec: Any) -> LiveModel:
        full = {"name": self.server.wire.model, "base_url": self.server.base_url, **spec}
        return LiveModel(
            ModelSpec.model_validate(full),
            env={"AGENTCTL_API_KEY": KEY},
            on_text=self.watch,
            sleep=self.waits.append,
            patience_s=0.1,
        )

    def ask(self, *steps: Step, timeout_s: float = 60, **spec: Any) -> ModelReply:
        self.server.script(*steps)
        return self.model(**spec).reply(ASK, timeout_s)

    def fault(self, *steps: Step, timeout_s: float = 60, **spec: Any) -> ModelFault:
        with pytest.raises(ModelFault) as met:
            self.ask(*steps, timeout_s=timeout_s, **spec)
        return met.value

    @property
    def attempts(self) -> int:
        return len(self.server.asked)


@pytest.fixture(params=WAYS, ids=_named)
def way(request: pytest.FixtureRequest, servers: dict[str, Loopback]) -> Way:
    wire, streamed = request.param
    return Way(servers[wire.model], streamed=streamed)


def test_an_answer(way: Way):
    """Words and tokens arrive; a server of one's own is sent its own key and no provider's."""
    got = way.ask(says("Two leads are open.", (40, 12), cached=10, reasoning=5))
    cached, thought = 10, 0 if way.server.wire is ANTHROPIC else 5
    assert (got.text, got.calls, got.refused) == ("Two leads are open.", (), False)
    assert got.usage == Usage(40, 12, False, cached, thought)
    assert [asked.key for asked in way.server.asked] == [KEY]
    assert "".join(way.shown) == ("Two leads are open.\n" if way.streams else "")
    assert len(way.shown) > 2 or not way.streams


def test_the_address_is_the_specs(way: Way):
    """`base_url` is followed by the provider's own path; the model goes by its own name."""
    way.ask(says("ok"))
    (asked,) = way.server.asked
    path = asked.path.partition("?")[0]
    assert (
        path
        == {
            OPENAI: "/v1/chat/completions",
            ANTHROPIC: "/v1/messages",
            GEMINI: "/v1beta/models/gemini-2.5-flash:generateContent",
        }[way.server.wire]
    )
    assert way.server.wire is GEMINI or asked.body["model"] in way.server.wire.model


def test_a_server_of_ones_own_never_gets_a_providers_key(way: Way, monkeypatch: pytest.MonkeyPatch):
    """Whatever keys the environment holds: a file in git that names a server collects none."""
    variables = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GEMINI_API_KEY")
    for variable in (*variables, "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, f"sk-ant-secret-{variable}")
    way.server.script(says("ok"))
    spec = ModelSpec(name=way.server.wire.model, base_url=way.server.base_url)
    LiveModel(spec, on_text=way.watch).reply(ASK, 5)
    (asked,) = way.server.asked
    assert asked.key == "none"
    assert "secret" not in str(asked)


def test_a_schema_for_the_answer(way: Way):
    """Where no tool competes with it the schema goes along, and the answer is read as JSON."""
    schema = {"type": "object", "required": ["verdict"], "additionalProperties": False,
              "properties": {"verdict": {"type": "string"}}}  # fmt: skip
    way.server.script(says('{"verdict": "good"}'), says('{"verdict": "fair"}'))
    alone = way.model().reply(Request(ASK.messages, (), schema), 15)
    beside = way.model().reply(ASK._replace(output=schema), 15)
    assert (alone.output, beside.output) == ({"verdict": "good"}, {"verdict": "fair"})
    assert "verdict" in str(way.server.asked[0].body)
    assert "verdict" not in str(way.server.asked[1].body)


def test_calls(way: Way):
    """Several calls of one turn keep order, names and arguments, and get ids of their own."""
    made = (("crm__get_lead", '{"id": "1"}'), ("list_all", "{}"), ("drop_tables", '{"all": true}'))
    got = way.ask(calls(*made, ids=("a", "b", "c"), say="I look."))
    assert got.text == "I look."
    assert [call.name for call in got.calls] == ["crm.get_lead", "list_all", "drop_tables"]
    arguments = [str(call.arguments).replace(" ", "") for call in got.calls]
    assert arguments == ['{"id":"1"}', "{}", '{"all":true}']
    assert len({call.id for call in got.calls}) == 3


def test_results_go_back(way: Way):
    """A conversation with calls and results is accepted by each format."""
    call = ToolCall("a", "crm.get_lead", '{"id": "1"}')
    told = (Message("assistant", "", (call,)), Message("tool", {"n": 2}, call_id="a"))
    way.server.script(says("ok"))
    way.model().reply(ASK._replace(messages=ASK.messages + told), 15)
    sent = str(way.server.asked[0].body)
    assert '{"n":2}' in sent or "{'n': 2}" in sent
    assert "crm__get_lead" in sent


def test_malformed_arguments(way: Way):
    """What is not an object reaches the authorizer as text; otherwise there is no answer."""
    got = way.ask(calls(("list_all", "{broken"), ids=("a",)))
    if way.server.wire is GEMINI:
        assert (got.text, got.calls) == ("", ())
    else:
        (call,) = got.calls
        assert call.name == "list_all"
        assert isinstance(call.arguments, str)
        assert "{broken" in call.arguments


def test_a_refusal(way: Way):
    """A refusal is a reply that says so, with its words where the format has any."""
    got = way.ask(says("I cannot help with that.", refused=True))
    if way.server.wire is OPENAI and way.streams:
        # litellm drops the words of a streamed refusal, so it is an empty answer.
        assert (got.text, got.refused) == ("", False)
    else:
        assert got.refused
        assert got.text == ("" if way.server.wire is GEMINI else "I cannot help with that.")


def test_an_empty_answer(way: Way):
    """An empty answer is a reply without words, not a fault."""
    got = way.ask(says(None))
    assert (got.text, got.calls, got.refused, way.attempts) == ("", (), False, 1)


def test_omitted_usage(way: Way):
    """Tokens nobody counted are unknown, also where the library would guess them."""
    if way.server.wire is GEMINI:
        fault = way.fault(says("hi", usage=None))
        assert (fault.kind, fault.exit_code, way.attempts) == ("bad_reply", ExitCode.UNKNOWN, 1)
    else:
        got = way.ask(says("hi", usage=None))
        assert (got.text, got.usage) == ("hi", None)


def test_a_server_error_is_asked_again(way: Way):
    """A 500 is asked again after a short wait; the reply tells of the attempt before it."""
    got = way.ask(fails(500, "maintenance"), says("ok"))
    assert (got.text, way.attempts, way.waits) == ("ok", 2, [0.5])
    (before,) = got.failed_attempts
    assert (before["model"], before["kind"]) == (way.server.wire.model, "unavailable")
    assert before["message"] == f"{way.server.base_url} failed (500): maintenance"


def test_attempts_are_bounded(way: Way):
    """A server that always fails is asked three times, and said to be unavailable in one line."""
    fault = way.fault(*[fails(503, "maintenance")] * 9)
    assert (fault.kind, fault.exit_code) == ("unavailable", ExitCode.UNKNOWN)
    assert fault.message == f"{way.server.base_url} failed (503): maintenance (3 attempts)"
    assert way.attempts == 3


def test_retry_after_is_honoured(way: Way):
    """A 429 is asked again after the time that the provider names."""
    got = way.ask(fails(429, "slow down", Retry_After="3"), says("ok"))
    assert (got.text, way.attempts, way.waits) == ("ok", 2, [3.0])
    assert got.failed_attempts[0]["kind"] == "rate_limited"


def test_a_stall_is_given_up_in_time(way: Way):
    """A silent attempt takes its share of the time, and the next one answers."""
    began = time.monotonic()
    got = way.ask(stalls(way.server), says("ok"), timeout_s=3)
    assert (got.text, way.attempts) == ("ok", 2)
    assert got.failed_attempts[0]["kind"] == "timeout"
    assert time.monotonic() - began < 2.9


@pytest.mark.parametrize("step", [stalls, drips], ids=["stalls", "drips"])
def test_no_request_takes_longer_than_its_limit(way: Way, step: Any):
    """A server that is silent for ever, or drips, holds a run no longer than its limit."""
    began = time.monotonic()
    fault = way.fault(*[step(way.server)] * 5, timeout_s=0.5)
    assert time.monotonic() - began < 1.2
    assert (fault.kind, fault.exit_code) == ("timeout", ExitCode.UNKNOWN)
    assert way.attempts <= 3


def test_half_an_answer_is_none(way: Way):
    """An answer that breaks off is asked for again, and whoever watched is told."""
    got = way.ask(cuts, says("All of it."))
    assert (got.text, way.attempts) == ("All of it.", 2)
    assert got.failed_attempts[0]["kind"] == "unavailable"
    seen = "".join(way.shown)
    assert not way.streams or seen.endswith(f"{BROKEN_OFF}All of it.\n")
    assert way.streams or seen == ""


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "rejected", ExitCode.UNKNOWN),
        (401, "rejected", ExitCode.UNKNOWN),
        (403, "rejected", ExitCode.UNKNOWN),
        (404, "unknown_model", ExitCode.USAGE),
    ],
)
def test_a_refused_request_is_final(way: Way, status: int, kind: str, code: ExitCode):
    """A 4xx that will not change is asked once, and no fallback; no key is ever shown."""
    other = way.server.wire.model.replace("small", "smaller") + "-b"
    fault = way.fault(fails(status, f"no: {KEY}"), says("never"), fallbacks=[other])
    assert (fault.kind, fault.exit_code, way.attempts) == (kind, code, 1)
    shown = f"{fault.message} {fault.hint}"
    assert KEY not in shown
    assert "{" not in shown
    assert "litellm" not in shown


def test_geminis_word_for_a_wrong_key(servers: dict[str, Loopback]):
    """Gemini answers 400 where others say 401; it is the key all the same."""
    way = Way(servers[GEMINI.model], streamed=False)
    fault = way.fault(fails(400, "API key not valid. Please pass a valid API key."))
    assert fault.message == f"{way.server.base_url} rejected the key in AGENTCTL_API_KEY"


def test_what_is_no_reply_at_all_is_said(way: Way):
    """A page where a reply should be is a fault in one line, not a traceback."""
    fault = way.fault(*[sends_page("<html>Sign in</html>")] * 3)
    assert fault.exit_code == ExitCode.UNKNOWN
    assert "\n" not in fault.message
    assert way.attempts <= 3


def test_a_fallback_of_another_provider(
    servers: dict[str, Loopback], monkeypatch: pytest.MonkeyPatch
):
    """While the first provider fails, the next one answers, and the reply names every attempt."""
    anthropic, openai = servers[ANTHROPIC.model], servers[OPENAI.model]
    monkeypatch.setenv("OPENAI_BASE_URL", openai.base_url)
    anthropic.script(*[fails(529, "overloaded")] * 9)
    openai.script(says("ok"))
    spec = ModelSpec(
        name=ANTHROPIC.model, base_url=anthropic.base_url, fallbacks=("openai/gpt-5-mini",)
    )
    env = {"OPENAI_API_KEY": "sk-fallback-12345", "AGENTCTL_API_KEY": KEY}
    got = LiveModel(spec, env=env, sleep=lambda _: None).reply(ASK, 10)
    assert (got.text, got.model) == ("ok", "openai/gpt-5-mini")
    assert [(s["model"], s["kind"]) for s in got.failed_attempts] == [
        (ANTHROPIC.model, "unavailable"),
        (ANTHROPIC.model, "unavailable"),
    ]
    assert (len(anthropic.asked), len(openai.asked)) == (2, 1)
    assert {asked.key for asked in anthropic.asked} == {KEY}
    assert openai.asked[0].key == "sk-fallback-12345"


def test_json_actions_are_never_streamed(servers: dict[str, Loopback]):
    """A model that answers in JSON actions shows none of its JSON, and offers no tools."""
    server = servers[OPENAI.model]
    server.script(says('{"action": "crm.get_lead", "arguments": {"id": "1"}}'))
    shown: list[str] = []
    spec = ModelSpec(name=OPENAI.model, base_url=server.base_url, mode="json-action")
    got = open_model(spec, env={}, on_text=shown.append).reply(ASK, 5)
    assert [(call.name, call.arguments) for call in got.calls] == [("crm.get_lead", {"id": "1"})]
    assert shown == []
    assert not {"tools", "stream"} & server.asked[0].body.keys()
