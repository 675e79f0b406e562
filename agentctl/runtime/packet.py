"""The hand-over packet: what a person needs to take a case over instead of starting again.

Facts, what was done, what waits, what was blocked and what is in doubt are taken from the events
of the run; only the summary is the model's own words, and is marked so.
"""

from collections.abc import Mapping

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.runtime.run import Run

_GATE_ERRORS = frozenset({"denied", "declined", "pending", "not_offered", "unknown_tool"})


def packet(run: Run, summary: str | None) -> dict[str, Json]:
    """Fold the events of `run` into a packet.

    Args:
        run: The run that is handed over.
        summary: What the model says about the case, if it said anything.
    """
    parts = _Parts()
    for event in run.events:
        parts.take(event)
    return {
        "summary": {"text": summary, "source": "model"} if summary else None,
        "request": parts.inputs,
        "intent": run.declared,
        "facts": parts.facts,
        "done": parts.done,
        "pending": parts.pending,
        "blocked": parts.blocked,
        "doubts": parts.doubts,
        "questions": parts.questions,
        "cost": run.money.cost(),
        "how_to_continue": _next_step(parts),
    }


class _Parts:
    """What the events say, sorted by what a reader asks first."""

    def __init__(self) -> None:
        self.inputs: list[Json] = []
        self.facts: list[Json] = []
        self.done: list[Json] = []
        self.pending: list[Json] = []
        self.blocked: list[Json] = []
        self.doubts: list[Json] = []
        self.questions: list[Json] = []
        self._calls: dict[str, Mapping[str, Json]] = {}
        self._states: dict[str, str] = {}

    def take(self, event: Event) -> None:
        body = event.body
        match event.type:
            case "input.received":
                self.inputs.append(body["content"])
            case "call.decided":
                self._calls[body["call_id"]] = body
                if body["verdict"] == "deny":
                    self.blocked.append({**_named(body), "reason": body["reason"]})
            case "approval.requested":
                self.pending.append({**_named(body), "by": body["by"], "reason": body["reason"]})
            case "approval.given":
                self.pending = [p for p in self.pending if p["call_id"] != body["call_id"]]
                if body["answer"] != "approve":
                    self.blocked.append(
                        {"call_id": body["call_id"], "reason": f"approval: {body['answer']}"}
                    )
            case "effect.settled":
                self._states[body["call_id"]] = body["state"]
            case "tool.returned":
                self._returned(body)
            case "question.asked":
                self.questions.append(body["question"])

    def _returned(self, body: Mapping[str, Json]) -> None:
        call = self._calls.get(body["call_id"], {})
        state = self._states.get(body["call_id"])
        entry = {**_named(call), "call_id": body["call_id"]}
        if state in ("in_doubt", "unverified"):
            self.doubts.append({**entry, "state": state})
        elif state == "succeeded":
            self.done.append({**entry, "result": body["value"]})
        elif body["ok"]:
            self.facts.append({**entry, "result": body["value"]})
        elif body["error"]["error"] not in _GATE_ERRORS:
            self.facts.append({**entry, "result": body["error"]})


def _named(body: Mapping[str, Json]) -> dict[str, Json]:
    return {key: body[key] for key in ("call_id", "tool", "arguments") if key in body}


def _next_step(parts: _Parts) -> str:
    if parts.doubts:
        return f"check whether `{parts.doubts[0]['tool']}` took effect before anything else"
    if parts.pending:
        return f"decide on `{parts.pending[0]['tool']}`"
    if parts.blocked:
        return "decide what the agent was not allowed to do"
    return "answer the request"


__all__ = ["packet"]
