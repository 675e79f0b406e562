# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Amounts, dates, times and ids of an answer, held against what the run has seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentctl.guardrails.grounding import Sources, grounded
from agentctl.guardrails.quantities import amount, quantities
from agentctl.specs.shapes.policy import Grounding
from tests.support.build import bundle, ended, events, trial

ALL = ("amounts", "dates", "times", "ids")
CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
DESK = {"queue": "order-desk"}


def holds(source: Any, answer: str) -> bool:
    """Whether everything in `answer` occurs in `source`."""
    known = Sources()
    known.value(source)
    compiled = grounded(Grounding(check=ALL))
    assert compiled is not None
    return compiled.check([answer], known) == ()


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ({"total": 1234.5}, "1,234.50 EUR"),
        ({"total": 1234.5}, "€ 1.234,50"),
        ({"total": 1234.5}, "1 234,50 €"),
        ({"total": 1234.5}, "CHF 1'234.50"),
        ({"total": "1234.50"}, "$1,234.5"),
        ({"total": 1234}, "1,234 EUR"),
        ({"total": 1234567}, "1.234.567 EUR"),
        ({"total": 49.9}, "49.90"),
        ({"total": -49.9}, "a credit of 49,90 Euro"),
        ({"total_cents": 4990}, "49.90 EUR"),
        ({"total": "EUR 49.90"}, "49.90EUR"),
        ({"rate": 19}, "19 % VAT"),
        ({"note": "your total is 49,90"}, "49.90 EUR"),
        ({"day": "2026-01-15"}, "on 15 January 2026"),
        ({"day": "2026-01-15"}, "on January 15th, 2026"),
        ({"day": "2026-01-15"}, "am 15. Januar 2026"),
        ({"day": "2026-01-15"}, "am 15.1."),
        ({"day": "2026-01-15"}, "le 15 janvier"),
        ({"day": "2026-01-15"}, "el 15 de enero de 2026"),
        ({"day": "2026-01-15"}, "il 15 gennaio 2026"),
        ({"day": "2026-01-15"}, "15.01.2026"),
        ({"day": "2026-01-15"}, "1/15/26"),
        ({"at": "2026-01-15T14:30:00Z"}, "15 Jan 2026 at 2:30 pm"),
        ({"at": "2026-01-15T14:30:00Z"}, "um 14.30 Uhr, à 14h30"),
        ({"at": "3 pm"}, "15:00"),
        ({"order_id": "o_1001"}, "Order O_1001 is fine."),
        ({"order_id": "o_1001"}, "the o_1001-related mail"),
        ({"link": "https://shop.example/orders/o_1001/track"}, "o_1001"),
        ({"number": 100234}, "number 100234"),
        ({"orders": {"o_7": {}}}, "o_7"),
        ({"n": 12}, "#12"),
        ({}, "You have 3 items, within 24 hours, COVID-19, mp3, step 1, the 2nd."),
    ],
)
def test_what_the_run_has_seen_may_be_said_however_it_is_written(source: Any, answer: str):
    """Formats of numbers, days and times make no difference."""
    assert holds(source, answer)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ({"total": 49.9}, "94.90 EUR"),
        ({"total": 49.9}, "500 EUR"),
        ({"total": 49.9}, "499 €"),
        ({"total": 1234.5}, "12,345.00 EUR"),
        ({"order_id": "o_1001"}, "1001 EUR"),
        ({"day": "2026-01-15"}, "15.00 EUR"),
        ({"rate": 19}, "20 %"),
        ({"day": "2026-01-15"}, "16 January 2026"),
        ({"day": "2026-01-15"}, "15 January 2027"),
        ({"day": "2026-01-15"}, "15 February"),
        ({"at": "14:30"}, "15:30"),
        ({"at": "14:30"}, "2:30 am"),
        ({"order_id": "o_1001"}, "o_1002"),
        ({"order_id": "o_1001"}, "o_100"),
        ({"order_id": "o_1001"}, "REF-2026-01"),
        ({"order_id": "o_1001"}, "ｏ_１００２"),
        ({"n": 12}, "#13"),
        ({"done": True}, "1.00 EUR"),
    ],
)
def test_what_the_run_has_not_seen_may_not_be_said(source: Any, answer: str):
    """Another amount, day, time or id is not near enough."""
    assert not holds(source, answer)


@given(st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=2))
def test_an_amount_is_the_same_in_every_format(value: Any):
    """English, German, French and Swiss writing read as one number."""
    english = f"{value:,.2f}"
    swap = english.maketrans(",.", ".,")
    for written in (english, english.translate(swap), english.replace(",", "'")):
        (found,) = quantities(f"{written} EUR", ["amounts"])
        assert amount(value) in found.readings


WRITTEN = st.one_of(
    st.text(max_size=80),
    st.text("0123456789.,:-/ _#o%€hpmETjan", max_size=40),
    st.lists(st.sampled_from(["o_1", "2 May", "14:30", "2026-01-15T09:00", "1,234.50", "EUR", "-"]))
    .map("".join),
)  # fmt: skip


