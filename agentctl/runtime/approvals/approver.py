"""How a person is asked about one call, and who answers when nobody sits there."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json
from agentctl.core.messages import Approval, EffectKind
from agentctl.specs.shapes.golden import ScriptedApproval


class Pending(NamedTuple):
    """A call that waits for a person: what will run if they say yes."""

    call_id: str
    tool: str
    effect: EffectKind
    arguments: dict[str, Json]
    """Canonical: these and no others will run."""
    bound: tuple[str, ...]
    origins: Mapping[str, str]
    """Argument -> where its value came from (the user, a tool, the model, the system)."""
    rule: str | None
    reason: str
    by: str | None
    """The queue whose people may approve."""
    within_s: int | None
    call_hash: str
    """sha256 of the tool and its canonical arguments: what an approval is bound to."""


class Approver(Protocol):
    """Somebody who can be asked."""

    def ask(self, pending: Pending) -> Approval | None:
        """Return the answer, or `None` when nobody is there: the run then waits."""
        ...


class Nobody:
    """No terminal, no queue: nothing is approved."""

    def ask(self, pending: Pending) -> Approval | None:  # noqa: ARG002
        """Return `None`."""
        return None


class ScriptedApprover:
    """Answers as a scenario says; what it does not mention times out.

    Args:
        answers: Tool name -> answer.
    """

    def __init__(self, answers: Mapping[str, ScriptedApproval]) -> None:
        self._answers = answers

    def ask(self, pending: Pending) -> Approval | None:
        """Return the scripted answer."""
        scripted = self._answers.get(pending.tool)
        if scripted is None:
            return Approval("timeout")
        arguments = None
        if scripted.modify is not None:
            own = {k: v for k, v in pending.arguments.items() if k not in pending.bound}
            arguments = {**own, **scripted.modify}
        by = None if scripted.answer == "timeout" else scripted.by or pending.by or "approver"
        return Approval(scripted.answer, by, scripted.reason, arguments)


__all__ = ["Approver", "Nobody", "Pending", "ScriptedApprover"]
