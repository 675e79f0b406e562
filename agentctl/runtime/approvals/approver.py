"""How a person is asked about one call, and how request and answer are recorded."""

from collections.abc import Mapping
from typing import Protocol

from agentctl.core.canonical import Json
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.specs.shapes.golden import ScriptedApproval


def requested(request: ApprovalRequest) -> dict[str, Json]:
    """Return the body of `approval.requested`."""
    return {
        "call_id": request.call_id,
        "tool": request.tool,
        "arguments": request.arguments,
        "origins": dict(request.origins),
        "rule": request.rule,
        "by": request.by,
        "reason": request.reason,
        "within_s": request.within_s,
        "call_hash": request.call_hash,
    }


def given(call_id: str, call_hash: str, answer: Approval) -> dict[str, Json]:
    """Return the body of `approval.given`."""
    body: dict[str, Json] = {
        "call_id": call_id,
        "answer": answer.answer,
        "by": answer.by,
        "reason": answer.reason,
        "call_hash": call_hash,
    }
    if answer.arguments is not None:
        body["arguments"] = answer.arguments
    if answer.id is not None:
        body["ticket"] = answer.id
    return body


def answer_in(body: Mapping[str, Json]) -> Approval:
    """Read the answer back from the body of `approval.given`."""
    return Approval(
        body["answer"], body["by"], body["reason"], body.get("arguments"), body.get("ticket")
    )


class Approver(Protocol):
    """Someone who can be asked."""

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Return the answer, or `None` when no one is there: the run then waits."""
        ...


class NoApprover:
    """No terminal, no queue: nothing is approved."""

    def ask(self, request: ApprovalRequest) -> Approval | None:  # noqa: ARG002
        """Return `None`."""
        return None


class FirstAnswer:
    """Asks several, one after the other, until one answers.

    Args:
        approvers: In the order in which they are asked.
    """

    def __init__(self, *approvers: Approver) -> None:
        self._approvers = approvers

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Return the first answer, or `None` when all are asked and none is there."""
        answers = (approver.ask(request) for approver in self._approvers)
        return next((answer for answer in answers if answer is not None), None)


class ScriptedApprover:
    """Answers as a scenario says; what it does not mention times out.

    Args:
        answers: Tool name -> answer.
    """

    def __init__(self, answers: Mapping[str, ScriptedApproval]) -> None:
        self._answers = answers
        self._modified: set[str] = set()
        """Calls whose arguments the script changed."""

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Return the scripted answer."""
        scripted = self._answers.get(request.tool)
        if scripted is None:
            return Approval("timeout")
        arguments = None
        if request.call_id in self._modified:
            # The script spoke for the queue that was asked first.
            by = None if scripted.then == "timeout" else request.by
            return Approval(scripted.then, by, scripted.reason)
        if scripted.modify is not None:
            self._modified.add(request.call_id)
            own = {k: v for k, v in request.arguments.items() if k not in request.bound}
            arguments = {**own, **scripted.modify}
        by = None if scripted.answer == "timeout" else scripted.by or request.by or "approver"
        return Approval(scripted.answer, by, scripted.reason, arguments)


__all__ = [
    "Approver",
    "FirstAnswer",
    "NoApprover",
    "ScriptedApprover",
    "answer_in",
    "given",
    "requested",
]
