"""Turn one trial into one row: what was checked, what was wrong, what it cost.

Rows are small, plain and frozen: they are all that is kept of a trial. A trial whose
infrastructure failed is inconclusive; it is never the agent's failure, and never a pass.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import Problem
from agentctl.evals.scorers.calls import refused_calls, score_calls
from agentctl.evals.scorers.context import ExpectedCallError, ScoringContext
from agentctl.evals.scorers.escalation import Cell, EscalationOutcome, score_escalation
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import FailureReason, Freshness, Score
from agentctl.evals.scorers.registry import SCORERS, ScorerEntry
from agentctl.runtime.trial import Trial
from agentctl.specs.shapes.golden import Scenario
from agentctl.traces.views.fold import fold

TrialStatus = Literal["passed", "failed", "inconclusive"]
GOOD = Score(True)


class TrialRow(NamedTuple):
    """What is kept of one trial."""

    scenario: str
    trial: int
    mode: str
    """written, recorded, cassette or live."""
    model: str
    status: TrialStatus
    freshness: Freshness
    stop: str | None
    checks: dict[str, Score]
    reasons: tuple[FailureReason, ...]
    notes: tuple[FailureReason, ...]
    """Worth telling, without weight."""
    breaches: int
    """Invariants broken."""
    escalation: Cell | None
    offered: bool
    resolved: bool
    """Ended `answered`, met its expectation, needed no person."""
    cost_usd: str | None
    cost_status: str
    tokens: tuple[int, int]
    """Input, output."""
    model_calls: int
    duration_s: str
    """Virtual seconds."""
    calls: tuple[int, int, int, float] | None
    """Expected, matched, scored, sum of argument shares; `None` where no calls are expected."""
    agent: str | None = None
    """The agent a recording names; left out = the set's."""

    def as_json(self) -> dict[str, Json]:
        """Return the row as reports hold it."""
        row: dict[str, Json] = {
            "scenario": self.scenario,
            "trial": self.trial,
            "mode": self.mode,
            "model": self.model,
            "status": self.status,
            "freshness": self.freshness,
            "stop": self.stop,
            "checks": {name: score.as_json() for name, score in self.checks.items()},
            "reasons": [reason.as_json() for reason in self.reasons],
            "notes": [reason.as_json() for reason in self.notes],
            "escalation": self.escalation,
            "offered_in_words": self.offered,
            "resolved": self.resolved,
            "cost": {"usd": self.cost_usd, "status": self.cost_status},
            "tokens": {"in": self.tokens[0], "out": self.tokens[1]},
            "model_calls": self.model_calls,
            "duration_s": self.duration_s,
        }
        if self.agent is not None:
            row["agent"] = self.agent
        if self.calls is not None:
            expected, matched, scored, arguments = self.calls
            row["calls"] = {
                "expected": expected,
                "matched": matched,
                "scored": scored,
                "argument_sum": round(arguments, 6),
            }
        return row


def score_trial(
    trial: Trial,
    scenario: Scenario,
    context: ScoringContext,
    table: Sequence[ScorerEntry] = SCORERS,
) -> TrialRow:
    """Score one trial by every scorer of the table.

    Raises:
        Problem: If the golden set itself is wrong: an expected call fails, an unknown table.
    """
    evidence = Evidence(scenario, trial.events, fold(trial.events), trial.world, context, {})
    faults: list[FailureReason] = []
    if trial.fault is not None:
        missed = trial.model_fault is not None and trial.model_fault.kind == "miss"
        faults.append(FailureReason("miss" if missed else "fault", trial.fault))
    # What was broken before a fault stays broken: it is counted all the same.
    always = [_ask(evidence, entry, faults) for entry in table if entry.counts == "always"]
    breaches = [reason for score in always if score is not None for reason in score.reasons]
    checks: dict[str, Score] = {}
    wrong: list[FailureReason] = []
    notes: list[FailureReason] = []
    for entry in table if trial.fault is None else ():
        score = _ask(evidence, entry, faults)
        if score is None:
            continue
        checks[entry.name] = GOOD if score.value is True else Score(score.value, score.reason)
        if score.notes:
            notes += score.notes
        if entry.counts == "scored" and score.value is False:
            wrong += [reason for reason in _reasons(entry.name, score) if reason not in breaches]
    status: TrialStatus = "failed" if breaches or wrong else "passed"
    reasons = [*breaches, *wrong]
    if faults:
        status, reasons = "inconclusive", [*faults, *breaches]
    elif trial.recorded_end in ("error", "limit") and not _met_again(evidence):
        message = f"recorded run ended: {trial.recorded_end}"
        status, reasons = "failed", [FailureReason("recorded-end", message), *reasons]
    if status == "failed":
        notes += refused_calls(evidence)
    return _row(trial, evidence, status, reasons, checks, notes, len(breaches))


