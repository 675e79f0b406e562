"""Check an answer before it counts: is it one, output contract, what may be said, the goal."""

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import Message, ModelReply
from agentctl.runtime.conversation.escalating import stop_or_escalate
from agentctl.runtime.conversation.speaking import speak
from agentctl.runtime.run import Ending, Run
from agentctl.specs.language.expressions import ExpressionError

MOST_REPAIRS = 1
"""How often in a run a model may repair an empty answer or one that breaks its contract."""
_REFUSED = (
    "You declined. If the request is part of your task, go on with it; if it is not, say so to the"
    " user in your own words, or pass the case on."
)
_EMPTY = "Your answer was empty. Use a tool, or answer the user."


def finish_with_answer(run: Run, reply: ModelReply) -> Ending | None:
    """Judge the model's answer; `None` lets it try again."""
    if reply.refused:
        return repair(run, "the model refused", _REFUSED)
    empty = not (reply.text or "").strip() and reply.output is None
    if empty and (run.context.recorded is None or run.context.recorded.goes_on):
        return repair(run, "the model gave no answer", _EMPTY)
    output = reply.output
    if run.harness.output is not None:
        output = output_of(reply)
        problems = run.harness.output.errors(output)
        if problems:
            detail = f"breaks the output contract: {'; '.join(problems[:3])}"
            return repair(run, f"the answer {detail}", f"Your answer {detail}")
    text = _spoken(output, reply.text) if isinstance(output, dict) else reply.text or ""
    said = speak(run, text, output)
    if said.ending is not None:
        return said.ending
    return goal(run, Ending("answered", "the model answered", said.text, said.output))


def output_of(reply: ModelReply) -> Json:
    """Return the structured answer, from the output or from a text that is one JSON object."""
    if reply.output is not None:
        return reply.output
    try:
        return parse_strict((reply.text or "").strip())
    except NotCanonical:
        return None


def repair(run: Run, detail: str, tell: str) -> Ending | None:
    """Let the model repair an answer that does not count, once.

    Args:
        run: The run.
        detail: Why the run ends if an answer was repaired before.
        tell: What the model is told.
    """
    recorded = run.context.recorded
    if recorded is not None and recorded.goes_on:
        return None
    if recorded is not None or run.repairs >= MOST_REPAIRS:
        return stop_or_escalate(run, "model_error", "output", detail)
    run.repairs += 1
    run.add_message(Message("user", tell))
    return None


def goal(run: Run, ending: Ending) -> Ending | None:
    """Check that what the run was for is done, before it counts as answered."""
    found = run.harness.goal(run.intent)
    if found is None:
        return ending
    spec, expression = found
    results = {name: run.results.get(name, []) for name in run.harness.bundle.tools}
    variables = {"results": results, "intent": run.intent or "", "answer": ending.answer or ""}
    try:
        reached = expression.evaluate(variables) is True
        detail = f"done_when does not hold: {spec.that}"
    except ExpressionError as error:
        reached, detail = False, f"done_when cannot be evaluated: {error}"
    if reached:
        return ending
    recorded = run.context.recorded
    left = run.goal_attempts < spec.attempts if recorded is None else recorded.goes_on
    if spec.otherwise == "retry" and left:
        run.goal_attempts += 1
        run.add_message(Message("user", "The goal is not reached yet. Go on, or pass the case on."))
        return None
    if spec.otherwise == "escalate":
        return stop_or_escalate(run, "goal_not_met", "goal", detail)
    return Ending("goal_not_met", detail, ending.answer, ending.output)


def _spoken(output: dict[str, Json], text: str | None) -> str:
    """Return what a person reads of a structured answer: its `reply`, else the whole."""
    reply = output.get("reply")
    return reply if isinstance(reply, str) else text or canonical_text(output)


__all__ = ["MOST_REPAIRS", "finish_with_answer"]
