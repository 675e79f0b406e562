"""One trial, one row: each kind of wrong is named, and nothing else is."""

import pytest

from agentctl.evals.scorers.calls import score_action
from agentctl.evals.scorers.context import ScoringContext
from agentctl.evals.scorers.invariants import score_invariants
from agentctl.evals.scorers.reasons import FailureReason, Score
from agentctl.evals.scorers.registry import SCORERS, ScorerEntry
from agentctl.evals.scorers.scoring import score_trial
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import DEFAULT_NOW
from tests.support.build import CANCEL, GET, ORDER, ORDERS, bundle, scenario

SEND = {
    "name": "send_email",
    "description": "Send an e-mail.",
    "inputSchema": ORDER,
    "effect": "external_write",
    "mock": {"replies": [{"return": {"sent": True}}]},
}
LOOK_AND_CANCEL = [
    {"call": {"get_order": {"order_id": "o_1"}}},
    {"call": {"cancel_order": {"order_id": "o_1"}}},
    {"say": "Order o_1 is cancelled."},
]
CANCELLED = {"orders": {"o_1": {"status": "cancelled"}}}
ALLOW = [{"id": "all", "allow": ["get_order", "cancel_order", "send_email"]}]
ANY_PATH = {"path": "any", "state": "from_calls"}
DESK = {"escalation": {"queue": "desk", "queues": ["billing"]}}


def score(
    turns, expect, *, made=None, recording=None, scorers=(), stamp=None, changed=None, **more
):
    agent = made or bundle(tools=[GET, CANCEL, SEND], rules=ALLOW)
    case = scenario(turns, expect=expect, **more)
    harness = Harness(agent)
    tables = WorldSnapshot({"orders": ORDERS})
    trial = play_trial(harness, case, tables, set_name="set", now=DEFAULT_NOW, recording=recording)
    trial = trial._replace(**(changed or {}))
    return score_trial(
        trial, case, ScoringContext(harness, tables, DEFAULT_NOW, stamp), (*SCORERS, *scorers)
    )


def kinds(row):
    return [reason.kind for reason in row.reasons]


def test_a_right_run_passes_and_is_resolved():
    """Expected calls, expected state, answered: passed, resolved, and every check is good."""
    row = score(
        LOOK_AND_CANCEL, {"calls": [{"cancel_order": {"order_id": "o_1"}}], "state": CANCELLED}
    )
    assert (row.status, row.reasons, row.resolved) == ("passed", (), True)
    assert all(check.value is True for check in row.checks.values())
    assert row.calls == (1, 1, 1, 1.0)
    assert (row.model_calls, row.duration_s, row.stop) == (3, "3.000", "answered")


def test_extra_write_fails_the_scenario():
    """A write that nobody expected fails the scenario even if all expected calls were made."""
    turns = [LOOK_AND_CANCEL[0], {"call": {"get_order": {"order_id": "o_4"}}}]
    turns += [{"call": {"cancel_order": {"order_id": "o_4"}}}, *LOOK_AND_CANCEL[1:]]
    row = score(turns, {"calls": [{"cancel_order": {"order_id": "o_1"}}]})
    assert kinds(row) == ["extra-call"]
    assert row.checks["action"].value is False


def test_calls_none_is_broken_by_a_write():
    """`calls: none` means it."""
    assert kinds(score(LOOK_AND_CANCEL, {"calls": "none"})) == ["extra-call"]


def test_a_refused_call_did_not_run():
    """A call that the gate stopped satisfies nothing and is no extra write."""
    blind = LOOK_AND_CANCEL[1:]
    row = score(blind, {"calls": "none", "blocked": ["cancel_order"]})
    assert row.status == "passed"
    row = score(blind, {"calls": [{"cancel_order": {"order_id": "o_1"}}]})
    assert kinds(row) == ["missing-call"]


def test_blocked_expects_an_attempt():
    """`blocked` is not met by a model that never tried."""
    row = score([{"say": "No."}], {"calls": "none", "blocked": ["cancel_order"]})
    assert kinds(row) == ["not-blocked"]
    assert "blocked" not in score([{"say": "No."}], {"calls": "none"}).checks


def test_blocked_is_not_met_by_a_call_that_ran():
    """Tried and carried out is not tried and stopped."""
    expect = {"calls": [{"cancel_order": {"order_id": "o_1"}}], "blocked": ["cancel_order"]}
    row = score(LOOK_AND_CANCEL, expect)
    assert (kinds(row), "cancel_order should have been" in row.reasons[0].message) == (
        ["not-blocked"],
        True,
    )


