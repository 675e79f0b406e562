"""What the application does with a run: who is asked, what a call by hand leaves."""

import json
from pathlib import Path

import pytest

from agentctl.app.batch.batch import BatchPlan, open_batch
from agentctl.app.inbox import WaitingApproval, answer, approval_of, waiting
from agentctl.app.observer import Observer
from agentctl.app.running.participants import Participants
from agentctl.app.running.recipes import TaskOptions, task_recipe
from agentctl.app.tools.by_hand import CallOptions, call_tool
from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.runtime.run import ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.project import Person
from tests.support.command import agentctl
from tests.support.here import Here
from tests.support.live_project import write_project
from tests.support.loopback import Loopback, calls, says
from tests.support.project import make, passing
from tests.support.provider import Provider, serving

LOOK_UP = ("tools", "call", "get_order", '{"order_id": "o_1"}', "--agent", "order-desk")


def request(queue: str | None) -> ApprovalRequest:
    return ApprovalRequest(
        "call_1", "cancel_order", "irreversible", {}, (), {}, "large", "large", queue, None
    )  # fmt: skip


class Agreeable:
    """Approves, and remembers what they were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, request: ApprovalRequest) -> Approval:
        self.asked.append(request.tool)
        return Approval("approve", "dana")


@pytest.mark.parametrize(
    ("identity", "principal", "queue", "told"),
    [
        ("dana", "cus_7", "desk", None),
        ("dana", "cus_7", None, None),
        ("dana", "cus_7", "board", "not-their-queue"),
        ("eve", "cus_7", "desk", "unknown-approver"),
        ("dana", "Dana", "desk", "self-approval"),
    ],
)
def test_a_person_is_asked_only_what_they_may_decide(
    identity: str, principal: str, queue: str | None, told: str | None
):
    """The application holds an approver against the people of the project, whoever passes them."""
    notes: list[str] = []
    person = Agreeable()
    people = Participants(ScriptedInputs(), person, identity)
    known = {"dana": Person(roles=(), queues=("desk",))}
    answer = people.entitled(known, principal, notes.append).ask(request(queue))
    assert (answer is not None) == (told is None) == bool(person.asked)
    assert [told in note for note in notes] == ([True] if told else [])


def test_where_nobody_is_there_nobody_is_held_against_the_people():
    """Without an approver a call waits, and no complaint is made about their name."""
    notes: list[str] = []
    known = {"dana": Person(roles=(), queues=("desk",))}
    nobody = Participants(ScriptedInputs()).entitled(known, "x", notes.append)
    assert nobody.ask(request("desk")) is None
    assert not notes


def test_a_call_by_hand_names_its_environment_and_cannot_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is a run like any other, except that no recipe could start it again."""
    with Loopback() as model, serving(Provider()) as shop:
        here = Here(tmp_path, model, shop)
        file = here.root / "agentctl.yaml"
        project = {**json.loads(file.read_text()), "environments": {"staging": {}}}
        file.write_text(json.dumps(project))
        here(*LOOK_UP, "--live", "--as", "customer:cus_7")
        (trace,) = here.traces()
        started = json.loads(trace.read_text().splitlines()[0])["body"]
        assert started["environment"] == "staging"
        _, err = here("resume", "latest", exits=2)
        assert "not-resumable" in err


def test_a_scenario_without_turns_is_refused_before_a_trace_begins(tmp_path: Path):
    """Nobody would take the model's part: the way out is named, and no empty run is left."""
    case = passing("case")
    del case["turns"]
    make(tmp_path, [case])
    code, _, err = agentctl(tmp_path, "run", "--scenario", "orders:case")
    assert code == 2
    assert "error[no-turns]: scenario `case` has no turns to replay" in err
    assert "--model openai/gpt-5-mini" in err
    assert not list((tmp_path / ".agentctl" / "traces").glob("*.jsonl"))


def test_a_batch_reports_to_whoever_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A batch is a generator of results: nothing is printed, and its summary is data."""
    with Loopback() as model:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        project = Project.find(write_project(tmp_path, model_url=model.base_url))
        tasks = tmp_path / "tasks.jsonl"
        tasks.write_text('{"id": "a", "task": "Hello"}\n{"id": "b", "task": "Hello"}\n')
        recipe, whose = task_recipe(project, TaskOptions("order-desk"))
        model.script(says("Hello."), says("Hello."))
        capsys.readouterr()
        with open_batch(project, recipe, whose, BatchPlan(tasks, None, 1, waits=False)) as batch:
            done = [result.task for result in batch.results()]
        summary = batch.summary()
    assert done == ["a", "b"]
    assert (summary.total, summary.left, summary.stops["answered"], summary.code) == (2, 0, 2, 0)
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_batch_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever takes the results may stop it; what runs ends, and nothing more begins."""
    with Loopback() as model:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        project = Project.find(write_project(tmp_path, model_url=model.base_url))
        tasks = tmp_path / "tasks.jsonl"
        tasks.write_text("".join(f'{{"id": "{n}", "task": "Hello"}}\n' for n in range(50)))
        recipe, whose = task_recipe(project, TaskOptions("order-desk"))
        model.script(*[says("Hello.")] * 50)
        with open_batch(project, recipe, whose, BatchPlan(tasks, None, 1, waits=False)) as batch:
            for _ in batch.results():
                batch.interrupt("enough")
        summary = batch.summary()
    assert summary.left > 0
    assert (summary.halted, summary.code) == ("enough", 130)


def test_a_waiting_call_is_answered_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What waits is data, and an answer is a function call that holds people to their queues."""
    with Loopback() as model, serving(Provider()) as shop:
        here = Here(tmp_path, model, shop)
        look_up = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
        cancel = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",))
        model.script(look_up, cancel)
        here("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7",
             "--approvals", "queue", exits=4)  # fmt: skip
        project = Project.find(here.root)
        (found,) = waiting(project.root)
        assert isinstance(found, WaitingApproval)
        assert (found.tool, found.queue, found.standing) == ("cancel_order", "desk", "pending")
        assert found.arguments == {"order_id": "o_1"}
        with pytest.raises(Problem, match="self-approval"):
            answer(project, found.id, Approval("approve"), "cus_7")
        row = answer(project, found.id, Approval("approve"), "dana")
        assert row.run == found.run
        assert approval_of(project.root, found.id).standing == "approve"
        assert not shop.effects


def test_a_call_by_hand_that_was_cut_off_is_not_offered_to_be_resumed(tmp_path: Path):
    """No recipe could start it again: what it did stands in its trace and in the ledger."""

    def cut_off(event: Event) -> None:
        if event.type == "call.decided":
            raise RuntimeError("cut off")

    with Loopback() as model, serving(Provider()) as shop:
        here = Here(tmp_path, model, shop)
        project = Project.find(here.root)
        asked = CallOptions(
            "get_order", '{"order_id": "o_1"}', "order-desk", "customer:cus_7", live=True
        )
        with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError):
            patch.setenv("SHOP_API", shop.url)
            people = Participants(ScriptedInputs())
            call_tool(project, asked, people, Observer(event=cut_off))
        assert here.traces()
        assert waiting(project.root) == []
