"""The live door, through the real litellm, against a real HTTP server on loopback."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Message, ToolCall, Usage
from agentctl.models.port import ModelFault, Request, ToolOffer
from agentctl.models.provider.live import LiveModel, open_litellm, target_of
from agentctl.specs.shapes.agent import ModelSpec
from tests.support.loopback import (
    Loopback,
    calls,
    cuts,
    drips,
    fails,
    says,
    sends,
    sends_page,
    stalls,
)

KEY = "sk-test-0123456789"
ORDER = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
OFFERS = (ToolOffer("crm.get_lead", "Read a lead.", ORDER), ToolOffer("list_all", "List.", {}))
HELLO = (Message("system", "Be brief."), Message("user", "Hello"))
ASK = Request(HELLO, OFFERS)


@pytest.fixture(scope="module")
def running() -> Iterator[Loopback]:
    """One server, and litellm imported and warm, for the whole module."""
    with pytest.MonkeyPatch.context() as patch, Loopback() as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        server.script(says("warm"))
        LiveModel(ModelSpec(name="openai/warm", base_url=server.base_url), env={}).reply(ASK, 60)
        yield server


@pytest.fixture
def server(running: Loopback) -> Loopback:
    running.script()
    return running


class Waits(list[float]):
    """A sleep that only notes how long it should have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def live(server: Loopback, **more: Any) -> LiveModel:
    """Return a model at the loopback server that does not really wait."""
    spec = {k: more.pop(k) for k in ("fallbacks", "settings", "name") if k in more}
    more.setdefault("sleep", Waits())
    more.setdefault("env", {"AGENTCTL_API_KEY": KEY})
    full = {"name": "openai/small", "base_url": server.base_url, **spec}
    return LiveModel(ModelSpec.model_validate(full), **more)


def test_a_tool_call_makes_the_round_trip(server: Loopback):
    """The model sees tools and results; its call arrives with the arguments as it wrote them."""
    server.script(calls(("list_all", '{"page": 1}'), ids=("call_a",)), says("Two leads."))
    model = live(server)
    first = model.reply(ASK, 5)
    assert first.calls == (ToolCall("call_a", "list_all", '{"page": 1}'),)
    assert first.usage == Usage(20, 8)
    told = (Message("assistant", "", first.calls), Message("tool", {"n": 2}, call_id="call_a"))
    second = model.reply(Request(HELLO + told, OFFERS), 5)
    assert (second.text, second.calls, second.usage) == ("Two leads.", (), Usage(12, 3))
    assert second.model == "openai/small"
    sent = server.asked[1].body["messages"]
    assert sent[:2] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert sent[2]["tool_calls"][0]["function"] == {"name": "list_all", "arguments": '{"page": 1}'}
    assert sent[3] == {"role": "tool", "tool_call_id": "call_a", "content": '{"n":2}'}


def test_a_request_carries_model_tools_and_settings(server: Loopback):
    """The server is asked for its own model name with the settings of the spec and no more."""
    server.script(says("ok"))
    live(server, settings={"temperature": 0}).reply(ASK, 5)
    asked = server.asked[0]
    assert (asked.path, asked.key) == ("/v1/chat/completions", KEY)
    assert set(asked.body) == {"model", "messages", "tools", "temperature"}
    assert asked.body["model"] == "small"
    assert asked.body["tools"][0]["function"] == {
        "name": "crm__get_lead",
        "description": "Read a lead.",
        "parameters": ORDER,
    }


def test_dots_in_tool_names_go_out_and_come_back(server: Loopback):
    """A dotted tool is offered without dots, and the model's call means the dotted tool."""
    server.script(calls(("crm__get_lead", "{}")))
    assert live(server).reply(ASK, 5).calls[0].name == "crm.get_lead"


