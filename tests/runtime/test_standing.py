"""Who may answer what waits: one check, and only what the trace says is answered."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.runtime.approvals.approver import ScriptedApprover
from agentctl.runtime.approvals.standing import check_standing, person_id
from agentctl.specs.shapes.golden import ScriptedApproval
from agentctl.specs.shapes.project import Person
from tests.support.build import bundle, ended, events, trial
from tests.support.command import agentctl
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, says
from tests.support.provider import Provider

PEOPLE = {"dana": Person(queues=("desk",)), "lee": Person(queues=("lead",))}
LOOK_UP = calls(("get_order", '{"order_id": "o_1"}'), ("get_order", '{"order_id": "o_2"}'))
CANCEL = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",))
DONE = says("Done.")
POLICY = """\
kind: Policy
roles: {customer: {tools: [get_order, cancel_order]}}
rules:
  - {id: reads, allow: {effects: [none]}}
  - {id: small, ask: [cancel_order], when: args.order_id == 'o_1', by: desk}
  - {id: large, ask: [cancel_order], when: args.order_id == 'o_2', by: lead}
"""
GET_BOTH = [{"call": {"get_order": {"order_id": order}}} for order in ("o_1", "o_4")]
TURNS = [*GET_BOTH, {"call": {"cancel_order": {"order_id": "o_1"}}}, {"say": "Done."}]
RULES = [
    {"id": "reads", "allow": {"effects": ["none"]}},
    {"id": "small", "ask": ["cancel_order"], "when": "args.order_id == 'o_1'", "by": "desk"},
    {"id": "large", "ask": ["cancel_order"], "when": "args.order_id == 'o_4'", "by": "lead"},
]


class Desk(Here):
    """A live project with two queues, whose second order only `lead` may cancel."""

    def sql(self, statement: str) -> None:
        """Change the project's database behind its back."""
        with closing(sqlite3.connect(self.root / ".agentctl" / "state.db")) as db, db:
            db.execute(statement)

    def starts(self, *, exits: int = 4) -> str:
        """Start the task, let it pause, and return the run's id."""
        out, _ = self(
            "run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7",
            "--approvals", "queue", "--format", "json", exits=exits,
        )  # fmt: skip
        return str(json.loads(out)["run"])


@pytest.fixture
def desk(tmp_path: Path, model: Loopback, shop: Provider) -> Desk:
    made = Desk(tmp_path, model, shop)
    (made.root / "agents" / "policy.yaml").write_text(POLICY)
    people = {"dana": {"queues": ["desk"]}, "lee": {"queues": ["lead"]}, "noor": {}}
    (made.root / "agentctl.yaml").write_text(json.dumps({"kind": "Project", "people": people}))
    return made


def test_a_modification_that_another_queue_decides_is_asked_there(
    desk: Desk, model: Loopback, shop: Provider
):
    """The person who changed the call has no say about it: it waits for the other queue."""
    model.script(LOOK_UP, CANCEL)
    run = desk.starts()
    desk("inbox", "modify", "1", '{"order_id": "o_2"}', "--as", "dana")
    desk("resume", run, exits=4)
    assert shop.effects == []
    listed, _ = desk("inbox", "list", exits=4)
    assert listed.startswith('approval 2  cancel_order {"order_id":"o_2"}  asked of lead')
    _, err = desk("inbox", "approve", "2", "--as", "dana", exits=1)
    assert "error[not-their-queue]" in err
    desk("inbox", "approve", "2", "--as", "lee")
    model.script(DONE)
    desk("resume", run)
    assert [effect["order_id"] for effect in shop.effects] == ["o_2"]


def test_a_scripted_modification_that_another_queue_decides_is_not_approved():
    """The script spoke for the queue that was asked first; nobody answers for the other."""
    change = {"cancel_order": {"modify": {"order_id": "o_4"}}}
    played = trial(bundle(rules=RULES), TURNS, approvals=change)
    assert ended(played)["stop"] == "waiting_approval"
    assert played.world.changes() == {}
    assert [asked["by"] for asked in events(played, "approval.requested")] == ["desk", "lead"]


