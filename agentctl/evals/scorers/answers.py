"""Score what an agent said at the end: its words, its structured output, why it stopped."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from agentctl.core.canonical import Json
from agentctl.core.text import folded, keyword_pattern
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import MISSING, FailureReason, Score, shown_value
from agentctl.specs.language.matchers import field_differences, matches
from agentctl.specs.shapes.golden import ExpectedAnswer

UNWANTED_STOPS = frozenset(
    {"model_error", "tool_error", "goal_not_met", "limit", "loop", "stopped", "interrupted"}
)
"""Ends that fail a trial unless the scenario expects them with `stop:`."""

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]|\.\d)", re.ASCII)
"""A number of its own: 54 is none in 541, o_54 or 5.54."""


def score_answer(evidence: Evidence) -> Score | None:
    """Score everything that was said: what must be mentioned, and what never may be."""
    expected = evidence.scenario.expect.answer
    if expected is None:
        return None
    said = evidence.said if expected.mentions else ()
    written = evidence.written if expected.never else ()
    return Score.of(_answer(expected, evidence.answer, said, written))


def score_output(evidence: Evidence) -> Score | None:
    """Score the structured answer, field by field."""
    expected = evidence.scenario.expect.output
    if expected is None:
        return None
    return Score.of(_output(expected, evidence.trajectory.ended.get("output")))


def score_stop(evidence: Evidence) -> Score | None:
    """Score why the run ended; without an expectation, an end of its own accord is enough."""
    expected, ended = evidence.scenario.expect.stop, evidence.trajectory.ended
    wrong = _stop(expected, ended.get("stop"), ended.get("reason"))
    return Score.of(wrong) if wrong or expected is not None else None


def _answer(
    expected: ExpectedAnswer, answer: str | None, said: Iterable[str], written: Iterable[str]
) -> list[FailureReason]:
    """Compare the words of a run with what they must and must not hold.

    Args:
        expected: Phrases, compared without case; numbers by value.
        answer: The last words to the user, which `matches` is about.
        said: Everything said to the user, in order, the last words included.
        written: Everything the model wrote to anybody, `said` included.
    """
    text = "\n".join(map(folded, said))
    found = []
    for phrase in expected.mentions:
        if not _mentions(text, phrase):
            message = f"the answer does not mention {shown_value(phrase)}"
            found.append(FailureReason("answer", message, None, phrase, shown_value(answer)))
    for phrase in expected.never:
        pattern = keyword_pattern([phrase])
        says = next((words for words in written if pattern.search(folded(words))), None)
        if says is not None:
            message = f"the agent says {shown_value(phrase)}, which it must not"
            found.append(FailureReason("answer", message, None, None, shown_value(says)))
    if expected.matches is not None and not matches(expected.matches, answer or ""):
        want = shown_value(expected.matches)
        found.append(
            FailureReason(
                "answer", f"the answer does not match {want}", None, want, shown_value(answer)
            )
        )
    return found


def _mentions(text: str, phrase: str) -> bool:
    """Whether `text` holds `phrase`; a number is looked for by its value, however it is written."""
    wanted, plain = _ungrouped(folded(phrase)), _ungrouped(text)
    if _NUMBER.fullmatch(wanted):
        value = Decimal(wanted)
        return any(Decimal(number) == value for number in _NUMBER.findall(plain))
    start = plain.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        cut_before = wanted[:1].isdigit() and plain[start - 1 : start].isdigit()
        cut_after = wanted[-1:].isdigit() and plain[end : end + 1].isdigit()
        if not cut_before and not cut_after:
            return True
        start = plain.find(wanted, start + 1)
    return False


def _ungrouped(text: str) -> str:
    return _THOUSANDS.sub("", text) if "," in text else text


def _output(expected: Mapping[str, Json], output: Json) -> list[FailureReason]:
    if not isinstance(output, dict):
        message = f"expected structured output, got {shown_value(output)}"
        return [
            FailureReason("output", message, None, shown_value(dict(expected)), shown_value(output))
        ]
    found = []
    for wrong in field_differences(expected, output):
        want = shown_value(wrong.expected)
        have = shown_value(MISSING if wrong.missing else wrong.got)
        message = f"output: `{wrong.path}`: expected {want}, got {have}"
        found.append(FailureReason("output", message, wrong.path, want, have))
    return found


def _stop(expected: str | None, stop: str | None, detail: str | None) -> list[FailureReason]:
    why = f" ({detail})" if detail else ""
    if expected is not None and stop != expected:
        message = f"ended `{stop}`{why}, expected `{expected}`"
        return [FailureReason("stop", message, None, expected, stop)]
    if expected is None and stop in UNWANTED_STOPS:
        message = f"ended `{stop}`{why}; if that is right, write `stop: {stop}` under `expect`"
        return [FailureReason("stop", message, None, None, stop)]
    return []


__all__ = ["UNWANTED_STOPS", "score_answer", "score_output", "score_stop"]