def test_several_calls_in_one_turn_keep_their_order(server: Loopback):
    """All calls of a turn arrive in order, and under ids that a trace can tell apart."""
    server.script(calls(("list_all", "{}"), ("crm__get_lead", '{"id": "1"}'), ids=("c", "c")))
    got = live(server).reply(ASK, 5).calls
    assert [(call.id, call.name) for call in got] == [("c", "list_all"), ("c_2", "crm.get_lead")]


@pytest.mark.parametrize("text", ["{broken", "[1]", '{"a": 1, "a": 2}', '{"n": NaN}'])
def test_malformed_arguments_pass_as_text(server: Loopback, text: str):
    """What the model wrote is neither mended nor dropped: the authorizer judges it."""
    server.script(calls(("list_all", text)))
    assert live(server).reply(ASK, 5).calls[0].arguments == text


def test_an_unknown_tool_name_passes(server: Loopback):
    """A tool nobody offered reaches the authorizer under the name the model gave it."""
    server.script(calls(("drop_tables", "{}")))
    assert live(server).reply(ASK, 5).calls[0].name == "drop_tables"


def test_omitted_usage_is_not_zero(server: Loopback):
    """Where the server counts nothing the usage is unknown, so that the turn is not free."""
    server.script(says("hi", usage=None))
    assert live(server).reply(ASK, 5).usage is None


def test_empty_answers_and_refusals_are_replies(server: Loopback):
    """An empty answer is an empty text, and a refusal is what the model said."""
    server.script(says(None), says("I cannot help with that.", refused=True))
    model = live(server)
    assert model.reply(ASK, 5).text == ""
    assert model.reply(ASK, 5).text == "I cannot help with that."


def test_a_structured_answer_is_read(server: Loopback):
    """The schema is sent where no tool competes with it, and a fenced answer is understood."""
    server.script(says('Sure:\n```json\n{"reply": "done"}\n```'), says('{"reply": "again"}'))
    schema = {"type": "object", "required": ["reply"]}
    model = live(server)
    assert model.reply(Request(HELLO, (), schema), 5).output == {"reply": "done"}
    assert model.reply(Request(HELLO, OFFERS, schema), 5).output == {"reply": "again"}
    sent = [asked.body.get("response_format") for asked in server.asked]
    assert sent[0]["json_schema"]["schema"] == schema
    assert sent[1] is None


def test_a_server_error_is_asked_again(server: Loopback):
    """A 500 is retried once more after a short wait, and the second answer counts."""
    server.script(fails(500), says("ok"))
    waits = Waits()
    assert live(server, sleep=waits).reply(ASK, 5).text == "ok"
    assert (len(server.asked), waits) == (2, [0.5])


def test_attempts_are_bounded(server: Loopback):
    """A server that always fails is asked three times, not more, and the fault says so."""
    server.script(*[fails(503, "maintenance")] * 9)
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 5)
    assert (met.value.kind, met.value.exit_code) == ("unavailable", ExitCode.UNKNOWN)
    assert "(503): maintenance (3 attempts)" in met.value.message
    assert len(server.asked) == 3


def test_retry_after_is_honoured(server: Loopback):
    """A 429 with Retry-After is asked again after just that time."""
    server.script(fails(429, Retry_After="3"), says("ok"))
    waits = Waits()
    assert live(server, sleep=waits).reply(ASK, 5).text == "ok"
    assert waits == [3.0]


def test_a_wait_beyond_the_limit_is_not_begun(server: Loopback):
    """When the provider asks to wait longer than the run may last, it ends at once."""
    server.script(fails(429, Retry_After="60"))
    waits = Waits()
    with pytest.raises(ModelFault) as met:
        live(server, sleep=waits).reply(ASK, 5)
    assert (met.value.kind, len(server.asked), waits) == ("rate_limited", 1, [])


