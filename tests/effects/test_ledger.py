"""The ledger and the approvals it uses up, branch by branch, and by several processes at once."""

import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.canonical import digest
from agentctl.core.clock import stamp
from agentctl.core.errors import Problem
from agentctl.core.messages import ApprovalRequest, ToolError, ToolResult
from agentctl.effects.approvals import ApprovalBinding, Approvals
from agentctl.effects.db import open_db, transaction
from agentctl.effects.ledger import EffectIntent, EffectRecord, Ledger, ledger_key, result_of
from agentctl.effects.paused_runs import PausedRuns, RunRecipe

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    return open_db(tmp_path / "state.db")


@pytest.fixture
def approvals(db: sqlite3.Connection) -> Approvals:
    return Approvals(db)


@pytest.fixture
def ledger(db: sqlite3.Connection, approvals: Approvals) -> Ledger:
    return Ledger(db, approvals)


def intent(run: str = "r1", order: str = "o_1", **more: Any) -> EffectIntent:
    arguments = more.pop("arguments", {"order_id": order})
    return EffectIntent(run, f'cancel_order["{order}"]', "cancel_order", arguments, **more)


def begun(ledger: Ledger, wanted: EffectIntent, now: datetime = NOW) -> EffectRecord:
    claim = ledger.claim(wanted, now)
    assert claim.effect is not None and claim.send, claim
    return claim.effect


def done(
    ledger: Ledger, wanted: EffectIntent, state: Any = "succeeded", now: datetime = NOW
) -> EffectRecord:
    effect = begun(ledger, wanted, now)
    assert ledger.dispatched(effect)
    error = ToolError("unavailable", "down") if state == "failed" else None
    ledger.settle(effect, state, ToolResult(None if error else {"ok": True}, error), now)
    return ledger.find(effect.id)


def test_the_ledger_keeps_no_secret(ledger: Ledger, db: sqlite3.Connection):
    """Arguments and results are masked; an effect with a secret is never taken for another."""
    wanted = intent(arguments={"order_id": "o_1", "token": "tulip"})
    effect = begun(ledger, wanted)
    assert effect.arguments == {"order_id": "o_1", "token": "[secret]"}
    assert ledger.dispatched(effect)
    ledger.settle(effect, "succeeded", ToolResult({"password": "rose"}), NOW)
    assert "tulip" not in "".join(db.iterdump()) and "rose" not in "".join(db.iterdump())
    again = ledger.claim(wanted, NOW)
    assert again.effect is None and "with other arguments" in (again.refusal or "")
    marked = ledger.claim(wanted._replace(arguments=effect.arguments), NOW)
    assert marked.effect is not None and not marked.send, "as a run knows it after a restart"


def test_an_effect_goes_from_intended_to_settled(ledger: Ledger):
    """Each step is one commit; the last one holds what came back."""
    effect = begun(ledger, intent())
    assert (effect.state, effect.arguments, effect.intended_at) == (
        "intended", {"order_id": "o_1"}, stamp(NOW)
    )  # fmt: skip
    assert ledger.dispatched(effect)
    assert ledger.find(effect.id).state == "dispatched"
    ledger.settle(effect, "succeeded", ToolResult({"ok": True}), LATER)
    settled = ledger.find(effect.id)
    assert (settled.state, settled.settled_at, settled.settled_by) == (
        "succeeded", stamp(LATER), "provider"
    )  # fmt: skip
    assert result_of(settled) == ToolResult({"ok": True})
    assert ledger.open_effects() == []


def test_what_was_never_sent_may_be_sent(ledger: Ledger):
    """A process that died before sending left `intended`: the next one goes on."""
    first = begun(ledger, intent())
    again = ledger.claim(intent(), LATER)
    assert again.effect == first and again.send
    assert [effect.id for effect in ledger.open_effects()] == [first.id]


def test_only_one_process_dispatches(ledger: Ledger):
    """Between `intended` and `dispatched` there is one winner."""
    effect = begun(ledger, intent())
    assert ledger.dispatched(effect)
    assert not ledger.dispatched(effect)


