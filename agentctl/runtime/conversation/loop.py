"""The loop of an agent: perceive, plan, act, observe, until there is a reason to stop.

Every model turn is checked against the limits before it is asked for; every call is authorized
before it is carried out; everything is recorded before anything follows from it.
"""

from agentctl.core.canonical import Json
from agentctl.core.messages import Message, ModelReply
from agentctl.models.port import ModelFault, Request
from agentctl.runtime.conversation.acting import act
from agentctl.runtime.conversation.answering import finish_with_answer
from agentctl.runtime.conversation.escalating import limit_stop, stop_or_escalate
from agentctl.runtime.conversation.guarding import heard
from agentctl.runtime.conversation.lifecycle import PAUSES, begin, finish, pause
from agentctl.runtime.conversation.speaking import parting
from agentctl.runtime.run import AGENT_SPEAKS, Ending, Run
from agentctl.runtime.spending import BudgetExceeded
from agentctl.toolbox.port import Backend

OUT_OF_TURNS, SILENT = "exhausted", "silent"


def play(run: Run, backend: Backend) -> Ending:
    """Play a run from its first event to its last, and return how it ended.

    Raises:
        ModelFault: If the model cannot be asked at all; the events are complete even then.
    """
    begin(run)
    try:
        ending = converse(run, backend)
    except BudgetExceeded as met:
        ending = limit_stop(run, "cost_usd", str(met))
    except KeyboardInterrupt:
        ending = Ending("interrupted", "stopped by the user", run.said)
    except ModelFault as fault:
        finish(run, Ending("model_error", fault.message, run.said))
        raise
    finally:
        run.money.close()
    if run.escalated is not None and ending.stop == "answered":
        ending = ending._replace(stop="escalated", reason=run.escalated.detail)
    ending = parting(run, ending)
    if run.context.session.waits and ending.stop in PAUSES:
        pause(run, ending)
    else:
        finish(run, ending)
    return ending


def converse(run: Run, backend: Backend) -> Ending:
    """Take the user's lines one after the other until the run ends or the user is served."""
    ending = Ending("stopped", "there was no input")
    line = run.next_input(None)
    while line is not None:
        ending = (None if line is AGENT_SPEAKS else perceive(run, line)) or work(run, backend)
        while ending.stop == "escalated" and taken_back(run):
            ending = work(run, backend)
        if ending.stop != "answered":
            break
        line = run.next_input(None)
    return ending


def taken_back(run: Run) -> bool:
    """Take a case back from the person it went to, with what they say about it."""
    note = run.note()
    if note is None:
        return False
    run.record(
        "input.received", {"source": "person", "by": run.context.session.by, "content": note}
    )
    run.escalated = None
    run.add_message(Message("user", f"A colleague took the case over and hands it back: {note}"))
    return True


def perceive(run: Run, line: str | dict[str, Json]) -> Ending | None:
    """Take in what the user says: guardrails, then triggers, then the model may read it."""
    text, ending = heard(run, line, "user" if isinstance(line, str) else "event")
    if ending is None:
        run.add_message(Message("user", text))
    return ending


def work(run: Run, backend: Backend) -> Ending:
    """Plan and act, step by step, until the model has answered or something ends the run."""
    while True:
        met = run.limit_met()
        if met is not None:
            return limit_stop(run, *met)
        try:
            reply = plan(run)
        except ModelFault as fault:
            ending = recorded_ending(run, fault)
            if ending is None:
                raise
            return ending
        ending = act_on(run, backend, reply) if reply.calls else finish_with_answer(run, reply)
        if ending is not None:
            return ending


def recorded_ending(run: Run, fault: ModelFault) -> Ending | None:
    """Return how a run ends whose recording goes no further; `None` where nothing says how."""
    if fault.kind == SILENT:
        return Ending("answered", fault.message, run.said)
    if fault.kind != OUT_OF_TURNS:
        return None
    if run.escalated is not None:
        return Ending("escalated", run.escalated.detail, run.said)
    match run.context.recorded_end:
        case "answered" | "user_left" as end:
            return Ending("answered", f"the recording ends here: {end}", run.said)
        case "escalated":
            return stop_or_escalate(run, "escalated", "recorded", "the recorded run was escalated")
    return None


def plan(run: Run) -> ModelReply:
    """Ask the model for its next turn and record what it said and cost."""
    offers = run.harness.offers(run.offered())
    request = Request(tuple(run.messages), offers, run.harness.agent.output)
    recorded = run.replay.reply() if run.replay is not None else None
    held = run.money.hold_turn(request) if recorded is None else None
    run.steps += 1
    reply = recorded or run.money.ask(run.context.model, request, run.left_s, held)
    run.context.clock.advance(1.0)
    usage, cost = run.money.charge(reply, request.messages, held)
    told = tuple(call._replace(id=call.told_id) for call in reply.calls)
    run.add_message(Message("assistant", reply.text or "", told))
    if recorded is None:
        calls = enumerate(reply.calls, start=1)
        own = tuple(call.named(f"{run.steps}.{number}") for number, call in calls)
        reply = reply._replace(calls=own)
    run.call_ids |= {call.told_id: call.id for call in reply.calls}
    body: dict[str, Json] = {
        "step": run.steps,
        "text": reply.text,
        "calls": [call.as_json() for call in reply.calls],
        "model": reply.model or run.context.model.name,
        "usage": usage,
        "cost": cost,
    }
    if reply.output is not None:
        body["output"] = reply.output
    if reply.refused:
        body["refused"] = True
    if reply.failed_attempts:
        body["attempts"] = list(reply.failed_attempts)
    run.record("model.replied", body)
    run.said = reply.text or run.said
    return reply


def act_on(run: Run, backend: Backend, reply: ModelReply) -> Ending | None:
    """Act on the calls of one turn, in the order given; the first that ends the run is the last."""
    most = run.harness.agent.limits.tool_calls
    for call in reply.calls:
        if run.calls >= most:
            return limit_stop(run, "tool_calls", f"{most} tool calls")
        run.calls += 1
        ending = act(run, backend, call)
        if ending is not None:
            return ending
    return None


__all__ = ["OUT_OF_TURNS", "play"]
