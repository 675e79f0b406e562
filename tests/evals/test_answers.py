"""What was said at the end: words, structured output, and why the run stopped."""

import pytest

from agentctl.core.events import Event
from agentctl.evals.scorers.answers import UNWANTED_STOPS
from agentctl.evals.scorers.reasons import FailureReason
from agentctl.evals.scorers.registry import ScorerEntry
from tests.evals.test_scoring import kinds, score
from tests.support.build import bundle


def said(answer, expected):
    """Return why an answer is not as expected."""
    return score([{"say": answer}], {"answer": expected}).reasons


@pytest.mark.parametrize(
    ("answer", "phrase", "mentioned"),
    [
        ("It costs 54.", "54", True),
        ("It costs 541.", "54", False),
        ("It costs 154.", "54", False),
        ("It costs 5.54.", "54", False),
        ("It costs 54.5.", "54", False),
        ("It is o_54.", "54", False),
        ("It costs 54x.", "54", False),
        ("It costs $481.50.", "481.5", True),
        ("It costs 1,286,000 EUR.", "1286000", True),
        ("It costs 1286000 EUR.", "1,286,000", True),
        ("It costs 12,86 EUR.", "1286", False),
        ("It costs 1,2860 EUR.", "12860", False),
        ("Take 12 items.", "12 items", True),
        ("Take 112 items.", "12 items", False),
        ("Take 112 items or 12 items.", "12 items", True),
        ("12 items", "12 items", True),
        ("Take 11 items.", "1 items", False),
        ("Take item 12.", "item 1", False),
        ("Order 123.", "order 12", False),
        ("Order 123, not order 12.", "order 12", True),
        ("Order 12", "order 12", True),
        ("5cancelled4", "cancelled", True),
        ("Cancel", "cancelled", False),
    ],
)
def test_a_number_is_found_by_its_value_and_never_inside_another(answer, phrase, mentioned):
    """However it is grouped; a phrase that begins or ends with a digit is not cut out either."""
    assert (said(answer, {"mentions": [phrase]}) == ()) == mentioned


def test_each_wrong_word_is_a_reason_with_what_was_said():
    """In the order of the scenario, with what was expected and the words that were said."""
    expected = {"mentions": ["Ana", "bye"], "never": ["sure"], "matches": {"prefix": "Dear"}}
    assert said("Bye, and sure.", expected) == (
        FailureReason(
            "answer", 'the answer does not mention "Ana"', None, "Ana", '"Bye, and sure."'
        ),
        FailureReason(
            "answer", 'the agent says "sure", which it must not', None, None, '"Bye, and sure."'
        ),
        FailureReason(
            "answer",
            'the answer does not match {"prefix": "Dear"}',
            None,
            '{"prefix": "Dear"}',
            '"Bye, and sure."',
        ),
    )


def test_no_answer_is_empty_words():
    """A run that ended without an answer mentions nothing and matches what empty text matches."""
    made = bundle(limits={"steps": 1})
    turns = [{"call": {"get_order": {"order_id": "o_1"}}}]
    expect = {"stop": "limit", "answer": {"matches": "", "mentions": ["x"]}}
    (reason,) = score(turns, expect, made=made).reasons
    assert (reason.kind, reason.message) == ("answer", 'the answer does not mention "x"')


OUTPUT = {
    "output": {"type": "object", "properties": {"total": {}, "who": {}}},
}


def test_structured_output_is_compared_field_by_field():
    """Listed fields count, others do not; a difference names the field on both sides."""
    made = bundle(**OUTPUT)
    turns = [{"output": {"total": 5, "who": "Ana"}}]
    assert score(turns, {"output": {"total": 5}}, made=made).status == "passed"
    row = score(turns, {"output": {"total": {"gt": 6}, "when": "now"}}, made=made)
    assert row.reasons == (
        FailureReason(
            "output", 'output: `total`: expected {"gt": 6}, got 5', "total", '{"gt": 6}', "5"
        ),
        FailureReason(
            "output", 'output: `when`: expected "now", got nothing', "when", '"now"', "nothing"
        ),
    )
    assert score(turns, {"calls": "none"}, made=made).checks.keys() >= {"calls"}
    assert "output" not in score(turns, {"calls": "none"}, made=made).checks


def test_words_are_no_structured_output():
    """Where fields are expected and prose was said, that is one reason."""
    row = score([{"say": "Five."}], {"output": {"total": 5}})
    assert row.reasons == (
        FailureReason(
            "output", "expected structured output, got null", None, '{"total": 5}', "null"
        ),
    )


def test_ends_that_fail_a_trial_unless_they_are_expected():
    """Waiting, handing over and being blocked are ends of their own accord."""
    assert {
        "model_error", "tool_error", "goal_not_met", "limit", "loop", "stopped", "interrupted",
    } == UNWANTED_STOPS  # fmt: skip


def test_another_end_than_the_expected_one_says_both_and_why():
    """With what the run itself said about its end."""
    made = bundle(limits={"steps": 1})
    turns = [{"call": {"get_order": {"order_id": "o_1"}}}]
    (reason,) = score(turns, {"stop": "answered"}, made=made).reasons
    assert reason[2:] == (None, "answered", "limit")
    assert reason.message.startswith("ended `limit` (")
    assert reason.message.endswith("), expected `answered`")
    (reason,) = score(turns, {"calls": "none"}, made=made).reasons
    assert reason[2:] == (None, None, "limit")
    assert reason.message.endswith("); if that is right, write `stop: limit` under `expect`")
    row = score(turns, {"calls": "none", "stop": "limit"}, made=made)
    assert (kinds(row), row.checks["stop"].value) == ([], True)
    assert "stop" not in score([{"say": "Hi."}], {"calls": "none"}).checks


def test_each_text_is_looked_at_by_itself():
    """A number that begins a text is not cut off from the one before, and no phrase spans two."""
    turns = [{"say": "It is order"}, {"say": "54 it is."}]
    lines = ["Which?", "Sure?"]
    row = score(turns, {"answer": {"mentions": ["54"]}}, conversation=lines)
    assert row.status == "passed"
    row = score(turns, {"answer": {"mentions": ["order 54"]}}, conversation=lines)
    assert kinds(row) == ["answer"]


def test_an_end_without_a_reason_says_its_name_alone():
    """No empty brackets stand behind it."""
    made, events = bundle(limits={"steps": 1}), []
    turns, expect = [{"call": {"get_order": {"order_id": "o_1"}}}], {"stop": "answered"}
    keep = ScorerEntry("keep", lambda evidence: events.extend(evidence.events))
    score(turns, expect, made=made, scorers=[keep])
    last = events.pop()
    events.append(Event(last.seq, last.type, last.at, {**last.body, "reason": None}))
    (reason,) = score(turns, expect, made=made, changed={"events": events}).reasons
    assert reason.message == "ended `limit`, expected `answered`"
