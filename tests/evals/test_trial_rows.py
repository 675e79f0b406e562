"""What is kept of a trial: its row, whatever broke on the way to it."""

import json
import pickle

import pytest

from agentctl.core.errors import Problem, problem
from agentctl.core.events import Event
from agentctl.evals.scorers.context import ExpectedCallError
from agentctl.evals.scorers.reasons import FailureReason, Score
from agentctl.evals.scorers.registry import ScorerEntry
from agentctl.models.port import ModelFault
from agentctl.specs.shapes.golden import Stamp
from agentctl.specs.shapes.turns import Recording
from tests.evals.test_scoring import CANCELLED, DESK, ESCALATE, LOOK_AND_CANCEL, kinds, score
from tests.support.build import PRINTS, bundle

SAY = [{"say": "Hi."}]
NO_THANKS = FailureReason("answer", "no thanks")


def test_a_fault_is_inconclusive():
    """Turns that end before the run does say nothing about the agent."""
    row = score(LOOK_AND_CANCEL[:1], {"calls": "none"})
    assert row.status == "inconclusive"
    assert kinds(row) == ["fault"]
    assert not row.resolved


def test_a_breach_before_a_fault_is_still_counted():
    """A forbidden call that ran before the turns were exhausted is no less forbidden."""
    row = score(LOOK_AND_CANCEL[:2], {"state": CANCELLED, "forbid": ["cancel_order"]})
    assert (row.status, row.breaches) == ("inconclusive", 1)
    assert kinds(row) == ["fault", "forbidden-call"]


def test_a_recorded_error_is_a_failure_and_the_world_is_still_compared():
    """A recorded run that ended in an error fails, and its state is reported."""
    recording = Recording.model_validate(
        {"scenario": "case", "model": "m", "turns": LOOK_AND_CANCEL[:1], "end": "error"}
    )
    row = score(None, {"state": CANCELLED}, recording=recording)
    assert row.status == "failed"
    assert kinds(row)[0] == "recorded-end"
    assert "state" in kinds(row)
    assert row.reasons[0].message == "recorded run ended: error"
    assert (row.mode, row.model, row.freshness) == ("recorded", "m", "not_stamped")


def test_stamps_tell_fresh_from_stale():
    """Turns made for this prompt, tool set and model are fresh; others are stale."""
    now = Stamp(instructions=PRINTS.instructions[:12], tools=PRINTS.tools[:12], model=PRINTS.model)
    old = Stamp(instructions="0" * 12, tools=PRINTS.tools[:12], model=PRINTS.model)
    turns = [{"say": "Hi."}]
    assert score(turns, {"calls": "none"}, stamp=now).freshness == "fresh"
    assert score(turns, {"calls": "none"}, stamp=old).freshness == "stale"
    assert score(turns, {"calls": "none"}).freshness == "unstamped"


def test_a_scorer_that_says_no_fails_the_trial():
    """`Score(False)` of a named scorer fails; a number is only reported."""
    good = ScorerEntry("length", lambda evidence: Score(12))
    bad = ScorerEntry("polite", lambda evidence: Score(False, "no thanks given"))
    assert score([{"say": "Hi."}], {"calls": "none"}, scorers=[good]).checks["length"].value == 12
    row = score([{"say": "Hi."}], {"calls": "none"}, scorers=[bad])
    assert kinds(row) == ["scorer"]


@pytest.mark.parametrize("broken", [lambda evidence: 1 / 0, lambda evidence: True])
def test_a_broken_scorer_is_inconclusive(broken):
    """A scorer that raises, or returns something else, judges nobody."""
    row = score([{"say": "Hi."}], {"calls": "none"}, scorers=[ScorerEntry("broken", broken)])
    assert row.status == "inconclusive"
    assert "scorer `broken` failed" in row.reasons[0].message


