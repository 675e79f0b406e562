"""When a case goes to a person although nobody asked for it."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from agentctl.core.text import folded, keyword_pattern
from agentctl.specs.agent import EscalationSpec, Trigger


class Trip(NamedTuple):
    """A trigger that fired."""

    kind: str
    """keyword, intent, confidence, sentiment, tool_error, limit, guardrail, loop, goal, effect."""
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
        self._words: list[tuple[str, re.Pattern[str], Trigger]] = [
            (t.on or "input", keyword_pattern(t.any_keyword), t) for t in triggers if t.any_keyword
        ]
        self._others = [t for t in triggers if not t.any_keyword]
        self._consecutive = min(
            (t.tool_error.consecutive for t in triggers if t.tool_error), default=None
        )

    def listens(self, on: Literal["input", "tool", "output"]) -> bool:
        """Whether any keyword is looked for there."""
        return any(where == on for where, _, _ in self._words)

    def on_text(self, on: Literal["input", "tool", "output"], text: str) -> Trip | None:
        """Look for keywords in what came in, what a tool said or what the agent answers."""
        patterns = [(pattern, t) for where, pattern, t in self._words if where == on]
        plain = folded(text) if patterns else ""
        for pattern, trigger in patterns:
            found = pattern.search(plain)
            if found is not None:
                return self._trip(trigger, "keyword", found.group())
        return None

    def on_intent(self, intent: str, confidence: float, sentiment: str | None) -> Trip | None:
        """Judge what the model declared."""
        for trigger in self._others:
            if trigger.intents and intent in trigger.intents:
                return self._trip(trigger, "intent", intent)
            if trigger.confidence_below is not None and confidence < trigger.confidence_below:
                return self._trip(trigger, "confidence", f"{confidence} for {intent}")
            if trigger.sentiment and sentiment in trigger.sentiment:
                return self._trip(trigger, "sentiment", sentiment or "")
        return None

    def on_tool_errors(self, consecutive: int, tool: str) -> Trip | None:
        """Judge a row of failed calls."""
        if self._consecutive is None or consecutive < self._consecutive:
            return None
        trigger = next(t for t in self._others if t.tool_error)
        return self._trip(trigger, "tool_error", f"{consecutive} in a row, the last from {tool}")

    def on_limit(self, limit: str, detail: str) -> Trip | None:
        """Judge a limit that was met."""
        found = _named(self._others, "limit", limit)
        return self._trip(found, "limit", detail) if found else None

    def on_guardrail(self, rail: str) -> Trip | None:
        """Judge a guardrail that was hit."""
        found = _named(self._others, "guardrail", rail)
        return self._trip(found, "guardrail", rail) if found else None

    def always(self, kind: str, detail: str) -> Trip | None:
        """Return a trip that needs no trigger, where the agent can escalate at all."""
        return Trip(kind, detail, self._queue) if self._queue else None

    def _trip(self, trigger: Trigger, kind: str, detail: str) -> Trip:
        return Trip(kind, detail, trigger.queue or self._queue)


def _named(triggers: Iterable[Trigger], field: str, name: str) -> Trigger | None:
    return next((t for t in triggers if getattr(t, field) in ("any", name)), None)


__all__ = ["Triggers", "Trip"]
