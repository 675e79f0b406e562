"""What the agent may say to the user: guardrails, claims and grounding hold every word of it."""

from collections.abc import Iterator
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.guardrails.claims import deeds
from agentctl.guardrails.grounding import sources
from agentctl.guardrails.rails import GuardrailHit
from agentctl.runtime.conversation.escalating import note_hits
from agentctl.runtime.conversation.guarding import after_hits, apply_guardrails
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import Ending, Run


class SpokenText(NamedTuple):
    """Words on their way to the user."""

    text: str
    """With redactions made."""
    output: Json
    ending: Ending | None
    """How the run ends if the words may not be said."""


def speak(run: Run, text: str, output: Json = None) -> SpokenText:
    """Judge words before the user gets them.

    Args:
        run: The run.
        text: What a person reads.
        output: The structured answer, where there is one.
    """
    again = isinstance(output, dict) and output.get("reply") == text
    checked = run.harness.rails_out.check_value(["" if again else text, output])
    text, output = checked.value
    if again:
        text = output.get("reply", "")
    ending = apply_guardrails(run, "output", checked, text)
    if ending is None:
        ending = after_hits(run, "output", unfounded(run, text, output))
    return SpokenText(text, output, ending)


def unscreened(harness: Harness) -> bool:
    """Whether nothing judges the agent's words, so that they may be shown as they come."""
    return not (
        harness.rails_out
        or harness.claims
        or harness.grounding is not None
        or harness.triggers.listens("output")
    )


def unfounded(run: Run, text: str, output: Json) -> tuple[GuardrailHit, ...]:
    """Return what the words say that this run has nothing to show for."""
    harness = run.harness
    hits: tuple[GuardrailHit, ...] = ()
    if harness.claims:
        said = [text, *(leaf for leaf in _leaves(output) if _is_sentence(leaf))]
        hits = harness.claims.check(said, deeds(run.events, run.offered()))
    if harness.grounding is not None:
        instructions = [m.content for m in run.messages if m.role == "system"]
        described = [tool.spec.description or "" for tool in harness.authorizer.tools.values()]
        known = sources(run.events, [*map(str, instructions), *described])
        hits += harness.grounding.check([text, *_leaves(output)], known)
    return hits


def parting(run: Run, ending: Ending) -> Ending:
    """Hold the last words of a run that stops without an answer like an answer.

    They never change how the run ends: what may not be said is left out.
    """
    if ending.answer is None or ending.answer != run.said or ending.stop in ("answered", "blocked"):
        return ending
    checked = run.harness.rails_out.check(ending.answer)
    hits = (*checked.hits, *unfounded(run, checked.text, None))
    note_hits(run, "output", hits)
    stopped = next((hit.rail for hit in hits if hit.rail.action in ("block", "escalate")), None)
    return ending._replace(answer=stopped.say if stopped else checked.text)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)


def _is_sentence(text: str) -> bool:
    """Whether a field of an answer claims anything: a word alone is a category."""
    return len(text.split()) > 2


__all__ = ["SpokenText", "parting", "speak", "unfounded", "unscreened"]
