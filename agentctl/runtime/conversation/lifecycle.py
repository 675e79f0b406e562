"""The frame around a run: how it begins, pauses and ends, as its events say it."""

from agentctl.core.canonical import Json
from agentctl.runtime.run import Ending, Run

PAUSES = frozenset({"waiting_approval", "waiting_reply", "escalated"})
"""Ends that a person can turn into a continuation."""


def begin(run: Run) -> None:
    """Record who asks which agent for what, and with which rights."""
    principal = run.context.principal
    body: dict[str, Json] = {
        **run.harness.started,
        "mode": run.context.mode,
        "principal": {"id": principal.id, "role": principal.role},
        "rights": {"tools": list(run.rights.names), "hash": run.rights.hash},
    }
    if run.context.environment is not None:
        body["environment"] = run.context.environment
    if run.context.scenario is not None:
        body["scenario"] = dict(run.context.scenario)
    if run.context.session.recipe is not None:
        body["recipe"] = dict(run.context.session.recipe)
    if run.context.session.forked_from is not None:
        body["forked_from"] = dict(run.context.session.forked_from)
    run.record("run.started", body)
    run.add_message(run.harness.system_message(run.principal))


def finish(run: Run, ending: Ending) -> None:
    """Record how the run ended and what it took."""
    run.record("run.ended", closing(run, ending))


def pause(run: Run, ending: Ending) -> None:
    """Record that the run waits for a person, and for which calls."""
    run.record("run.paused", {**closing(run, ending), "pending": sorted(run.pending)})


def closing(run: Run, ending: Ending) -> dict[str, Json]:
    """Return how the run stands: what it came to and what it took."""
    money = run.money
    body: dict[str, Json] = {
        "stop": ending.stop,
        "reason": ending.reason,
        "answer": ending.answer,
        "intent": run.declared,
        "steps": run.steps,
        "calls": run.calls,
        "usage": {
            "in": money.input_tokens,
            "out": money.output_tokens,
            "estimated": money.estimated,
        },
        "cost": money.cost(),
        "duration_s": f"{run.elapsed_s():.3f}",
    }
    if ending.output is not None:
        body["output"] = ending.output
    return body


__all__ = ["PAUSES", "begin", "closing", "finish", "pause"]
