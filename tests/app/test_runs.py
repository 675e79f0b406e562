"""What the application does with a run: how it exits, who is asked, what a call by hand leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.running.participants import Participants
from agentctl.app.running.runs import EXITS
from agentctl.core.events import STOP_REASONS
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.runtime.run import ScriptedInputs
from agentctl.specs.shapes.project import Person
from tests.support.here import Here
from tests.support.loopback import Loopback
from tests.support.provider import Provider, serving

LOOK_UP = ("tools", "call", "get_order", '{"order_id": "o_1"}', "--agent", "order-desk")


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        ("answered", 0),
        ("escalated", 4),
        ("waiting_approval", 4),
        ("waiting_reply", 4),
        ("goal_not_met", 1),
        ("out_of_domain", 1),
        ("limit", 1),
        ("loop", 1),
        ("blocked", 1),
        ("model_error", 3),
        ("tool_error", 3),
        ("stopped", 1),
        ("interrupted", 130),
    ],
)
def test_a_run_exits_as_it_stopped(stop: Any, code: int):
    """0 answered, 1 stopped, 3 cannot tell, 4 waits for a person, 130 interrupted."""
    assert EXITS[stop] == code


def test_every_way_to_stop_has_an_exit_code():
    """The table of exit codes is complete."""
    assert set(EXITS) == set(STOP_REASONS)


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
