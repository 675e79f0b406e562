"""The shape of `agentctl.yaml`, the optional file at a project's root."""

from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from agentctl.specs.shapes.agent import Price
from agentctl.specs.shapes.base import Document, Many, Name, Spec, Text
from agentctl.specs.shapes.live import Variable


class Paths(Spec):
    """Where things are, relative to the root."""

    agents: Text = "agents"
    tools: Text = "tools"
    golden_sets: Text = "golden_sets"


class Person(Spec):
    """A person who may approve. Identity is asserted, not proven."""

    name: Text | None = None
    roles: Many[Name] = ()
    queues: Many[Name] = ()
    """Queues whose approvals this person may give."""


class AuditSpec(Spec):
    """What the audit log keeps of runs; trials of golden sets keep everything."""

    content: Literal["full", "hashed"] = "full"
    """`hashed` keeps HMAC-SHA256 hashes of messages, arguments and results, with the key in
    `AGENTCTL_AUDIT_KEY`: equal values can be compared, and not read; such runs cannot be resumed
    or compared."""


class Alerts(Spec):
    """Who outside is told when an agent comes near a limit on money, or meets it.

    Each is told once per agent, limit and period, as one JSON object.
    """

    command: Many[Text] | None = None
    """A program and its arguments, run without a shell: it reads the alert from stdin."""
    env: Many[Text] = ()
    """Variables the command is given, by name; of the others it sees `PATH` only."""
    webhook: Annotated[Text, StringConstraints(pattern=r"^(https?://|\$\{)")] | None = None
    """An address the alert is sent to with POST; `${NAME}` is a variable of the environment."""
    on: Many[Literal["cost_warning", "cost_limit"]] = ("cost_warning", "cost_limit")
    """`cost_warning`: the share `alert_at` of a limit is used; `cost_limit`: a call was refused."""

    @model_validator(mode="after")
    def _somewhere(self) -> "Alerts":
        if self.command == () or (self.command is None and self.webhook is None):
            raise ValueError("give a command, a webhook or both")
        return self


class EnvironmentSpec(Spec):
    """One place where the real systems are."""

    variables: dict[Variable, Text] = {}
    """Addresses and the like, for `${NAME}`; they come before the process's own. Secrets belong
    into the process's environment or the file."""
    env_file: Text | None = None
    """A file of `NAME=value` lines, relative to the root and kept out of git; the process's own
    variables come before it."""


class ProjectSpec(Document):
    """Settings of a project."""

    kind: Literal["Project"] = "Project"
    paths: Paths = Paths()
    model: Text | None = None
    """Used by `run` where neither the agent's model nor `--model` should be."""
    prices: dict[str, Price] = {}
    """Model name -> price, before litellm's map."""
    people: dict[str, Person] = {}
    audit: AuditSpec = AuditSpec()
    alerts: Alerts | None = None
    environments: dict[Literal["staging", "production"], EnvironmentSpec] = {}
    """What `--env` chooses between; `--live` means staging unless production is asked for."""


__all__ = ["Alerts", "AuditSpec", "EnvironmentSpec", "Paths", "Person", "ProjectSpec"]
