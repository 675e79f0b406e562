"""Attacks on whole runs: what the approver saw is what the tool gets, once, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.clock import VirtualClock
from agentctl.core.errors import Problem
from agentctl.core.messages import Approval, ApprovalRequest, ModelReply, Principal, ToolCall
from agentctl.models.port import Request
from agentctl.runtime.approvals.approver import Approver, ScriptedApprover
from agentctl.runtime.conversation.loop import play
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import Ending, Run, RunContext, ScriptedInputs
from agentctl.specs.shapes.bundle import Bundle, WorldSnapshot
from agentctl.specs.shapes.golden import ScriptedApproval
from agentctl.toolbox.mock.tools import MockBackend
from agentctl.toolbox.mock.world import World
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.file import FileTrace
from tests.support.build import ALLOW_ALL, CANCEL, GET, ORDERS, bundle

PAY = {
    "name": "pay",
    "description": "Pay back.",
    "effect": "irreversible",
    "idempotency": {"key": ["order_id", "amount"]},
    "inputSchema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "amount"],
        "properties": {
            "order_id": {"type": "string"},
            "amount": {},
            "notify": {"type": "array", "default": []},
        },
    },
    "mock": {"python": "mocks.py:pay"},
}
ASK = [{"id": "reads", "allow": {"effects": ["none"]}}, {"id": "pay", "ask": ["pay"]}]
MOCK = """
RAN = []

def pay(world, args, principal, now):
    RAN.append(repr(args))
    world.table("orders").put("ran", {"order_id": "ran", "arguments": list(RAN)})
    return {"paid": True}
"""


class Says:
    """A model that says each list of calls in turn, as the text a provider sends, then stops."""

    name = "scripted"

    def __init__(self, *turns: list[tuple[str, Any]]) -> None:
        self._turns = list(turns)
        self._said = 0

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        if not self._turns:
            return ModelReply("Done.")
        calls = []
        for name, arguments in self._turns.pop(0):
            self._said += 1
            calls.append(ToolCall(f"c{self._said}", name, arguments))
        return ModelReply(None, tuple(calls))


class Watching:
    """An approver who says yes to everything, and remembers what was shown."""

    def __init__(self) -> None:
        self.shown: list[ApprovalRequest] = []

    def ask(self, request: ApprovalRequest) -> Approval:
        self.shown.append(request)
        return Approval("approve", "boss")


class Played:
    """One run with its world."""

    def __init__(
        self, made: Bundle, model: Says, approver: Approver | None = None, recorder: Any = None
    ) -> None:
        harness = Harness(made)
        self.world = World(WorldSnapshot({"orders": ORDERS}), made.tables, {})
        self.run = Run(
            harness,
            RunContext(
                principal=Principal("cus_7", "customer", "Ana"),
                model=model,
                clock=VirtualClock(datetime(2026, 1, 15, 9, tzinfo=UTC)),
                approver=approver or ScriptedApprover({}),
                inputs=ScriptedInputs("pay me back"),
                recorder=recorder,
            ),
        )
        self.ending: Ending = play(self.run, MockBackend(harness.mocks, self.world))

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [event.body for event in self.run.events if event.type == kind]

    def ran(self) -> list[str]:
        """What the mocked tool was called with, in its own words."""
        record = self.world.table("orders").get("ran")
        return [] if record is None else record["arguments"]


@pytest.fixture
def shop(tmp_path: Path) -> Bundle:
    (tmp_path / "mocks.py").write_text(MOCK)
    return bundle(tools=[GET, PAY], rules=ASK, folder=tmp_path)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"1e3"', "1e3"), ('"1000"', "1000"), ('"1,000"', "1,000"), ('" 1000"', " 1000"),
        ('"1e3\\u200b"', "1e3\u200b"), ("1000", 1000), ("1e3", 1000.0), ("1000.0", 1000.0),
        ("0.1", 0.1), ("true", True), ("null", None), ('["1e3"]', ["1e3"]), ('"٣"', "٣"),
        ('{"value": "1e3"}', {"value": "1e3"}), ("9007199254740991", 2**53 - 1),
    ],
)  # fmt: skip
def test_the_tool_gets_exactly_what_the_approver_saw(shop: Bundle, written: str, shown: Any):
    """Text stays text and a number that number: "1e3" is never 1000 on the way to the tool."""
    boss = Watching()
    played = Played(shop, Says([("pay", f'{{"order_id": "o_1", "amount": {written}}}')]), boss)
    (pending,) = boss.shown
    assert repr(pending.arguments["amount"]) == repr(shown)
    assert played.ran() == [repr(pending.arguments)]
    (asked,) = played.bodies("approval.requested")
    assert json.dumps(asked["arguments"]) == json.dumps(pending.arguments)


@pytest.mark.parametrize(
    "written",
    [
        '{"order_id": "o_1", "amount": NaN}',
        '{"order_id": "o_1", "amount": Infinity}',
        '{"order_id": "o_1", "amount": 9007199254740993}',
        '{"order_id": "o_1", "amount": 1, "amount": 1000}',
        '{"order_id": "o_1", "amount": "\\ud800"}',
        '{"order_id": "o_1", "amount": ' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"order_id": "o_1", "amount": "' + "9" * 1_000_000 + '"}',
        '{"order_id": true, "amount": 1}',
    ],
    ids=["NaN", "Infinity", "2^53+1", "twice", "surrogate", "depth", "megabyte", "true"],
)
def test_nobody_is_asked_about_arguments_that_can_be_misread(
    shop: Bundle, written: str, tmp_path: Path
):
    """They go back to the model as an error; no person, tool or reader of the trace meets them."""
    boss = Watching()
    path = tmp_path / "trace.jsonl"
    with FileTrace(path, "run_1") as trace:
        played = Played(shop, Says([("pay", written)]), boss, trace)
    assert played.ending.stop == "answered"
    (returned,) = played.bodies("tool.returned")
    assert returned["error"]["error"] == "invalid"
    assert (boss.shown, played.ran()) == ([], [])
    assert [check.tampering for check in verify_file(path)] == [None]


@pytest.mark.parametrize("depth", [1, 44, 45, 46, 47, 48, 60, 64, 100])
def test_a_trace_can_always_be_read_however_deep_arguments_are(
    shop: Bundle, tmp_path: Path, depth: int
):
    """What the authorizer lets through is never nested deeper than the trace's reader accepts."""
    path = tmp_path / "trace.jsonl"
    written = '{"order_id": "o_1", "amount": ' + "[" * depth + "]" * depth + "}"
    with FileTrace(path, "run_1") as trace:
        played = Played(shop, Says([("pay", written)]), Watching(), trace)
    assert len(played.ran()) == (1 if depth < 47 else 0)
    assert [check.tampering for check in verify_file(path)] == [None]


