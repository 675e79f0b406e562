"""The table of checks: which rules look at which kind of file, and every code they can report.

A new check is a file with its rule and its `Check`, and one row of `RULES` here. Severity,
`agentctl check --explain` and docs/reference/checks.md follow from the declaration.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from pydantic import BaseModel

from agentctl.app.checking.survey import CheckContext
from agentctl.core.errors import Diagnostic, problem
from agentctl.core.text import did_you_mean
from agentctl.specs.checks.credentials import project_secrets, shared_credentials, wide_scopes
from agentctl.specs.checks.declared import (
    agents,
    expressions,
    fields,
    names,
    policies,
    scenarios,
    tools,
    yaml_files,
)
from agentctl.specs.checks.declared.check import Check
from agentctl.specs.checks.environments import environment_warnings
from agentctl.specs.checks.governance import write_problems
from agentctl.specs.checks.lint import agent_warnings, manifest_warnings
from agentctl.specs.checks.names import agents_alike, argument_names, people_names, tools_alike
from agentctl.specs.checks.references import idle_conditions
from agentctl.specs.checks.tools.risks import manifest_risks
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest


class CheckRow(NamedTuple):
    """One look at one kind of file."""

    about: type[BaseModel]
    """The kind of file."""
    find: Callable[[CheckContext], Iterable[Diagnostic]]
    checks: tuple[Check, ...] = ()
    """What it can report, where that is declared beside the rule."""


RULES: tuple[CheckRow, ...] = (
    CheckRow(AgentSpec, lambda c: agent_warnings(c.model, c.source)),
    CheckRow(AgentSpec, lambda c: agents_alike(c.loaded, c.survey.agents)),
    CheckRow(
        AgentSpec, lambda c: shared_credentials(c.bundle, c.source, c.survey.credential_owners)
    ),
    CheckRow(AgentSpec, lambda c: wide_scopes(c.model, c.project.manifests_of(c.loaded))),
    CheckRow(AgentSpec, lambda c: idle_conditions(c.policy.model, c.policy.source, c.bundle.tools)),
    CheckRow(AgentSpec, lambda c: c.survey.governance(c.policy, c.loaded)),
    CheckRow(ToolManifest, lambda c: manifest_warnings(c.model, c.source)),
    CheckRow(ToolManifest, lambda c: manifest_risks(c.model, c.source)),
    CheckRow(ToolManifest, lambda c: write_problems(c.model, c.source)),
    CheckRow(ToolManifest, lambda c: argument_names(c.model, c.source)),
    CheckRow(ToolManifest, lambda c: tools_alike(c.loaded, c.project.manifests)),
    CheckRow(ProjectSpec, lambda c: people_names(c.model, c.source)),
    CheckRow(ProjectSpec, lambda c: environment_warnings(c.model, c.source, c.project.root)),
    CheckRow(ProjectSpec, lambda c: project_secrets(c.model, c.source, c.project.root)),
)

_DECLARED = (yaml_files, fields, names, expressions, agents, tools, policies, scenarios)
CHECKS: Mapping[str, Check] = {
    check.code: check
    for checks in (*(module.CHECKS for module in _DECLARED), *(rule.checks for rule in RULES))
    for check in sorted(checks)
}
"""Every code that `agentctl check` can report, by subject."""


def check_named(code: str) -> Check:
    """Return a check by its code.

    Raises:
        Problem: If there is none.
    """
    if code not in CHECKS:
        hint = did_you_mean(code, CHECKS) or "`agentctl check --explain all` lists every check"
        raise problem("unknown-check", f"no check `{code}`", hint=hint)
    return CHECKS[code]


__all__ = ["CHECKS", "RULES", "CheckRow", "check_named"]
