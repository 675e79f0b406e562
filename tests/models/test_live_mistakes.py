"""What a model does wrong, through the whole loop, in three providers' formats.

Each mistake is fed back, counted and bounded; requests are counted where they arrive.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.canonical import NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import Message, Usage
from agentctl.models.opening import open_model
from agentctl.models.port import Request
from agentctl.models.provider.live import LiveModel
from agentctl.runtime.harness import Harness
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.trial import Trial, play_trial
from agentctl.specs.shapes.agent import ModelSpec
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import DEFAULT_NOW
from tests.support.build import ORDERS, bundle, ended, events, scenario, trial
from tests.support.live_project import write_project
from tests.support.loopback import Loopback, Step, calls, cuts, fails, says
from tests.support.loopback_wires import ANTHROPIC, GEMINI, OPENAI, WIRES
from tests.support.provider import Provider, serving

GET = ("get_order", '{"order_id": "o_1"}')
CANCEL = ("cancel_order", '{"order_id": "o_1"}')
DONE = says("Order o_1 is cancelled.")
REPLY = {"type": "object", "required": ["reply"], "properties": {"reply": {"type": "string"}}}
HELLO = Request((Message("user", "Hello"),))
Play = Callable[..., Trial]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Loopback]]:
    """One server for each format; litellm imported and warm."""
    running = {wire.model: Loopback(wire) for wire in WIRES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr("agentctl.models.provider.live.BACKOFF_S", 0.01)
        for server in running.values():
            server.__enter__()
            server.script(says("warm"))
            spec = bundle(model={"name": server.wire.model, "base_url": server.base_url})
            open_model(spec.agent.model, env={}).reply(HELLO, 60)
        yield running
        for server in running.values():
            server.__exit__()


@pytest.fixture(params=WIRES, ids=lambda wire: wire.model.partition("/")[0])
def server(request: pytest.FixtureRequest, servers: dict[str, Loopback]) -> Loopback:
    return servers[request.param.model]


@pytest.fixture
def play(server: Loopback) -> Play:
    """Play one task against the server, with mocked tools, and return what happened."""

    def go(*steps: Step, mode: str = "tools", **agent: Any) -> Trial:
        server.script(*steps)
        price = {"input_per_mtok": 1, "output_per_mtok": 2}
        model = {"name": server.wire.model, "base_url": server.base_url, "price": price}
        made = bundle(model={**model, "mode": mode}, **agent)
        return play_trial(
            Harness(made),
            scenario(None),
            WorldSnapshot({"orders": ORDERS}),
            set_name="set",
            now=DEFAULT_NOW,
            model=open_model(made.agent.model, env={}),
        )

    return go


def asked(server: Loopback, number: int = -1) -> str:
    """Return one request as text, in which quotes are only quotes."""
    return json.dumps(server.asked[number].body).replace("\\", "")


def test_an_agent_does_its_work(server: Loopback, play: Play):
    """The same agent solves the same task in each format, with a trace of the same shape."""
    played = play(calls(GET), calls(CANCEL), DONE)
    assert (ended(played)["stop"], ended(played)["answer"]) == (
        "answered",
        "Order o_1 is cancelled.",
    )
    assert [body["tool"] for body in events(played, "tool.returned")] == [
        "get_order",
        "cancel_order",
    ]
    assert played.world.table("orders").get("o_1")["status"] == "cancelled"  # type: ignore[index]
    assert ended(played)["cost"]["status"] == "declared"
    assert len(server.asked) == 3
    made = [{"call": {name: json.loads(arguments)}} for name, arguments in (GET, CANCEL)]
    written = trial(bundle(), [*made, {"say": "Order o_1 is cancelled."}])
    for live, scripted in zip(played.events, written.events, strict=True):
        assert (live.type, live.body.keys()) == (scripted.type, scripted.body.keys())


def test_several_calls_in_one_turn(server: Loopback, play: Play):
    """They run in the order given, and every one has its result in the next request."""
    other = ("get_order", '{"order_id": "o_2"}')
    played = play(calls(GET, other, CANCEL, ids=("a", "b", "c")), DONE)
    returned = [(body["tool"], body["ok"]) for body in events(played, "tool.returned")]
    assert returned == [("get_order", True), ("get_order", True), ("cancel_order", True)]
    assert ended(played)["stop"] == "answered"
    assert '"status":"shipped"' in asked(server).replace(" ", "")
    assert len(server.asked) == 2


def test_malformed_arguments_are_fed_back(server: Loopback, play: Play):
    """The call does not run; the model is told why and does better."""
    played = play(calls(("get_order", "{broken")), calls(GET), DONE)
    assert ended(played)["stop"] == "answered"
    assert len(server.asked) == 3
    if server.wire is GEMINI:
        assert "Your answer was empty" in asked(server, 1)
        return
    refused = events(played, "call.decided")[0]
    assert (refused["verdict"], refused["stage"]) == ("deny", "parse")
    assert '"error":"invalid"' in asked(server, 1)


def test_an_unknown_tool_is_fed_back(server: Loopback, play: Play):
    """A tool that does not exist is refused by name."""
    played = play(calls(("drop_tables", "{}")), DONE)
    assert (ended(played)["stop"], len(server.asked)) == ("answered", 2)
    assert events(played, "call.decided")[0]["stage"] == "offer"
    assert "no tool `drop_tables` exists" in asked(server)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (says(None), "Your answer was empty"),
        (says("I cannot help with that.", refused=True), "You declined"),
    ],
    ids=["empty", "refused"],
)
def test_no_answer_is_fed_back_once(server: Loopback, play: Play, mistake: Step, told: str):
    """An empty answer or a refusal is no answer: the model may mend it, and then may not."""
    played = play(mistake, DONE)
    assert (ended(played)["stop"], len(server.asked)) == ("answered", 2)
    assert told in asked(server)
    assert '"text": ""' not in asked(server)
    assert '"content": ""' not in asked(server)
    played = play(*[mistake] * 9)
    assert (ended(played)["stop"], len(server.asked)) == ("model_error", 2)
    assert ended(played)["reason"].startswith(
        "the model refused" if "declined" in told else "the model gave no answer"
    )


@pytest.mark.parametrize(
    "mistake",
    [calls(("drop_tables", "{}")), calls(("get_order", '{"id": 1}'))],
    ids=["unknown-tool", "wrong-arguments"],
)
def test_the_same_mistake_again_and_again_ends_the_run(server: Loopback, play: Play, mistake: Step):
    """The third time it is a loop."""
    played = play(*[mistake] * 9)
    assert (ended(played)["stop"], len(server.asked)) == ("loop", 3)


@pytest.mark.parametrize("streamed", [False, True])
def test_half_a_character_is_no_crash(server: Loopback, streamed: bool):
    """Text that no file could hold arrives as its escape: in words, names and arguments."""
    shown: list[str] = []
    spec = ModelSpec(name=server.wire.model, base_url=server.base_url)
    model = open_model(spec, env={}, on_text=shown.append if streamed else None)
    server.script(calls(("get\ud83d", '{"a": "\ud83d"}'), say="Oh \ud83d"))
    got = model.reply(HELLO, 15)
    assert got.text == "Oh \\ud83d"
    (call,) = got.calls
    assert call.name == "get\\ud83d"
    canonical_text([call.arguments, *shown])
    with pytest.raises(NotCanonical):
        parse_strict(str(call.arguments))


def test_a_structured_answer_is_mended_once(server: Loopback, play: Play):
    """An answer that breaks the output contract is asked for once more, with what is wrong."""
    played = play(says('{"answer": 1}'), says('{"reply": "Done"}'), output=REPLY)
    assert (ended(played)["stop"], ended(played)["output"]) == ("answered", {"reply": "Done"})
    assert "breaks the output contract" in asked(server)
    assert len(server.asked) == 2
    played = play(*[says("not JSON")] * 9, output=REPLY)
    assert (ended(played)["stop"], len(server.asked)) == ("model_error", 2)


def test_tokens_of_the_cache_are_cheaper_and_in_the_trace(server: Loopback, play: Play):
    """Cached and reasoning tokens stand in the usage of the turn, and the price follows them."""
    price = {"input_per_mtok": 1, "output_per_mtok": 2, "cached_input_per_mtok": "0.1"}
    model = {"name": server.wire.model, "base_url": server.base_url, "price": price}
    server.script(says("Hello.", (1_000_000, 500_000), cached=500_000, reasoning=1000))
    made = bundle(model=model)
    played = play_trial(
        Harness(made),
        scenario(None),
        WorldSnapshot({"orders": ORDERS}),
        set_name="set",
        now=DEFAULT_NOW,
        model=LiveModel(made.agent.model, env={}),
    )
    (turn,) = events(played, "model.replied")
    thought = {} if server.wire is ANTHROPIC else {"reasoning": 1000}
    expected = {"in": 1_000_000, "out": 500_000, "estimated": False, "cached": 500_000, **thought}
    assert turn["usage"] == expected
    assert turn["cost"] == {"usd": "1.55", "status": "declared"}
    assert ended(played)["usage"] == {"in": 1_000_000, "out": 500_000, "estimated": False}


def test_a_turn_is_played_back_as_it_was(server: Loopback, play: Play):
    """Its usage, calls and refusal come back from the event when a run is taken up again."""
    done = says("Order o_1 is cancelled.", (40, 12), cached=5, reasoning=2)
    played = play(says("I cannot.", refused=True), done)
    first, second = (event for event in played.events if event.type == "model.replied")
    reply = Replay([first]).reply()
    assert reply is not None
    assert reply.refused
    again = Replay([second]).reply()
    assert again is not None
    assert (again.refused, again.text) == (False, "Order o_1 is cancelled.")
    assert again.usage == Usage(40, 12, False, 5, 0 if server.wire is ANTHROPIC else 2)
    assert "refused" not in second.body


def action(tool: str, **arguments: str) -> Step:
    return says(json.dumps({"action": tool, "arguments": arguments}))


def test_json_actions_do_the_same_work(server: Loopback, play: Play):
    """Without a single tool call of the provider's, the same authorizer, world and trace."""
    steps = (action("get_order", order_id="o_1"), action("cancel_order", order_id="o_1"))
    played = play(*steps, says('{"answer": "Order o_1 is cancelled."}'), mode="json-action")
    assert ended(played)["answer"] == "Order o_1 is cancelled."
    assert played.world.table("orders").get("o_1")["status"] == "cancelled"  # type: ignore[index]
    assert all("tools" not in asked.body for asked in server.asked)
    native = play(calls(GET), calls(CANCEL), DONE)
    assert [event.type for event in played.events] == [event.type for event in native.events]