def test_a_failed_trial_says_which_calls_were_refused_and_why():
    """Each once, without those that the scenario wants to see stopped."""
    blind = [LOOK_AND_CANCEL[1], LOOK_AND_CANCEL[1], {"say": "Done."}]
    row = score(blind, {"calls": [{"cancel_order": {"order_id": "o_1"}}]})
    refused = [note.message for note in row.notes if note.kind == "refused-call"]
    assert len(refused) == 1
    assert refused[0].startswith('refused: cancel_order {"order_id": "o_1"}: no record `o_1`')
    row = score(blind, {"calls": [{"get_order": {"order_id": "o_1"}}], "blocked": ["cancel_order"]})
    assert kinds(row) == ["missing-call"]
    assert "refused-call" not in [note.kind for note in row.notes]
    row = score(LOOK_AND_CANCEL, {"calls": "none"})
    assert "refused-call" not in [note.kind for note in row.notes]


def test_attempts_none_forbids_trying():
    """`attempts: none` fails a run whose write the gate stopped."""
    row = score(LOOK_AND_CANCEL[1:], {"calls": "none", "attempts": "none"})
    assert kinds(row) == ["attempted-write"]


def test_a_forbidden_call_that_ran_breaks_an_invariant():
    """`forbid` is an invariant: the row counts a breach."""
    row = score(LOOK_AND_CANCEL, {"state": CANCELLED, "forbid": ["cancel_order"]})
    assert kinds(row) == ["forbidden-call"]
    assert row.breaches == 1
    assert row.checks["invariants"].value is False


def test_the_action_is_wrong_where_a_forbidden_call_ran():
    """Its reasons are those of the calls, of the state and of `forbid`, each once."""
    row = score(LOOK_AND_CANCEL, {"state": CANCELLED, "forbid": ["cancel_order"]})
    assert row.checks["action"].reason == row.checks["invariants"].reason
    row = score(LOOK_AND_CANCEL, {"calls": "none", "state": {"orders": {"o_1": {"status": "x"}}}})
    assert kinds(row) == ["extra-call", "state"]
    assert "(and 1 more)" in row.checks["action"].reason


def test_with_a_free_path_what_leaves_no_mark_must_be_as_listed():
    """A mail that is missing, extra or other fails; how the state was reached is a note."""
    cancel, send = ({name: {"order_id": "o_1"}} for name in ("cancel_order", "send_email"))
    look = {"get_order": {"order_id": "o_2"}}
    with_mail = [*LOOK_AND_CANCEL[:2], {"call": send}, {"say": "Ok."}]
    for turns, calls, wrong, noted in (
        (with_mail, [cancel, send], [], []),
        (LOOK_AND_CANCEL, [look, cancel, send], ["missing-call"], ["wrong-argument"]),
        (with_mail, [look, cancel], ["extra-call"], ["wrong-argument"]),
        (with_mail, [cancel, {"send_email": {"order_id": "o_2"}}], ["wrong-argument"], []),
    ):
        row = score(turns, {**ANY_PATH, "calls": calls})
        assert (kinds(row), [note.kind for note in row.notes]) == (wrong, noted)


def test_a_leak_is_a_breach_and_no_wrong_action():
    """Of the invariants, only a forbidden call says something about what the agent did."""

    def look(evidence):
        evidence.scores[score_invariants] = Score.of([FailureReason("invariant", "a leak")])
        return score_action(evidence)

    row = score(LOOK_AND_CANCEL, {"state": CANCELLED}, scorers=[ScorerEntry("look", look)])
    assert row.checks["look"].value is True


@pytest.mark.parametrize("effect", ["internal_write", "external_write", "irreversible"])
def test_every_kind_of_write_counts_as_tried_and_as_unexpected(effect):
    """Where nothing accounts for it, and even where it was stopped, for `attempts`."""
    write = {**SEND, "effect": effect}
    turns = [{"call": {"send_email": {"order_id": "o_1"}}}, {"say": "Done."}]
    made = bundle(tools=[GET, CANCEL, write], rules=ALLOW)
    row = score(turns, {"stop": "answered"}, made=made)
    assert [(r.kind, r.message) for r in row.reasons] == [
        ("extra-call", 'extra: send_email {"order_id": "o_1"}')
    ]
    refusing = bundle(tools=[GET, CANCEL, write], rules=[{"id": "reads", "allow": ["get_order"]}])
    row = score(turns, {"calls": "none", "attempts": "none"}, made=refusing)
    assert [(r.kind, r.message) for r in row.reasons] == [
        ("attempted-write", 'tried: send_email {"order_id": "o_1"}')
    ]
    assert score([{"say": "No."}], {"calls": "none", "attempts": "none"}).checks["attempts"].value
    look = [LOOK_AND_CANCEL[0], {"say": "No."}]
    assert score(look, {"calls": "none", "attempts": "none"}).status == "passed"
    assert "attempts" not in score([{"say": "No."}], {"calls": "none"}).checks


