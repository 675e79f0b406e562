"""The hand-over packet: what a person needs to take a case over instead of starting again.

Facts, what was done, what waits, what was drafted, blocked or is in doubt are taken from the events
of the run; only the summary and the declared intent are the model's own words, and the summary is
marked so.
"""

from collections.abc import Mapping

from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.runtime.run import Run
from agentctl.traces.views.fold import REFUSALS

_DOUBTFUL = frozenset({"in_doubt", "unverified"})
COMMANDS = ("agentctl trace show RUN", 'agentctl resume RUN --note "WHAT YOU DID"')
"""How a person reads the run and lets the agent go on; `RUN` stands for the run's id."""


def packet(run: Run, summary: str | None) -> dict[str, Json]:
    """Fold the events of `run` into a packet.

    Args:
        run: The run that is handed over.
        summary: What the model says about the case, if it said anything.
    """
    parts = _Parts()
    for event in run.events:
        parts.take(event)
    doubts = parts.all_doubts()
    return {
        "summary": {"text": summary, "source": "model"} if summary else None,
        "agent": run.harness.agent.name,
        "principal": {"id": run.context.principal.id, "role": run.context.principal.role},
        "request": parts.inputs,
        "intent": run.declared,
        "facts": parts.facts,
        "done": parts.done,
        "drafts": parts.drafts,
        "pending": parts.pending,
        "blocked": parts.blocked,
        "doubts": doubts,
        "corrections": parts.corrections,
        "guardrails": parts.guardrails,
        "questions": parts.questions,
        "cost": run.money.cost(),
        "how_to_continue": _next_step(parts, doubts),
        "commands": list(COMMANDS),
    }


class _Parts:
    """What the events say, sorted by what a reader asks first."""

    def __init__(self) -> None:
        self.inputs: list[Json] = []
        self.facts: list[Json] = []
        self.done: list[Json] = []
        self.drafts: list[Json] = []
        self.pending: list[Json] = []
        self.blocked: list[Json] = []
        self.doubts: list[Json] = []
        self.corrections: list[Json] = []
        self.guardrails: list[Json] = []
        self.questions: list[Json] = []
        self._calls: dict[str, Mapping[str, Json]] = {}
        self._drafted: set[str] = set()
        self._states: dict[str, str] = {}
        self._told: set[str] = set()

    def take(self, event: Event) -> None:
        body = event.body
        match event.type:
            case "input.received":
                self.inputs.append(body["content"])
            case "call.decided":
                self._decided(body)
            case "approval.requested":
                self.pending.append({**_named(body), "by": body["by"], "reason": body["reason"]})
            case "approval.given":
                self._approval(body)
            case "correction.made":
                self.corrections.append(dict(body))
            case "effect.intended":
                self._states[body["call_id"]] = "intended"
            case "effect.settled":
                self._states[body["call_id"]] = body["state"]
            case "tool.returned":
                self._returned(body)
            case "guardrail.hit":
                self.guardrails.append(dict(body))
            case "question.asked":
                self.questions.append(body["question"])

    def all_doubts(self) -> list[Json]:
        """Return the effects in doubt, those without any outcome included."""
        open_calls = [
            {**_named(self._calls.get(call_id, {})), "call_id": call_id, "state": "in_doubt"}
            for call_id, state in self._states.items()
            if call_id not in self._told and state in (*_DOUBTFUL, "intended")
        ]
        return [*self.doubts, *open_calls]

    def _decided(self, body: Mapping[str, Json]) -> None:
        self._calls[body["call_id"]] = body
        if body["verdict"] == "draft":
            self._drafted.add(body["call_id"])
        if body["verdict"] == "deny":
            self.blocked.append({**_named(body), "reason": body["reason"]})

    def _approval(self, body: Mapping[str, Json]) -> None:
        self.pending = [p for p in self.pending if p["call_id"] != body["call_id"]]
        if body["answer"] in ("reject", "timeout"):
            call = self._calls.get(body["call_id"], {})
            reason = f"approval: {body['answer']}"
            if body.get("reason"):
                reason += f" ({body['reason']})"
            self.blocked.append({**_named(call), "call_id": body["call_id"], "reason": reason})

    def _returned(self, body: Mapping[str, Json]) -> None:
        call_id = body["call_id"]
        call = self._calls.get(call_id, {})
        state = self._states.get(call_id)
        entry = {**_named(call), "call_id": call_id}
        self._told.add(call_id)
        if state in _DOUBTFUL:
            self.doubts.append({**entry, "state": state})
        elif state == "succeeded":
            kept = self.drafts if call_id in self._drafted else self.done
            kept.append({**entry, "result": body.get("value", body.get("error"))})
        elif body["ok"]:
            self.facts.append({**entry, "result": body["value"]})
        elif body["error"]["error"] not in REFUSALS:
            self.facts.append({**entry, "result": body["error"]})


def _named(body: Mapping[str, Json]) -> dict[str, Json]:
    return {key: body[key] for key in ("call_id", "tool", "arguments") if key in body}


def _next_step(parts: _Parts, doubts: list[Json]) -> str:
    if doubts:
        return f"check whether `{doubts[0]['tool']}` took effect before anything else"
    if parts.pending:
        return f"decide on `{parts.pending[0]['tool']}`"
    if parts.drafts:
        return f"look at what `{parts.drafts[0]['tool']}` saved, and send it or drop it"
    if parts.blocked:
        return "decide what the agent was not allowed to do"
    return "answer the request"


__all__ = ["COMMANDS", "packet"]