def test_a_garbled_action_is_fed_back_and_bounded(server: Loopback, play: Play):
    """Half an action is refused, the model is told the form again, and the third is a loop."""
    half = says('{"action": "get_order", "arguments": {"order_id": "o_')
    played = play(half, says('{"answer": "Sorry."}'), mode="json-action")
    assert (ended(played)["stop"], len(server.asked)) == ("answered", 2)
    assert events(played, "call.decided")[0]["stage"] == "parse"
    assert "That was not one JSON action" in asked(server)
    played = play(*[half] * 9, mode="json-action")
    assert (ended(played)["stop"], len(server.asked)) == ("loop", 3)


@pytest.mark.parametrize(
    ("faults", "attempts"),
    [
        ((fails(500, "down"), fails(503, "down")), ["unavailable", "unavailable"]),
        ((fails(429, "slow", Retry_After="0"), cuts), ["rate_limited", "unavailable"]),
        ((fails(429, "slow", Retry_After="99"),), ["rate_limited"]),
    ],
    ids=["500-503", "429-cut", "429-long"],
)
def test_a_fallback_never_repeats_an_effect(
    servers: dict[str, Loopback],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    faults: tuple[Step, ...],
    attempts: list[str],
):
    """After an effect the model fails and the fallback goes on: one effect, and the switch."""
    server = servers[OPENAI.model]
    write_project(tmp_path, model_url=server.base_url)
    policy = tmp_path / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 1000"))
    agent = tmp_path / "agents" / "order-desk.yaml"
    named = "  fallbacks: [openai/loopback-2]\n  base_url:"
    agent.write_text(agent.read_text().replace("  base_url:", named))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    with serving(Provider()) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        server.script(calls(GET), calls(CANCEL), *faults, DONE)
        words = ["run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7"]
        code = run_cli([*words, "--format", "json"])
        result = json.loads(capsys.readouterr().out)
        assert (code, result["answer"]) == (0, "Order o_1 is cancelled.")
        assert shop.effects_on("o_1") == 1
        assert len([1 for method, *_ in shop.requests if method == "POST"]) == 1
    names = [asked.body["model"] for asked in server.asked]
    assert names == ["loopback-1"] * (2 + len(faults)) + ["loopback-2"]
    lines = (tmp_path / result["trace"]).read_text().splitlines()
    turns = [e["body"] for e in map(json.loads, lines) if e["type"] == "model.replied"]
    assert [turn.get("attempts") for turn in turns[:2]] == [None, None]
    assert [attempt["kind"] for attempt in turns[2]["attempts"]] == attempts
    assert {attempt["model"] for attempt in turns[2]["attempts"]} == {"openai/loopback-1"}
    assert turns[2]["model"] == "openai/loopback-2"
    assert run_cli(["trace", "show", "latest"]) == 0
    assert "no reply from openai/loopback-1: " in capsys.readouterr().out
