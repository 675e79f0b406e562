"""Who may answer: one check for everything that waits for a person.

Identity is asserted, not proven. What is checked: the id is one of the people of the project, they
serve the queue that is asked, and they do not decide for themselves.
"""

import unicodedata
from collections.abc import Mapping

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import did_you_mean, plain
from agentctl.specs.shapes.project import Person


def person_id(text: str) -> str:
    """Return an id without blanks around it.

    Raises:
        Problem: If nothing is left, or it holds control or invisible characters.
    """
    stripped = text.strip()
    if not stripped:
        raise problem("bad-identity", "expected the id of a person, got blanks")
    strange = next((c for c in stripped if unicodedata.category(c).startswith("C")), None)
    if strange is not None:
        raise problem("bad-identity", f"an id cannot hold the character U+{ord(strange):04X}")
    return stripped


def check_standing(
    people: Mapping[str, Person],
    identity: str,
    queue: str | None,
    principal: str,
    *,
    own: bool = False,
) -> str:
    """Return the id of a person who may answer; without people in the project, anyone else may.

    Args:
        people: The people of the project.
        identity: Who answers.
        queue: The queue that is asked; `None` = anyone.
        principal: Whom the run acts for.
        own: Whether the answer is the principal's own, such as to a question they were asked.

    Raises:
        Problem: If they are unknown, do not serve the queue, or would decide for themselves.
    """
    person = person_id(identity)
    if _same(person, principal):
        if own:
            return person
        raise _refused("self-approval", f"the agent acts for `{person}`, who cannot answer here")
    if not people:
        return person
    servers = sorted(name for name, who in people.items() if queue is None or queue in who.queues)
    hint = f"people who may: {', '.join(servers) or 'nobody'} (agentctl.yaml)"
    if person not in people:
        hint = did_you_mean(person, servers) or hint
        raise _refused("unknown-approver", f"no person named `{person}` in agentctl.yaml", hint)
    if person not in servers:
        raise _refused("not-their-queue", f"`{person}` does not serve `{queue}`", hint)
    return person


def _same(person: str, principal: str) -> bool:
    """Whether two ids mean one person: case, look-alikes and `ROLE:` make no difference."""
    wanted = plain(principal)
    return bool(wanted) and wanted in (plain(person), plain(person.rpartition(":")[2]))


def _refused(code: str, message: str, hint: str | None = None) -> Problem:
    return problem(code, message, hint=hint, exit_code=ExitCode.NO)


__all__ = ["check_standing", "person_id"]