@given(WRITTEN)
def test_what_somebody_said_may_always_be_said_again(text: str):
    """Whatever a text says, it is grounded in that very text."""
    assert holds(text, text)
    assert holds({"said": [text]}, text)


def made(action: str = "block", allow: tuple[str, ...] = (), **more: Any) -> Any:
    grounding = {"check": list(ALL), "action": action, "allow": list(allow), "say": "One moment."}
    return bundle(policy={"guardrails": {"grounding": grounding}}, **more)


def test_a_foreign_records_id_in_an_answer_is_blocked():
    """A record nobody may see is not named, wherever the model has it from."""
    turns = [{"call": {"get_order": {"order_id": "o_3"}}}, {"say": "Order o_3 is pending."}]
    played = trial(made(), turns)
    assert (ended(played)["stop"], ended(played)["answer"]) == ("blocked", "One moment.")
    (hit,) = events(played, "guardrail.hit")
    assert hit == {"rail": "grounding", "on": "output", "action": "block", "found": 1}


def test_an_id_the_model_made_up_is_not_grounded_by_the_error_that_repeats_it():
    """An error message counts without what the call itself brought."""
    turns = [{"call": {"get_order": {"order_id": "o_999"}}}, {"say": "o_999 costs 5.00 EUR"}]
    assert events(trial(made(), turns), "guardrail.hit")[0]["found"] == 2


def test_what_the_user_said_is_never_blocked():
    """Their own numbers may be repeated, from the task and from a reply."""
    answer = {"say": "You say o_3 cost 77.00 EUR on 2 May at 10:15."}
    assert (
        ended(trial(made(), [answer], input="o_3, 77 euros, 2.5.2026, 10:15"))["stop"] == "answered"
    )
    ask = {"call": {"ask_user": {"question": "Which order?"}}}
    said = ["cancel it", "o_3 for 77.00 EUR, on May 2 at 10:15"]
    assert ended(trial(made(), [ask, answer], conversation=said))["stop"] == "answered"


def test_what_tools_and_instructions_say_is_grounded():
    """Results, the system prompt and the descriptions of tools count."""
    turns = [CALL_GET, {"say": "o_1 costs 49.90 EUR."}]
    assert ended(trial(made(), turns))["stop"] == "answered"
    told = made(instructions="Returns cost 4.90 EUR.")
    assert ended(trial(told, [{"say": "A return costs 4.90 EUR."}]))["stop"] == "answered"


def test_a_sum_the_model_worked_out_is_not_grounded_and_can_be_allowed():
    """A tool should work it out; `allow` is the way for fixed amounts."""
    turns = [CALL_GET, {"say": "With shipping that is 54.80 EUR."}]
    assert ended(trial(made(), turns))["stop"] == "blocked"
    assert ended(trial(made(allow=("54.80 EUR",)), turns))["stop"] == "answered"


def test_an_ungrounded_answer_can_go_to_a_person_or_be_flagged():
    """`escalate` keeps the words from the user, `flag` only counts them."""
    turns = [CALL_GET, {"say": "You get 500 EUR."}]
    played = trial(made("escalate", escalation=DESK), turns)
    assert (ended(played)["stop"], ended(played)["answer"]) == ("escalated", None)
    assert events(played, "escalated")[0]["trigger"] == {"kind": "guardrail", "detail": "grounding"}
    assert ended(trial(made("flag"), turns))["answer"] == "You get 500 EUR."


def test_only_what_is_checked_is_held():
    """A policy that checks ids says nothing about amounts."""
    grounding = {"check": ["ids"]}
    made = bundle(policy={"guardrails": {"grounding": grounding}})
    assert ended(trial(made, [{"say": "You get 500 EUR on 1 May."}]))["stop"] == "answered"
    assert ended(trial(made, [{"say": "You get o_77."}]))["stop"] == "blocked"


def test_an_id_in_a_field_of_a_structured_answer_is_held():
    """Not only the part that people read."""
    schema = {"type": "object", "required": ["reply"]}
    turns = [{"output": {"reply": "Hello.", "order": "o_3"}}]
    assert ended(trial(made(output=schema), turns))["stop"] == "blocked"


def test_an_ungrounded_amount_in_a_question_is_held():
    """What `ask_user` says is said to the user like an answer."""
    ask = {"call": {"ask_user": {"question": "Is 500 EUR all right?"}}}
    assert ended(trial(made(), [ask], conversation=["hello", "yes"]))["stop"] == "blocked"


def test_a_trigger_can_name_the_grounding():
    """A hit that is only flagged may still pass the case on."""
    escalation = {**DESK, "triggers": [{"guardrail": "grounding"}]}
    played = trial(made("flag", escalation=escalation), [{"say": "You get 500 EUR."}])
    assert ended(played)["stop"] == "escalated"


def test_grounding_that_checks_nothing_is_an_error():
    """An empty list is a mistake, not a switch."""
    with pytest.raises(ValidationError, match="at least 1 item"):
        Grounding.model_validate({"check": []})
