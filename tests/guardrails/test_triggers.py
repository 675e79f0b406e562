# ruff: noqa: RUF001, RUF003 - letters that look alike are what this is about
"""When a case goes to a person although nobody asked for it, and when it does not."""

from typing import Any

import pytest
from pydantic import ValidationError

from agentctl.core.text import plain
from agentctl.guardrails.triggers import Triggers
from agentctl.guardrails.vocabulary import LANGUAGES, vocabulary, words_for
from agentctl.guardrails.words import Words
from agentctl.specs.shapes.agent import DEFAULT_TRIGGERS, EscalationSpec
from tests.support.build import bundle, ended, events, trial

DESK = {"queue": "order-desk", "queues": ["legal"]}
CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
SAY = {"say": "Done."}


def triggers(**spec: Any) -> Triggers:
    return Triggers(EscalationSpec.model_validate({**DESK, **spec}))


def fired(text: str, **spec: Any) -> str | None:
    trip = triggers(**spec).on_text("input", text)
    return trip.detail if trip else None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("I want a refund.", "refund: refund"),
        ("Give me my money back", "refund: money back"),
        ("Ich möchte eine Rückerstattung", "refund: ruckerstattung"),
        ("Je demande un remboursement !", "refund: remboursement"),
        ("Quiero un reembolso", "refund: reembolso"),
        ("Voglio un rimborso", "refund: rimborso"),
        ("I will see you in court", "legal: court"),
        ("Sie hören von meinem Anwalt", "legal: anwalt"),
        ("Mon avocat vous écrira", "legal: avocat"),
        ("Hablará con mi abogado", "legal: abogado"),
        ("Sentirete il mio avvocato", "legal: avvocato"),
        ("this is urgent", "urgent: urgent"),
        ("Es ist dringend", "urgent: dringend"),
        ("Please escalate this", "escalate: escalate"),
        ("Je veux parler à un conseiller", "escalate: un conseiller"),
        ("Get me your manager", "manager: manager"),
        ("Ich will den Vorgesetzten sprechen", "manager: vorgesetzten"),
        ("Quiero hablar con el gerente", "manager: gerente"),
        ("Mi passi il responsabile", "manager: responsabile"),
    ],
)
def test_words_that_ship_escalate_in_five_languages(text: str, detail: str):
    """An agent with `escalation:` and nothing more passes these on."""
    assert fired(text) == detail


def test_every_group_has_words_in_every_language():
    """No language is left out of a group, and no group is left without words."""
    for language in LANGUAGES:
        groups = vocabulary(language)["escalation"]
        assert set(groups) == set(DEFAULT_TRIGGERS)
        assert all(groups.values())


@pytest.mark.parametrize("group", DEFAULT_TRIGGERS)
def test_every_shipped_word_fires_alone_and_in_capitals(group: str):
    """Each word of the data is found by its own group, however it is cased."""
    only = triggers(default_triggers=[group])
    for word in words_for("escalation", group):
        assert only.on_text("input", word), word
        assert only.on_text("input", f"... {word.upper()}!"), word


@pytest.mark.parametrize(
    "text",
    [
        "This is not a refund request",
        "not a refund",
        "NOT A REFUND",
        "no refund needed",
        "I don't need refunds",
        "I don’t want refunds",
        "without legal help",
        "Ich brauche keinen Anwalt",
        "kein Anwalt",
        "Das ist nicht dringend",
        "Es eilt nicht, ohne Anwalt",
        "pas de remboursement",
        "ce n'est pas urgent",
        "sin abogado",
        "no quiero reembolso",
        "non è urgente",
        "senza avvocato",
        "never escalate",
    ],
)
def test_a_denied_word_does_not_fire(text: str):
    """A negator among the two words before, in the same clause, denies the word."""
    assert fired(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "No, I want a refund",
        "I am not happy. Refund!",
        "Not only urgent but late",
        "Das ist nicht nur dringend",
        "Why don't you escalate this?",
        "no refund needed, but I need a lawyer",
        "I cannot wait\n\nrefund",
        "Do not make me wait for the refund",
        "I have not received a refund",
        "not received refund",
    ],
)
def test_a_negator_elsewhere_denies_nothing(text: str):
    """Another clause, another word, or `not only`: the word counts as said."""
    assert fired(text) is not None