def test_a_row_is_written_as_reports_hold_it():
    """Every figure stands under its name; calls only where some are expected."""
    turns = [
        {**LOOK_AND_CANCEL[0], "usage": {"in": 10, "out": 3}},
        {"say": "Done.", "usage": {"in": 20, "out": 4}},
    ]
    wanted = {"calls": [{"get_order": {"order_id": "o_1"}}, {"cancel_order": {"order_id": "o_1"}}]}
    row = score(turns, wanted)
    told = row.as_json()
    checks, reasons = told.pop("checks"), told.pop("reasons")
    assert checks["calls"] == {
        "value": False,
        "reason": 'missing: cancel_order {"order_id": "o_1"}',
    }
    assert reasons == [
        {"kind": "missing-call", "message": 'missing: cancel_order {"order_id": "o_1"}'}
    ]
    assert told.pop("tokens") == {"in": 30, "out": 7}
    assert told.pop("cost") == {"usd": "0.000022", "status": "declared"}
    assert told == {
        "scenario": "case",
        "trial": 1,
        "mode": "written",
        "model": row.model,
        "status": "failed",
        "freshness": "unstamped",
        "stop": "answered",
        "notes": [],
        "escalation": "not_needed_not_done",
        "offered_in_words": False,
        "resolved": False,
        "model_calls": 2,
        "duration_s": "2.000",
        "calls": {"expected": 2, "matched": 1, "scored": 1, "argument_sum": 1.0},
    }
    assert "calls" not in score(turns, {"state": {}}).as_json()
    thirds = row._replace(calls=(3, 0, 0, 1 / 3)).as_json()["calls"]
    assert thirds["argument_sum"] == 0.333333


def test_a_row_is_plain_and_small():
    """A row is JSON and survives the way between processes."""
    row = score(
        LOOK_AND_CANCEL, {"calls": [{"cancel_order": {"order_id": "o_1"}}], "state": CANCELLED}
    )
    assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301 - its own bytes
    assert len(json.dumps(row.as_json())) < 1500


@pytest.mark.parametrize(
    ("kind", "told"), [("miss", "miss"), ("timeout", "fault"), (None, "fault")]
)
def test_an_answer_that_a_cassette_lacks_is_told_from_other_faults(kind, told):
    """Either way nothing is known of the agent, and no check is made."""
    fault = ModelFault(kind, "no answer") if kind else None
    row = score(SAY, {"calls": "none"}, changed={"fault": "no answer", "model_fault": fault})
    assert row.reasons == (FailureReason(told, "no answer"),)
    assert (row.status, row.checks, row.resolved) == ("inconclusive", {}, False)


def test_a_trial_without_an_end_has_no_figures():
    """Its cost is unknown, and not zero; what was counted is what was seen."""
    events = []
    keep = ScorerEntry("keep", lambda evidence: events.extend(evidence.events))
    score(SAY, {"calls": "none"}, scorers=[keep])
    row = score(SAY, {"calls": "none"}, changed={"events": events[:-1], "fault": "cut off"})
    assert (row.cost_usd, row.cost_status, row.tokens, row.stop) == (None, "unknown", (0, 0), None)
    assert (row.duration_s, row.model_calls) == ("0.000", 1)


@pytest.mark.parametrize("value", [0, 0.0, "", "rude", True])
def test_only_false_fails_a_trial(value):
    """Numbers and labels are reported, zero and the empty label included."""
    scorer = ScorerEntry("mine", lambda evidence: Score(value, "so"))
    row = score(SAY, {"calls": "none"}, scorers=[scorer])
    assert (row.status, row.checks["mine"].value) == ("passed", value)
    assert row.checks["mine"].reason == (None if value is True else "so")


def test_a_scorer_that_is_only_shown_fails_nothing():
    """Its reason is reported beside the value; its notes are notes of the row."""
    note = FailureReason("scorer", "by the way")
    shown = ScorerEntry("mine", lambda evidence: Score(False, "no", (), (note,)), "shown")
    row = score(SAY, {"calls": "none"}, scorers=[shown])
    assert (row.status, row.checks["mine"], row.notes) == ("passed", Score(False, "no"), (note,))


def test_a_scorer_with_nothing_to_say_is_no_check():
    """`None` leaves it out of the row."""
    row = score(SAY, {"calls": "none"}, scorers=[ScorerEntry("mine", lambda evidence: None)])
    assert (row.status, "mine" in row.checks) == ("passed", False)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Score(False), (FailureReason("scorer", "scorer `mine`: no"),)),
        (Score(False, "rude"), (FailureReason("scorer", "scorer `mine`: rude"),)),
        (
            Score(False, "rude", (FailureReason("answer", "no thanks"),)),
            (FailureReason("answer", "no thanks"),),
        ),
    ],
)
def test_the_reasons_of_a_scorer_are_its_own(said, told):
    """Each thing that is wrong, or the one sentence, or at least its name."""
    row = score(SAY, {"calls": "none"}, scorers=[ScorerEntry("mine", lambda evidence: said)])
    assert (row.status, row.reasons) == ("failed", told)


def test_a_set_that_is_wrong_stops_the_evaluation():
    """A scorer that finds the golden set itself wrong says so to whoever runs it."""

    def wrong(evidence):
        raise problem("unknown-table", "no table `x`")

    with pytest.raises(Problem, match="no table `x`"):
        score(SAY, {"calls": "none"}, scorers=[ScorerEntry("mine", wrong)])