def test_a_spent_quota_is_not_asked_again(server: Loopback):
    """A 429 that means no money is left does not pass by waiting."""
    server.script(fails(429, "You exceeded your current quota, check your plan"))
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 5)
    assert (met.value.kind, len(server.asked)) == ("rate_limited", 1)
    assert "quota" in (met.value.hint or "")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "rejected", ExitCode.UNKNOWN),
        (401, "rejected", ExitCode.UNKNOWN),
        (403, "rejected", ExitCode.UNKNOWN),
        (404, "unknown_model", ExitCode.USAGE),
        (422, "rejected", ExitCode.UNKNOWN),
    ],
)
def test_a_refusal_is_final_and_holds_no_key(
    server: Loopback, status: int, kind: str, code: ExitCode
):
    """A 4xx that will not change is asked once, not passed to a fallback, and never shows a key."""
    server.script(fails(status, f"no: {KEY} and sk-other-12345678"))
    with pytest.raises(ModelFault) as met:
        live(server, fallbacks=["openai/other"]).reply(ASK, 5)
    fault = met.value
    assert (fault.kind, fault.exit_code, len(server.asked)) == (kind, code, 1)
    shown = f"{fault.message} {fault.hint} {fault!r}"
    assert KEY not in shown
    assert "sk-other" not in shown
    assert "litellm" not in shown


def test_a_rejected_key_names_its_variable(server: Loopback):
    """A wrong key is named by the variable that holds it."""
    server.script(fails(401))
    with pytest.raises(ModelFault, match="rejected the key in AGENTCTL_API_KEY"):
        live(server).reply(ASK, 5)


@pytest.mark.parametrize("step", [stalls, drips], ids=["stalls", "drips"])
def test_a_slow_server_costs_no_more_than_the_limit(server: Loopback, step: Any):
    """A server that is silent, or sends a byte now and then, holds a run no longer than it may."""
    server.script(*[step(server)] * 3)
    began = time.monotonic()
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 0.4)
    assert time.monotonic() - began < 1.0
    assert (met.value.kind, met.value.exit_code) == ("timeout", ExitCode.UNKNOWN)
    assert len(server.asked) == 1


def test_a_stall_leaves_time_for_another_attempt(server: Loopback):
    """One silent attempt takes its share of the time, and the next may still answer."""
    server.script(stalls(server), says("ok"))
    assert live(server, patience_s=0.2).reply(ASK, 3).text == "ok"
    assert len(server.asked) == 2


def test_a_cut_connection_is_asked_again(server: Loopback):
    """A connection that breaks in the middle of an answer is a passing fault."""
    server.script(cuts, says("ok"))
    assert live(server).reply(ASK, 5).text == "ok"
    assert len(server.asked) == 2


@pytest.mark.parametrize("step", [sends_page("<html>Sign in</html>"), sends({"object": "x"})])
def test_an_answer_that_is_no_completion_is_said_to_be_one(server: Loopback, step: Any):
    """A login page or a foreign API is a bad reply with the likely reason."""
    server.script(step)
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 5)
    assert met.value.kind == "bad_reply"
    assert "/v1" in (met.value.hint or "")


def test_a_reply_without_a_message_is_a_bad_reply(server: Loopback):
    """A completion with no choice is a fault, not an empty answer."""
    server.script(sends({"id": "1", "object": "chat.completion", "created": 1, "choices": []}))
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 5)
    assert met.value.kind == "bad_reply"


def test_a_fallback_answers_and_is_named(server: Loopback):
    """When the model cannot be had its fallback is asked, and the reply says who answered."""
    server.script(fails(503), fails(503), says("here"))
    reply = live(server, fallbacks=["openai/other"]).reply(ASK, 5)
    assert (reply.text, reply.model) == ("here", "openai/other")
    assert [asked.body["model"] for asked in server.asked] == ["small", "small", "other"]


def test_every_fallback_gets_an_attempt(server: Loopback):
    """The budget is one for all models, and none of them is left out for another's retries."""
    for names, order in (("b", "small small b"), ("bcd", "small b c d")):
        server.script(*[fails(500)] * 9)
        with pytest.raises(ModelFault):
            live(server, fallbacks=[f"openai/{name}" for name in names]).reply(ASK, 5)
        assert [asked.body["model"] for asked in server.asked] == order.split()