@pytest.mark.parametrize("state", ["succeeded", "unverified"])
def test_a_planned_duplicate_gets_what_the_first_one_brought(ledger: Ledger, state: Any):
    """Another call id, the same key: nothing is sent."""
    first = done(ledger, intent(), state)
    again = ledger.claim(intent(), LATER)
    assert again.effect == first and not again.send


def test_what_was_being_sent_is_not_sent_again(ledger: Ledger):
    """`dispatched` is for reconciliation, never for a second request."""
    effect = begun(ledger, intent())
    ledger.dispatched(effect)
    again = ledger.claim(intent(), LATER)
    assert again.effect is not None and again.effect.state == "dispatched" and not again.send


def test_the_same_key_with_other_arguments_is_refused(ledger: Ledger):
    """The manifest says it is the same effect; the arguments say it is not."""
    done(ledger, intent(arguments={"order_id": "o_1", "why": "a"}))
    again = ledger.claim(intent(arguments={"order_id": "o_1", "why": "b"}), LATER)
    assert again.effect is None and "with other arguments" in (again.refusal or "")
    assert not again.unapproved and not again.send


def test_what_failed_may_be_tried_again_and_with_other_arguments(ledger: Ledger):
    """A failure is known to have done nothing."""
    failed = done(ledger, intent(), "failed")
    assert result_of(failed) == ToolResult(error=ToolError("unavailable", "down"))
    again = begun(ledger, intent(arguments={"order_id": "o_1", "why": "b"}), LATER)
    assert again.id == failed.id
    assert (again.arguments["why"], again.intended_at) == ("b", stamp(LATER))
    assert (again.settled_at, again.settled_by, again.result) == (None, None, None)


@pytest.mark.parametrize("state", ["intended", "dispatched", "in_doubt"])
def test_an_open_effect_of_another_run_stands_in_the_way(ledger: Ledger, state: str):
    """Until somebody settles it, nobody knows whether it happened."""
    other = begun(ledger, intent("r0"))
    if state != "intended":
        ledger.dispatched(other)
    if state == "in_doubt":
        ledger.settle(other, "in_doubt", ToolResult(error=ToolError("timeout", "?")), NOW)
    claim = ledger.claim(intent("r1"), NOW + timedelta(days=300))
    assert claim.effect is None and not claim.unapproved and not claim.send
    assert claim.refusal == (
        f"run r0 left the same effect {state.replace('_', ' ')};"
        f" settle it first: agentctl inbox settle {other.id}"
    )


@pytest.mark.parametrize("state", ["succeeded", "unverified"])
@pytest.mark.parametrize(("passed_s", "refused"), [(0, True), (60, True), (61, False)])
def test_an_effect_of_another_run_is_remembered_as_long_as_the_manifest_says(
    ledger: Ledger, passed_s: int, refused: bool, state: str
):
    """A webhook that comes twice starts two runs, and has one effect."""
    done(ledger, intent("r0"), state)
    claim = ledger.claim(intent("r1", remembered_s=60), NOW + timedelta(seconds=passed_s))
    assert (claim.effect is None) == refused
    if refused:
        assert claim.refusal == f"run r0 did this already, at {stamp(NOW)}"


def test_a_failure_of_another_run_is_no_obstacle(ledger: Ledger):
    """It did nothing."""
    done(ledger, intent("r0"), "failed")
    assert ledger.claim(intent("r1", remembered_s=60), NOW).send


def test_an_effect_on_another_record_is_another_effect(ledger: Ledger):
    """The key tells them apart."""
    done(ledger, intent(order="o_1"))
    assert ledger.claim(intent(order="o_2"), NOW).send


def test_the_provider_key_is_the_same_for_the_same_effect_only(ledger: Ledger):
    """So a provider recognises what it was sent before, and nothing else."""
    keys = {begun(ledger, intent(run, order)).provider_key
            for run, order in (("r1", "o_1"), ("r1", "o_2"), ("r2", "o_3"))}  # fmt: skip
    assert len(keys) == 3
    first = done(ledger, intent("r3", "o_9"), "failed")
    assert begun(ledger, intent("r3", "o_9")).provider_key == first.provider_key


