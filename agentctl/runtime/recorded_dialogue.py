"""A recording that carries its own dialogue: what the agent and its user said, in order.

It is the model and the user of a run at the same time. Each is given the next entry only when it
is theirs, so words and calls keep the order in which they were recorded.
"""

from collections.abc import Mapping, Sequence
from typing import get_args

from agentctl.core.canonical import Json
from agentctl.core.messages import EffectKind, ModelReply, ToolError, ToolErrorKind, ToolResult
from agentctl.models.port import ModelFault, Request
from agentctl.models.scripted import reply_of_turn
from agentctl.runtime.run import AGENT_SPEAKS, AgentSpeaks
from agentctl.specs.shapes.turns import Turn


class RecordedDialogue:
    """Plays both sides of a recorded run.

    Args:
        turns: Turns of the agent and lines of the user.
        name: The model that the agent's turns stand for; prices go by it.
        replied: Turns of the agent that were played before.
        heard: Lines of the user that were heard before.
    """

    def __init__(self, turns: Sequence[Turn], name: str, replied: int = 0, heard: int = 0) -> None:
        self.name = name
        self._turns = turns
        self._next = 0
        self._replies = 0
        while (replied and not self._is_user()) or (heard and self._is_user()):
            if self._is_user():
                heard -= 1
            else:
                replied -= 1
                self._replies += 1
            self._next += 1

    @property
    def left(self) -> int:
        """How many turns of the agent were not played."""
        return sum(turn.user is None for turn in self._turns[self._next :])

    @property
    def goes_on(self) -> bool:
        """Whether the agent has another turn before its user speaks again."""
        return self._next < len(self._turns) and not self._is_user()

    def next(self, question: str | None) -> str | AgentSpeaks | None:  # noqa: ARG002
        """Return the user's next line, or that the agent goes on without one."""
        if self._next == len(self._turns):
            return None
        line = self._turns[self._next].user
        if line is None:
            return AGENT_SPEAKS
        self._next += 1
        return line

    def reply(self, request: Request, timeout_s: float) -> ModelReply:  # noqa: ARG002
        """Return the agent's next turn; the request is not looked at.

        Raises:
            ModelFault: `exhausted`, when every turn was played; `silent`, where the user speaks.
        """
        if self._next == len(self._turns):
            raise ModelFault("exhausted", f"all {self._replies} recorded turns were played")
        if self._is_user():
            raise ModelFault("silent", "the agent said nothing more before the user spoke again")
        turn = self._turns[self._next]
        self._next += 1
        self._replies += 1
        return reply_of_turn(turn, self._replies)

    def _is_user(self) -> bool:
        return self._next < len(self._turns) and self._turns[self._next].user is not None


def recorded_reads(
    turns: Sequence[Turn], effects: Mapping[str, EffectKind]
) -> dict[tuple[str, str], ToolResult]:
    """Return what reads answered when turns were recorded, by id of the call and tool.

    A result of the form `{error, message}` is an error of the tool, as a model is told one.

    Args:
        turns: The agent's turns, and lines of the user, which count for nothing.
        effects: What each tool does to the world: the results of reads alone are returned.
    """
    replies = (turn for turn in turns if turn.user is None)
    return {
        (f"{step}.{index}", call.tool): _result(call.result)
        for step, turn in enumerate(replies, start=1)
        for index, call in enumerate(turn.calls, start=1)
        if call.result is not None and effects.get(call.tool) == "none"
    }


def _result(recorded: Json) -> ToolResult:
    match recorded:
        case {"error": str(kind), "message": str(message)} if kind in _ERRORS:
            return ToolResult(error=ToolError(kind, message))  # type: ignore[arg-type]
        case _:
            return ToolResult(recorded)


_ERRORS = frozenset(get_args(ToolErrorKind))

__all__ = ["RecordedDialogue", "recorded_reads"]