@pytest.mark.parametrize("where", ["name", "key", "value"])
def test_raw_surrogates_stop_the_run_before_anything_happens(
    shop: Bundle, tmp_path: Path, where: str
):
    """What cannot be written to the trace is not acted on, wherever it stands in the call."""
    bad = "\ud800"
    name = f"pay{bad}" if where == "name" else "pay"
    arguments = {"order_id": "o_1", "amount": bad} if where == "value" else {bad: 1}
    boss = Watching()
    model = Says([(name, json.dumps(arguments, ensure_ascii=False))])
    with (
        FileTrace(tmp_path / "trace.jsonl", "run_1") as trace,
        pytest.raises(Problem, match="cannot be written"),
    ):
        Played(shop, model, boss, trace)
    assert boss.shown == []


@pytest.mark.parametrize("name", ["", "PAY", "Pay", "p\u0430y", "pay\u200b", "pay ", "\uff50ay"])
def test_a_look_alike_tool_name_reaches_no_tool(shop: Bundle, name: str):
    """The model is told that there is no such tool; nobody is asked, nothing runs."""
    boss = Watching()
    played = Played(shop, Says([(name, '{"order_id": "o_1", "amount": 1}')]), boss)
    (returned,) = played.bodies("tool.returned")
    assert returned["error"]["error"] == "unknown_tool"
    assert (boss.shown, played.ran()) == ([], [])


def test_500_parallel_calls_in_one_turn_end_at_the_limit(shop: Bundle):
    """The limit counts calls, not turns: 40 of 500 are looked at, the run ends, nobody resumes."""
    made = bundle(tools=[GET, CANCEL], rules=ALLOW_ALL, limits={"tool_calls": 40, "repeats": "off"})
    calls = [("get_order", f'{{"order_id": "o_{n % 4 + 1}"}}') for n in range(500)]
    played = Played(made, Says(calls, calls))
    assert played.ending.stop == "limit"
    assert len(played.bodies("call.decided")) == 40
    assert len(played.bodies("model.replied")) == 1
    (ended,) = played.bodies("run.ended")
    assert ended["calls"] == 40


def test_500_equal_writes_in_one_turn_take_effect_once(shop: Bundle):
    """Asked again and again for the same payment, the tool is reached once and the loop is seen."""
    calls = [("pay", '{"order_id": "o_1", "amount": 5}')] * 500
    played = Played(shop, Says(calls), Watching())
    assert played.ending.stop in ("loop", "limit")
    assert len(played.ran()) == 1
    assert len(played.bodies("call.decided")) < 10


def test_500_parallel_calls_that_are_refused_end_too(shop: Bundle):
    """A refused call counts like any other: a model cannot hammer at the authorizer."""
    made = bundle(limits={"tool_calls": 25, "repeats": "off"})
    calls = [("no_such_tool", "{}"), ("cancel_order", '{"order_id": "o_9"}')] * 250
    played = Played(made, Says(calls))
    assert played.ending.stop == "limit"
    assert len(played.bodies("call.decided")) == 25
    assert played.bodies("effect.intended") == []


REWORDED = [
    '{"amount": 5, "order_id": "o_1"}',
    '{ "order_id" : "o_1" ,\n "amount" : 5.0 }',
    '{"order_id": "o_1", "amount": 5, "notify": []}',
    '{"order_id": "\\u006f_1", "amount": 0.5e1}',
    {"order_id": "o_1", "amount": 5.0},
]


@pytest.mark.parametrize("again", REWORDED, ids=str)
def test_a_rejected_call_proposed_in_other_words_is_not_asked_again(shop: Bundle, again: Any):
    """The person said no once: the same call stays denied for the run, however it is written."""
    no = ScriptedApprover({"pay": ScriptedApproval.model_validate("reject")})
    first = '{"order_id": "o_1", "amount": 5}'
    played = Played(shop, Says([("pay", first)], [("pay", again)], [("pay", again)]), no)
    assert len(played.bodies("approval.requested")) == 1
    errors = [body["error"]["error"] for body in played.bodies("tool.returned")]
    assert set(errors) == {"declined"}
    assert played.ran() == []


def test_another_call_after_a_rejection_is_asked_about(shop: Bundle):
    """No to five dollars is not no to four: the person is asked again."""
    no = ScriptedApprover({"pay": ScriptedApproval.model_validate("reject")})
    turns = [[("pay", f'{{"order_id": "o_1", "amount": {n}}}')] for n in (5, 4)]
    played = Played(shop, Says(*turns), no)
    assert len(played.bodies("approval.requested")) == 2
    assert played.ran() == []
