"""What an agent says it did, held against what it did."""

from typing import Any

import pytest
from pydantic import ValidationError

from agentctl.guardrails.claims import Claims, Deeds
from agentctl.specs.shapes.policy import ClaimRule, Guardrails
from tests.support.build import ALLOW_ALL, bundle, ended, events, trial

NOTHING = Deeds(frozenset(), frozenset(), frozenset(), frozenset())
CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
CLAIM = "Your order o_1 has been cancelled."


def claimed(says: Any, text: str, done: Deeds = NOTHING, **needs: Any) -> int:
    """Return how many clauses of `text` claim what nothing stands behind."""
    needs = needs or {"tools": ["the_tool"]}
    claims = Claims([ClaimRule.model_validate({"id": "c", "says": says, "needs": needs})])
    return sum(hit.found for hit in claims.check([text], done))


REFUNDED = [
    "I have refunded you.",
    "I've just refunded 49.90 EUR to your card.",
    "We refunded the full amount.",
    "Your refund has been processed.",
    "The refund of 49.90 EUR is on its way!",
    "I issued you a full refund.",
    "You have been refunded.",
    "Done - refunded 20.00 EUR.",
    "I sent the money back to your card.",
    "The money is back on your card.",
    "I could not cancel it, but I have refunded you.",
    "On 3 May we refunded you.",
    "No problem, I refunded it.",
    "I have not only refunded you.",
    "I have already reimbursed you.",
    "Ich habe Ihnen 49,90 EUR erstattet.",
    "Der Betrag wurde Ihnen zurücküberwiesen.",
    "Die Rückerstattung wurde soeben veranlasst.",
    "Je vous ai remboursé 49,90 €.",
    "Votre remboursement est effectué.",
    "Vous avez été remboursé.",
    "Le he reembolsado 49,90 €.",
    "Se ha reembolsado el importe.",
    "El reembolso ha sido procesado.",
    "Ho rimborsato l'importo.",
    "Il rimborso è stato effettuato.",
    "I HAVE REFUNDED YOU",
    "I have rеfunded you.",  # noqa: RUF001 - a Cyrillic letter
]


@pytest.mark.parametrize("text", REFUNDED)
def test_a_claim_is_found_in_other_words_and_other_languages(text: str):
    """Active, passive, elliptic, in five languages, in capitals and with look-alike letters."""
    assert claimed("refunded", text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "I cannot refund you.",
        "I have not refunded you.",
        "I haven't refunded anything.",
        "No refund was issued.",
        "Nothing has been refunded.",
        "Would you like me to refund you?",
        "Have I refunded you already?",
        "You will be refunded within five days.",
        "Your refund will be processed tomorrow.",
        "The amount can be refunded.",
        "If the order was refunded, you will see it.",
        "Once your refund is processed you get a mail.",
        "You asked to be refunded.",
        "You refunded the customer yesterday.",
        "Refunded orders take five days.",
        "The refund was already issued on 2 January.",
        "A colleague has to decide on the refund.",
        "Ich kann Ihnen nichts erstatten.",
        "Der Betrag wurde nicht erstattet.",
        "Der Betrag wird erstattet.",
        "Soll ich das Geld erstatten?",
        "Je ne peux pas vous rembourser.",
        "Vous serez remboursé demain.",
        "No le he reembolsado nada.",
        "¿Quiere que le reembolse?",
        "Non ho rimborsato nulla.",
        "Il rimborso sarà effettuato domani.",
    ],
)
def test_denials_questions_offers_and_the_future_are_no_claims(text: str):
    """What was not done, may be done or is asked about is nobody's claim."""
    assert claimed("refunded", text) == 0


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("cancelled", "Order o_1 is cancelled."),
        ("cancelled", "I canceled your subscription."),
        ("cancelled", "Ihre Bestellung wurde storniert."),
        ("cancelled", "Votre commande a été annulée."),
        ("cancelled", "He cancelado su pedido."),
        ("cancelled", "Il suo ordine è stato annullato."),
        ("sent", "I have emailed you the receipt."),
        ("sent", "A confirmation is on its way."),
        ("sent", "Ich habe Ihnen die Bestätigung geschickt."),
        ("sent", "Je vous ai envoyé la facture."),
        ("sent", "Le hemos enviado un correo."),
        ("sent", "Le ho inviato la conferma."),
        ("booked", "Your table is booked."),
        ("booked", "Your appointment is confirmed."),
        ("booked", "Ich habe das Zimmer reserviert."),
        ("booked", "J'ai réservé une table."),
        ("booked", "He reservado una mesa."),
        ("booked", "Ho prenotato un tavolo."),
    ],
)
def test_each_template_knows_its_deed(template: str, text: str):
    """Cancelled, sent and booked, in five languages."""
    assert claimed(template, text) == 1


