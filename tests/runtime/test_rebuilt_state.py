"""A deleted `state.db` loses nothing that the traces hold; nothing is sent where they do not."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.running.rebuilding import is_lost
from agentctl.app.running.state import state_of
from agentctl.traces.log.chain import Chain
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import read_events
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, says
from tests.support.provider import Provider

GET = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
CANCEL = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",))
DONE = says("Order o_1 is cancelled.")


class Desk(Here):
    """A live project whose state is lost."""

    def starts(self, *more: str, exits: int = 4) -> str:
        out, _ = self(
            "run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7",
            "--approvals", "queue", "--format", "json", *more, exits=exits,
        )  # fmt: skip
        return str(json.loads(out)["run"])

    def loses(self) -> None:
        """Delete the database; what belongs to it beside it stays, as after an `rm`."""
        (self.root / ".agentctl" / "state.db").unlink()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / ".agentctl" / "state.db")) as db:
            return db.execute(query).fetchall()


@pytest.fixture
def desk(tmp_path: Path, model: Loopback, shop: Provider) -> Desk:
    return Desk(tmp_path, model, shop)


def test_a_waiting_run_is_found_approved_and_resumed(desk: Desk, model: Loopback, shop: Provider):
    """The inbox lists it as before; the effect happens once."""
    model.script(GET, CANCEL)
    run = desk.starts()
    before, _ = desk("inbox", "show", "1", "--format", "json")
    desk.loses()
    assert desk("inbox", "list", exits=4)[0].startswith("approval 1  cancel_order")
    after, _ = desk("inbox", "show", "1", "--format", "json")
    same = ("tool", "arguments", "queue", "rule", "reason", "principal", "agent", "run", "standing")
    assert [json.loads(after)[name] for name in same] == [json.loads(before)[name] for name in same]
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    desk("resume", run)
    assert shop.effects_on("o_1") == 1
    assert "nothing waits" in desk("inbox", "list")[1]


def test_an_approval_given_before_still_holds(desk: Desk, model: Loopback, shop: Provider):
    """The answer stands in the trace, under its number."""
    model.script(GET, CANCEL)
    run = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    desk.loses()
    model.script(DONE)
    desk("resume", run)
    assert shop.effects_on("o_1") == 1


def test_what_was_sent_stays_sent_and_what_was_used_stays_used(
    desk: Desk, model: Loopback, shop: Provider
):
    """The same effect of another run is refused, and no approval counts twice."""
    model.script(GET, CANCEL)
    first = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    desk("resume", first)
    desk.loses()
    model.script(GET, CANCEL)
    second = desk.starts()
    assert desk.rows("SELECT id, standing FROM approvals ORDER BY id") == [
        (1, "used"), (2, "pending")
    ]  # fmt: skip
    desk("inbox", "approve", "2", "--as", "dana")
    model.script(says("It was cancelled before."))
    desk("resume", second)
    told = json.loads(model.asked[-1].body["messages"][-1]["content"])
    assert f"run {first} did this already" in told["message"]
    assert shop.effects_on("o_1") == 1


def test_what_was_intended_and_not_settled_is_in_doubt(desk: Desk, model: Loopback, shop: Provider):
    """A kill between sending and settling leaves a trace without outcome: a person settles it."""
    model.script(GET, CANCEL)
    run = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    shop.lose_answers = 1
    desk("resume", run, exits=4)
    trace = desk.root / ".agentctl" / "traces" / f"{run}.jsonl"
    lines = trace.read_bytes().splitlines(keepends=True)
    intended = next(n for n, line in enumerate(lines) if b'"effect.intended"' in line)
    trace.write_bytes(b"".join(lines[: intended + 1]))
    journal = desk.root / ".agentctl" / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    desk.loses()
    listed, _ = desk("inbox", "list", exits=4)
    assert 'effect 1  cancel_order {"order_id":"o_1"}  in_doubt' in listed
    desk("inbox", "settle", "1", "happened", "--as", "dana")
    model.script(DONE)
    desk("resume", run)
    assert shop.effects_on("o_1") == 1


def test_a_settled_doubt_stays_settled(desk: Desk, model: Loopback, shop: Provider):
    """The correction stands in the trace of the run that waits."""
    model.script(GET, CANCEL)
    run = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    shop.lose_answers = 1
    desk("resume", run, exits=4)
    desk("inbox", "settle", "1", "happened", "--as", "dana")
    desk.loses()
    assert desk("inbox", "list", exits=4)[0].startswith("case  of order-desk")
    assert desk.rows("SELECT state, settled_by FROM effects") == [("succeeded", "dana")]


def test_spending_is_added_up(desk: Desk, model: Loopback):
    """The day's limit counts what was spent before."""
    agent = desk.root / "agents" / "order-desk.yaml"
    agent.write_text(agent.read_text() + "limits: {cost_usd: {day: 5}}\n")
    model.script(GET, CANCEL)
    run = desk.starts()
    before = desk.rows("SELECT agent, day, micros FROM spent")
    assert before[0][2] > 0
    desk.loses()
    model.script(DONE)
    desk("inbox", "list", exits=4)
    assert desk.rows("SELECT agent, day, micros FROM spent") == before
    desk("inbox", "reject", "1", "--as", "dana")
    desk("resume", run)
    assert desk.rows("SELECT micros FROM spent")[0][0] > before[0][2]


