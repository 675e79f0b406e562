"""JUnit says of a set what its verdict says."""

from types import SimpleNamespace
from xml.etree.ElementTree import fromstring

import pytest

from agentctl.evals.results.figures import summarise
from agentctl.evals.results.gates import decide_gates
from agentctl.evals.running.runner import SetResult
from agentctl.evals.scorers.reasons import FailureReason
from agentctl.reports.junit import junit_text
from agentctl.specs.shapes.golden import Gates
from tests.evals.test_summary import BAD, GOOD, UNCLEAR


def suites(*rows, **gates):
    summary = summarise(rows)
    verdict = decide_gates(summary, Gates.model_validate(gates))
    loaded = SimpleNamespace(name="orders")
    root = fromstring(junit_text([SetResult(loaded, rows, summary, verdict)]).encode())
    return {suite.get("name"): suite for suite in root}


def junit_outcome(tags):
    if "failure" in tags:
        return "failed"
    return "inconclusive" if "error" in tags else "passed"


FAILED = BAD._replace(
    scenario="b",
    reasons=(FailureReason("state", 'a < b & "c" \x1b[31m\x00'), FailureReason("stop", "two")),
)
OPEN = UNCLEAR._replace(scenario="c", trial=2, reasons=(FailureReason("fault", "turns exhausted"),))


def test_trials_are_cases():
    """A failed trial is a failure, an unclear one an error, each with its reasons."""
    suite = suites(GOOD, FAILED, OPEN)["orders"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    good, failed, unclear = suite
    assert len(good) == 0
    assert failed.find("failure").get("type") == "state"
    assert failed.find("failure").text.endswith("\ntwo")
    assert unclear.get("name") == "c#2"
    assert unclear.find("error").get("message") == "turns exhausted"


def test_characters_that_xml_cannot_hold_are_replaced():
    """Control characters in what a model said do not break the file."""
    failed = suites(FAILED)["orders"][0].find("failure")
    assert failed.get("message") == 'a < b & "c" \ufffd[31m\ufffd'


def test_gates_are_cases():
    """A failed gate is a failure, one without data an error."""
    suite = suites(GOOD, FAILED, pass_rate={"min": 1}, escalation_recall={"min": 1})["orders gates"]
    found = {case.get("name"): [child.tag for child in case] for case in suite}
    assert found == {
        "invariants max 0": [],
        "pass_rate min 1": ["failure"],
        "escalation_recall min 1": ["error"],
        "inconclusive max 0": [],
    }


@pytest.mark.parametrize(
    ("rows", "gates", "outcome"),
    [
        ((GOOD,), {}, "passed"),
        ((GOOD, FAILED), {}, "failed"),
        ((GOOD, FAILED), {"pass_rate": {"min": 0.5}}, "passed"),
        ((GOOD, OPEN), {}, "inconclusive"),
        ((GOOD, OPEN), {"inconclusive": {"max": 0.5}}, "passed"),
        ((GOOD, FAILED, OPEN), {"pass_rate": {"min": 0.5}}, "inconclusive"),
        ((OPEN,), {"inconclusive": {"max": 1}}, "inconclusive"),
        ((FAILED,), {"cost_per_scenario_usd": {"max": 1}}, "failed"),
        ((GOOD,), {"escalation_recall": {"min": 1}}, "inconclusive"),
    ],
)
def test_failures_and_errors_say_what_the_verdict_says(rows, gates, outcome):
    """There is a failure exactly when the set failed, else an error exactly when it is unknown."""
    found = suites(*rows, **gates).values()
    tags = {child.tag for suite in found for case in suite for child in case}
    assert junit_outcome(tags) == outcome
    assert decide_gates(summarise(rows), Gates.model_validate(gates)).outcome == outcome


def test_what_the_gates_allow_is_skipped_with_its_reasons():
    """A trial that failed in a set that passed is skipped, and its reasons can be read."""
    _, failed = suites(GOOD, FAILED, pass_rate={"min": 0.5})["orders"]
    (found,) = failed
    assert (found.tag, found.text.splitlines()[1]) == ("skipped", "two")
    assert found.get("message").startswith("failed, within what the gates allow: a < b")
