"""Chat logs as people have them: whose scenario a line is, and what it holds."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.errors import Problem
from agentctl.interop.reading import RunsFile, read_runs
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.turns import Recording
from tests.support.project import make, passing


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a tool call as OpenAI writes it."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": "c1", "type": "function", "function": function}


def log(first: str = "cancel my order", **more: Any) -> dict[str, Any]:
    """Return a line of a log whose user begins with these words."""
    messages = [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": first},
        {"role": "assistant", "content": None, "tool_calls": [call("get_order", order_id="o_1")]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"status": "pending"}'},
        {"role": "assistant", "content": "It is pending."},
    ]
    return {"messages": messages, **more}


def read(root: Path, *lines: dict[str, Any]) -> dict[str, list[Recording]]:
    """Return the recordings of these lines for a set of two scenarios."""
    make(root, [passing("a"), passing("b.2/x", input="where is it?")])
    (root / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    loaded = Project.find(root).golden_set("orders")
    return dict(read_runs([RunsFile(root / "log.jsonl")], loaded))


def wrong(root: Path, *lines: dict[str, Any]) -> list[str]:
    """Return line and message of everything that is wrong."""
    with pytest.raises(Problem) as met:
        read(root, *lines)
    return [f"{d.location.line}: {d.message}" for d in met.value.diagnostics if d.location]


def test_a_log_names_its_scenario_beside_the_messages_or_under_metadata(tmp_path: Path):
    """`scenario`, or `metadata.scenario`, whatever the user says; the other fields likewise."""
    found = read(
        tmp_path,
        log("hello", scenario="a", model="m", cost="0.5"),
        log("hello", metadata={"scenario": "b.2/x", "model": "n", "agent": "old", "end": "limit"}),
    )
    (one,), (other,) = found["a"], found["b.2/x"]
    assert (one.model, str(one.cost), one.end) == ("m", "0.5", None)
    assert (other.model, other.agent, other.end) == ("n", "old", "limit")
    assert [turn.user for turn in one.turns] == ["hello", None, None]


def test_a_log_without_a_name_is_found_by_the_first_line_of_its_user(tmp_path: Path):
    """Words that one scenario begins with are enough; blanks and line breaks do not count."""
    found = read(tmp_path, log("cancel my\n order "), log("where is it?"), log("cancel my order"))
    assert {name: [one.trial for one in ones] for name, ones in found.items()} == {
        "a": [1, 2],
        "b.2/x": [1],
    }


def test_words_that_fit_no_scenario_or_several_are_named_with_the_way_out(tmp_path: Path):
    """Each such line is reported with its number, all at once."""
    make(tmp_path, [passing("a"), passing("b")])
    path = tmp_path / "log.jsonl"
    silent = {"messages": [{"role": "assistant", "content": "Hi"}]}
    lines = [log("good morning"), log(), silent, log(scenario="c")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(Problem) as met:
        read_runs([RunsFile(path)], Project.find(tmp_path).golden_set("orders"))
    said = [(d.location.line, d.message) for d in met.value.diagnostics if d.location]
    way_out = "name it: `scenario`, or `metadata.scenario`"
    assert said == [
        (1, f'no scenario begins with "good morning"; {way_out}'),
        (2, f'2 scenarios begin with "cancel my order": `a`, `b`; {way_out}'),
        (3, f"the run names no scenario, and its user says nothing; {way_out}"),
        (4, "the golden set has no scenario `c`"),
    ]


def test_what_else_a_log_holds_is_its_own_business(tmp_path: Path):
    """Keys of requests and replies are passed over; one that is nearly ours is not."""
    extra = {"tools": [], "temperature": 0, "id": "x", "created": 1, "tenant": "t", "user": "u"}
    assert len(read(tmp_path, log(**extra))["a"]) == 1
    assert wrong(tmp_path, log(scenaro="a"), log(ends="limit")) == [
        "1: unknown field `scenaro`: did you mean `scenario`?",
        "2: unknown field `ends`: did you mean `end`?",
    ]


def test_names_that_a_provider_gave_tools_are_translated_back(tmp_path: Path):
    """A tool whose name has a dot is logged as a provider accepts it, and found all the same."""
    make(tmp_path, [passing("a", turns=[], expect={"escalation": "none"})])
    for file in ("tools/orders.yaml", "agents/order-desk.yaml"):
        text = (tmp_path / file).read_text()
        (tmp_path / file).write_text(text.replace("get_order", "shop.get_order"))
    message = {"role": "assistant", "tool_calls": [call("shop__get_order"), call("a__b")]}
    line = {"scenario": "a", "messages": [message]}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    loaded = Project.find(tmp_path).golden_set("orders")
    (found,) = read_runs([RunsFile(tmp_path / "log.jsonl")], loaded)["a"]
    assert [one.tool for one in found.turns[0].calls] == ["shop.get_order", "a__b"]


def test_messages_that_cannot_be_read_are_named_by_line_and_position(tmp_path: Path):
    """A message of another shape costs its line, and says which it is."""
    part = {"type": "tool_use", "id": "x", "name": "get_order", "input": {}}
    anthropic = {"scenario": "a", "messages": [{"role": "assistant", "content": [part]}]}
    robot = {"scenario": "a", "messages": [{"role": "robot", "content": "x"}]}
    found = wrong(tmp_path, anthropic, robot, {"scenario": "a", "messages": "none"})
    assert found[0].startswith("1: message 0: a `tool_use` part")
    assert found[1].startswith("2: message 0: expected role")
    assert found[2] == "3: expected a list of chat messages, got str"


@pytest.mark.parametrize("odd", [None, [], {}, [[]], 3, True, "", {"a": None}])
@pytest.mark.parametrize("key", ["role", "content", "tool_calls", "tool_call_id", "function_call"])
def test_a_message_with_an_odd_value_is_read_or_named(tmp_path: Path, key: str, odd: Any):
    """Whatever stands in place of a part of a message, there is a recording or a named problem."""
    line = log(scenario="a")
    for message in line["messages"][1:4]:
        if key in message or key == "function_call":
            message[key] = odd
    try:
        assert len(read(tmp_path, line)["a"]) == 1
    except Problem as met:
        assert {d.code for d in met.diagnostics} == {"bad-recording"}


def test_a_chat_log_gets_a_verdict_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`eval SET --traces LOG` scores a log as it is."""
    make(tmp_path, [passing("a"), passing("b", input="other")])
    cancel = {"role": "assistant", "tool_calls": [call("cancel_order", order_id="o_1")]}
    good = log()
    good["messages"][-1:-1] = [cancel, {"role": "tool", "content": "ok"}]
    lines = [good, log("other")]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    code = run_cli(["eval", "orders", "--traces", "log.jsonl", "--format", "json"])
    trials = json.loads(capsys.readouterr().out)["sets"][0]["trials"]
    assert code == 1
    assert [(t["scenario"], t["status"]) for t in trials] == [("a", "passed"), ("b", "failed")]


def test_a_log_of_fifty_megabytes_is_streamed(tmp_path: Path):
    """Of a line only what is played is kept, and no two lines are in memory at once."""
    make(tmp_path, [passing("a")])
    path = tmp_path / "log.jsonl"
    line = log()
    line["messages"][0]["content"] = "You help. " * 50_000
    text = json.dumps(line) + "\n"
    with path.open("w") as file:
        for _ in range(100):
            file.write(text)
    assert path.stat().st_size > 50_000_000
    loaded = Project.find(tmp_path).golden_set("orders")
    tracemalloc.start()
    try:
        found = read_runs([RunsFile(path)], loaded)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found["a"]) == 100
    assert peak < 15_000_000
