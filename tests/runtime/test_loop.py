"""A run from its first event to its last: every way it can end."""

from typing import Any

import pytest

from agentctl.core.events import PHASES
from tests.support.build import ALLOW_ALL, CANCEL, GET, bundle, ended, events, trial

CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SAY = {"say": "Done."}
DESK = {"queue": "order-desk", "queues": ["legal"]}


def stop(played: Any) -> str:
    return str(ended(played)["stop"])


def test_a_plain_case_is_answered():
    """Look, act, say: the run ends answered, and the world has changed."""
    played = trial(bundle(), [CALL_GET, CALL_CANCEL, SAY])
    assert stop(played) == "answered"
    assert ended(played)["answer"] == "Done."
    assert played.world.changes()["orders"]["o_1"]["status"] == "cancelled"
    assert played.fault is None


def test_the_four_phases_are_visible_in_the_events():
    """Every step perceives or observes, plans and acts, in that order."""
    played = trial(bundle(), [CALL_GET, SAY])
    phases = [PHASES[event.type] for event in played.events if event.type in PHASES]
    assert phases == ["perceive", "plan", "act", "observe", "plan"]


def test_two_replays_of_one_scenario_are_the_same():
    """Ids, times and content come from the scenario alone."""
    turns = [CALL_GET, CALL_CANCEL, SAY]
    assert trial(bundle(), turns).events == trial(bundle(), turns).events


def test_events_are_recorded_before_the_effect_they_announce():
    """An intended effect stands in the log before its outcome."""
    kinds = [event.type for event in trial(bundle(), [CALL_GET, CALL_CANCEL, SAY]).events]
    decided, intended = kinds.index("effect.intended"), kinds.index("effect.settled")
    assert kinds[decided - 1] == "call.decided"
    assert decided < intended < len(kinds) - 1


def test_a_denied_call_goes_back_to_the_model_and_the_run_goes_on():
    """A refusal is a result like any other."""
    rules = [{"id": "reads", "allow": {"effects": ["none"]}}]
    played = trial(bundle(rules=rules), [CALL_GET, CALL_CANCEL, SAY])
    returned = events(played, "tool.returned")[-1]
    assert returned["error"]["error"] == "denied"
    assert stop(played) == "answered"
    assert played.world.changes() == {}


def test_turns_that_run_out_are_inconclusive():
    """A recording that stops too early proves nothing."""
    played = trial(bundle(), [CALL_GET])
    assert played.fault is not None
    assert played.fault.startswith("turns exhausted")


def test_a_written_call_of_a_tool_nobody_defines_is_inconclusive():
    """Turns that no longer fit the agent are not a failure of the agent."""
    played = trial(bundle(), [{"call": {"drop_tables": {}}}, SAY])
    assert played.fault == "the turns call `drop_tables`, which no manifest defines"


def test_a_tool_without_a_mock_is_inconclusive():
    """A missing mock stops the run and is told."""
    bare = {key: value for key, value in GET.items() if key != "mock"}
    played = trial(bundle(tools=[bare, CANCEL]), [CALL_GET, SAY])
    assert played.fault == "missing mock: tool `get_order` has no mock"
    assert stop(played) == "tool_error"


def test_no_turns_at_all_is_inconclusive():
    """A scenario without turns cannot be replayed."""
    assert "no recorded turns" in str(trial(bundle(), None).fault)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ({"steps": 1}, "1 model turns"),
        ({"tool_calls": 1}, "1 tool calls"),
        ({"wall_clock_s": 0.5}, "0.5 s"),
        ({"tokens": 10}, "10 tokens"),
        ({"cost_usd": {"session": 0.00001}}, "0.00001 US dollars in one run"),
    ],
)
def test_a_limit_ends_the_run(limits: dict[str, Any], limit: str):
    """Whichever limit is met first ends the run, and says which it was."""
    turns = [{**turn, "usage": {"in": 100, "out": 10}} for turn in (CALL_GET, CALL_CANCEL, SAY)]
    played = trial(bundle(limits=limits), turns)
    assert (stop(played), ended(played)["reason"]) == ("limit", limit)
    assert played.world.changes() == {}


def test_a_limit_with_a_trigger_goes_to_a_person():
    """A trigger on limits turns the stop into a hand-over."""
    made = bundle(limits={"steps": 1}, escalation={**DESK, "triggers": [{"limit": "any"}]})
    played = trial(made, [CALL_GET, SAY])
    assert stop(played) == "escalated"
    assert events(played, "escalated")[0]["trigger"]["kind"] == "limit"