def test_a_case_and_a_question_are_found_again(desk: Desk, model: Loopback):
    """Whatever waits: it was in a trace."""
    model.script(calls(("escalate", '{"reason": "angry"}')))
    desk.starts()
    model.script(calls(("ask_user", '{"question": "Which order?"}')))
    desk.starts()
    desk.loses()
    listed, _ = desk("inbox", "list", exits=4)
    assert sorted(line.split()[0] for line in listed.splitlines()) == ["case", "question"]


@pytest.mark.parametrize("harm", ["missing", "damaged", "journal"])
def test_where_traces_are_incomplete_nothing_is_sent_until_a_person_says_so(
    desk: Desk, model: Loopback, shop: Provider, harm: str
):
    """A run that is not known may have sent the same effect; the message names the way out."""
    model.script(GET, CANCEL)
    first = desk.starts()
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    desk("resume", first)
    trace = desk.root / ".agentctl" / "traces" / f"{first}.jsonl"
    match harm:
        case "missing":
            trace.unlink()
            model.script(GET, CANCEL)
            (desk.root / "agents" / "policy.yaml").touch()
        case "damaged":
            trace.write_bytes(trace.read_bytes().replace(b"cancel_order", b"cancel_odder", 1))
        case "journal":
            (desk.root / ".agentctl" / "journal.jsonl").unlink()
    if harm == "missing":
        # Another run is there, so that there are traces at all.
        desk.starts()
    desk.loses()
    listed, _ = desk("inbox", "list", exits=4)
    assert listed.startswith("effects held back  state.db was rebuilt from traces that are not")
    model.script(GET, CANCEL, GET, CANCEL)
    second = desk.starts()
    waiting = [one for one in desk("inbox", "list", exits=4)[0].splitlines() if "approval" in one]
    number = waiting[-1].split()[1]
    desk("inbox", "approve", number, "--as", "dana")
    model.script(says("It cannot be sent."))
    out, _ = desk("resume", second, "--format", "json")
    (told,) = [c["error"]["message"] for c in json.loads(out)["calls"] if c["tool"] != "get_order"]
    assert "agentctl inbox confirm" in told
    assert shop.effects_on("o_1") == 1
    _, err = desk("inbox", "confirm", "--as", "mallory", exits=1)
    assert "error[unknown-approver]" in err
    assert "confirmed by dana" in desk("inbox", "confirm", "--as", "dana")[1]
    assert "effects held back" not in desk("inbox", "list", exits=4 if harm == "missing" else 0)[0]


def test_a_project_that_never_had_a_state_is_not_rebuilt(tmp_path: Path):
    """Without traces there is nothing to rebuild it from."""
    assert not is_lost(tmp_path)
    state_of(tmp_path)
    assert not (tmp_path / ".agentctl" / "state.lock").exists()


def test_old_traces_say_enough_to_be_resumed(desk: Desk, model: Loopback, shop: Provider):
    """A run whose trace holds no recipe is taken up by what its first event says."""
    model.script(GET, CANCEL)
    run = desk.starts()
    (trace,) = desk.traces()
    _, events = read_events(trace)
    del events[0].body["recipe"]
    chain = Chain(run, lambda _: "00" * 16)
    trace.write_text("".join(chain.line(event) + "\n" for event in events))
    journal = desk.root / ".agentctl" / "journal.jsonl"
    journal.unlink()
    seal_run(journal, Seal(run, len(events), chain.head), events[-1].at)
    desk.loses()
    desk("inbox", "approve", "1", "--as", "dana")
    model.script(DONE)
    desk("resume", run)
    assert shop.effects_on("o_1") == 1


def test_of_many_processes_that_miss_the_state_one_rebuilds_it(desk: Desk, model: Loopback):
    """The others wait for it, and find the same."""
    model.script(GET, CANCEL)
    desk.starts()
    desk.loses()
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: state_of(desk.root), range(8)))
    assert desk.rows("SELECT count(*) FROM approvals") == [(1,)]
    assert len(states) == 8
