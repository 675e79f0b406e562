"""When a case goes to a person although the agent did not ask for it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.text import plain
from agentctl.guardrails.vocabulary import words_for
from agentctl.guardrails.words import Words, texts
from agentctl.specs.shapes.agent import EscalationSpec, Trigger

On = Literal["input", "tool", "output"]
"""Where words stand: what the user says, what a tool returned, what the agent answers."""


class TriggerHit(NamedTuple):
    """A trigger that fired."""

    kind: str
    """keyword, intent, confidence, sentiment, tool_error, denied, limit, guardrail, loop, goal,
    effect."""
    detail: str
    queue: str


class Triggers:
    """The triggers of one agent, compiled; an agent without escalation has none.

    Args:
        spec: The agent's `escalation:`.
    """

    def __init__(self, spec: EscalationSpec | None) -> None:
        self._queue = spec.queue if spec else ""
        triggers = spec.triggers if spec else ()
        self._words: list[tuple[On, Words, str, str]] = [
            (t.on or "input", Words(t.any_keyword), "", t.queue or self._queue)
            for t in triggers
            if t.any_keyword
        ]
        for group in spec.default_triggers if spec else ():
            words = Words(words_for("escalation", group))
            self._words.append(("input", words, f"{group}: ", self._queue))
        self._others = [t for t in triggers if not t.any_keyword]

    def listens(self, on: On) -> bool:
        """Whether any keyword is looked for there."""
        return any(where == on for where, *_ in self._words)

    def on_text(self, on: On, value: Json) -> TriggerHit | None:
        """Look for keywords in what came in, what a tool said or what the agent answers.

        Args:
            on: Where the words stand.
            value: Text, or JSON whose texts are looked at one by one.
        """
        listening = [entry for entry in self._words if entry[0] == on]
        said = plain("\n\n".join(texts(value))) if listening else ""
        for _, words, group, queue in listening:
            found = words.found(said)
            if found is not None:
                return TriggerHit("keyword", group + found, queue)
        return None

    def on_intent(self, intent: str, confidence: float, sentiment: str | None) -> TriggerHit | None:
        """Judge what the model declared."""
        for trigger in self._others:
            if trigger.intents and intent in trigger.intents:
                return self._trip(trigger, "intent", intent)
            if trigger.confidence_below is not None and confidence < trigger.confidence_below:
                return self._trip(trigger, "confidence", f"{confidence} for {intent}")
            if trigger.sentiment and sentiment in trigger.sentiment:
                return self._trip(trigger, "sentiment", sentiment or "")
        return None

    def on_tool_errors(self, consecutive: int, tool: str) -> TriggerHit | None:
        """Judge a row of failed calls."""
        for trigger in self._others:
            if trigger.tool_error and consecutive >= trigger.tool_error.consecutive:
                detail = f"{consecutive} in a row, the last from {tool}"
                return self._trip(trigger, "tool_error", detail)
        return None

    def on_denied(self, consecutive: int, tool: str) -> TriggerHit | None:
        """Judge a row of calls that the policy denied."""
        for trigger in self._others:
            if trigger.denied and consecutive >= trigger.denied.consecutive:
                return self._trip(trigger, "denied", f"{consecutive} in a row, the last {tool}")
        return None

    def on_limit(self, limit: str, detail: str) -> TriggerHit | None:
        """Judge a limit that was met."""
        found = _named(self._others, "limit", limit)
        return self._trip(found, "limit", detail) if found else None

    def on_guardrail(self, rail: str, on: str) -> TriggerHit | None:
        """Judge a guardrail that was hit; `on` says where."""
        heard = (t for t in self._others if t.on in (None, on))
        found = _named(heard, "guardrail", rail)
        return self._trip(found, "guardrail", rail) if found else None

    def always(self, kind: str, detail: str) -> TriggerHit | None:
        """Return a trip that needs no trigger, where the agent can escalate at all."""
        return TriggerHit(kind, detail, self._queue) if self._queue else None

    def _trip(self, trigger: Trigger, kind: str, detail: str) -> TriggerHit:
        return TriggerHit(kind, detail, trigger.queue or self._queue)


def _named(triggers: Iterable[Trigger], field: str, name: str) -> Trigger | None:
    return next((t for t in triggers if getattr(t, field) in ("any", name)), None)


__all__ = ["On", "TriggerHit", "Triggers"]