def test_what_is_settled_stays_settled(ledger: Ledger):
    """A late answer of a slow process changes nothing."""
    effect = done(ledger, intent())
    ledger.settle(effect, "failed", ToolResult(error=ToolError("timeout", "late")), LATER)
    assert ledger.find(effect.id) == effect


def test_a_person_settles_a_doubt(ledger: Ledger):
    """With who and why beside it."""
    effect = begun(ledger, intent())
    ledger.dispatched(effect)
    ledger.settle(effect, "in_doubt", ToolResult(error=ToolError("timeout", "?")), NOW)
    ledger.settle(effect, "succeeded", ToolResult(), LATER, "dana", "seen in the shop")
    settled = ledger.find(effect.id)
    assert (settled.state, settled.settled_by, settled.reason) == (
        "succeeded", "dana", "seen in the shop"
    )  # fmt: skip


def test_an_unknown_effect_is_a_problem(ledger: Ledger):
    """With the way to the list."""
    with pytest.raises(Problem, match="no effect 7") as met:
        ledger.find(7)
    assert met.value.diagnostics[0].code == "unknown-effect"


def asked(run: str = "r1", within_s: int | None = 600) -> tuple[ApprovalBinding, ApprovalRequest]:
    call = ApprovalRequest(
        "c1", "x", "irreversible", {"n": 1}, (), {"n": "user"}, "ask", "Why.", "desk", within_s
    )
    return ApprovalBinding(run, "order-desk", "cus_7", "policy", "tools"), call


def approved(approvals: Approvals, run: str = "r1") -> int:
    row = approvals.request(*asked(run), NOW)
    approvals.decide(row.id, "approve", "dana", "fine", NOW)
    return row.id


def test_a_request_waits_once(approvals: Approvals):
    """The same call of the same run is asked for once, however often it is resumed."""
    first = approvals.request(*asked(), NOW)
    assert approvals.request(*asked(), LATER) == first
    assert approvals.request(*asked("r2"), NOW).id != first.id
    assert [row.id for row in approvals.pending(NOW)] == [1, 2]
    assert (first.standing, first.queue) == ("pending", "desk")
    assert first[1:8] == (
        "r1", "order-desk", "cus_7", "c1", digest(["x", {"n": 1}]), "policy", "tools"
    )  # fmt: skip
    assert first.request == {
        "call_id": "c1", "tool": "x", "effect": "irreversible", "arguments": {"n": 1}, "bound": [],
        "origins": {"n": "user"}, "rule": "ask", "reason": "Why.", "by": "desk", "within_s": 600,
    }  # fmt: skip


def test_a_request_without_a_time_limit_expires_all_the_same(approvals: Approvals):
    """A day later nobody remembers what it was about."""
    row = approvals.request(*asked(within_s=None), NOW)
    assert row.expires_at == stamp(NOW + timedelta(days=1))


@pytest.mark.parametrize("given", [False, True])
def test_a_request_expires_answered_or_not(approvals: Approvals, given: bool):
    """At its moment, not after it."""
    row = approvals.request(*asked(), NOW)
    if given:
        approvals.decide(row.id, "approve", "dana", None, NOW)
    end = NOW + timedelta(seconds=600)
    before = approvals.current(row.id, end - timedelta(milliseconds=1)).standing
    assert before == ("approve" if given else "pending")
    assert approvals.current(row.id, end).standing == "expired"
    assert approvals.pending(end) == []
    with pytest.raises(Problem, match="is expired"):
        approvals.decide(row.id, "approve", "lee", None, end)
    assert approvals.request(*asked(), end).id == 2


