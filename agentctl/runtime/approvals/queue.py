"""Approvals that wait in an inbox: asked for when a run pauses, used up when it goes on.

A person's answer is an event in the trace of the paused run; the inbox keeps it findable and makes
it count once. Both must agree before the call runs.
"""

from collections.abc import Callable
from datetime import datetime

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.masking import secret_field
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.effects.approvals import ApprovalBinding, Approvals, PendingApproval
from agentctl.runtime.replay.replay import Replay


class QueueApprover:
    """Puts a call into the inbox, and takes the answer when the run is resumed.

    Args:
        approvals: The inbox.
        binding: The run, and what it runs under now.
        replay: What happened in the run before.
        now: The time.
    """

    def __init__(
        self,
        approvals: Approvals,
        binding: ApprovalBinding,
        replay: Replay | None,
        now: Callable[[], datetime],
    ) -> None:
        self._approvals = approvals
        self._binding = binding
        self._replay = replay
        self._now = now

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Return the recorded answer, or ask for one and return `None`.

        A call that holds a secret does not wait: what waits is on the disk.

        Raises:
            Problem: If an answer is there and cannot be used.
        """
        if self._replay is not None and (given := self._replay.approval()) is not None:
            if given.by is not None and not self._replay.approval_used():
                self._check(given, request)
            return given
        secret = secret_field(request.arguments)
        if secret is not None:
            why = f"`{secret}` holds a secret, which must not wait on disk: ask at a terminal"
            return Approval("reject", reason=why)
        self._approvals.request(self._binding, request, self._now())
        return None

    def _check(self, given: Approval, request: ApprovalRequest) -> None:
        """Refuse an answer that does not hold for this call, at this moment."""
        if given.id is None:
            raise _void("it was given at a terminal, to a process that is gone")
        row = self._approvals.current(given.id, self._now())
        bound = self._binding
        wrong = None
        if (row.run, row.call_hash) != (bound.run, request.call_hash):
            wrong = "it was given for another call"
        elif row.changed_since(bound.policy, bound.tools):
            wrong = "the policy or a tool changed since"
        elif row.standing != given.answer:
            wrong = f"the inbox says {row.standing}, and the trace {given.answer}"
        elif self._now() >= row.lapses(request):
            wrong = "it has expired"
        if wrong is not None:
            raise _void(wrong)


def _void(why: str) -> Problem:
    return problem(
        "approval-void",
        f"the approval cannot be used: {why}",
        hint="nothing was done; start the task again and ask for a new approval",
        exit_code=ExitCode.NO,
    )


def held_back(row: PendingApproval, policy: str, tools: str) -> Problem | None:
    """Return why a request can no longer be answered: its policy or a tool changed."""
    if not row.changed_since(policy, tools):
        return None
    return problem(
        "changed-since",
        f"the policy or a tool of `{row.agent}` changed since approval {row.id} was asked for",
        hint="reject it, then start the task again",
        exit_code=ExitCode.NO,
    )


__all__ = ["QueueApprover", "held_back"]
