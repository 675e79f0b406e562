"""Greens that should have been red, each by name: what an agent did must not hide behind anything.

Neither behind a state that came out right, nor behind a manifest that names a table, an id that
came twice, a later escalation, or words and turns that nobody looked at.
"""

import json

import pytest

from agentctl.specs.shapes.turns import Recording
from tests.evals.test_scoring import kinds, score
from tests.support.build import CANCEL, GET, bundle
from tests.support.command import agentctl
from tests.support.project import make, passing

TEXT = {"type": "string"}
MAIL = {
    "name": "mail",
    "description": "Send a mail about an order.",
    "inputSchema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "text"],
        "properties": {"order_id": TEXT, "text": TEXT, "copy_to": TEXT},
    },
    "effect": "external_write",
    # The record it is about, not one that it changes: no table shows that a mail was sent.
    "target": {"table": "orders", "key": "args.order_id"},
    "mock": {"replies": [{"return": {"sent": True}}]},
}
TRANSFER = {
    "name": "set_total",
    "description": "Set an order's total.",
    "inputSchema": {
        "type": "object",
        "required": ["order_id", "total"],
        "properties": {"order_id": TEXT, "total": {"type": "number"}, "note": TEXT},
    },
    "effect": "internal_write",
    "mock": {"update": "orders", "key": "args.order_id", "set": {"total": "=args.total"}},
}
ROUTE = {
    "name": "route",
    "description": "Pass the ticket of an order to a queue.",
    "inputSchema": {
        "type": "object",
        "required": ["order_id", "queue"],
        "properties": {"order_id": TEXT, "queue": TEXT},
    },
    "effect": "escalation",
    "mock": {"update": "orders", "key": "args.order_id", "set": {"queue": "=args.queue"}},
}
RULES = [{"id": "all", "allow": ["get_order", "cancel_order", "mail", "set_total", "route"]}]
TOOLS = [GET, CANCEL, MAIL, TRANSFER, ROUTE]
DESK = {"queue": "desk", "queues": ["billing"]}

LOOK = {"call": {"get_order": {"order_id": "o_1"}}}
CANCELLED = {"call": {"cancel_order": {"order_id": "o_1"}}}
DONE = {"say": "Done."}


def mailed(text="It is done."):
    return {"call": {"mail": {"order_id": "o_1", "text": text}}}


def total(amount, **more):
    return {"call": {"set_total": {"order_id": "o_1", "total": amount, **more}}}


def routed(queue, order="o_1"):
    return {"call": {"route": {"order_id": order, "queue": queue}}}


def expected(*turns):
    return [turn["call"] for turn in turns]


def judged(turns, expect, **more):
    made = bundle(tools=TOOLS, rules=RULES, escalation=DESK)
    return score([*turns, DONE], expect, made=made, **more)


BOTH = {"calls": expected(CANCELLED, mailed()), "state": "from_calls"}


@pytest.mark.parametrize("path", ["listed", "any"])
@pytest.mark.parametrize(
    ("turns", "wrong"),
    [
        ([LOOK, CANCELLED, mailed()], []),
        ([LOOK, CANCELLED], ["missing-call"]),
        ([LOOK, CANCELLED, mailed("Something else.")], ["wrong-argument"]),
        ([LOOK, CANCELLED, mailed(), mailed()], ["extra-call"]),
    ],
)
def test_an_expected_mail_is_sent_once_and_in_these_words(turns, wrong, path):
    """A state that came out right says nothing about a mail, whatever table its manifest names."""
    assert kinds(judged(turns, {**BOTH, "path": path})) == wrong


def test_an_extra_mail_on_a_free_path_fails():
    """Without `calls`, the expected state accounts for what was written and not for a mail."""
    state = {"state": {"orders": {"o_1": {"status": "cancelled"}}}}
    assert judged([LOOK, CANCELLED], state).status == "passed"
    assert kinds(judged([LOOK, CANCELLED, mailed()], state)) == ["extra-call"]


@pytest.mark.parametrize("writes", [True, False])
def test_what_a_python_mock_did_is_read_from_what_it_wrote(tmp_path, writes):
    """A write of a Python mock shows in its table; without one it must be matched as a call."""
    body = "world.table('orders').put('o_1', {'order_id': 'o_1', 'status': 'x'})\n    "
    (tmp_path / "mocks.py").write_text(
        f"def send(world, args, principal, now):\n    {body if writes else ''}return {{}}\n"
    )
    mail = {**MAIL, "mock": {"python": "mocks.py:send"}}
    made = bundle(tools=[mail, GET], rules=RULES, folder=tmp_path)
    expect = {"calls": expected(mailed()), "state": "from_calls", "path": "any"}
    assert score([LOOK, mailed(), DONE], expect, made=made).status == "passed"
    row = score([LOOK, mailed("Other words."), DONE], expect, made=made)
    assert kinds(row) == ([] if writes else ["wrong-argument"])


