"""What `doctor` found, one line each: status, finding and the way out."""

from collections import Counter
from collections.abc import Iterable

from agentctl.app.doctor.machine import HealthFinding
from agentctl.cli.render.console import paint
from agentctl.core.text import count, neutralised

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "yellow"}


def finding_line(finding: HealthFinding) -> str:
    """Return one finding as people read it; a second line says what to do."""
    status = paint(f"{finding.status:<7}", _COLOURS[finding.status])
    line = f"{status} {finding.area}: {neutralised(finding.what)}"
    if finding.hint is None or finding.status == "ok":
        return line
    return f"{line}\n        hint: {neutralised(finding.hint)}"


def verdict(found: Iterable[HealthFinding], *, probed: bool) -> str:
    """Return the last line: a count of each status, and what to do next."""
    counted = Counter(finding.status for finding in found)
    parts = [f"{counted['ok']} ok"]
    parts += [count(counted["warn"], "warning")] if counted["warn"] else []
    parts += [f"{counted['fail']} failed"] if counted["fail"] else []
    parts += [f"{counted['unknown']} unknown"] if counted["unknown"] else []
    following = "" if probed else ". Nothing outside this machine was contacted; --probe does that"
    return f"{', '.join(parts)}{following}"


__all__ = ["finding_line", "verdict"]
