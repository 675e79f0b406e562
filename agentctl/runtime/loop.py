"""The loop of an agent: perceive, plan, act, observe, until there is a reason to stop.

Every model turn is checked against the limits before it is asked for; every call passes the gate
before it is carried out; everything is recorded before anything follows from it.
"""

from agentctl.core.canonical import Json
from agentctl.core.messages import Message, ModelReply
from agentctl.models.port import ModelFault, Request
from agentctl.runtime.acting import Backend, act
from agentctl.runtime.answering import answer
from agentctl.runtime.guarding import heard
from agentctl.runtime.handing_over import limit_stop
from agentctl.runtime.run import Ending, Run
from agentctl.runtime.speaking import parting

OUT_OF_TURNS = "exhausted"


def play(run: Run, backend: Backend) -> Ending:
    """Play a run from its first event to its last, and return how it ended.

    Raises:
        ModelFault: If the model cannot be asked at all; the events are complete even then.
    """
    begin(run)
    try:
        ending = converse(run, backend)
    except KeyboardInterrupt:
        ending = Ending("interrupted", "stopped by the user", run.said)
    except ModelFault as fault:
        finish(run, Ending("model_error", fault.message, run.said))
        raise
    if run.escalated is not None and ending.stop == "answered":
        ending = ending._replace(stop="escalated", reason=run.escalated.detail)
    ending = parting(run, ending)
    finish(run, ending)
    return ending


def converse(run: Run, backend: Backend) -> Ending:
    """Take the user's lines one after the other until the run ends or the user is served."""
    ending = Ending("stopped", "there was no input")
    line = run.given.inputs.next(None)
    while line is not None:
        ending = perceive(run, line) or work(run, backend)
        if ending.stop != "answered":
            break
        line = run.given.inputs.next(None)
    return ending


def perceive(run: Run, line: str | dict[str, Json]) -> Ending | None:
    """Take in what the user says: guardrails, then triggers, then the model may read it."""
    text, ending = heard(run, line, "user" if isinstance(line, str) else "event")
    if ending is None:
        run.tell(Message("user", text))
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
            if fault.kind == OUT_OF_TURNS and run.escalated is not None:
                return Ending("escalated", run.escalated.detail, run.said)
            raise
        ending = act_on(run, backend, reply) if reply.calls else answer(run, reply)
        if ending is not None:
            return ending


def plan(run: Run) -> ModelReply:
    """Ask the model for its next turn and record what it said and cost."""
    run.steps += 1
    offers = run.harness.offers(run.offered())
    request = Request(tuple(run.messages), offers, run.harness.agent.output)
    reply = run.given.model.reply(request, run.left_s)
    run.given.clock.advance(1.0)
    usage, cost = run.charge(reply)
    body: dict[str, Json] = {
        "step": run.steps,
        "text": reply.text,
        "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in reply.calls],
        "model": reply.model or run.given.model.name,
        "usage": usage,
        "cost": cost,
    }
    if reply.output is not None:
        body["output"] = reply.output
    run.record("model.replied", body)
    run.said = reply.text or run.said
    run.tell(Message("assistant", reply.text or "", reply.calls))
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


def begin(run: Run) -> None:
    """Record who asks which agent for what, and with which rights."""
    principal = run.given.principal
    body: dict[str, Json] = {
        **run.harness.started,
        "mode": run.given.mode,
        "principal": {"id": principal.id, "role": principal.role},
        "rights": {"tools": list(run.rights.names), "hash": run.rights.hash},
    }
    if run.given.scenario is not None:
        body["scenario"] = dict(run.given.scenario)
    run.record("run.started", body)
    run.tell(run.harness.system_message(run.principal))


def finish(run: Run, ending: Ending) -> None:
    """Record how the run ended and what it took."""
    body: dict[str, Json] = {
        "stop": ending.stop,
        "reason": ending.reason,
        "answer": ending.answer,
        "intent": run.declared,
        "steps": run.steps,
        "calls": run.calls,
        "usage": {"in": run.input_tokens, "out": run.output_tokens, "estimated": run.estimated},
        "cost": run.cost(),
        "duration_s": f"{run.elapsed_s():.3f}",
    }
    if ending.output is not None:
        body["output"] = ending.output
    run.record("run.ended", body)


__all__ = ["OUT_OF_TURNS", "play"]
