"""The shape of `agentctl.yaml`, the optional file at a project's root."""

from typing import Literal

from agentctl.specs.agent import Price
from agentctl.specs.base import Document, Many, Name, Spec, Text


class Paths(Spec):
    """Where things are, relative to the root."""

    agents: Text = "agents"
    tools: Text = "tools"
    golden_sets: Text = "golden_sets"


class Person(Spec):
    """Somebody who may approve. Identity is asserted, not proven."""

    name: Text | None = None
    roles: Many[Name] = ()
    queues: Many[Name] = ()
    """Queues whose approvals this person may give."""


class Audit(Spec):
    """What the audit log keeps of runs; trials of golden sets keep everything."""

    content: Literal["full", "hashed"] = "full"
    """`hashed` keeps HMAC-SHA256 hashes of messages, arguments and results, with the key in
    `AGENTCTL_AUDIT_KEY`: equal values can be compared, and not read; such runs cannot be resumed
    or compared."""


class ProjectSpec(Document):
    """Settings of a project."""

    kind: Literal["Project"] = "Project"
    paths: Paths = Paths()
    model: Text | None = None
    """Used by `run` where neither the agent's model nor `--model` should be."""
    prices: dict[str, Price] = {}
    """Model name -> price, before litellm's map."""
    people: dict[str, Person] = {}
    audit: Audit = Audit()


__all__ = ["Audit", "Paths", "Person", "ProjectSpec"]
