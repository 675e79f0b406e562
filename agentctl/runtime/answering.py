"""Check an answer before it counts: output contract, what may be said, the goal."""

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import Message, ModelReply
from agentctl.runtime.handing_over import stop_or_escalate
from agentctl.runtime.run import Ending, Run
from agentctl.runtime.speaking import speak
from agentctl.specs.expressions import ExpressionError

MOST_REPAIRS = 1
"""How often a model may mend an answer that breaks its output contract."""


def answer(run: Run, reply: ModelReply) -> Ending | None:
    """Judge the model's answer; `None` lets it try again."""
    output = reply.output
    if run.harness.output is not None:
        output = structured(reply)
        problems = run.harness.output.errors(output)
        if problems:
            return repair(run, problems)
    text = _spoken(output, reply.text) if isinstance(output, dict) else reply.text or ""
    said = speak(run, text, output)
    if said.ending is not None:
        return said.ending
    return goal(run, Ending("answered", "the model answered", said.text, said.output))


def structured(reply: ModelReply) -> Json:
    """Return the structured answer, from the output or from a text that is one JSON object."""
    if reply.output is not None:
        return reply.output
    try:
        return parse_strict((reply.text or "").strip())
    except NotCanonical:
        return None


def repair(run: Run, problems: list[str]) -> Ending | None:
    """Tell the model what its answer broke, once."""
    if run.repairs >= MOST_REPAIRS:
        detail = f"the answer breaks the output contract: {'; '.join(problems[:3])}"
        return stop_or_escalate(run, "model_error", "output", detail)
    run.repairs += 1
    run.tell(Message("user", f"Your answer breaks the output contract: {'; '.join(problems[:3])}"))
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
    if spec.otherwise == "retry" and run.goal_attempts < spec.attempts:
        run.goal_attempts += 1
        run.tell(Message("user", "The goal is not reached yet. Go on, or pass the case on."))
        return None
    if spec.otherwise == "escalate":
        return stop_or_escalate(run, "goal_not_met", "goal", detail)
    return Ending("goal_not_met", detail, ending.answer, ending.output)


def _spoken(output: dict[str, Json], text: str | None) -> str:
    """Return what a person reads of a structured answer: its `reply`, else the whole."""
    reply = output.get("reply")
    return reply if isinstance(reply, str) else text or canonical_text(output)


__all__ = ["MOST_REPAIRS", "answer"]
