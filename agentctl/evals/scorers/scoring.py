"""Turn one trial into one row: what was checked, what was wrong, what it cost.

Rows are small, plain and frozen: they are all that is kept of a trial. A trial whose
infrastructure failed is inconclusive; it is never the agent's failure, and never a pass.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import Problem
from agentctl.evals.scorers.answers import score_answer, score_output, score_stop
from agentctl.evals.scorers.context import ScoringContext
from agentctl.evals.scorers.escalation import Cell, Happened, score_escalation
from agentctl.evals.scorers.invariants import breaches
from agentctl.evals.scorers.matching import Matching, match_any_of, match_calls
from agentctl.evals.scorers.reasons import FailureReason, Freshness, Score, shown_call
from agentctl.evals.scorers.state import compare_fields, compare_worlds
from agentctl.runtime.trial import Trial
from agentctl.specs.shapes.golden import Expectation, ExpectedCall, Scenario
from agentctl.traces.views.fold import CallRecord, Trajectory, fold

TrialStatus = Literal["passed", "failed", "inconclusive"]
GOOD = Score(True)
_WRITES = frozenset({"internal_write", "external_write", "irreversible"})


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
        if self.calls is not None:
            expected, matched, scored, arguments = self.calls
            row["calls"] = {
                "expected": expected,
                "matched": matched,
                "scored": scored,
                "argument_sum": round(arguments, 6),
            }
        return row


def score_trial(trial: Trial, scenario: Scenario, context: ScoringContext) -> TrialRow:
    """Judge one trial.

    Raises:
        Problem: If the golden set itself is wrong: an expected call fails, an unknown table.
    """
    trajectory = fold(trial.events)
    findings = _Findings(trial, scenario, trajectory, context)
    broken = findings.look_for_breaches()
    if trial.fault is not None:
        # What was broken before the fault stays broken: it is counted all the same.
        missed = trial.model_fault is not None and trial.model_fault.kind == "miss"
        reasons = [FailureReason("miss" if missed else "fault", trial.fault), *broken]
        return _row(trial, scenario, context, trajectory, "inconclusive", reasons, findings)
    findings.collect(broken)
    unjudged = findings.extra_scores()
    if unjudged:
        reasons = [*unjudged, *broken]
        return _row(trial, scenario, context, trajectory, "inconclusive", reasons, findings)
    if trial.recorded_end is not None:
        message = f"recorded run ended: {trial.recorded_end}"
        findings.reasons.insert(0, FailureReason("recorded-end", message))
    status: TrialStatus = "failed" if findings.reasons else "passed"
    return _row(trial, scenario, context, trajectory, status, findings.reasons, findings)


class _Findings:
    """The checks of one trial, one method each; what is wrong gathers in `reasons`."""

    def __init__(
        self, trial: Trial, scenario: Scenario, trajectory: Trajectory, context: ScoringContext
    ) -> None:
        self.trial = trial
        self.scenario = scenario
        self.expect: Expectation = scenario.expect
        self.trajectory = trajectory
        self.context = context
        self.ran: list[CallRecord] = [call for call in trajectory.calls if call.ran]
        self.reasons: list[FailureReason] = []
        self.notes: list[FailureReason] = []
        self.checks: dict[str, Score] = {}
        self.breaches = 0
        self.cell: Cell | None = None
        self.offered = False
        self.calls: tuple[int, int, int, float] | None = None

    def look_for_breaches(self) -> list[FailureReason]:
        """Return the invariants that the trial broke."""
        broken = breaches(
            self.trajectory.calls,
            self.trial.events,
            forbidden=self.expect.forbid,
            money=self.context.money,
        )
        broken += self.context.foreign.leaks(
            self.trial.world,
            self.context.principal(self.scenario),
            self.trajectory.calls,
            self.trial.events,
        )
        self.breaches = len(broken)
        return broken

    def collect(self, broken: list[FailureReason]) -> None:
        """Run every built-in check that the scenario asks for."""
        expect = self.expect
        self.checks["action"] = GOOD
        wrong = [reason for reason in broken if reason.kind == "forbidden-call"]
        wrong += self._calls()
        if expect.state is not None:
            wrong += self._check("state", self._state())
        if wrong:
            self.checks["action"] = _score(wrong)
        self._check("invariants", broken)
        self.reasons += broken
        self.reasons += [reason for reason in wrong if reason.kind != "forbidden-call"]
        if expect.blocked:
            self.reasons += self._check("blocked", self._blocked())
        if expect.attempts is not None:
            self.reasons += self._check("attempts", self._attempts())
        self._escalation()
        self._said()

    def _check(self, name: str, wrong: list[FailureReason]) -> list[FailureReason]:
        self.checks[name] = _score(wrong) if wrong else GOOD
        return wrong

    def _calls(self) -> list[FailureReason]:
        """Compare the calls; return the reasons that count.

        Where the state that the calls lead to is what is expected, other calls may lead there
        too: then only calls that leave no mark in the world must be the expected ones.
        """
        expect = self.expect
        paths = expect.any_of or ((expect.calls,) if expect.calls is not None else ())
        if not paths:
            return self._check("calls", self._unexpected_writes())
        found = self._match(paths, self.ran)
        self.calls = (found.expected, found.matched, found.scored, found.argument_sum)
        self.notes += found.notes
        wrong = self._check("calls", list(found.reasons))
        if expect.state != "from_calls":
            return wrong
        unmarked = [
            call for call in self.ran if self.context.leaves_no_mark(call.tool, call.effect)
        ]
        bare = [[call for call in path if self.context.leaves_no_mark(call.tool)] for path in paths]
        counted = list(self._match(bare, unmarked).reasons) if unmarked or any(bare) else []
        self.notes += [reason for reason in wrong if reason not in counted]
        return counted

    def _match(
        self, paths: Sequence[Sequence[ExpectedCall]], ran: Sequence[CallRecord]
    ) -> Matching:
        order, defaults = self.expect.order, self.context.defaults
        if len(paths) == 1:
            return match_calls(paths[0], ran, order=order, defaults=defaults)
        return match_any_of(paths, ran, order=order, defaults=defaults)

    def _unexpected_writes(self) -> list[FailureReason]:
        """With a free path, return the writes that no expected state accounts for."""
        state = self.expect.state
        tables = state.keys() if isinstance(state, dict) else ()
        return [
            FailureReason("extra-call", f"extra: {shown_call(call.tool, call.arguments)}")
            for call in self.ran
            if call.ok
            and call.effect in _WRITES
            and not self.context.accounted_for(call.tool, call.effect, tables)
        ]

    def _state(self) -> list[FailureReason]:
        expect, world = self.expect, self.trial.world
        if expect.state == "from_calls":
            worlds = self.context.expected_worlds(self.scenario)
            found = min((compare_worlds(wanted, world) for wanted in worlds), key=len)
        else:
            free = expect.calls is None and not expect.any_of
            found = compare_fields(expect.state, world, closed=free)
        return [difference.reason() for difference in found]

    def _blocked(self) -> list[FailureReason]:
        stopped = {call.tool for call in self.trajectory.calls if not call.ran}
        return [
            FailureReason(
                "not-blocked", f"{tool} was to be tried and stopped; no such call was stopped"
            )
            for tool in self.expect.blocked
            if tool not in stopped
        ]

    def _attempts(self) -> list[FailureReason]:
        return [
            FailureReason("attempted-write", f"tried: {shown_call(call.tool, call.arguments)}")
            for call in self.trajectory.calls
            if call.effect in _WRITES
        ]

    def _escalation(self) -> None:
        body = self.trajectory.escalation
        step = self.trajectory.escalated_at_step or 0
        happened = (
            None if body is None else Happened(body["queue"], body["reason"], body["packet"], step)
        )
        answer = self.trajectory.ended.get("answer")
        judged = score_escalation(self.expect.escalation, happened, answer)
        self.cell, self.offered = judged.cell, judged.offered
        self.reasons += self._check("escalation", list(judged.reasons))

    def _said(self) -> None:
        expect, ended = self.expect, self.trajectory.ended
        if expect.answer is not None:
            said = _earlier_words(self.trial) if self.scenario.conversation else ()
            found = score_answer(expect.answer, ended.get("answer"), said)
            self.reasons += self._check("answer", found)
        if expect.output is not None:
            found = score_output(expect.output, ended.get("output"))
            self.reasons += self._check("output", found)
        wrong = score_stop(expect.stop, ended.get("stop"), ended.get("reason"))
        if wrong or expect.stop is not None:
            self.reasons += self._check("stop", wrong)

    def extra_scores(self) -> list[FailureReason]:
        """Run the scorers that the set names; return the reasons why one could not judge."""
        broken = []
        for name, scorer in self.context.scorers.items():
            try:
                score = scorer(self.trajectory, self.scenario)
                if not isinstance(score, Score):
                    raise TypeError(f"it returned {type(score).__name__}, not a Score")
            except Problem:
                raise
            except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
                message = f"scorer `{name}` broke: {type(error).__name__}: {error}"
                broken.append(FailureReason("fault", message))
                continue
            self.checks[name] = score
            if score.value is False:
                message = f"scorer `{name}`: {score.reason or 'no'}"
                self.reasons.append(FailureReason("scorer", message))
        return broken


def _score(wrong: Sequence[FailureReason]) -> Score:
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Score(False, wrong[0].message + more)


def _earlier_words(trial: Trial) -> list[str]:
    return [
        event.body["text"]
        for event in trial.events
        if event.type == "model.replied" and event.body["text"] and not event.body["calls"]
    ]


def _row(
    trial: Trial,
    scenario: Scenario,
    context: ScoringContext,
    trajectory: Trajectory,
    status: TrialStatus,
    reasons: Sequence[FailureReason],
    findings: _Findings,
) -> TrialRow:
    ended = trajectory.ended
    cost = ended.get("cost") or {"usd": None, "status": "unknown"}
    usage = ended.get("usage") or {"in": 0, "out": 0}
    stop = ended.get("stop")
    asked = any(call.asked for call in trajectory.calls)
    alone = trajectory.escalation is None and not asked
    return TrialRow(
        scenario=trial.scenario_id,
        trial=trial.number,
        mode=trial.kind,
        model=trial.model,
        status=status,
        freshness=context.freshness(trial, scenario),
        stop=stop,
        checks=findings.checks,
        reasons=tuple(reasons),
        notes=tuple(findings.notes),
        breaches=findings.breaches,
        escalation=findings.cell,
        offered=findings.offered,
        resolved=status == "passed" and stop == "answered" and alone,
        cost_usd=cost["usd"],
        cost_status=cost["status"],
        tokens=(usage["in"], usage["out"]),
        model_calls=trajectory.steps,
        duration_s=str(ended.get("duration_s", "0.000")),
        calls=findings.calls,
    )


__all__ = ["TrialRow", "TrialStatus", "score_trial"]