def test_a_fallback_without_a_key_is_left_out_and_said(server: Loopback):
    """A fallback that cannot be asked costs no attempt, and the fault names what it lacks."""
    server.script(*[fails(500)] * 9)
    with pytest.raises(ModelFault, match="fallback anthropic/claude-haiku-4-5 has no key"):
        live(server, fallbacks=["anthropic/claude-haiku-4-5"]).reply(ASK, 5)
    assert len(server.asked) == 3


def test_a_model_named_on_the_command_line_has_no_fallback(server: Loopback):
    """Who asks for a model by name gets that model or a fault."""
    server.script(*[fails(500)] * 9)
    with pytest.raises(ModelFault):
        live(server, fallbacks=["openai/other"], override="openai/asked").reply(ASK, 5)
    assert {asked.body["model"] for asked in server.asked} == {"asked"}


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "local-model"])
def test_a_server_of_ones_own_may_name_its_models_freely(server: Loopback, name: str):
    """With `base_url` a name without a provider is sent as it is."""
    server.script(says("ok"))
    live(server, name=name).reply(ASK, 5)
    assert server.asked[0].body["model"] == name


def test_a_server_never_gets_the_key_of_a_provider(server: Loopback):
    """A spec that names a server cannot send it the key of OpenAI."""
    server.script(says("ok"))
    live(server, env={"OPENAI_API_KEY": KEY}).reply(ASK, 5)
    assert server.asked[0].key == "none"


def test_another_provider_is_not_asked_at_the_server():
    """`base_url` stands for the provider of the spec's model, not for every model."""
    spec = ModelSpec(name="openai/small", base_url="http://127.0.0.1:9/v1")
    assert target_of(spec, "anthropic/claude-haiku-4-5", {}).base_url is None
    assert target_of(spec, "openai/large", {}).base_url == spec.base_url


def test_no_key_means_no_request(server: Loopback):
    """Without a key nothing is asked, and the hint names the variable to set."""
    with pytest.raises(ModelFault) as met:
        LiveModel(ModelSpec(name="openai/gpt-5-mini"), env={})
    assert (met.value.kind, met.value.exit_code) == ("no_key", ExitCode.USAGE)
    assert met.value.hint == "export OPENAI_API_KEY=..."
    assert server.asked == []


@pytest.mark.parametrize("name", ["no-such-model", "nobody/model"])
def test_a_name_without_a_provider_is_unknown(running: Loopback, name: str):
    """A name that belongs to no provider is the user's mistake and is never sent anywhere."""
    with pytest.raises(ModelFault) as met:
        LiveModel(ModelSpec(name=name), env={}).reply(ASK, 5)
    assert (met.value.kind, met.value.exit_code) == ("unknown_model", ExitCode.USAGE)


