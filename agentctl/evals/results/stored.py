"""Read the JSON report of an earlier evaluation back into rows and figures.

What a report of this version holds comes back as it was written; damage is named with its place.
Unknown keys are left alone, so that a later version may add some.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from agentctl.core.canonical import Json
from agentctl.core.errors import Location, Problem, problem
from agentctl.evals.results.gates import GateStatus, VerdictOutcome
from agentctl.evals.results.report import SCHEMA_VERSION
from agentctl.evals.scorers.escalation import Cell
from agentctl.evals.scorers.reasons import FailureReason, Freshness, ReasonKind, Score
from agentctl.evals.scorers.scoring import TrialRow, TrialStatus
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.reading.yaml import parse_yaml

_BREACHES = frozenset({"forbidden-call", "invariant"})
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class StoredGate(NamedTuple):
    """One gate of an earlier evaluation."""

    name: str
    bound: str
    limit: float
    observed: float | str | None
    """Money is text."""
    status: GateStatus
    note: str | None


class StoredSet(NamedTuple):
    """What an earlier evaluation found of one golden set."""

    name: str
    agent: str
    fingerprints: Mapping[str, str]
    outcome: VerdictOutcome
    gates: tuple[StoredGate, ...]
    figures: Mapping[str, Json]
    """Each as the report holds it: value, numerator, denominator, status."""
    rows: tuple[TrialRow, ...]


class ReportData(NamedTuple):
    """An earlier evaluation."""

    outcome: VerdictOutcome
    sets: tuple[StoredSet, ...]


class _Verdict(msgspec.Struct):
    outcome: VerdictOutcome


class _Gate(msgspec.Struct):
    gate: str
    bound: Literal["min", "max", "max_ratio"]
    limit: float
    observed: float | str | None
    status: GateStatus
    note: str | None = None


class _Score(msgspec.Struct):
    value: bool | float | str
    reason: str | None = None


class _Reason(msgspec.Struct):
    kind: ReasonKind
    message: str
    path: str | None = None
    expected: str | None = None
    got: str | None = None

    def reason(self) -> FailureReason:
        return FailureReason(self.kind, self.message, self.path, self.expected, self.got)


class _Cost(msgspec.Struct):
    usd: str | None
    status: str


class _Tokens(msgspec.Struct, rename={"read": "in", "written": "out"}):
    read: int
    written: int


class _Calls(msgspec.Struct):
    expected: int
    matched: int
    scored: int
    argument_sum: float


class _Trial(msgspec.Struct):
    scenario: str
    trial: int
    mode: str
    model: str
    status: TrialStatus
    freshness: Freshness
    stop: str | None
    checks: dict[str, _Score]
    reasons: list[_Reason]
    notes: list[_Reason]
    escalation: Cell | None
    offered_in_words: bool
    resolved: bool
    cost: _Cost
    tokens: _Tokens
    model_calls: int
    duration_s: str
    calls: _Calls | None = None
    agent: str | None = None

    def row(self) -> TrialRow:
        counts = self.calls
        return TrialRow(
            scenario=self.scenario,
            trial=self.trial,
            mode=self.mode,
            model=self.model,
            status=self.status,
            freshness=self.freshness,
            stop=self.stop,
            checks={name: Score(score.value, score.reason) for name, score in self.checks.items()},
            reasons=tuple(reason.reason() for reason in self.reasons),
            notes=tuple(note.reason() for note in self.notes),
            breaches=sum(reason.kind in _BREACHES for reason in self.reasons),
            escalation=self.escalation,
            offered=self.offered_in_words,
            resolved=self.resolved,
            cost_usd=self.cost.usd,
            cost_status=self.cost.status,
            tokens=(self.tokens.read, self.tokens.written),
            model_calls=self.model_calls,
            duration_s=self.duration_s,
            calls=None if counts is None else msgspec.structs.astuple(counts),
            agent=self.agent,
        )


class _Summary(msgspec.Struct):
    figures: dict[str, dict[str, Any]]


class _Set(msgspec.Struct):
    set: str
    agent: str
    fingerprints: dict[str, str]
    verdict: _Verdict
    gates: list[_Gate]
    summary: _Summary
    trials: list[_Trial]

    def stored(self) -> StoredSet:
        return StoredSet(
            self.set,
            self.agent,
            self.fingerprints,
            self.verdict.outcome,
            tuple(StoredGate(*msgspec.structs.astuple(gate)) for gate in self.gates),
            self.summary.figures,
            tuple(trial.row() for trial in self.trials),
        )


class _Head(msgspec.Struct):
    schema_version: str
    kind: str


class _Report(_Head):
    verdict: _Verdict
    sets: list[_Set]


def read_report(path: Path) -> ReportData:
    """Read the JSON report at `path`, as `agentctl eval --report` writes it.

    Raises:
        Problem: If the file is missing, is not a report, is of another version, or a part of
            it is damaged.
    """
    file = shown_path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise problem("missing-file", f"cannot read {file}: {error.strerror}") from error
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.kind != "eval-report":
            raise problem("not-a-report", f"{file} holds `{head.kind}`, not `eval-report`")
        if head.schema_version != SCHEMA_VERSION:
            raise problem(
                "report-version",
                f"{file} is a report of version {head.schema_version}; this agentctl reads"
                f" version {SCHEMA_VERSION}",
                hint="evaluate again, or read it with the agentctl that wrote it",
            )
        report = msgspec.json.decode(content, type=_Report)
    except msgspec.ValidationError as error:
        message, at = _place(str(error), content, file)
        raise problem("damaged-report", f"not a report: {message}", at=at) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = re.search(r"\(byte (\d+)\)", str(error))
        line = content[: int(found[1])].count(b"\n") + 1 if found else content.count(b"\n") + 1
        message = f"not a report: {error}"
        raise problem("damaged-report", message, at=Location(file, line)) from error
    return ReportData(report.verdict.outcome, tuple(one.stored() for one in report.sets))


def _place(said: str, content: bytes, file: str) -> tuple[str, Location]:
    """Return what is wrong without its path, and where that path leads."""
    found = _PLACE.search(said)
    if found is None:
        return said, Location(file, 1)
    steps: list[str | int] = [
        int(number) if number else name for name, number in _STEP.findall(found["path"])
    ]
    name = ".".join(map(str, steps))
    message = f"`{name}`: {said[: found.start()]}"
    try:
        return message, parse_yaml(content.decode(), file).at(*steps)
    except (Problem, UnicodeDecodeError):
        return message, Location(file, 1)


__all__ = ["ReportData", "StoredGate", "StoredSet", "read_report"]