def test_whoever_looks_first_finds_it_expired(approvals: Approvals):
    """The list, a new request and a late answer all know the time."""
    end = NOW + timedelta(seconds=600)
    approvals.request(*asked("a"), NOW)
    assert approvals.pending(end) == []
    approvals.request(*asked("b"), NOW)
    assert approvals.request(*asked("b"), end).id == 3
    late = approvals.request(*asked("c"), NOW)
    with pytest.raises(Problem, match="is expired"):
        approvals.decide(late.id, "approve", "dana", None, end)


@pytest.mark.parametrize("answer", ["approve", "reject", "modify"])
def test_an_answer_is_given_once(approvals: Approvals, answer: Any):
    """The first one counts, and is named."""
    row = approvals.request(*asked(), NOW)
    approvals.decide(row.id, answer, "dana", "because", NOW)
    with pytest.raises(Problem, match="by dana"):
        approvals.decide(row.id, "approve", "lee", None, NOW)
    found = approvals.find(row.id)
    assert (found.standing, found.decided_by, found.reason) == (answer, "dana", "because")


def test_an_unknown_request_is_a_problem(approvals: Approvals):
    """With the way to the list."""
    with pytest.raises(Problem, match=r"error\[unknown-approval\]: no approval 9"):
        approvals.find(9)


def test_claiming_an_effect_uses_its_approval_up(ledger: Ledger, approvals: Approvals):
    """In one transaction: after it neither can be used again."""
    ticket = approved(approvals)
    begun(ledger, intent(approval=ticket))
    assert approvals.find(ticket).standing == "used"
    claim = ledger.claim(intent(order="o_2", approval=ticket), NOW)
    assert claim.unapproved and claim.refusal == f"approval {ticket} is used already"


def test_a_resumed_claim_needs_no_second_approval(ledger: Ledger, approvals: Approvals):
    """The intent it was used for is there already."""
    ticket = approved(approvals)
    begun(ledger, intent(approval=ticket))
    assert ledger.claim(intent(approval=ticket), LATER).send


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("UPDATE approvals SET standing = 'pending'", "is not given yet"),
        ("UPDATE approvals SET standing = 'reject'", "is a rejection"),
        ("UPDATE approvals SET run = 'r9'", "was given for another run"),
        ("UPDATE approvals SET expires_at = '2020'", "is expired"),
        ("DELETE FROM approvals", "no approval 1"),
    ],
)
def test_an_approval_that_does_not_hold_claims_nothing(
    db: sqlite3.Connection, ledger: Ledger, approvals: Approvals, spoil: str, why: str
):
    """And nothing is written."""
    ticket = approved(approvals)
    db.execute(spoil)
    claim = ledger.claim(intent(approval=ticket), NOW)
    assert claim.effect is None and claim.unapproved and why in (claim.refusal or "")
    assert not claim.send
    assert ledger.open_effects() == []


def test_a_modified_approval_holds_as_well(ledger: Ledger, approvals: Approvals):
    """Its arguments were decided on anew."""
    row = approvals.request(*asked(), NOW)
    approvals.decide(row.id, "modify", "dana", None, NOW)
    assert ledger.claim(intent(approval=row.id), NOW).send


def test_a_ledger_that_cannot_be_written_claims_nothing(tmp_path: Path):
    """No intent, no effect."""
    db = open_db(tmp_path / "state.db")
    ledger = Ledger(db, Approvals(db))
    db.execute("PRAGMA query_only = ON")
    with pytest.raises(Problem, match="cannot be used"):
        ledger.claim(intent(), NOW)


def test_a_database_that_cannot_be_read_is_a_problem(db: sqlite3.Connection, ledger: Ledger):
    """Not a traceback."""
    db.execute("DROP TABLE effects")
    with pytest.raises(Problem, match="no such table"):
        ledger.open_effects()


def test_a_transaction_that_breaks_leaves_nothing(db: sqlite3.Connection, ledger: Ledger):
    """Whatever went wrong inside."""
    with pytest.raises(KeyError), transaction(db):
        db.execute("UPDATE effects SET state = 'x'")
        raise KeyError
    assert not db.in_transaction


