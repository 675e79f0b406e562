"""Sending at most once, step by step: what is sent, what is looked up, what stays in doubt."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.messages import ToolError, ToolResult
from agentctl.effects.approvals import Approvals
from agentctl.effects.db import open_db
from agentctl.effects.ledger import EffectIntent, Ledger
from agentctl.runtime.exactly_once import SendResult, send_once
from agentctl.runtime.replay.replay import Replay

WANTED = EffectIntent("r1", "cancel", "cancel_order", {"order_id": "o_1"})
DONE = SendResult(ToolResult({"ok": True}), "succeeded")
LOST = SendResult(ToolResult(error=ToolError("timeout", "no answer")), "in_doubt")
FAILED = SendResult(ToolResult(error=ToolError("conflict", "shipped")), "failed")
FOUND = SendResult(ToolResult({"status": "cancelled"}), "succeeded", "look-up")


class Provider:
    """Answers as told; counts what is sent and looked up."""

    def __init__(
        self, *answers: SendResult, resendable: bool = False, found: SendResult | None = None
    ) -> None:
        self.answers = list(answers)
        self.resendable = resendable
        self.found = found
        self.sent: list[str] = []
        self.looked_up = 0

    def send(self, provider_key: str) -> SendResult:
        self.sent.append(provider_key)
        return self.answers.pop(0)

    def look_up(self) -> SendResult | None:
        self.looked_up += 1
        return self.found


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    db = open_db(tmp_path / "state.db")
    return Ledger(db, Approvals(db))


def test_an_effect_is_sent_and_its_answer_kept(ledger: Ledger):
    """A second time the answer comes from the ledger."""
    provider = Provider(DONE)
    assert send_once(ledger, WANTED, provider) == DONE
    assert send_once(ledger, WANTED, provider) == DONE._replace(by="ledger")
    assert len(provider.sent) == 1 and provider.looked_up == 0


def test_a_failure_is_known_and_may_be_tried_again(ledger: Ledger):
    """Nothing has happened, so the next attempt is a first one."""
    provider = Provider(FAILED, DONE)
    assert send_once(ledger, WANTED, provider) == FAILED
    assert send_once(ledger, WANTED, provider) == DONE
    assert len(set(provider.sent)) == 1, "under the same key"


def test_a_lost_answer_is_asked_for_again_where_keys_are_recognised(ledger: Ledger):
    """The provider knows whether it arrived."""
    provider = Provider(LOST, DONE, resendable=True)
    assert send_once(ledger, WANTED, provider) == DONE
    assert len(provider.sent) == 2 and len(set(provider.sent)) == 1


def test_a_lost_answer_is_looked_up_where_they_are_not(ledger: Ledger):
    """And never sent again."""
    provider = Provider(LOST, found=FOUND)
    assert send_once(ledger, WANTED, provider) == FOUND
    assert len(provider.sent) == 1
    effect = ledger.find(1)
    assert (effect.state, effect.settled_by) == ("succeeded", "look-up")


def test_what_nobody_knows_stays_in_doubt_until_somebody_does(ledger: Ledger):
    """Proposed again, it is looked up again, and not sent."""
    provider = Provider(LOST)
    assert send_once(ledger, WANTED, provider) == LOST
    (effect,) = ledger.open_effects()
    assert effect.state == "in_doubt"
    again = send_once(ledger, WANTED, provider)
    assert (again.state, again.by) == ("in_doubt", "nobody")
    provider.found = FOUND
    assert send_once(ledger, WANTED, provider) == FOUND
    assert len(provider.sent) == 1 and ledger.open_effects() == []


@pytest.mark.parametrize(
    ("provider", "sent", "by"),
    [
        (Provider(DONE, resendable=True), 1, "provider"),
        (Provider(found=FOUND), 0, "look-up"),
        (Provider(), 0, "nobody"),
    ],
    ids=["recognises keys", "can be asked", "neither"],
)
def test_after_a_crash_while_sending(ledger: Ledger, provider: Provider, sent: int, by: str):
    """The dead process left `dispatched`."""
    claim = ledger.claim(WANTED, datetime.now(UTC))
    assert claim.effect is not None and ledger.dispatched(claim.effect)
    outcome = send_once(ledger, WANTED, provider)
    assert (len(provider.sent), outcome.by) == (sent, by)
    assert (outcome.state == "in_doubt") == (by == "nobody")


def test_another_process_that_is_faster_wins(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    """Between claim and dispatch somebody else sent it."""
    monkeypatch.setattr(ledger, "dispatched", lambda _: False)
    provider = Provider(DONE)
    outcome = send_once(ledger, WANTED, provider)
    assert outcome.result.error is not None and outcome.result.error.kind == "conflict"
    assert provider.sent == []


def test_without_its_approval_nothing_is_sent(ledger: Ledger):
    """And the model is told that it was denied."""
    provider = Provider(DONE)
    outcome = send_once(ledger, WANTED._replace(approval=7), provider)
    assert outcome.result.error == ToolError("denied", "no approval 7")
    assert (outcome.state, provider.sent) == ("failed", [])


def event(seq: int, kind: Any, **body: Any) -> Event:
    return Event(seq, kind, f"2026-01-15T09:00:{seq:02d}.000Z", body)


def replied(seq: int) -> Event:
    usage = {"in": 1, "out": 1, "estimated": False}
    call = {"id": "c1", "name": "get", "arguments": {}}
    return event(seq, "model.replied", text=None, calls=[call], usage=usage, model="m")


def decided(seq: int, **more: Any) -> Event:
    body = {"call_id": "c1", "tool": "get", "arguments": {}, "verdict": "allow", "rules": []}
    return event(seq, "call.decided", **{**body, **more})


def test_what_is_played_back_is_recorded_already():
    """Event by event, those that need not come again along with the next."""
    replay = Replay([replied(0), event(1, "guardrail.hit"), decided(2)])
    assert replay.reply() is not None
    found, recorded = replay.through("model.replied", replied(0).body)
    assert ([e.seq for e in found], recorded) == ([0], True)
    found, recorded = replay.through("call.decided", decided(2).body)
    assert ([e.seq for e in found], recorded, replay.over) == ([1, 2], True, True)


def test_an_aside_that_comes_only_now_changes_nothing():
    """A warning that was not recorded at this place is not recorded now."""
    replay = Replay([replied(0), decided(1)])
    assert replay.through("limit.warned", {}) == ((), True)


def test_after_its_last_event_a_run_records_anew():
    """To pause again at the same place is nothing new; anything else is."""
    replay = Replay([replied(0), event(1, "run.paused")])
    replay.through("model.replied", replied(0).body)
    assert replay.through("input.received", {})[1] is False
    again = Replay([event(0, "run.paused"), event(1, "correction.made")])
    found, recorded = again.through("run.paused", {})
    assert (len(found), recorded, again.over) == (2, True, True)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("tool.returned", {}, "event 0 recorded `call.decided`, now it would be `tool.returned`"),
        ("call.decided", decided(0, verdict="deny").body, "recorded another `verdict`"),
        ("call.decided", decided(0, arguments={"a": 1}).body, "recorded another `arguments`"),
    ],
)
def test_what_would_be_otherwise_is_refused(kind: Any, body: dict[str, Any], why: str):
    """A run whose agent decides differently now is not the same run."""
    with pytest.raises(Problem, match=why):
        Replay([decided(0)]).through(kind, body)


def test_a_run_under_other_rights_is_refused_as_changed():
    """Fingerprints and rights are compared before anything else."""
    was = {"agent": "a", "mode": "live", "principal": {}, "fingerprints": {}, "rights": {"n": 1}}
    with pytest.raises(Problem, match=r"changed since the run was paused \(rights\)"):
        Replay([event(0, "run.started", **was)]).through("run.started", {**was, "rights": {}})


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ([event(1, "tool.returned", call_id="c1", ok=True, value=5, attempts=2)], (5, None)),
        (
            [
                event(1, "effect.settled", call_id="c1", state="failed"),
                event(
                    2,
                    "tool.returned",
                    call_id="c1",
                    ok=False,
                    error={"error": "conflict", "message": "m"},
                    attempts=1,
                ),
            ],
            ("conflict", "failed"),
        ),
        ([event(1, "effect.settled", call_id="c1", state="succeeded")], None),
        ([decided(1)], None),
        ([], None),
    ],
)
def test_the_result_of_a_call_is_the_recorded_one(after: list[Event], found: Any):
    """Up to the next decision; what was not recorded is not known."""
    replay = Replay([decided(0), *after])
    replay.through("call.decided", decided(0).body)
    result = replay.result("c1")
    if found is None:
        assert result is None
        return
    assert result is not None
    value = result[0].error.kind if result[0].error else result[0].value
    assert (value, result[1]) == found


def test_an_answer_is_used_when_anything_came_after_it():
    """A pause after it is nothing."""
    given = event(1, "approval.given", answer="approve", by="dana", reason=None, ticket=3)
    fresh = Replay([event(0, "run.paused"), given])
    approval = fresh.approval()
    assert approval is not None and (approval.answer, approval.id) == ("approve", 3)
    assert not fresh.approval_used()
    assert Replay([given, event(2, "effect.intended")]).approval_used()
    assert Replay([decided(0)]).approval() is None


def test_time_that_a_person_took_is_not_the_runs():
    """Only what passed while it ran counts against its wall clock."""

    def at(minute: int, kind: Any) -> Event:
        return Event(0, kind, f"2026-01-15T09:{minute:02d}:00.000Z", {})

    events = [
        at(0, "run.started"),
        at(2, "run.paused"),
        at(30, "approval.given"),
        at(40, "tool.returned"),
        at(41, "run.ended"),
    ]
    assert Replay(events).active_s == 180
