"""What `agentctl check` can report, declared once: code, severity, title, explanation, example.

`agentctl check --explain CODE` and docs/reference/checks.md are made from these declarations.
"""

from typing import NamedTuple

from agentctl.core.errors import Severity


class Check(NamedTuple):
    """One thing that `agentctl check` can report."""

    code: str
    """Stable and kebab-case, as diagnostics carry it."""
    title: str
    """What is wrong, in a sentence without a full stop."""
    explanation: str
    """Why it matters and how to fix it."""
    example: str
    """The part of a file that gives it."""
    severity: Severity = "error"


__all__ = ["Check"]