@pytest.mark.parametrize(
    ("needs", "done", "backed"),
    [
        ({"tools": ["issue_refund"]}, NOTHING._replace(tools={"issue_refund"}), True),
        ({"tools": ["issue_*"]}, NOTHING._replace(tools={"issue_refund"}), True),
        ({"tools": ["issue_refund"]}, NOTHING._replace(tools={"cancel_order"}), False),
        ({"effects": ["irreversible"]}, NOTHING._replace(effects={"irreversible"}), True),
        ({"effects": ["irreversible"]}, NOTHING._replace(effects={"internal_write"}), False),
        ({"offered": ["issue_refund"]}, NOTHING._replace(offered={"issue_refund"}), True),
        ({"offered": ["issue_refund"]}, NOTHING, False),
    ],
)
def test_what_stands_behind_a_claim(needs: dict[str, Any], done: Deeds, backed: bool):
    """A named tool, a kind of effect, or for a capability the offer."""
    assert claimed("refunded", "I have refunded you.", done, **needs) == int(not backed)


def test_a_status_that_a_tool_returned_may_be_reported():
    """It backs a statement, and never what the agent says of itself."""
    seen = NOTHING._replace(states={"cancelled"})
    assert claimed("cancelled", "Order o_9 was cancelled.", seen) == 0
    assert claimed("cancelled", "I cancelled order o_9.", seen) == 1


def test_own_words_can_be_claims():
    """Expressions of the policy are tried in the same clauses."""
    says = [r"\bupgraded\b", r"\bfirst class\b"]
    assert claimed(says, "I have upgraded you. You sit in first class.") == 2
    assert claimed(says, "I cannot say that I upgraded you.") == 0


def test_a_capability_nobody_offered_is_a_claim():
    """`I can ...` is held against the tools that exist, by a declared expression."""
    says = [r"\b(?:i|we) can (?:\w+ )?refund\b"]
    assert claimed(says, "I can refund you.", offered=["issue_refund"]) == 1
    assert claimed(says, "I don't think I can refund you.", offered=["issue_refund"]) == 0
    offered = NOTHING._replace(offered={"issue_refund"})
    assert claimed(says, "I can refund you.", offered, offered=["issue_refund"]) == 0


def test_the_same_clause_counts_once():
    """A text that stands in the answer and in its structured form is one claim."""
    claims = Claims(
        [ClaimRule.model_validate({"id": "c", "says": "sent", "needs": {"tools": ["send"]}})]
    )
    (hit,) = claims.check(["I sent it. I sent it.", "I sent it."], NOTHING)
    assert hit.found == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"says": ["("], "needs": {"tools": ["t"]}}, "not a regular expression"),
        ({"says": "thanked", "needs": {"tools": ["t"]}}, "refunded"),
        ({"says": "sent", "needs": {}}, "exactly one of tools, effects, offered"),
        ({"says": "sent", "needs": {"tools": ["t"]}, "action": "redact"}, "block"),
    ],
)
def test_a_claim_that_cannot_be_held_is_an_error(wrong: dict[str, Any], message: str):
    """The policy is refused, not the claim forgotten."""
    with pytest.raises(ValidationError, match=message):
        Guardrails.model_validate({"claims": [{"id": "c", **wrong}]})