def test_the_order_counts_beside_the_state():
    """`order: in_order` is not waived because the state is the same either way round."""
    ordered = {**BOTH, "order": "in_order"}
    assert judged([LOOK, CANCELLED, mailed()], ordered).status == "passed"
    assert kinds(judged([LOOK, mailed(), CANCELLED], ordered)) == ["out-of-order"]


def test_an_argument_that_no_table_keeps_counts_beside_the_state():
    """`note` is stored nowhere, so the state is right, and the argument wrong."""
    expect = {"calls": expected(total(5, note="agreed")), "state": "from_calls"}
    assert kinds(judged([total(5, note="made up")], expect)) == ["wrong-argument"]
    assert judged([total(5, note="agreed")], expect).status == "passed"


def test_doing_and_undoing_breaks_calls_none():
    """A transfer that was taken back leaves the world as it was, and two writes."""
    expect = {"calls": "none", "state": "from_calls"}
    assert kinds(judged([total(9999), total(49.9)], expect)) == ["extra-call", "extra-call"]


def test_a_repeated_call_id_hides_no_call():
    """Two calls to which the model gave one id are two calls."""
    first = {"tool": "set_total", "args": {"order_id": "o_1", "total": 9999}, "id": "call_1"}
    second = {"tool": "set_total", "args": {"order_id": "o_1", "total": 5}, "id": "call_1"}
    expect = {"calls": expected(total(5)), "state": "from_calls"}
    for turns in ([{"calls": [first, second]}], [{"call": first}, {"call": second}]):
        assert kinds(judged(turns, expect)) == ["extra-call"]


def test_a_run_lists_both_calls_of_one_id(tmp_path):
    """`run --format json` holds each call, with an id of ours that is unique in the run."""
    calls = [
        {"tool": "get_order", "args": {"order_id": key}, "id": "call_1"} for key in ("o_1", "o_2")
    ]
    make(tmp_path, [passing("twice", turns=[{"calls": calls}, DONE])])
    done = agentctl(tmp_path, "run", "--scenario", "orders:twice", "--format", "json")
    listed = json.loads(done.stdout)["calls"]
    assert [call["arguments"]["order_id"] for call in listed] == ["o_1", "o_2"]


@pytest.mark.parametrize(
    ("turns", "wrong"),
    [
        ([routed("billing")], []),
        ([routed("desk"), routed("billing")], ["needless-escalation"]),
        ([routed("billing"), routed("desk")], ["needless-escalation"]),
        ([routed("desk")], ["wrong-queue"]),
        ([routed("billing"), routed("billing", "o_4")], ["needless-escalation"]),
    ],
)
def test_every_escalation_counts(turns, wrong):
    """The wrong queue first, a second one, and another customer's ticket are each one too many."""
    row = judged(turns, {"escalation": {"queue": "billing"}})
    assert [kind for kind in kinds(row) if kind != "extra-call"] == wrong


def test_turns_left_over_are_inconclusive():
    """A recording that goes on after the user's lines ran out was not played to its end."""
    turns = [LOOK, {"say": "Which one?"}, CANCELLED, DONE]
    recording = Recording.model_validate({"scenario": "case", "model": "m", "turns": turns})
    row = judged([], {"escalation": "none"}, recording=recording)
    assert (row.status, kinds(row)) == ("inconclusive", ["fault"])
    assert "2 recorded turns left unplayed" in row.reasons[0].message


@pytest.mark.parametrize(
    "turns",
    [
        [{**LOOK, "say": "I guarantee it."}],
        [{"call": {"escalate": {"reason": "The customer wants a guarantee. I guarantee it."}}}],
        [LOOK, mailed("I guarantee it.")],
    ],
)
def test_a_forbidden_word_counts_wherever_it_was_written(turns):
    """Beside a call, in an escalation's reason, in a mail: not in the last words alone."""
    expect = {"answer": {"never": ["I guarantee"]}, "escalation": "unscored"}
    assert "answer" in kinds(judged(turns, expect))


@pytest.mark.parametrize(("words", "found"), [("$481.50", True), ("481.5", True), ("4815", False)])
def test_an_amount_is_mentioned_by_its_value(words, found):
    """`481.5` is found in `$481.50`: numbers compare by value."""
    row = score([{"say": f"It comes to {words}."}], {"answer": {"mentions": ["481.5"]}})
    assert (row.status == "passed") is found
