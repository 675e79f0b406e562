"""One check as text: what it is, why it matters, and the part of a file that gives it."""

import textwrap
from collections.abc import Iterator

from agentctl.specs.checks.declared.check import Check

_WIDTH = 88


def check_lines(check: Check) -> Iterator[str]:
    """Yield a check as people read it."""
    yield f"{check.code} ({check.severity}): {check.title}"
    yield ""
    yield from textwrap.wrap(check.explanation, _WIDTH, break_on_hyphens=False)
    yield ""
    yield "Example:"
    yield ""
    yield from textwrap.indent(check.example, "    ").splitlines()


__all__ = ["check_lines"]
