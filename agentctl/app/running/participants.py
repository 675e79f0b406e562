"""The people who take part in a run: who speaks to the agent, who decides on its calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from agentctl.core.errors import Problem
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.runtime.approvals.approver import Approver, NoApprover
from agentctl.runtime.approvals.standing import check_standing
from agentctl.runtime.run import Inputs
from agentctl.specs.shapes.project import Person
from agentctl.toolbox.port import Elicit


class Participants(NamedTuple):
    """Who takes part in a run besides the agent."""

    inputs: Inputs
    """What the user says."""
    approver: Approver | None = None
    """Who decides on calls that ask, where they do not wait in the inbox; `None` = nobody."""
    identity: str = ""
    """Who that is. Asserted, not proven; the people of the project say what they may decide."""
    elicit: Elicit | None = None
    """Answers what a server of live tools wants to know; `None` = nobody."""

    def entitled(
        self, known: Mapping[str, Person], principal: str, note: Callable[[str], None]
    ) -> Approver:
        """Return the approver, who is asked only about calls that they may decide on.

        Args:
            known: The people of the project.
            principal: Whom the run acts for.
            note: Called with the reason when they are not asked.
        """
        if self.approver is None:
            return NoApprover()
        return _EntitledApprover(self.approver, self.identity, known, principal, note)


@dataclass(frozen=True, slots=True)
class _EntitledApprover:
    approver: Approver
    identity: str
    known: Mapping[str, Person]
    principal: str
    note: Callable[[str], None]

    def ask(self, request: ApprovalRequest) -> Approval | None:
        try:
            person = check_standing(self.known, self.identity, request.by, self.principal)
        except Problem as refused:
            self.note(str(refused))
            return None
        answer = self.approver.ask(request)
        if answer is None or answer.answer == "timeout":
            return answer
        return answer._replace(by=person)


__all__ = ["Participants"]
