"""What live tools answered becomes mocks that answer the same."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import canonical_text
from agentctl.core.messages import ToolError, ToolResult
from agentctl.specs.language.matchers import fields_test
from agentctl.specs.reading.yaml import parse_yaml, read_yaml
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.mock.operations import compile_mocks
from agentctl.toolbox.mock.tools import MockBackend
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import BackendCall
from agentctl.toolbox.recording import ReplyRecorder, fitting
from tests.support.build import bundle
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, fails, says
from tests.support.provider import Provider

GET = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
OTHER = calls(("get_order", '{"order_id": "o_2"}'), ids=("b",))
CANCEL = calls(("cancel_order", '{"order_id": "o_2"}'), ids=("c",))
DONE = says("Order o_2 is cancelled.")
TASK = ("run", "order-desk", "Cancel o_2", "--as", "customer:cus_7")
LIVE = (*TASK, "--live", "--record-tools")
NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path, model: Loopback, shop: Provider) -> Here:
    made = Here(tmp_path, model, shop)
    policy = made.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 1000"))
    return made


def recorded(here: Here) -> Path:
    (found,) = (here.root / ".agentctl" / "recorded").glob("*.yaml")
    return found


def paste(here: Here) -> None:
    """Copy each recorded `mock:` to its tool, as the file says."""
    mocks = {t["name"]: t["mock"] for t in read_yaml(recorded(here), "recorded").data["tools"]}
    manifest = here.root / "tools" / "shop.yaml"
    data = yaml.safe_load(manifest.read_text())
    for tool in data["tools"]:
        tool["mock"] = mocks.get(tool["name"], tool["mock"])
    manifest.write_text(json.dumps(data))


def seen(here: Here) -> list[Any]:
    """Return what the newest run did and was told."""
    lines = [json.loads(line) for line in here.traces()[-1].read_text().splitlines()]
    kinds = {
        "call.decided": ("tool", "arguments", "verdict"),
        "tool.returned": ("tool", "ok", "value", "error"),
        "run.ended": ("stop", "answer"),
    }
    return [
        [line["type"], *(line["body"].get(field) for field in kinds[line["type"]])]
        for line in lines
        if line["type"] in kinds
    ]


def test_a_live_run_replays_on_the_mocks_it_left(here: Here, model: Loopback, shop: Provider):
    """Recorded once, pasted into the manifest: the same calls bring the same results, offline."""
    model.script(GET, OTHER, CANCEL, DONE)
    shop.answers["/orders/o_1"] = (404, {}, b"{}")
    _, err = here(*LIVE)
    assert "what the tools answered: .agentctl/recorded/" in err
    live, requests = seen(here), len(shop.requests)
    assert [step[:3] for step in live if step[0] == "tool.returned"] == [
        ["tool.returned", "get_order", False],
        ["tool.returned", "get_order", True],
        ["tool.returned", "cancel_order", True],
    ]
    paste(here)
    here("check", "tools/shop.yaml")
    model.script(GET, OTHER, CANCEL, DONE)
    here(*TASK)
    assert seen(here) == live
    assert len(shop.requests) == requests, "nothing was asked of the real shop"


def test_what_was_never_seen_is_missing(here: Here, model: Loopback):
    """Other arguments than those recorded have no reply: the mock does not make one up."""
    model.script(OTHER, DONE)
    here(*LIVE)
    paste(here)
    model.script(GET, DONE)
    here(*TASK, exits=3)
    (returned,) = [step for step in seen(here) if step[0] == "tool.returned"]
    assert returned[4]["error"] == "missing_mock"


def test_a_recording_is_kept_out_of_git_and_of_other_hands(here: Here, model: Loopback):
    """Its folder ignores itself, and only its owner can read it."""
    model.script(OTHER, DONE)
    here(*LIVE)
    file = recorded(here)
    assert (file.parent / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_run_that_breaks_leaves_what_it_saw(here: Here, model: Loopback):
    """The file is written with each answer, not at the end."""
    model.script(OTHER, fails(401))
    here(*LIVE, exits=3)
    assert "o_2" in recorded(here).read_text()


def test_a_resumed_run_adds_to_its_recording(here: Here, model: Loopback):
    """What it saw before the pause stays."""
    policy = here.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 1000", "> 100"))
    model.script(OTHER, CANCEL)
    here(*LIVE, "--approvals", "queue", exits=4)
    here("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    here("resume", "latest")
    kept = read_yaml(recorded(here), "recorded").data["tools"]
    assert [tool["name"] for tool in kept] == ["get_order", "cancel_order"]


def test_only_live_answers_are_recorded(here: Here):
    """There is nothing to learn from mocks."""
    _, err = here(*TASK, "--record-tools", exits=2)
    assert "error[goes-with]" in err


class Told:
    """Live tools that answer as told, in order."""

    def __init__(self, *results: ToolResult) -> None:
        self._results = iter(results)

    def send(self, name: str, ask: BackendCall, key: str | None) -> ToolResult:
        return next(self._results)

    def idempotent(self, name: str) -> bool:
        return True

    def close(self) -> None:
        pass


def tool(**more: Any) -> dict[str, Any]:
    """Return a tool that takes anything."""
    schema = {"type": "object", "properties": {"q": {}, "page": {"type": "integer"}}}
    return {"name": "find", "description": "Find.", "effect": "none", "inputSchema": schema, **more}


def ask(args: dict[str, Any]) -> BackendCall:
    return BackendCall(args, {"id": "cus_7", "role": "customer"}, NOW)


def replayed(path: Path, made: dict[str, Any]) -> Any:
    """Return a call of the mock that a recording gives to its tool."""
    (kept,) = read_yaml(path, "recorded").data["tools"]
    agent = bundle(tools=[{**made, "mock": kept["mock"]}], rules=[])
    mocks = MockBackend(compile_mocks(agent), World(WorldSnapshot({}), agent.tables))
    return lambda args: mocks.send("find", ask(args), None)


def test_a_reply_fits_its_own_arguments_alone(tmp_path: Path):
    """An argument more or less is another call, whatever order they came in."""
    given_args: list[dict[str, Any]] = [
        {"q": "a"},
        {"q": "a", "page": 2},
        {"q": {"prefix": "x"}},
        {"q": {"a": 1, "b": [{"c": 1}]}},
        {"q": {"a": 1}},
        {},
    ]
    told = [ToolResult(number) for number, _ in enumerate(given_args)]
    recorder = ReplyRecorder(
        Told(*told), {"find": ToolSpec.model_validate(tool())}, tmp_path / "r.yaml"
    )
    for args in given_args:
        recorder.send("find", ask(args), None)
    call = replayed(tmp_path / "r.yaml", tool())
    assert [call(args).value for args in given_args] == list(range(len(given_args)))
    assert call({"page": 2}).error.kind == "missing_mock"
    assert call({"q": {"prefix": "x", "more": 1}}).error.kind == "missing_mock"


def test_a_single_argument_may_be_called_like_a_matcher():
    """`{prefix: +49}` is an argument, with or without a bound one beside it."""
    schema = {"type": "object", "properties": {"prefix": {"type": "string"}, "who": {}}}
    made = ToolSpec.model_validate(tool(inputSchema=schema, bind={"who": "principal.id"}))
    fit = fitting(made, {"prefix": "+49", "who": "cus_7"})
    assert "cus_7" not in canonical_text(fit)
    assert fields_test(fit)({"prefix": "+49", "who": "cus_8"})
    assert not fields_test(fit)({"prefix": "+491", "who": "cus_8"})
    schema = {"type": "object", "properties": {"prefix": {"type": "string"}}}
    fit = fitting(ToolSpec.model_validate(tool(inputSchema=schema)), {"prefix": "+49"})
    assert fields_test(fit)({"prefix": "+49"})
    assert not fields_test(fit)({"prefix": "+491"})


def test_an_outage_gives_way_and_a_later_answer_does_not(tmp_path: Path):
    """Replies know no time: the first answer holds, and the file says that there was another."""
    made = {"find": ToolSpec.model_validate(tool())}
    down = ToolResult(error=ToolError("timeout", "no answer"))
    told = Told(down, ToolResult("first"), ToolResult("second"), down)
    recorder = ReplyRecorder(told, made, tmp_path / "r.yaml")
    for _ in range(4):
        recorder.send("find", ask({"q": 1}), None)
    assert replayed(tmp_path / "r.yaml", tool())({"q": 1}).value == "first"
    assert (
        "# find later answered the same arguments differently" in (tmp_path / "r.yaml").read_text()
    )


def test_secrets_are_masked(tmp_path: Path):
    """In arguments, in results and in messages."""
    made = {"find": ToolSpec.model_validate(tool())}
    key = "sk-" + "a1B2" * 8
    told = Told(
        ToolResult({"api_key": "hush", "text": key}), ToolResult(error=ToolError("denied", key))
    )
    recorder = ReplyRecorder(told, made, tmp_path / "r.yaml")
    recorder.send("find", ask({"q": key}), None)
    recorder.send("find", ask({"q": 2}), None)
    text = (tmp_path / "r.yaml").read_text()
    assert key not in text
    assert "hush" not in text


def test_what_cannot_be_written_is_told_before_or_after_the_run(tmp_path: Path):
    """Never between a call and its result: the call was made."""
    made = {"find": ToolSpec.model_validate(tool())}
    recorder = ReplyRecorder(Told(ToolResult(1)), made, tmp_path / "in" / "r.yaml")
    (tmp_path / "in").rename(tmp_path / "gone")
    assert recorder.send("find", ask({"q": 1}), None).value == 1
    assert recorder.failed is not None


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text().map("={}".format),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    value=plain,
    args=st.dictionaries(st.sampled_from(["q", "page", "x y", "=", "on"]), plain, max_size=3),
)
def test_any_answer_to_any_arguments_comes_back_as_it_was(
    value: Any, args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
):
    """Whatever JSON it is: text that looks like CEL, like YAML, like a date or like nothing."""
    path = tmp_path_factory.mktemp("r") / "r.yaml"
    recorder = ReplyRecorder(
        Told(ToolResult(value)), {"find": ToolSpec.model_validate(tool())}, path
    )
    recorder.send("find", ask(args), None)
    again = replayed(path, tool())(args)
    assert canonical_text(again.value) == canonical_text(value)
    assert parse_yaml(path.read_text(), "r").data
