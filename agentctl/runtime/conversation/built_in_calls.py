"""What the built-in tools do: escalate, ask the user, declare an intent."""

from agentctl.core.canonical import Json
from agentctl.core.messages import Message, ToolCall
from agentctl.guardrails.triggers import TriggerHit
from agentctl.policy.facts import Decision
from agentctl.runtime.conversation.escalating import escalate
from agentctl.runtime.conversation.guarding import heard
from agentctl.runtime.conversation.speaking import speak
from agentctl.runtime.run import AGENT_SPEAKS, Ending, Run
from agentctl.specs.shapes.agent import OUT_OF_DOMAIN


def built_in(run: Run, call: ToolCall, decision: Decision) -> Ending | None:
    """Do what a built-in tool was called for."""
    arguments = decision.arguments
    match call.name:
        case "escalate":
            spec = run.harness.agent.escalation
            queue = arguments.get("queue") or (spec.queue if spec else "")
            trip = TriggerHit("model", arguments["reason"], queue)
            return escalate(run, trip, by="model", summary=run.said)
        case "ask_user":
            return ask_user(run, call, arguments["question"])
        case "declare_intent":
            return declare_intent(run, call, arguments)
    raise AssertionError(f"no built-in tool {call.name}")


def ask_user(run: Run, call: ToolCall, question: str) -> Ending | None:
    """Ask the user; without an answer the run waits for one."""
    asked = speak(run, question)
    if asked.ending is not None:
        return asked.ending
    question = asked.text
    run.record("question.asked", {"question": question})
    line = run.next_input(question)
    if line is None or line is AGENT_SPEAKS:
        return Ending("waiting_reply", "the agent asked the user", question)
    text, ending = heard(run, line, "user")
    if ending is None:
        return_result(run, call, {"reply": text})
    return ending


def declare_intent(run: Run, call: ToolCall, arguments: dict[str, Json]) -> Ending | None:
    """Note what the model takes the request for; from here on only that intent's tools exist."""
    run.declared = arguments
    intent, confidence = arguments["intent"], float(arguments["confidence"])
    trip = run.triggers.on_intent(intent, confidence, arguments.get("sentiment"))
    if trip is not None:
        return escalate(run, trip, by="runtime")
    if intent == OUT_OF_DOMAIN:
        domain = run.harness.agent.domain
        said = domain.decline if domain else run.said
        return Ending("out_of_domain", "the request is not the agent's business", said)
    run.intent = intent
    gate = run.harness.agent.intent_gate
    run.unsure = confidence < gate.min_confidence
    if run.unsure and gate.below == "escalate":
        trip = run.triggers.always("confidence", f"{confidence} for {intent}")
        if trip is not None:
            return escalate(run, trip, by="runtime")
    offered = sorted(run.offered())
    return_result(run, call, {"intent": intent, "tools": offered, "unsure": run.unsure})
    return None


def return_result(run: Run, call: ToolCall, value: Json) -> None:
    """Record and pass on the result of a built-in tool."""
    run.record(
        "tool.returned",
        {
            "call_id": call.id,
            "tool": call.name,
            "ok": True,
            "dropped": 0,
            "attempts": 1,
            "value": value,
        },
    )
    run.add_message(Message("tool", value, call_id=call.told_id))


__all__ = ["built_in"]
