"""The verdict as JUnit XML, for programs that read nothing else of a report.

A document holds a `<failure>` exactly when the evaluation failed, and an `<error>` but no failure
exactly when the outcome is unknown. So a trial that did not pass is `<skipped>`, with its reasons,
where the gates allow for it. Times are left out: they are not compared.
"""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from agentctl.core.text import UNSAFE
from agentctl.evals.results.gates import GateResult, VerdictOutcome
from agentctl.evals.running.runner import SetResult
from agentctl.evals.scorers.scoring import TrialRow

_FORBIDDEN = re.compile(f"{UNSAFE.pattern}|[\ufffe\uffff]")
"""Characters that XML 1.0 cannot hold, not even escaped, and those that are unsafe to show."""


def junit_text(results: Sequence[SetResult]) -> str:
    """Return a `<testsuites>` document: a suite a golden set, and one for its gates."""
    root = Element("testsuites", name="agentctl")
    for result in sorted(results, key=lambda result: result.loaded.name):
        name = result.loaded.name
        suite = SubElement(root, "testsuite", name=name)
        for row in result.rows:
            _trial(suite, name, row, result.verdict.outcome)
        _counted(suite)
        suite = SubElement(root, "testsuite", name=f"{name} gates")
        for gate in result.verdict.gates:
            _gate(suite, f"{name}.gates", gate)
        _counted(suite)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _trial(suite: Element, set_name: str, row: TrialRow, outcome: VerdictOutcome) -> None:
    name = row.scenario if row.trial == 1 else f"{row.scenario}#{row.trial}"
    case = SubElement(suite, "testcase", classname=_clean(set_name), name=_clean(name))
    if row.status == "passed":
        return
    lines = [reason.message for reason in row.reasons]
    message = lines[0] if lines else row.status
    kind = row.reasons[0].kind if row.reasons else row.status
    if row.status == "failed" and outcome == "failed":
        found = SubElement(case, "failure", type=kind, message=_clean(message))
    elif row.status == "inconclusive" and outcome != "passed":
        found = SubElement(case, "error", type=kind, message=_clean(message))
    else:
        allowed = f"{row.status}, within what the gates allow: {message}"
        found = SubElement(case, "skipped", message=_clean(allowed))
    found.text = _clean("\n".join(lines))


def _gate(suite: Element, group: str, gate: GateResult) -> None:
    name = f"{gate.name} {gate.bound} {gate.limit:g}"
    if gate.population is not None:
        name += f" ({gate.population})"
    case = SubElement(suite, "testcase", classname=_clean(group), name=_clean(name))
    observed = gate.observed.as_json()["value"]
    if gate.status == "failed":
        SubElement(case, "failure", type="gate", message=_clean(f"observed {observed}"))
    elif gate.status == "not_evaluated":
        message = _clean(gate.note or "not evaluated")
        SubElement(case, "error", type="gate", message=message)


def _counted(suite: Element) -> None:
    suite.set("tests", str(len(suite)))
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


__all__ = ["junit_text"]