def test_no_network_is_said_in_one_line(running: Loopback):
    """A server that is not there is unavailable, by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    model = LiveModel(ModelSpec(name="openai/x", base_url=address), env={}, sleep=Waits())
    with pytest.raises(ModelFault) as met:
        model.reply(ASK, 5)
    assert (met.value.kind, met.value.exit_code) == ("unavailable", ExitCode.UNKNOWN)
    assert met.value.message == f"cannot reach {address} (3 attempts)"


def test_a_setting_the_model_does_not_take_is_named(server: Loopback):
    """A refused setting is not dropped in silence."""
    with pytest.raises(ModelFault, match="temperature") as met:
        live(server, name="openai/gpt-5-mini", settings={"temperature": 0}).reply(ASK, 5)
    assert (met.value.kind, server.asked) == ("rejected", [])


@pytest.mark.parametrize("name", ["api_base", "api_key", "mock_response", "temprature"])
def test_only_settings_are_settings(name: str):
    """Settings cannot turn the door elsewhere, and a typing mistake is not swallowed."""
    with pytest.raises(ValidationError, match=name):
        ModelSpec.model_validate({"name": "openai/gpt-5-mini", "settings": {name: 1}})


IMPOSSIBLE_COUNTS = [
    pytest.param((-50, 3), id="negative"),
    pytest.param((12, -(10**6)), id="negative output"),
    pytest.param((10**30, 3), id="enormous"),
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer")  # as `open_litellm` ignores them
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("told", IMPOSSIBLE_COUNTS)
def test_tokens_that_cannot_be_count_as_not_counted(server: Loopback, told: Any, stream: bool):
    """Neither a negative nor an enormous count reaches limits; the rest of the reply does."""
    server.script(says("ok", told), says("ok", told), says("ok", told))
    reply = live(server, on_text=[].append if stream else None).reply(ASK, 30)
    assert (reply.text, reply.usage) == ("ok", None)


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("told", [(1.5, 3), (float("nan"), 3)], ids=["fraction", "NaN"])
def test_tokens_that_litellm_cannot_read_are_a_fault_of_the_provider(server: Loopback, told: Any):
    """litellm refuses such a reply as a whole, which is a fault of the model."""
    server.script(says("ok", told), says("ok", told), says("ok", told))
    with pytest.raises(ModelFault) as met:
        live(server).reply(ASK, 30)
    assert met.value.exit_code == ExitCode.UNKNOWN


def test_nothing_is_written_beside_the_answer(server: Loopback, capfd: pytest.CaptureFixture[str]):
    """litellm prints and logs nothing, also when a request fails."""
    server.script(fails(400), says("ok"))
    model = live(server)
    with pytest.raises(ModelFault):
        model.reply(ASK, 5)
    model.reply(ASK, 5)
    assert tuple(capfd.readouterr()) == ("", "")
    assert logging.getLogger("LiteLLM").level > logging.CRITICAL
    assert open_litellm().suppress_debug_info is True


def test_an_agent_runs_with_a_live_model(
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    """An agent solves its task with a model behind HTTP, with the same authorizer, world, trace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    assert run_cli(["init", "desk"]) == 0
    monkeypatch.chdir(tmp_path / "desk")
    spec = Path("agents/library-desk.yaml")
    address = f"  name: openai/small\n  base_url: {server.base_url}"
    spec.write_text(spec.read_text().replace("  name: openai/gpt-5-mini", address))
    capfd.readouterr()
    server.script(
        calls(("list_loans", "{}"), ids=("c",)),
        calls(("renew_loan", '{"loan_id": "l_1"}'), ids=("c",)),
        says("Renewed until May."),
    )
    code = run_cli(["run", "library-desk", "Renew The Sea Road", "--format", "json"])
    out, err = capfd.readouterr()
    assert code == 0, err
    result = json.loads(out)
    assert (result["answer"], result["stop"]) == ("Renewed until May.", "answered")
    assert [call["tool"] for call in result["calls"]] == ["list_loans", "renew_loan"]
    last = server.asked[-1].body["messages"]
    assert [message["role"] for message in last] == [
        "system", "user", "assistant", "tool", "assistant", "tool"
    ]  # fmt: skip
    assert json.loads(last[-1]["content"])["loan_id"] == "l_1"
    assert last[-1]["tool_call_id"] == last[-2]["tool_calls"][0]["id"] == "c_2"
    offered = server.asked[0].body["tools"][0]["function"]["parameters"]["properties"]
    assert "reader_id" not in offered


def test_the_door_opens_late():
    """Making a model ready imports neither litellm nor mcp."""
    code = (
        "import sys\n"
        "from agentctl.models.provider.live import LiveModel\n"
        "from agentctl.specs.shapes.agent import ModelSpec\n"
        "LiveModel(ModelSpec(name='openai/gpt-5-mini'), env={'OPENAI_API_KEY': 'k'})\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'litellm', 'mcp', 'openai'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