def test_a_script_may_answer_for_the_other_queue():
    """`then` is what that queue says of the modified call."""
    change = {"cancel_order": {"modify": {"order_id": "o_4"}, "then": "approve"}}
    played = trial(bundle(rules=RULES), TURNS, approvals=change)
    assert list(played.world.changes()["orders"]) == ["o_4"]
    assert [given["by"] for given in events(played, "approval.given")] == ["desk", "lead"]


def test_a_second_call_that_a_script_modifies_is_modified_too():
    """The script answers each call anew; only the same call is not modified twice."""
    asked = ApprovalRequest("1.1", "pay", "irreversible", {"n": 1}, (), {}, None, "", "desk", None)
    script = ScriptedApprover({"pay": ScriptedApproval.model_validate({"modify": {"n": 5}})})
    for call_id in ("1.1", "1.2"):
        answer = script.ask(asked._replace(call_id=call_id))
        assert answer is not None and answer.answer == "modify"
    assert script.ask(asked) == Approval("timeout")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (
            "request = json_set(request, '$.arguments.order_id', 'o_9')",
            'arguments is {"order_id":"o_9"}, and in the trace {"order_id":"o_1"}',
        ),
        ("queue = NULL", 'queue is null, and in the trace "desk"'),
        ("queue = 'lead'", 'queue is "lead", and in the trace "desk"'),
        ("principal = 'x'", 'principal is "x", and in the trace "cus_7"'),
        ("request = json_set(request, '$.reason', 'harmless')", 'reason is "harmless"'),
        ("call_hash = 'x'", "never asked for this call"),
        ("run = 'x'", "x.jsonl"),
    ],
)
def test_an_edited_inbox_is_named_and_approves_nothing(
    desk: Desk, model: Loopback, shop: Provider, edit: str, named: str
):
    """What is shown comes from the trace, beside each difference."""
    model.script(LOOK_UP, CANCEL)
    desk.starts()
    desk.sql(f"UPDATE approvals SET {edit}")
    shown, _ = desk("inbox", "show", "1")
    assert named in shown
    assert "  changed: " in desk("inbox", "list", exits=4)[0]
    for answer in (("approve", "1"), ("modify", "1", '{"order_id": "o_2"}')):
        done = agentctl(desk.root, "inbox", *answer, "--as", "dana", env=desk.env)
        assert done.returncode in (1, 3), done.stderr
    assert "pending" in desk("inbox", "show", "1")[0]


def test_what_an_edited_inbox_shows_is_what_the_trace_says(desk: Desk, model: Loopback):
    """The approver reads the arguments and the queue that will count, not the edited ones."""
    model.script(LOOK_UP, CANCEL)
    desk.starts()
    edited = "json_set(request, '$.arguments.order_id', 'o_9')"
    desk.sql(f"UPDATE approvals SET request = {edited}, queue = NULL")
    shown, _ = desk("inbox", "show", "1", "--format", "json")
    assert json.loads(shown)["arguments"] == {"order_id": "o_1"}
    assert json.loads(shown)["queue"] == "desk"


def test_a_request_does_not_outlive_its_time_by_an_edit(desk: Desk, model: Loopback):
    """The trace says when it was asked, and the rule how long it holds."""
    policy = desk.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("by: desk", "by: desk, within: 1s"))
    model.script(LOOK_UP, CANCEL)
    desk.starts()
    desk.sql("UPDATE approvals SET expires_at = '2999-01-01T00:00:00.000Z'")
    shown = json.loads(desk("inbox", "show", "1", "--format", "json")[0])
    assert shown["expires_at"] < "2999"