def test_money_near_its_limit_is_warned_about_once():
    """The soft alert is an event, before the hard stop."""
    turns = [{**CALL_GET, "usage": {"in": 3000, "out": 0}}] * 2 + [SAY]
    made = bundle(limits={"cost_usd": {"session": 0.0010, "alert_at": 0.5}, "repeats": "off"})
    warned = events(trial(made, turns), "limit.warned")
    assert [w["limit"] for w in warned] == ["cost_usd"]


def test_the_same_call_three_times_is_a_loop():
    """A call that brings nothing new three times ends the run."""
    played = trial(bundle(), [CALL_GET] * 4 + [SAY])
    assert stop(played) == "loop"
    assert "same call of `get_order`" in ended(played)["reason"]


def test_alternating_calls_without_new_evidence_are_a_loop():
    """A-B-A-B-A is a loop too."""
    other = {"call": {"get_order": {"order_id": "o_2"}}}
    assert stop(trial(bundle(), [CALL_GET, other, CALL_GET, other, CALL_GET, SAY])) == "loop"


def test_repeats_can_be_switched_off():
    """A benchmark's agent may ask as often as it likes."""
    assert stop(trial(bundle(limits={"repeats": "off"}), [CALL_GET] * 6 + [SAY])) == "answered"


def test_the_model_can_pass_the_case_on():
    """The built-in tool ends the run with a packet for the queue it names."""
    turns = [CALL_GET, {"call": {"escalate": {"reason": "angry", "queue": "legal"}}, "say": "Bye"}]
    played = trial(bundle(escalation=DESK), turns)
    (passed,) = events(played, "escalated")
    assert (passed["queue"], passed["by"], passed["reason"]) == ("legal", "model", "angry")
    packet = passed["packet"]
    assert packet["request"] == ["cancel my order"]
    assert packet["facts"][0]["result"]["order_id"] == "o_1"
    assert packet["summary"] == {"text": "Bye", "source": "model"}
    assert stop(played) == "escalated"


def test_a_queue_the_spec_does_not_name_is_refused():
    """The model cannot invent a queue."""
    turns = [{"call": {"escalate": {"reason": "x", "queue": "ceo"}}}, SAY]
    played = trial(bundle(escalation=DESK), turns)
    assert events(played, "escalated") == []
    assert events(played, "call.decided")[0]["stage"] == "arguments"


def test_a_keyword_of_the_user_escalates_before_the_model_is_asked():
    """A trigger on input needs no model turn."""
    made = bundle(escalation={**DESK, "triggers": [{"any_keyword": ["lawyer"]}]})
    played = trial(made, [SAY], input="I will call my LAWYER.")
    assert stop(played) == "escalated"
    assert ended(played)["steps"] == 0


def test_a_keyword_inside_another_word_does_not_escalate():
    """Whole words only: `lawyer` is not in `lawyering`."""
    made = bundle(escalation={**DESK, "triggers": [{"any_keyword": ["lawyer"]}]})
    assert stop(trial(made, [SAY], input="lawyering")) == "answered"


def test_errors_in_a_row_escalate():
    """A tool that is down three times in a row is a case for a person."""
    made = bundle(escalation={**DESK, "triggers": [{"tool_error": {"consecutive": 2}}]})
    faults = [{"tool": "get_order", "times": 9, "fault": "unavailable"}]
    played = trial(made, [CALL_GET, CALL_GET, SAY], faults=faults)
    assert events(played, "escalated")[0]["trigger"]["kind"] == "tool_error"


def test_a_domain_tool_can_escalate_and_the_agent_may_still_answer():
    """A tool whose effect is escalation is one of the three doors."""
    route = {
        "name": "route",
        "description": "Pass the ticket on.",
        "inputSchema": {"type": "object", "properties": {"queue": {"type": "string"}}},
        "effect": "escalation",
        "mock": {"replies": [{"return": {"ok": True}}]},
    }
    rules = [*ALLOW_ALL, {"id": "route", "allow": ["route"]}]
    made = bundle(tools=[GET, CANCEL, route], rules=rules, escalation=DESK)
    played = trial(made, [{"call": {"route": {"queue": "legal"}}}, {"say": "A colleague helps."}])
    (passed,) = events(played, "escalated")
    assert (passed["by"], passed["queue"]) == ("tool", "legal")
    assert (stop(played), ended(played)["answer"]) == ("escalated", "A colleague helps.")


def test_a_conversation_goes_on_after_an_answer():
    """The user's next line is given when the agent has answered."""
    played = trial(bundle(), [SAY, {"say": "Again."}], conversation=["first", "second"])
    said = [body["content"] for body in events(played, "input.received")]
    assert said == ["first", "second"]
    assert ended(played)["answer"] == "Again."


