"""Resume a run: play its events back through the same loop, then go on where they end.

Nothing is restored from a second copy of the state. The loop runs as it did the first time, with
the model's recorded replies, the recorded inputs and results; what it would do differently now is
found, and refused. So whatever a run has learned, spent and been forbidden holds after a restart.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agentctl.core.canonical import Json
from agentctl.core.errors import Problem, problem
from agentctl.core.events import EVENTS, WHILE_PAUSED, Event, EventType, must_agree
from agentctl.core.exits import ExitCode
from agentctl.core.messages import (
    Approval,
    ModelReply,
    ToolCall,
    ToolError,
    ToolResult,
    Usage,
)
from agentctl.runtime.approvals.approver import answer_in

ASIDE: frozenset[str] = frozenset(d.type for d in EVENTS.values() if d.aside)
"""Events that need not come again when a run is played back."""
_MUST_AGREE = must_agree("replay", "resume")


class Replay:
    """The events of a run that is resumed.

    Args:
        events: In the order of the trace, from a trace that was verified.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._next = 0

    @property
    def over(self) -> bool:
        """Whether everything recorded was played back."""
        return self._next >= len(self._events)

    @property
    def inputs_recorded(self) -> int:
        """How many inputs of the user were recorded."""
        heard = (e.body for e in self._events if e.type == "input.received")
        return sum(body["source"] != "person" for body in heard)

    @property
    def active_s(self) -> float:
        """Seconds that the run took, without those it waited for a person."""
        total, before = 0.0, None
        for event in self._events:
            now = datetime.fromisoformat(event.at)
            if before is not None:
                total += max(0.0, (now - before).total_seconds())
            before = None if event.type in WHILE_PAUSED else now
        return total

    def count(self, kind: EventType) -> int:
        """Return how many events of one kind were recorded."""
        return sum(event.type == kind for event in self._events)

    def through(self, kind: EventType, body: dict[str, Json]) -> tuple[Sequence[Event], bool]:
        """Return the recorded events up to the one that happens now, and whether it is recorded.

        Raises:
            Problem: If something else would happen now.
        """
        start, at = self._next, self._ahead(kind)
        rest = self._events[start:]
        if all(event.type in ASIDE for event in rest):
            # Here it stopped. To pause at the same place again is nothing new.
            self._next = len(self._events)
            return rest, any(event.type == kind for event in rest)
        found = self._events[at]
        if found.type != kind:
            if kind in ASIDE:
                return (), True
            raise _diverged(found, kind)
        for name in _MUST_AGREE[kind]:
            if found.body.get(name) != body.get(name):
                raise _diverged(found, kind, name)
        self._next = at + 1
        return self._events[start : self._next], True

    def peek(self, kind: EventType) -> dict[str, Json] | None:
        """Return the body of the next event, if it is of this kind."""
        at = self._ahead(kind)
        if at < len(self._events) and self._events[at].type == kind:
            return self._events[at].body
        return None

    def _ahead(self, kind: EventType) -> int:
        at = self._next
        while at < len(self._events) and self._events[at].type in ASIDE:
            if self._events[at].type == kind:
                break
            at += 1
        return at

    def approval(self) -> Approval | None:
        """Return the answer that a person gave at this point, if they did."""
        body = self.peek("approval.given")
        return None if body is None else answer_in(body)

    def approval_used(self) -> bool:
        """Whether anything was recorded after the answer at this point."""
        return self._ahead("approval.given") + 1 < len(self._events)

    def result(self, call_id: str) -> tuple[ToolResult, str | None] | None:
        """Return what the call that is being carried out brought, and its effect's state."""
        state: str | None = None
        for event in self._events[self._next :]:
            body = event.body
            if event.type == "effect.settled" and body["call_id"] == call_id:
                state = body["state"]
            elif event.type == "tool.returned" and body["call_id"] == call_id:
                if body["ok"]:
                    return ToolResult(body["value"], None, body["attempts"]), state
                error = body["error"]
                failed = ToolError(error["error"], error["message"])
                return ToolResult(None, failed, body["attempts"]), state
            elif event.type in ("call.decided", "model.replied"):
                return None
        return None

    def reply(self) -> ModelReply | None:
        """Return what the model said at this point, if it was recorded."""
        body = self.peek("model.replied")
        return None if body is None else reply_in(body)


def reply_in(body: Mapping[str, Json]) -> ModelReply:
    """Read what the model said back from the body of `model.replied`."""
    usage = body["usage"]
    return ModelReply(
        body["text"],
        tuple(
            ToolCall(c["id"], c["name"], c["arguments"], c.get("provider_id"))
            for c in body["calls"]
        ),
        body.get("output"),
        Usage(
            usage["in"],
            usage["out"],
            usage["estimated"],
            usage.get("cached", 0),
            usage.get("reasoning", 0),
        ),
        body["model"],
        body.get("refused", False),
    )


def _diverged(found: Event, kind: EventType, part: str | None = None) -> Problem:
    was = f"another `{part}`" if part is not None else f"`{found.type}`"
    now = f"the run cannot be resumed: event {found.seq} recorded {was}, now it would be `{kind}`"
    changed = kind == "run.started"
    return problem(
        "changed-since" if changed else "cannot-play-back",
        f"the agent, its tools or its policy changed since the run was paused ({part})"
        if changed
        else now,
        hint="nothing was done; start the task again and ask for a new approval",
        exit_code=ExitCode.NO,
    )


__all__ = ["ASIDE", "Replay", "reply_in"]