DESK = {"queue": "order-desk"}


def made(action: str = "block", tools: Any = None, **more: Any) -> Any:
    claim = {
        "id": "cancelled",
        "says": "cancelled",
        "needs": {"tools": ["cancel_order"]},
        "action": action,
        "say": "Let me check that.",
    }
    return bundle(tools=tools, policy={"guardrails": {"claims": [claim]}}, **more)


def test_a_claim_without_its_effect_is_blocked():
    """The user gets the policy's words; the trace says which claim, never the text."""
    played = trial(made(), [CALL_GET, {"say": CLAIM}])
    assert (ended(played)["stop"], ended(played)["answer"]) == ("blocked", "Let me check that.")
    (hit,) = events(played, "guardrail.hit")
    assert hit == {"rail": "cancelled", "on": "output", "action": "block", "found": 1}


def test_a_claim_with_its_effect_passes():
    """After the tool succeeded the same words are the truth."""
    played = trial(made(), [CALL_GET, CALL_CANCEL, {"say": CLAIM}])
    assert (ended(played)["stop"], ended(played)["answer"]) == ("answered", CLAIM)


def test_a_claim_after_a_failed_effect_is_blocked():
    """A call that was made and failed stands behind nothing."""
    turns = [
        {"call": {"get_order": {"order_id": "o_2"}}},
        {"call": {"cancel_order": {"order_id": "o_2"}}},
        {"say": "I have cancelled it."},
    ]
    assert ended(trial(made(), turns))["stop"] == "blocked"


def test_a_claim_after_a_denied_call_is_blocked():
    """Nor does a call that the policy stopped."""
    rules = [ALLOW_ALL[0], {"id": "no", "deny": ["cancel_order"]}]
    played = trial(made(rules=rules), [CALL_GET, CALL_CANCEL, {"say": CLAIM}])
    assert ended(played)["stop"] == "blocked"


def test_a_claim_can_go_to_a_person_or_be_flagged():
    """`escalate` keeps the words from the user, `flag` only counts them."""
    played = trial(made("escalate", escalation=DESK), [CALL_GET, {"say": CLAIM}])
    assert (ended(played)["stop"], ended(played)["answer"]) == ("escalated", None)
    assert events(played, "escalated")[0]["packet"]["done"] == []
    played = trial(made("flag"), [CALL_GET, {"say": CLAIM}])
    assert (ended(played)["stop"], ended(played)["answer"]) == ("answered", CLAIM)
    assert events(played, "guardrail.hit")[0]["action"] == "flag"


def test_a_claim_in_a_question_to_the_user_is_held_too():
    """What `ask_user` says is said to the user like an answer."""
    ask = {"call": {"ask_user": {"question": "I have cancelled o_1. Anything else?"}}}
    played = trial(made(), [CALL_GET, ask, {"say": "Bye."}], conversation=["cancel", "no"])
    assert ended(played)["stop"] == "blocked"
    assert events(played, "question.asked") == []


def test_a_claim_beside_an_escalation_is_not_said():
    """The last words of a run that stops are held like an answer."""
    turn = {"call": {"escalate": {"reason": "x"}}, "say": CLAIM}
    played = trial(made(escalation=DESK), [CALL_GET, turn])
    assert (ended(played)["stop"], ended(played)["answer"]) == ("escalated", "Let me check that.")


def test_a_claim_in_a_field_of_a_structured_answer_is_held():
    """Not only the part that people read."""
    schema = {"type": "object", "required": ["reply"]}
    output = {"reply": "Hello.", "note": CLAIM}
    played = trial(made(output=schema), [CALL_GET, {"output": output}])
    assert ended(played)["stop"] == "blocked"