def test_a_question_takes_the_next_line():
    """The user's answer comes back as the result of the question."""
    turns = [{"call": {"ask_user": {"question": "Which order?"}}}, SAY]
    played = trial(bundle(), turns, conversation=["cancel it", "o_1"])
    assert events(played, "question.asked") == [{"question": "Which order?"}]
    assert events(played, "tool.returned")[0]["value"] == {"reply": "o_1"}
    assert stop(played) == "answered"


def test_a_question_nobody_answers_waits():
    """Without a line left the run waits for a reply."""
    played = trial(bundle(), [{"call": {"ask_user": {"question": "Which order?"}}}])
    assert (stop(played), ended(played)["answer"]) == ("waiting_reply", "Which order?")


def test_an_event_is_an_input_like_any_other():
    """An agent can be woken by an object instead of a sentence."""
    played = trial(bundle(), [SAY], event={"ticket": 7})
    assert events(played, "input.received")[0] == {"source": "event", "content": {"ticket": 7}}


INTENTS = [
    {"id": "cancel", "tools": ["get_order", "cancel_order"]},
    {"id": "status", "tools": ["get_order"]},
]


def declare(intent: str, confidence: float, **more: Any) -> dict[str, Any]:
    return {"call": {"declare_intent": {"intent": intent, "confidence": confidence, **more}}}


def test_before_an_intent_is_declared_there_are_no_tools():
    """The model first says what it takes the request for."""
    played = trial(bundle(intents=INTENTS), [CALL_GET, SAY])
    assert events(played, "call.decided")[0]["stage"] == "offer"


def test_only_the_tools_of_the_declared_intent_exist():
    """An intent narrows the rights; it never widens them."""
    turns = [declare("status", 0.9), CALL_GET, CALL_CANCEL, SAY]
    verdicts = [d["verdict"] for d in events(trial(bundle(intents=INTENTS), turns), "call.decided")]
    assert verdicts == ["allow", "allow", "deny"]


def test_an_unsure_intent_leaves_only_questions():
    """Below the threshold the model may ask or pass on, nothing else."""
    played = trial(bundle(intents=INTENTS), [declare("cancel", 0.3), CALL_GET, SAY])
    assert events(played, "tool.returned")[0]["value"]["tools"] == ["ask_user", "declare_intent"]
    assert events(played, "call.decided")[1]["verdict"] == "deny"


def test_an_unsure_intent_can_go_to_a_person():
    """`below: escalate` hands over instead."""
    made = bundle(intents=INTENTS, intent_gate={"below": "escalate"}, escalation=DESK)
    assert stop(trial(made, [declare("cancel", 0.3), SAY])) == "escalated"


def test_a_request_outside_the_domain_is_an_end_of_its_own():
    """The agent declines with the words of its spec."""
    domain = {"description": "orders", "decline": "I only help with orders."}
    played = trial(bundle(domain=domain), [declare("out_of_domain", 1.0), SAY])
    assert (stop(played), ended(played)["answer"]) == ("out_of_domain", "I only help with orders.")


def test_an_answer_before_the_goal_is_reached_is_sent_back_once():
    """`done_when` is checked before a run counts as answered."""
    goal = "size(results.cancel_order) > 0"
    played = trial(bundle(done_when=goal), [SAY, CALL_GET, CALL_CANCEL, SAY])
    assert stop(played) == "answered"
    assert stop(trial(bundle(done_when=goal), [SAY, SAY])) == "goal_not_met"


def test_a_goal_that_is_not_met_can_escalate():
    """`else: escalate` hands over instead of trying again."""
    goal = {"that": "size(results.cancel_order) > 0", "else": "escalate"}
    assert stop(trial(bundle(done_when=goal, escalation=DESK), [SAY])) == "escalated"


OUTPUT = {"type": "object", "required": ["reply"], "properties": {"reply": {"type": "string"}}}


def test_a_structured_answer_is_checked_against_its_contract():
    """One repair is allowed; then the run ends."""
    good = {"output": {"reply": "Hi"}}
    played = trial(bundle(output=OUTPUT), [{"say": "no json"}, good])
    assert (stop(played), ended(played)["output"]) == ("answered", {"reply": "Hi"})
    assert ended(played)["answer"] == "Hi"
    assert stop(trial(bundle(output=OUTPUT), [SAY, SAY])) == "model_error"


def test_a_text_that_is_the_json_object_counts_as_structured():
    """Models often answer with the object as text."""
    played = trial(bundle(output=OUTPUT), [{"say": '{"reply": "Hi"}'}])
    assert ended(played)["output"] == {"reply": "Hi"}


RAIL = {"id": "promise", "regex": "(?i)we will refund", "action": "block", "say": "Let me check."}