@pytest.mark.parametrize("text", ["REFUND", "rEfUnD", "URGENT!!!", "AVOCAT", "RÜCKERSTATTUNG"])
def test_capitals_do_not_hide_a_word(text: str):
    """Case makes no difference."""
    assert fired(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "rеfund",  # Cyrillic е
        "RЕFUND",  # Cyrillic Е
        "mаnаgеr",  # Cyrillic а and е
        "ΜΑΝΑGΕR",  # Greek capitals
        "lοwyer lαwyer",  # Greek ο and α
        "re\u200bfund",  # zero-width space
        "re\u00adfund",  # soft hyphen
        "r\u0336e\u0336fund",  # struck through
    ],
)
def test_look_alike_letters_do_not_hide_a_word(text: str):
    """Letters of other scripts that look Latin, and invisible ones, make no difference."""
    assert fired(text) is not None


def test_full_width_letters_do_not_hide_a_word():
    """Unicode width makes no difference."""
    assert fired("ｒｅｆｕｎｄ") == "refund: refund"
    assert fired("ＬＡＷＹＥＲ") == "legal: lawyer"


@pytest.mark.parametrize(
    "text", ["refundable", "illegal", "paralegal", "insurgent", "management", "sofortbild", "issue"]
)
def test_a_word_inside_another_does_not_fire(text: str):
    """Whole words only."""
    assert fired(text) is None


def test_a_word_in_its_own_script_is_still_found():
    """Folding look-alikes does not lose words that are Cyrillic or Greek."""
    assert Words(["возврат", "επιστροφή"]).found(plain("ВОЗВРАТ!")) is not None
    assert Words(["возврат", "επιστροφή"]).found(plain("Επιστροφή")) is not None


def test_the_default_list_is_overridable():
    """A list narrows it, `none` switches it off, `all` is what is left out."""
    assert fired("refund", default_triggers=["legal"]) is None
    assert fired("lawyer", default_triggers=["legal"]) == "legal: lawyer"
    assert fired("refund, lawyer, manager", default_triggers="none") is None
    assert fired("refund", default_triggers="all") == fired("refund") == "refund: refund"


@pytest.mark.parametrize("wrong", ["some", ["refunds"]])
def test_a_group_nobody_ships_is_an_error(wrong: Any):
    """A misspelt group is told, not ignored."""
    with pytest.raises(ValidationError):
        triggers(default_triggers=wrong)


def test_a_trigger_of_the_spec_comes_before_the_default_ones():
    """Its queue is the one that gets the case."""
    made = triggers(triggers=[{"any_keyword": ["lawyer"], "queue": "legal"}])
    trip = made.on_text("input", "my lawyer")
    assert trip is not None
    assert (trip.queue, trip.detail) == ("legal", "lawyer")


def test_an_agent_without_escalation_has_no_triggers():
    """Where nobody takes cases over, nothing is passed on."""
    assert Triggers(None).on_text("input", "refund") is None


def test_default_words_fire_on_input_only():
    """Neither the receipt a tool returns nor the answer that quotes it goes to a person."""
    orders = {"o_1": {"order_id": "o_1", "customer_id": "cus_7", "note": "refund re_1, urgent"}}
    turns = [CALL_GET, {"say": "The refund is booked. My manager agreed."}]
    played = trial(bundle(escalation=DESK), turns, orders=orders)
    assert ended(played)["stop"] == "answered"
    assert ended(trial(bundle(escalation=DESK), turns, input="a refund"))["stop"] == "escalated"


def test_a_word_in_the_reply_to_a_question_escalates():
    """What the user answers is input like what they asked."""
    turns = [{"call": {"ask_user": {"question": "Which?"}}}, SAY]
    played = trial(bundle(escalation=DESK), turns, conversation=["cancel it", "ask my lawyer"])
    assert ended(played)["stop"] == "escalated"


@pytest.mark.parametrize("on", ["input", "tool", "output"])
def test_a_keyword_is_looked_for_where_its_trigger_says(on: str):
    """Each of the three places has its own words."""
    orders = {"o_1": {"order_id": "o_1", "customer_id": "cus_7", "note": "toolword"}}
    keyword = {"input": "inword", "tool": "toolword", "output": "outword"}[on]
    made = bundle(escalation={**DESK, "triggers": [{"any_keyword": [keyword], "on": on}]})
    play = [CALL_GET, {"say": "outword"}]
    (passed,) = events(trial(made, play, orders=orders, input="inword"), "escalated")
    assert passed["trigger"] == {"kind": "keyword", "detail": keyword}
    other = {"input": "tool", "tool": "output", "output": "input"}[on]
    made = bundle(escalation={**DESK, "triggers": [{"any_keyword": [keyword], "on": other}]})
    assert events(trial(made, play, orders=orders, input="inword"), "escalated") == []