def _met_again(evidence: Evidence) -> bool:
    """Whether the replay met a limit itself: then its end is judged, and not that of the record."""
    return evidence.trajectory.ended.get("stop") in ("limit", "loop")


def _ask(evidence: Evidence, entry: ScorerEntry, faults: list[FailureReason]) -> Score | None:
    """Return what a scorer says; one that breaks is a fault of the trial, never of the agent."""
    try:
        score = evidence.score(entry.scorer)
        if score is not None and not isinstance(score, Score):
            raise TypeError(f"expected a Score, got {type(score).__name__}")
    except Problem:
        raise
    except ExpectedCallError as error:
        # The set is wrong here: only this scenario cannot be scored.
        reason = FailureReason("expected-call", str(error))
        if reason not in faults:
            faults.append(reason)
        return None
    except Exception as error:  # noqa: BLE001 - a third party's code may raise anything
        evidence.scores[entry.scorer] = None
        message = f"scorer `{entry.name}` failed: {type(error).__name__}: {error}"
        faults.append(FailureReason("fault", message))
        return None
    return score


def _reasons(name: str, score: Score) -> Sequence[FailureReason]:
    if score.reasons:
        return score.reasons
    return [FailureReason("scorer", f"scorer `{name}`: {score.reason or 'no'}")]


def _row(
    trial: Trial,
    evidence: Evidence,
    status: TrialStatus,
    reasons: Sequence[FailureReason],
    checks: dict[str, Score],
    notes: Sequence[FailureReason],
    breaches: int,
) -> TrialRow:
    trajectory = evidence.trajectory
    ended = trajectory.ended
    cost = ended.get("cost") or {"usd": None, "status": "unknown"}
    usage = ended.get("usage") or {"in": 0, "out": 0}
    stop = ended.get("stop")
    asked = any(call.asked for call in trajectory.calls)
    alone = not trajectory.escalations and not asked
    calls = evidence.scores.get(score_calls)
    escalation = evidence.scores.get(score_escalation)
    outcome: EscalationOutcome | None = escalation.detail if escalation is not None else None
    return TrialRow(
        scenario=trial.scenario_id,
        trial=trial.number,
        mode=trial.kind,
        model=trial.model,
        status=status,
        freshness=evidence.context.freshness(trial, evidence.scenario),
        stop=stop,
        checks=checks,
        reasons=tuple(reasons),
        notes=tuple(notes),
        breaches=breaches,
        escalation=outcome.cell if outcome is not None else None,
        offered=outcome is not None and outcome.offered,
        resolved=status == "passed" and stop == "answered" and alone,
        cost_usd=cost["usd"],
        cost_status=cost["status"],
        tokens=(usage["in"], usage["out"]),
        model_calls=trajectory.steps,
        duration_s=str(ended.get("duration_s", "0.000")),
        calls=calls.detail if calls is not None else None,
        agent=trial.agent,
    )


__all__ = ["TrialRow", "TrialStatus", "score_trial"]