def test_a_session_is_kept_until_its_run_has_ended(db: sqlite3.Connection):
    """And then forgotten, with whom it was for."""
    sessions = PausedRuns(db)
    recipe = RunRecipe(
        "order-desk", {"id": "cus_7", "role": "customer"}, "live", None, "set", "one"
    )
    sessions.keep("r1", recipe)
    assert sessions.find("r1") == recipe
    assert sessions.all() == {"r1"}
    sessions.forget("r1")
    with pytest.raises(Problem, match="cannot be resumed"):
        sessions.find("r1")


def _claims(path: Path, order: str, ticket: int | None, results: Any) -> None:
    db = open_db(path)
    ledger = Ledger(db, Approvals(db))
    claim = ledger.claim(intent("r1", order, approval=ticket), NOW)
    won = claim.send and claim.effect is not None and ledger.dispatched(claim.effect)
    results.put(bool(won))


@pytest.mark.parametrize("ticket", [False, True], ids=["the same effect", "the same approval"])
def test_of_eight_processes_one_wins(tmp_path: Path, ticket: bool):
    """The same effect, or one approval for eight different effects: one is sent."""
    path = tmp_path / "state.db"
    given = approved(Approvals(open_db(path))) if ticket else None
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    racing = [
        context.Process(target=_claims, args=(path, f"o_{n}" if ticket else "o_1", given, results))
        for n in range(8)
    ]
    for process in racing:
        process.start()
    for process in racing:
        process.join(60)
    assert sorted(results.get(timeout=10) for _ in racing) == [False] * 7 + [True]


def test_the_ledger_knows_an_effect_by_its_key_or_by_its_place():
    """What was done in staging has not been done in production."""
    assert ledger_key("pay", 'pay["o_1"]', "r1", 4, None) == 'pay["o_1"]'
    assert ledger_key("pay", None, "r1", 4, None) == "pay r1 4"
    assert ledger_key("pay", 'pay["o_1"]', "r1", 4, "staging") == 'staging pay["o_1"]'
    assert ledger_key("pay", None, "r1", 4, "staging") == "staging pay r1 4"


def test_while_the_ledger_is_held_nothing_new_is_sent(ledger: Ledger):
    """Until a person confirms it; what is known already is answered as ever."""
    known = intent()
    done(ledger, known)
    ledger.hold("state.db was deleted")
    ledger.hold("a trace is damaged")
    claim = ledger.claim(intent(order="o_2"), NOW)
    assert (claim.effect, claim.send, claim.unapproved) == (None, False, True)
    assert claim.refusal == (
        "state.db was deleted; a trace is damaged: no effect is sent until a person confirms it:"
        " agentctl inbox confirm"
    )
    again = ledger.claim(known, NOW)
    assert (again.effect is not None, again.send, again.refusal) == (True, False, None)
    ledger.confirm("dana", NOW)
    assert ledger.held() is None
    assert ledger.claim(intent(order="o_2"), NOW).send


def test_a_restored_effect_is_the_one_that_was_recorded(
    ledger: Ledger, db: sqlite3.Connection, tmp_path: Path
):
    """All of it; of several with one key, a failed one gives way and any other one stays."""
    recorded = done(ledger, intent())
    fresh = open_db(tmp_path / "other.db")
    other = Ledger(fresh, Approvals(fresh))

    def states() -> list[object]:
        return [row[0] for row in fresh.execute("SELECT state FROM effects ORDER BY id")]

    other.restore(recorded, 7)
    assert other.find(1)._replace(id=recorded.id) == recorded
    assert fresh.execute("SELECT approval FROM effects").fetchone() == (7,)
    other.restore(recorded._replace(state="failed", result=None), None)
    assert states() == ["succeeded"], "what happened is not forgotten"
    lost = recorded._replace(key="pay", state="failed")
    other.restore(lost, None)
    other.restore(lost._replace(state="intended", result=None), None)
    assert states() == ["succeeded", "intended"]
    other.restore(lost._replace(state="unverified"), None)
    assert states() == ["succeeded", "intended"], "a row that has not failed stays"
