"""The whole way: a model server, a real system, a person, and a machine that dies in between."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import Apart, agentctl
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, says
from tests.support.provider import Provider

GET = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
CANCEL = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",))
DONE = says("Order o_1 is cancelled.")


class Desk(Here):
    """A live project, and ways to see what it does."""

    def sql(self, statement: str) -> None:
        """Change the project's database behind its back."""
        with closing(sqlite3.connect(self.root / ".agentctl" / "state.db")) as db, db:
            db.execute(statement)

    def asks(self, *more: str) -> str:
        """Start the task, let it pause, and return the run's id."""
        out, _ = self(
            "run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7",
            "--approvals", "queue", "--format", "json", *more, exits=4,
        )  # fmt: skip
        result = json.loads(out)
        assert result["stop"] == "waiting_approval"
        return str(result["run"])


@pytest.fixture
def desk(tmp_path: Path, model: Loopback, shop: Provider) -> Desk:
    return Desk(tmp_path, model, shop)


def test_a_paused_run_survives_the_machine_and_acts_exactly_once(
    desk: Desk, model: Loopback, shop: Provider
):
    """Pause, kill -9, approve, resume: one effect, and one trace that tells it as one story."""
    model.script(GET, CANCEL)
    run = desk.asks()
    assert shop.effects == []
    # A second start of the same machine: whatever was in memory is gone; even a resume that is
    # killed while it starts takes nothing with it.
    with Apart(desk.root, "resume", run, env=desk.env) as killed:
        killed.kill()
    assert desk("inbox", "list", exits=4)[0].startswith("approval 1  cancel_order")
    desk("inbox", "approve", "1", "--as", "dana", "--reason", "asked by the customer")
    model.script(DONE)
    out, _ = desk("resume", run, "--format", "json")
    result = json.loads(out)
    assert (result["answer"], result["stop"]) == ("Order o_1 is cancelled.", "answered")
    assert result["usage"] == {"in": 52, "out": 19, "estimated": False}, "all three turns count"
    assert shop.effects_on("o_1") == 1
    verified, _ = desk("trace", "verify", run)
    assert "intact" in verified
    trace = (desk.root / ".agentctl" / "traces" / f"{run}.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["type"] for line in trace]
    assert kinds.count("run.started") == 1
    assert kinds[-1] == "run.ended"
    assert (
        kinds.index("run.paused") < kinds.index("approval.given") < kinds.index("effect.intended")
    )
    given = next(json.loads(line)["body"] for line in trace if '"approval.given"' in line)
    assert (given["by"], given["answer"]) == ("dana", "approve")
    assert len(model.asked) == 1, "what the model had said was not asked for again"
    desk("resume", run, exits=2)
    assert shop.effects_on("o_1") == 1


def test_an_approval_replayed_by_a_second_process_at_the_same_instant_acts_once(
    desk: Desk, model: Loopback, shop: Provider
):
    """Of several that resume at once, one goes on; the others are refused."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE, DONE, DONE)
    racing = [Apart(desk.root, "resume", run, env=desk.env) for _ in range(3)]
    ended = [process.ended() for process in racing]
    assert min(one.returncode for one in ended) == 0, ended
    assert all("Traceback" not in one.stderr for one in ended)
    assert shop.effects_on("o_1") == 1
    assert "intact" in desk("trace", "verify", run)[0]


def test_a_damaged_trace_does_not_hide_what_else_waits(desk: Desk, model: Loopback):
    """The inbox lists it as damaged, beside the others."""
    model.script(calls(("ask_user", '{"question": "Which order?"}')), GET, CANCEL)
    words = ("run", "order-desk", "Hi", "--live", "--as", "customer:cus_7", "--approvals", "queue")
    out, _ = desk(*words, "--format", "json", exits=4)
    (desk.root / ".agentctl" / "traces" / f"{json.loads(out)['run']}.jsonl").write_text("{\n")
    desk.asks()
    listed, _ = desk("inbox", "list", exits=4)
    assert [line.split()[0] for line in listed.splitlines()] == ["approval", "damaged"]


def test_who_may_not_approve_is_refused(desk: Desk, model: Loopback, shop: Provider):
    """Not the one it is for, not somebody else's queue, not a stranger: with the way out."""
    model.script(GET, CANCEL)
    desk.asks()
    for who, why in (
        ("cus_7", "self-approval"),
        ("CUS_7", "self-approval"),
        ("noor", "not-their-queue"),
        ("mallory", "unknown-approver"),
    ):
        _, err = desk("inbox", "approve", "1", "--as", who, exits=1)
        assert f"error[{why}]" in err
    assert "pending" in desk("inbox", "show", "1")[0]
    assert shop.effects == []


def test_a_second_answer_is_refused(desk: Desk, model: Loopback):
    """What was answered stays answered."""
    model.script(GET, CANCEL)
    desk.asks()
    desk("inbox", "reject", "1", "--as", "dana", "--reason", "not theirs")
    _, err = desk("inbox", "approve", "1", "--as", "dana", exits=1)
    assert "a rejection, by dana" in err


def test_a_rejection_reaches_the_model_and_holds_for_the_run(
    desk: Desk, model: Loopback, shop: Provider
):
    """The model is told; the same call, spelled otherwise, is denied without asking again."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "reject", "1", "--as", "dana", "--reason", "ask for the receipt first")
    model.script(calls(("cancel_order", '{ "order_id" :"o_1" }'), ids=("z",)), says("It stays."))
    out, _ = desk("resume", run)
    assert out == "It stays.\n"
    told = json.loads(model.asked[0].body["messages"][-1]["content"])
    assert told["error"] == "declined" and "ask for the receipt first" in told["message"]
    assert shop.effects == []
    assert "nothing waits" in desk("inbox", "list")[1]


def test_a_modified_call_runs_as_modified_and_is_recorded_as_a_correction(
    desk: Desk, model: Loopback, shop: Provider
):
    """A person's arguments are decided on anew; before and after stand in the trace."""
    model.script(
        calls(("get_order", '{"order_id": "o_1"}'), ("get_order", '{"order_id": "o_2"}')), CANCEL
    )
    run = desk.asks()
    desk("inbox", "modify", "1", '{"order_id": "o_2"}', "--as", "dana")
    model.script(DONE)
    desk("resume", run)
    assert [effect["order_id"] for effect in shop.effects] == ["o_2"]
    trace = (desk.root / ".agentctl" / "traces" / f"{run}.jsonl").read_text().splitlines()
    made = next(json.loads(line)["body"] for line in trace if '"correction.made"' in line)
    assert (made["before"], made["after"]) == ({"order_id": "o_1"}, {"order_id": "o_2"})


def test_a_policy_edited_before_the_approval_voids_the_request(desk: Desk, model: Loopback):
    """What a person approves is what was decided; under another policy it is asked anew."""
    model.script(GET, CANCEL)
    desk.asks()
    policy = desk.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 200"))
    _, err = desk("inbox", "approve", "1", "--as", "dana", exits=1)
    assert "error[changed-since]" in err


@pytest.mark.parametrize(
    "file", ["agents/policy.yaml", "tools/shop.yaml", "agents/order-desk.yaml"]
)
def test_a_file_edited_after_the_approval_stops_the_resume(
    desk: Desk, model: Loopback, shop: Provider, file: str
):
    """An approval holds under the policy, the tools and the agent it was given for."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    path = desk.root / file
    changed = path.read_text().replace("> 100", "> 90").replace("Cancel one", "Cancel an")
    path.write_text(changed.replace("Help with orders.", "Help with all orders."))
    _, err = desk("resume", run, exits=1)
    assert "error[changed-since]" in err
    assert shop.effects == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE approvals SET standing = 'approve', decided_by = 'dana'",
        "UPDATE approvals SET call_hash = 'x'",
        "UPDATE approvals SET policy = 'x'",
        "UPDATE approvals SET run = 'x'",
        "DELETE FROM approvals",
    ],
)
def test_a_database_edited_before_the_resume_approves_nothing(
    desk: Desk, model: Loopback, shop: Provider, edit: str
):
    """The answer is in the trace; a database that disagrees with it stops the run."""
    model.script(GET, CANCEL)
    run = desk.asks()
    if "standing" not in edit:
        desk("inbox", "approve", "1", "--as", "dana")
    desk.sql(edit)
    ended = agentctl(desk.root, "resume", run, "--quiet", env=desk.env)
    assert ended.returncode in (1, 2, 4), ended.stderr
    assert "Traceback" not in ended.stderr
    assert shop.effects == []


def test_an_approval_that_has_expired_is_not_used(desk: Desk, model: Loopback, shop: Provider):
    """`within:` ends a request that nobody answered; the run asks anew."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk.sql("UPDATE approvals SET expires_at = '2020-01-01T00:00:00.000Z'")
    _, err = desk("inbox", "approve", "1", "--as", "dana", exits=1)
    assert "is expired" in err
    desk("resume", run, exits=4)
    assert desk("inbox", "list", exits=4)[0].startswith("approval 2  cancel_order")
    assert shop.effects == []


def test_an_approval_that_expires_after_it_was_given_is_not_used(
    desk: Desk, model: Loopback, shop: Provider
):
    """A yes does not keep for ever."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    desk.sql("UPDATE approvals SET expires_at = '2020-01-01T00:00:00.000Z'")
    _, err = desk("resume", run, exits=1)
    assert "the inbox says expired" in err
    assert shop.effects == []


def test_a_trace_cut_short_between_approval_and_resume_is_refused(
    desk: Desk, model: Loopback, shop: Provider
):
    """Taking a rejection out of the trace does not take it back."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "reject", "1", "--as", "dana")
    path = desk.root / ".agentctl" / "traces" / f"{run}.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    _, err = desk("resume", run, exits=3)
    assert "error[audit-damaged]" in err
    assert shop.effects == []


def test_a_case_handed_over_comes_back_with_a_note(desk: Desk, model: Loopback, shop: Provider):
    """After an escalation a person's note and what they did by hand are part of the story."""
    model.script(calls(("escalate", '{"reason": "angry"}')))
    out, _ = desk(
        "run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7",
        "--approvals", "queue", "--format", "json", exits=4,
    )  # fmt: skip
    run = json.loads(out)["run"]
    assert desk("inbox", "list", exits=4)[0].startswith("case  of order-desk")
    model.script(says("Dana has called you; all is well."))
    out, _ = desk(
        "resume", run, "--note", "I called them; just confirm.", "--as", "dana",
        "--did", '{"called": true}',
    )  # fmt: skip
    assert out == "Dana has called you; all is well.\n"
    assert "I called them; just confirm." in model.asked[0].body["messages"][-1]["content"]
    assert "intact" in desk("trace", "verify", run)[0]
    _, err = desk("resume", run, "--note", "more", exits=2)
    assert "error[not-resumable]" in err


def test_a_question_waits_for_its_answer(desk: Desk, model: Loopback):
    """`ask_user` without anybody there pauses; the answer takes the run up again."""
    model.script(calls(("ask_user", '{"question": "Which order?"}')))
    out, _ = desk(
        "run", "order-desk", "Cancel it", "--live", "--as", "customer:cus_7",
        "--approvals", "queue", "--format", "json", exits=4,
    )  # fmt: skip
    run = json.loads(out)["run"]
    assert json.loads(out)["stop"] == "waiting_reply"
    assert "question  Which order?  agentctl resume" in desk("inbox", "list", exits=4)[0]
    _, err = desk("resume", run, "--note", "hm", exits=2)
    assert "leave out --note" in err
    model.script(says("Thank you."))
    assert desk("resume", run, "--reply", "o_1", "--as", "cus_7")[0] == "Thank you.\n"


def test_a_write_whose_receipt_breaks_its_schema_is_not_repeated(
    desk: Desk, model: Loopback, shop: Provider
):
    """It has happened; what cannot be read is a case for a person, never a reason to send again."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    shop.answers["/orders/o_1/cancel"] = (200, {}, b'{"order": "private words"}')
    _, err = desk("resume", run, exits=4)
    assert "took effect, and what it returned cannot be read" in err
    assert [method for method, *_ in shop.requests] == ["GET", "POST"]
    trace = (desk.root / ".agentctl" / "traces" / f"{run}.jsonl").read_text()
    assert '"state":"unverified"' in trace
    assert "private words" not in trace
    desk("resume", run, exits=4)
    assert [method for method, *_ in shop.requests] == ["GET", "POST"]


def test_a_doubt_is_named_until_a_person_settles_it(desk: Desk, model: Loopback, shop: Provider):
    """The answer is lost and nobody can be asked: it is listed, handed over, and settled once."""
    model.script(GET, CANCEL)
    run = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    shop.lose_answers = 1
    _, err = desk("resume", run, exits=4)
    assert "it is not known whether the effect happened" in err
    listed, _ = desk("inbox", "list", exits=4)
    assert 'effect 1  cancel_order {"order_id":"o_1"}  in_doubt' in listed
    _, err = desk("inbox", "settle", "1", "happened", "--as", "mallory", exits=1)
    assert "error[unknown-approver]" in err
    desk("inbox", "settle", "1", "happened", "--as", "dana", "--reason", "seen in the shop")
    assert desk("inbox", "list", exits=4)[0].startswith("case  of order-desk")
    _, err = desk("inbox", "settle", "1", "not-happened", "--as", "dana", exits=1)
    assert "effect 1 is succeeded, by dana" in err
    assert "intact" in desk("trace", "verify", run)[0]
    assert shop.effects_on("o_1") == 1


def test_the_same_effect_of_another_run_is_refused(desk: Desk, model: Loopback, shop: Provider):
    """Whoever starts the task again does not cancel twice; the model is told which run did it."""
    model.script(GET, CANCEL)
    first = desk.asks()
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    desk("resume", first)
    model.script(GET, CANCEL)
    second = desk.asks()
    desk("inbox", "approve", "2", "--as", "dana")
    model.script(says("It was cancelled before."))
    desk("resume", second)
    told = json.loads(model.asked[0].body["messages"][-1]["content"])
    assert told["error"] == "conflict" and f"run {first} did this already" in told["message"]
    assert shop.effects_on("o_1") == 1


def test_effects_without_a_key_are_each_their_own(desk: Desk, model: Loopback, shop: Provider):
    """Whoever names no idempotency key gets what the model asks for, in every run."""
    policy = desk.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 1000"))
    manifest = desk.root / "tools" / "shop.yaml"
    manifest.write_text(manifest.read_text().replace("    idempotency: {key: [order_id]}\n", ""))
    for _ in range(2):
        model.script(GET, CANCEL, DONE)
        desk("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7")
    assert shop.effects_on("o_1") == 2


def test_a_duplicate_that_the_model_plans_anew_is_sent_once(
    desk: Desk, model: Loopback, shop: Provider
):
    """Another call id, the same arguments: the first result, and no second request."""
    policy = desk.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 1000"))
    again = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("other",))
    model.script(GET, CANCEL, again, DONE)
    desk("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7")
    assert [method for method, *_ in shop.requests] == ["GET", "POST"]
    told = [m for m in model.asked[-1].body["messages"] if m["role"] == "tool"]
    assert told[-1]["content"] == told[-2]["content"]


def test_a_project_that_cannot_be_written_starts_no_live_run(
    desk: Desk, model: Loopback, shop: Provider
):
    """What cannot be audited must not happen."""
    desk.env["AGENTCTL_HOME"] = os.devnull + "/x"
    model.script(GET, CANCEL)
    _, err = desk("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7", exits=3)
    assert "cannot be" in err
    assert shop.requests == []
