"""A model that plays a list of recorded turns, whatever it is asked."""

from collections.abc import Sequence

from agentctl.core.messages import ModelReply, ToolCall, Usage
from agentctl.models.port import ModelFault, Request
from agentctl.specs.shapes.turns import Turn


class ScriptedModel:
    """Plays `turns` in order and says so when there are no more.

    Args:
        turns: One entry a model response.
        name: The model the turns stand for; prices go by it.
        played: How many of them were played before.
    """

    def __init__(self, turns: Sequence[Turn], name: str = "scripted", played: int = 0) -> None:
        self.name = name
        self._turns = turns
        self._next = played

    @property
    def left(self) -> int:
        """How many turns were not played."""
        return len(self._turns) - self._next

    @property
    def goes_on(self) -> bool:
        """Whether the agent has another turn."""
        return self.left > 0

    def reply(self, request: Request, timeout_s: float) -> ModelReply:  # noqa: ARG002
        """Return the next recorded turn; the request is not looked at.

        Raises:
            ModelFault: `exhausted`, when every turn was played.
        """
        if self._next == len(self._turns):
            raise ModelFault("exhausted", f"all {self._next} recorded turns were played")
        turn = self._turns[self._next]
        self._next += 1
        return reply_of_turn(turn, self._next)


def reply_of_turn(turn: Turn, number: int) -> ModelReply:
    """Return a recorded turn as the model said it.

    Args:
        turn: The turn.
        number: Which of its trial it is, from 1; calls without an id of their own go by it.
    """
    calls = [
        ToolCall(call.id or f"c{number}_{n}", call.tool, call.args)
        for n, call in enumerate(turn.calls, start=1)
    ]
    recorded, usage = turn.usage, None
    if recorded is not None:
        usage = Usage(recorded.input, recorded.output, False, recorded.cached, recorded.reasoning)
    return ModelReply(turn.say, tuple(calls), turn.output, usage)


__all__ = ["ScriptedModel", "reply_of_turn"]