@pytest.mark.parametrize("on", ["input", "tool"])
def test_a_word_at_the_start_of_a_line_of_an_object_is_found(on: str):
    """Line breaks inside the texts of events and results do not stick to the words."""
    note = {"note": "Hello\nlawyer\tcalls", "tags": ["x"]}
    orders = {"o_1": {"order_id": "o_1", "customer_id": "cus_7", **note}}
    spec = {**DESK, "default_triggers": "none"}
    made = bundle(escalation={**spec, "triggers": [{"any_keyword": ["lawyer"], "on": on}]})
    played = trial(made, [CALL_GET, SAY], orders=orders, event=note)
    assert ended(played)["stop"] == "escalated"


DENY = [{"id": "reads", "allow": {"effects": ["none"]}}, {"id": "no", "deny": ["cancel_order"]}]


def test_denied_calls_in_a_row_escalate():
    """A model that keeps trying what the policy forbids is a case for a person."""
    turns = [{"call": {"cancel_order": {"order_id": f"o_{n}"}}} for n in (1, 2)]
    rows = {**DESK, "triggers": [{"denied": {"consecutive": 2}}]}
    looked = [{"call": {"get_order": {"order_id": f"o_{n}"}}} for n in (1, 2)]
    played = trial(bundle(rules=DENY, escalation=rows), [*looked, *turns, SAY])
    (passed,) = events(played, "escalated")
    assert passed["trigger"] == {"kind": "denied", "detail": "2 in a row, the last cancel_order"}
    between = [looked[0], turns[0], looked[1], turns[1], SAY]
    assert ended(trial(bundle(rules=DENY, escalation=rows), between))["stop"] == "answered"


def test_what_is_no_text_has_no_words():
    """Numbers and gaps in an object are passed over, the texts beside them are read."""
    made = triggers(triggers=[{"any_keyword": ["lawyer"], "on": "tool"}])
    assert made.on_text("tool", {"total": 5, "note": None}) is None
    assert made.on_text("tool", {"total": 5, "notes": [None, True, "my lawyer"]}) is not None


@pytest.mark.parametrize(
    ("trigger", "kind", "detail"),
    [
        ({"intents": ["complaint"]}, "intent", "complaint"),
        ({"sentiment": ["furious"]}, "sentiment", "furious"),
        ({"confidence_below": 0.5}, "confidence", "0.4 for complaint"),
    ],
)
def test_what_the_model_declares_can_escalate(trigger: dict[str, Any], kind: str, detail: str):
    """Its intent, its confidence, and the mood it sees; anything else does not."""
    made = triggers(triggers=[trigger])
    trip = made.on_intent("complaint", 0.4, "furious")
    assert trip is not None
    assert (trip.kind, trip.detail, trip.queue) == (kind, detail, "order-desk")
    assert made.on_intent("thanks", 0.9, "calm") is None
    assert made.on_intent("thanks", 0.9, None) is None


def test_two_rows_of_errors_can_go_to_two_queues():
    """Of several triggers of one kind the first that is met says where the case goes."""
    made = triggers(
        triggers=[
            {"tool_error": {"consecutive": 3}, "queue": "legal"},
            {"tool_error": {"consecutive": 2}},
        ]
    )
    assert made.on_tool_errors(1, "t") is None
    two, three = made.on_tool_errors(2, "t"), made.on_tool_errors(3, "t")
    assert two is not None
    assert three is not None
    assert (two.queue, three.queue) == ("order-desk", "legal")


def test_a_guardrail_trigger_can_listen_to_one_side_only():
    """`on: input` hears what the user says and not what the agent answers."""
    rail = {"id": "word", "lexicon": ["banana"], "action": "redact"}
    both = {"guardrails": {"input": [rail], "output": [{**rail, "id": "word-out"}]}}
    hears = {**DESK, "triggers": [{"guardrail": "any", "on": "input"}]}
    made = bundle(policy=both, escalation=hears)
    assert ended(trial(made, [{"say": "banana"}]))["stop"] == "answered"
    assert ended(trial(made, [SAY], input="banana"))["stop"] == "escalated"


def test_confidence_below_a_trigger_escalates():
    """What the model declares is judged before its tools exist."""
    intents = [{"id": "status", "tools": ["get_order"]}]
    made = bundle(intents=intents, escalation={**DESK, "triggers": [{"confidence_below": 0.5}]})
    declare = {"call": {"declare_intent": {"intent": "status", "confidence": 0.4}}}
    (passed,) = events(trial(made, [declare, SAY]), "escalated")
    assert passed["trigger"] == {"kind": "confidence", "detail": "0.4 for status"}


def test_on_goes_with_words_and_guardrails_only():
    """A trigger that listens nowhere is an error of the spec."""
    with pytest.raises(ValidationError, match="`on` goes with"):
        triggers(triggers=[{"limit": "any", "on": "tool"}])