def in_doubt(desk: Desk, model: Loopback, shop: Provider) -> str:
    """Return a run whose effect may have happened."""
    model.script(LOOK_UP, CANCEL)
    run = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    shop.lose_answers = 1
    desk("resume", run, exits=4)
    return run


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("cus_7", "self-approval"),
        ("lee", "not-their-queue"),
        ("noor", "not-their-queue"),
        ("mallory", "unknown-approver"),
    ],
)
def test_a_doubt_is_settled_by_those_who_decide_on_the_call(
    desk: Desk, model: Loopback, shop: Provider, who: str, why: str
):
    """Neither the one it is for, nor the people of another queue, nor a stranger."""
    run = in_doubt(desk, model, shop)
    _, err = desk("inbox", "settle", "1", "not-happened", "--as", who, exits=1)
    assert f"error[{why}]" in err
    _, err = desk("resume", run, "--note", "all done", "--as", who, exits=1)
    assert f"error[{why}]" in err, "nor do they hand the case back"
    _, err = desk("resume", run, "--did", '{"x": 1}', "--as", who, exits=1)
    assert f"error[{why}]" in err
    desk("inbox", "settle", "1", "happened", "--as", " dana ")
    assert '"by":"dana"' in (desk.root / ".agentctl" / "traces" / f"{run}.jsonl").read_text()


def test_an_effect_edited_in_the_ledger_is_not_settled(desk: Desk, model: Loopback, shop: Provider):
    """A person would settle something else than what was sent."""
    in_doubt(desk, model, shop)
    desk.sql("""UPDATE effects SET arguments = '{"order_id":"o_9"}'""")
    assert '"order_id":"o_1"}  in_doubt  changed: ' in desk("inbox", "list", exits=4)[0]
    _, err = desk("inbox", "settle", "1", "happened", "--as", "dana", exits=1)
    assert "error[inbox-differs]" in err


def test_a_question_is_answered_by_the_user_or_for_them(desk: Desk, model: Loopback):
    """The principal was asked and may answer; a stranger may not."""
    model.script(calls(("ask_user", '{"question": "Which order?"}')))
    run = desk.starts()
    _, err = desk("resume", run, "--reply", "o_1", "--as", "mallory", exits=1)
    assert "error[unknown-approver]" in err
    model.script(DONE)
    assert desk("resume", run, "--reply", "o_1", "--as", "cus_7")[0] == "Done.\n"


@pytest.mark.parametrize(
    "identity",
    ["cus_7", " cus_7 ", "CUS_7", "customer:cus_7", "customer:cus_7 ", "\u0441us_7", "\uff43us_7"],
)
def test_nobody_decides_for_themselves_in_another_spelling(identity: str):
    """Blanks, case, the role before the id and letters that look alike make no other person."""
    with pytest.raises(Problem, match="self-approval"):
        check_standing({}, identity, "desk", "cus_7")


@pytest.mark.parametrize("identity", ["", "  ", "da\nna", "da\x1b[2Jna", "da\u200bna", "da\x00"])
def test_an_id_holds_no_control_characters(identity: str):
    """Nor is it empty: an id stands in traces and on terminals."""
    with pytest.raises(Problem, match="bad-identity"):
        person_id(identity)


def test_without_people_anyone_but_the_principal_may_answer():
    """A project that lists nobody trusts everyone who has its files."""
    assert check_standing({}, " dana ", "desk", "cus_7") == "dana"
    assert check_standing(PEOPLE, "dana", None, "cus_7") == "dana"


def test_a_principal_has_no_blanks_around_their_id(desk: Desk, model: Loopback):
    """`--as "customer:cus_7 "` acts for `cus_7`, who cannot approve for themselves then."""
    model.script(LOOK_UP, CANCEL)
    out, _ = desk(
        "run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7 ",
        "--approvals", "queue", "--format", "json", exits=4,
    )  # fmt: skip
    assert json.loads(out)["principal"]["id"] == "cus_7"
    _, err = desk("inbox", "approve", "1", "--as", "cus_7", exits=1)
    assert "error[self-approval]" in err