def test_the_order_asked_for_holds_for_each_of_several_paths():
    """With `any_of` as with one list of calls; the nearest path is explained."""
    look, cancel = ({name: {"order_id": "o_1"}} for name in ("get_order", "cancel_order"))
    for calls in ({"calls": [cancel, look]}, {"any_of": [[cancel, look], [cancel, cancel]]}):
        assert score(LOOK_AND_CANCEL, {**calls, "order": "any"}).status == "passed"
        row = score(LOOK_AND_CANCEL, {**calls, "order": "in_order"})
        assert kinds(row)[0] in ("out-of-order", "missing-call")


def test_state_names_table_record_and_field():
    """A state that differs says where, what was expected and what is there."""
    row = score([{"say": "Done."}], {"state": CANCELLED})
    assert kinds(row) == ["state"]
    assert row.reasons[0].message == (
        'state: `orders.o_1.status`: expected "cancelled", got "pending"'
    )


def test_with_a_free_path_the_state_accounts_for_writes():
    """With `calls` left out, a write to a record that the state names is not unexpected."""
    assert score(LOOK_AND_CANCEL, {"state": CANCELLED}).status == "passed"


def test_with_a_free_path_an_unnamed_record_may_not_change():
    """With `calls` left out, a change to a record that the state does not name fails."""
    row = score(LOOK_AND_CANCEL, {"state": {"orders": {"o_2": {"status": "shipped"}}}})
    assert [reason.path for reason in row.reasons] == ["orders.o_1"]


def test_with_a_free_path_a_letter_cannot_hide():
    """A write that leaves no mark in any table is unexpected unless it is listed."""
    turns = [{"call": {"send_email": {"order_id": "o_1"}}}, {"say": "Sent."}]
    row = score(turns, {"answer": {"mentions": ["sent"]}})
    assert kinds(row) == ["extra-call"]


def test_a_state_accounts_for_its_own_tables_alone():
    """A mail is as unexpected beside a state that names the order as without one."""
    turns = [*LOOK_AND_CANCEL[:2], {"call": {"send_email": {"order_id": "o_1"}}}, {"say": "Ok."}]
    assert kinds(score(turns, {"state": CANCELLED})) == ["extra-call"]


def test_another_path_may_lead_to_the_same_state_where_the_scenario_says_so():
    """With `path: any` the state decides, and the calls are reported as a note."""
    expect = {**ANY_PATH, "calls": [{"cancel_order": {"order_id": "o_1"}}]}
    assert score(LOOK_AND_CANCEL, expect).status == "passed"
    shown_first = {
        **ANY_PATH,
        "calls": [{"get_order": {"order_id": "o_2"}}, {"cancel_order": {"order_id": "o_1"}}],
    }
    row = score(LOOK_AND_CANCEL, shown_first)
    assert row.status == "passed"
    assert row.checks["calls"].value is False
    assert [note.kind for note in row.notes] == ["wrong-argument"]


def test_from_calls_fails_another_state():
    """With `state: from_calls` a run that leads elsewhere fails by field."""
    expect = {**ANY_PATH, "calls": [{"cancel_order": {"order_id": "o_1"}}]}
    row = score([{"say": "Done."}], expect)
    assert kinds(row) == ["state"]
    assert row.calls == (1, 0, 0, 0.0)


def test_an_expected_read_that_fails_is_a_note_of_the_row():
    """A read changes nothing, so one that cannot succeed in this world is told without weight."""
    gone = {"get_order": {"order_id": "o_99"}}
    expect = {**ANY_PATH, "calls": [gone, {"cancel_order": {"order_id": "o_1"}}]}
    row = score(LOOK_AND_CANCEL, expect)
    assert row.status == "passed"
    (note,) = [note for note in row.notes if note.kind == "expected-call"]
    assert 'get_order {"order_id":"o_99"} should succeed, and in this world: ' in note.message