def test_an_output_guardrail_blocks_what_must_not_be_said():
    """The user gets the rail's words; the run says it was blocked."""
    made = bundle(policy={"guardrails": {"output": [RAIL]}})
    played = trial(made, [{"say": "We will refund you."}])
    assert (stop(played), ended(played)["answer"]) == ("blocked", "Let me check.")
    assert events(played, "guardrail.hit")[0]["rail"] == "promise"


def test_personal_data_is_redacted_from_an_answer():
    """A redacting rail changes the words and nothing else."""
    rail = {"id": "pii", "kind": "pii", "action": "redact"}
    made = bundle(policy={"guardrails": {"output": [rail]}})
    played = trial(made, [{"say": "Write to ana@example.com or 4111 1111 1111 1111."}])
    assert ended(played)["answer"] == "Write to [redacted] or [redacted]."


def test_an_input_guardrail_stops_before_the_model():
    """What must not come in is not shown to the model."""
    made = bundle(policy={"guardrails": {"input": [{"id": "code", "lexicon": ["drop table"]}]}})
    played = trial(made, [SAY], input="Please DROP TABLE now")
    assert stop(played) == "blocked"
    assert ended(played)["steps"] == 0


def test_a_price_nobody_knows_is_refused_under_a_money_limit():
    """Unknown is never free."""
    made = bundle(model={"name": "nobody/knows-this"}, limits={"cost_usd": {"session": 1}})
    with pytest.raises(Exception, match="limits money, and the price of `nobody/knows-this`"):
        trial(made, [SAY])


def test_a_turn_without_usage_is_priced_from_its_text_and_says_so():
    """Estimates are marked as such."""
    cost = ended(trial(bundle(), [SAY]))["cost"]
    assert cost["status"] == "estimated"
    counted = ended(trial(bundle(), [{**SAY, "usage": {"in": 1000, "out": 100}}]))["cost"]
    assert counted == {"usd": "0.00045", "status": "declared"}


def test_a_missing_record_is_an_answer_and_no_outage():
    """Only a tool that fails counts towards a row of errors."""
    made = bundle(escalation={**DESK, "triggers": [{"tool_error": {"consecutive": 2}}]})
    turns = [{"call": {"get_order": {"order_id": f"o_9{n}"}}} for n in range(2)]
    assert stop(trial(made, [*turns, SAY])) == "answered"


def test_failing_tools_without_a_trigger_are_told_to_the_model():
    """An agent that escalates for other reasons goes on after errors in a row."""
    made = bundle(escalation=DESK, limits={"repeats": "off"})
    faults = [{"tool": "get_order", "times": 2, "fault": "unavailable"}]
    assert stop(trial(made, [CALL_GET, CALL_GET, SAY], faults=faults)) == "answered"


def test_the_same_error_in_a_row_is_a_loop_whatever_the_arguments():
    """A tool that keeps refusing is not asked for ever."""
    turns = [{"call": {"get_order": {"order_id": f"o_9{n}"}}} for n in range(3)]
    played = trial(bundle(), [*turns, SAY])
    assert stop(played) == "loop"
    assert ended(played)["reason"].startswith("`get_order` answered `not_found` 3 times")


def test_an_answer_between_errors_starts_the_row_anew():
    """Errors count in a row only."""
    missing = [{"call": {"get_order": {"order_id": f"o_9{n}"}}} for n in range(4)]
    turns = [missing[0], missing[1], CALL_GET, missing[2], missing[3], SAY]
    assert stop(trial(bundle(), turns)) == "answered"


def test_money_spent_to_the_cent_ends_the_run():
    """The limit is what may be spent, not what may be passed."""
    turn = {**CALL_GET, "usage": {"in": 4000, "out": 0}}
    played = trial(bundle(limits={"cost_usd": {"session": 0.001}}), [turn, SAY])
    assert stop(played) == "limit"


def test_a_structured_answer_stands_in_the_events():
    """What the model gave is recorded beside its words."""
    played = trial(bundle(output=OUTPUT), [{"output": {"reply": "Hi"}}])
    assert events(played, "model.replied")[0]["output"] == {"reply": "Hi"}
    assert "output" not in events(trial(bundle(), [SAY]), "model.replied")[0]


def test_a_goal_may_look_at_the_intent_and_the_answer():
    """`done_when` sees what was declared and what is about to be said."""
    goal = {"that": "intent == 'status' && answer == 'Done.'", "else": "stop"}
    made = bundle(intents=INTENTS, done_when=goal)
    assert stop(trial(made, [declare("status", 0.9), SAY])) == "answered"
    assert stop(trial(made, [declare("status", 0.9), {"say": "No."}])) == "goal_not_met"