def test_an_expected_call_that_cannot_be_made_costs_its_scenario_only():
    """Said once, however many scorers meet it; what was broken before still counts."""

    def wrong(evidence):
        raise ExpectedCallError("orders.yaml:3", ["no o_9", "no o_8"])

    scorers = [ScorerEntry("one", wrong), ScorerEntry("two", lambda evidence: wrong(evidence))]
    row = score(SAY, {"calls": "none"}, scorers=scorers)
    assert row.reasons == (FailureReason("expected-call", "orders.yaml:3: no o_9; no o_8"),)
    assert (row.status, "one" in row.checks) == ("inconclusive", False)


def test_a_broken_scorer_is_asked_once_and_named():
    """With the error, since nobody else sees it; the other checks are made all the same."""
    asked = []

    def broken(evidence):
        asked.append(evidence)
        raise RuntimeError("no dictionary")

    entry = ScorerEntry("mine", broken, "always")
    row = score(SAY, {"calls": "none"}, scorers=[entry])
    message = "scorer `mine` failed: RuntimeError: no dictionary"
    assert (row.reasons, len(asked)) == ((FailureReason("fault", message),), 1)
    assert row.checks["calls"].value is True
    row = score(SAY, {"calls": "none"}, scorers=[ScorerEntry("mine", lambda evidence: True)])
    assert row.reasons[0].message == ("scorer `mine` failed: TypeError: expected a Score, got bool")


@pytest.mark.parametrize(
    ("end", "status"), [("error", "failed"), ("limit", "failed"), (None, "passed")]
)
def test_a_recorded_run_that_was_cut_off_fails(end, status):
    """Whatever its words were, where the replay does not meet the limit itself."""
    recorded = {"scenario": "case", "model": "m", "turns": SAY, **({"end": end} if end else {})}
    row = score(None, {"calls": "none"}, recording=Recording.model_validate(recorded))
    assert row.status == status
    assert [r.message for r in row.reasons] == ([f"recorded run ended: {end}"] if end else [])


def test_a_row_names_the_agent_that_a_recording_names():
    """It is left out where the trial is one of the set's own agent."""
    assert "agent" not in score(SAY, {"calls": "none"}).as_json()
    row = score(SAY, {"calls": "none"}, changed={"agent": "other-desk"})
    assert row.as_json()["agent"] == "other-desk"


def test_a_breach_alone_fails_a_trial():
    """Whatever else was right; and it is one reason, counted as a breach."""
    leak = FailureReason("invariant", "a leak")
    entry = ScorerEntry("mine", lambda evidence: Score.of([leak]), "always")
    row = score(SAY, {"calls": "none"}, scorers=[entry])
    assert (row.status, row.reasons, row.breaches) == ("failed", (leak,), 1)


@pytest.mark.parametrize(
    ("stop", "kinds_of_wrong"),
    [("limit", ["stop"]), ("loop", ["stop"]), ("stopped", ["recorded-end", "stop"])],
)
def test_a_limit_that_the_replay_met_itself_is_judged_as_its_end(stop, kinds_of_wrong):
    """The end of the record says nothing more then, and an expected `stop:` may accept it."""
    events = []
    keep = ScorerEntry("keep", lambda evidence: events.extend(evidence.events))
    score(SAY, {"calls": "none"}, scorers=[keep])
    last = events.pop()
    events.append(Event(last.seq, last.type, last.at, {**last.body, "stop": stop}))
    changed = {"events": events, "recorded_end": "limit"}
    assert kinds(score(SAY, {"calls": "none"}, changed=changed)) == kinds_of_wrong
    expected = kinds(score(SAY, {"calls": "none", "stop": stop}, changed=changed))
    assert expected == kinds_of_wrong[:-1]


def test_a_trial_that_passed_says_nothing_about_refused_calls():
    """They are shown to explain a failure."""
    row = score([LOOK_AND_CANCEL[1], *SAY], {"calls": "none"})
    assert (row.status, row.notes) == ("passed", ())


def test_a_case_that_went_to_a_person_is_not_resolved_though_it_was_answered():
    """A person was needed, even if the agent said the last words."""
    events, made = [], bundle(**DESK)
    keep = ScorerEntry("keep", lambda evidence: events.extend(evidence.events))
    expect = {"calls": "none", "escalation": "any"}
    score(ESCALATE, expect, made=made, scorers=[keep])
    last = events.pop()
    events.append(Event(last.seq, last.type, last.at, {**last.body, "stop": "answered"}))
    row = score(ESCALATE, expect, made=made, changed={"events": events})
    assert (row.status, row.stop, row.resolved) == ("passed", "answered", False)