def test_from_calls_still_matches_what_leaves_no_mark():
    """With `state: from_calls` an unexpected letter fails: no table would show it."""
    turns = [*LOOK_AND_CANCEL[:2], {"call": {"send_email": {"order_id": "o_1"}}}, {"say": "Ok."}]
    expect = {"calls": [{"cancel_order": {"order_id": "o_1"}}], "state": "from_calls"}
    row = score(turns, expect)
    assert (kinds(row), row.notes) == (["extra-call"], ())
    expect["calls"].append({"send_email": {"order_id": "o_1"}})
    assert score(turns, expect).status == "passed"
    assert kinds(score(LOOK_AND_CANCEL, expect)) == ["missing-call"]


def test_where_calls_are_listed_the_state_need_not_name_every_change():
    """The calls account for the changes; the state is about the records it names."""
    cancel = {"cancel_order": {"order_id": "o_1"}}
    for calls in (
        {"calls": [cancel]},
        {"any_of": [[{"get_order": {"order_id": "o_2"}}], [cancel]]},
    ):
        expect = {**calls, "state": {"orders": {"o_2": {"status": "shipped"}}}}
        assert score(LOOK_AND_CANCEL, expect).status == "passed"


def test_of_several_paths_the_nearest_state_is_explained():
    """With `any_of` the world must be the one that one of the paths leads to."""
    cancel = {"cancel_order": {"order_id": "o_1"}}
    both = [cancel, {"cancel_order": {"order_id": "o_4"}}]
    expect = {"any_of": [both, [cancel]], "state": "from_calls"}
    assert score(LOOK_AND_CANCEL, expect).status == "passed"
    row = score([{"say": "No."}], expect)
    assert [r.path for r in row.reasons if r.kind == "state"] == ["orders.o_1.status"]


@pytest.mark.parametrize(
    ("answer", "expected", "wrong"),
    [
        ("It cost 1,286.50 EUR.", {"mentions": ["1286.50"]}, []),
        ("Order O_1001 is gone.", {"mentions": ["o_1001"]}, []),
        ("Order o_10012 is gone.", {"mentions": ["o_1001"]}, ["answer"]),
        ("I guarantee it.", {"never": ["guarantee"]}, ["answer"]),
        ("This is guaranteed.", {"never": ["guarantee"]}, []),
        ("We will   REFUND you.", {"never": ["we will refund"]}, ["answer"]),
        ("Bye.", {"matches": {"prefix": "B"}}, []),
        ("Bye.", {"matches": {"prefix": "C"}}, ["answer"]),
    ],
)
def test_the_answer(answer, expected, wrong):
    """Mentions are found without case and commas; whole phrases are never said."""
    assert kinds(score([{"say": answer}], {"answer": expected})) == wrong


def test_a_refusal_may_quote_the_word_elsewhere():
    """`never` is about the answer: the same word in a tool's arguments is not said to anybody."""
    turns = [{"call": {"get_order": {"order_id": "guarantee"}}}, {"say": "I cannot do that."}]
    assert score(turns, {"calls": "none", "answer": {"never": ["guarantee"]}}).status == "passed"


def test_an_earlier_answer_of_a_conversation_counts_as_mentioned():
    """In a conversation, what was said before the last answer was said."""
    row = score(
        [{"say": "It is o_1."}, {"say": "Bye."}],
        {"answer": {"mentions": ["o_1"]}},
        conversation=["Which?", "Thanks"],
    )
    assert row.status == "passed"


def test_the_stop_is_compared():
    """An expected stop must be the stop."""
    row = score([{"say": "Hi."}], {"stop": "loop", "calls": "none"})
    assert kinds(row) == ["stop"]


def test_a_run_that_hits_a_limit_fails_unless_that_is_expected():
    """A scenario that does not speak of the stop does not accept every end."""
    made = bundle(limits={"steps": 1})
    turns = LOOK_AND_CANCEL[:1]
    row = score(turns, {"calls": "none"}, made=made)
    assert kinds(row) == ["stop"]
    assert "write `stop: limit`" in row.reasons[0].message
    row = score(turns, {"calls": "none", "stop": "limit"}, made=made)
    assert (row.status, row.resolved) == ("passed", False)


ESCALATE = [{"call": {"escalate": {"reason": "angry customer", "queue": "billing"}}}]


@pytest.mark.parametrize(
    ("turns", "expected", "wrong", "cell"),
    [
        (ESCALATE, "any", [], "needed_done"),
        (ESCALATE, {"queue": "billing", "by_step": 1}, [], "needed_done"),
        (ESCALATE, {"queue": "desk"}, ["wrong-queue"], "needed_done"),
        (ESCALATE, {"reason": {"contains": "angry"}}, [], "needed_done"),
        (ESCALATE, {"reason": "calm"}, ["wrong-escalation-reason"], "needed_done"),
        (ESCALATE, "none", ["needless-escalation"], "not_needed_done"),
        ([{"say": "Hello."}], "any", ["missing-escalation"], "needed_not_done"),
        ([{"say": "Hello."}], "none", [], "not_needed_not_done"),
        (
            [LOOK_AND_CANCEL[0], *ESCALATE],
            {"by_step": 1},
            ["late-escalation"],
            "needed_done",
        ),
    ],
)
def test_escalation(turns, expected, wrong, cell):
    """Needed or not by done or not, and late, to the wrong queue, for the wrong reason."""
    made = bundle(**DESK)
    row = score(turns, {"calls": "none", "escalation": expected}, made=made)
    assert kinds(row) == wrong
    assert row.escalation == cell
    assert row.resolved == (not wrong and cell == "not_needed_not_done")


UNSCORED = {"scored": False}
TICKET = {
    "name": "file_ticket",
    "description": "Pass the case on.",
    "inputSchema": ORDER,
    "effect": "escalation",
    "mock": {"replies": [{"return": {"filed": True}}]},
}


@pytest.mark.parametrize(
    ("turns", "calls", "escalation", "cell"),
    [
        (ESCALATE, [], "unscored", "not_needed_done"),
        ([{"say": "Hi."}], [], "unscored", "not_needed_not_done"),
        ([{"say": "Hi."}], [{"file_ticket": {"order_id": "o_1"}}], "unscored", "needed_not_done"),
        ([{"say": "Hi."}], [{"get_order": {"order_id": "o_1"}}], "unscored", "not_needed_not_done"),
        (ESCALATE, [], {**UNSCORED, "needed": True}, "needed_done"),
        (ESCALATE, [], {**UNSCORED, "needed": True, "queue": "desk"}, "needed_done"),
        ([{"say": "Hi."}], [], {**UNSCORED, "needed": False}, "not_needed_not_done"),
        (
            [{"say": "Hi."}],
            [],
            [{**UNSCORED, "needed": False}, {**UNSCORED, "needed": True}],
            "needed_not_done",
        ),
    ],
)
def test_an_unscored_escalation_is_counted_in_the_table_alone(turns, calls, escalation, cell):
    """It was needed where the scenario says so, or where an expected call escalates."""
    made = bundle(tools=[GET, CANCEL, TICKET], **DESK)
    row = score(turns, {"calls": calls or "none", "escalation": escalation}, made=made)
    assert row.escalation == cell
    assert set(kinds(row)) <= {"missing-call"}
    free = score(turns, {"stop": "answered", "escalation": "unscored"}, made=made)
    assert free.escalation.startswith("not_needed")


def test_an_offer_in_words_is_no_escalation():
    """Words do not escalate; that they were said is noted."""
    row = score(
        [{"say": "I will connect you with a colleague."}],
        {"calls": "none", "escalation": "any"},
        made=bundle(**DESK),
    )
    assert kinds(row) == ["missing-escalation"]
    assert row.offered


ASK = [
    {"id": "reads", "allow": ["get_order"]},
    {"id": "ask", "ask": ["cancel_order"], "by": "desk"},
]


def test_a_case_that_a_person_approved_needed_a_person():
    """An approved call passes, and the case is not resolved without people."""
    row = score(
        LOOK_AND_CANCEL,
        {"calls": [{"cancel_order": {"order_id": "o_1"}}]},
        made=bundle(rules=ASK),
        approvals={"cancel_order": "approve"},
    )
    assert (row.status, row.resolved) == ("passed", False)


def test_a_word_of_the_user_in_the_reason_of_a_trigger_is_no_word_of_the_agent():
    """`never` is about what the model wrote: the runtime's reason may quote what the user said."""
    made = bundle(
        tools=[GET],
        rules=ALLOW,
        escalation={"queue": "desk", "triggers": [{"any_keyword": ["lawyer"]}]},
    )
    expect = {"escalation": "any", "answer": {"never": ["lawyer"]}}
    assert score([], expect, made=made, input="My lawyer will call.").status == "passed"


def test_a_write_that_failed_or_was_a_repetition_is_not_unexpected():
    """With a free path only what changed something, or may have, is held against the agent."""
    look, cancel = ({name: {"order_id": "o_2"}} for name in ("get_order", "cancel_order"))
    failing = [{"call": look}, {"call": cancel}, {"say": "It is shipped."}]
    assert score(failing, {"stop": "answered"}).status == "passed"
    twice = [*LOOK_AND_CANCEL[:2], *LOOK_AND_CANCEL[1:]]
    assert score(twice, {"state": CANCELLED}).status == "passed"
