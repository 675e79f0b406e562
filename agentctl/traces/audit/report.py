"""What an auditor asks for over a period: a fold over the facts of all runs in it.

The figures are evidence: which part of the EU AI Act (Regulation (EU) 2024/1689) each speaks to is
in `EVIDENCE`. Whether a system meets an article is for people to say, not for a log.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.traces.audit.facts import ApprovalFact, RunFacts, facts_of
from agentctl.traces.audit.project import ProjectAudit, verify_project
from agentctl.traces.log.store import ERASED, read_events, run_files

EVIDENCE: tuple[tuple[str, str, str], ...] = (
    ("12(1)", "events are recorded automatically over the system's lifetime", "period, runs, gaps"),
    ("12(2)(a)", "events that help to identify risks and changes", "blocked, in doubt, policies"),
    ("12(2)(b)", "events that help monitoring once in use", "runs, stops, warnings"),
    ("12(2)(c)", "events that help to monitor operation", "verdicts, escalated, corrected"),
    ("14(4)(a)", "people can notice anomalies and dysfunctions", "blocked, in doubt, warnings"),
    ("14(4)(d)", "people can decide not to use, or disregard or reverse, an output",
     "approvals: reject and modify, corrected"),
    ("14(4)(e)", "people can intervene or stop", "approvals, escalated, stops"),
    ("19(1)", "logs are kept for at least six months", "period, first and last run, gaps, erased"),
    ("26(2)", "oversight is given to named people", "approvers, self-approvals"),
    ("26(5)", "operation is monitored by the deployer", "escalated, corrected, in doubt"),
    ("26(6)", "logs under the deployer's control are kept", "period, gaps, erased"),
)  # fmt: skip
"""Article of Regulation (EU) 2024/1689, what it speaks of, and the figures that bear on it."""


class PersonActivity(NamedTuple):
    """One approver, and how fast they decided."""

    by: str
    answers: dict[str, int]
    median_s: float | None
    """`None` where no answer has a time."""
    longest_s: float | None


class PolicyUse(NamedTuple):
    """One version of a policy, and when it was used."""

    policy: str
    """Fingerprint."""
    agent: str
    runs: int
    first: str
    first_run: str
    last: str
    last_run: str


class Erased(NamedTuple):
    """One erasure of content."""

    run: str
    at: str
    events: int
    by: str
    reason: str


class Gaps(NamedTuple):
    """What is not there, or not as it was written. Seals and damage have no period of their own."""

    unsealed: tuple[str, ...]
    """Runs that ended, and the journal does not know them."""
    open: tuple[str, ...]
    """Runs that have not ended, or went on behind their last seal."""
    missing: tuple[str, ...]
    """Runs that were sealed, and their trace is gone."""
    damaged: tuple[str, ...]
    """Runs that are not as they were written; they are counted nowhere else."""
    contradictions: tuple[str, ...]
    """Where the journal and the traces do not fit."""


class Report(NamedTuple):
    """The counts of a period."""

    start: str | None
    """First day asked for; `None` = from the beginning."""
    end: str | None
    """Last day asked for; `None` = to this day."""
    first: str | None
    """When the first run of the period started."""
    last: str | None
    runs: int
    trials_left_out: int
    """Trials of golden sets, which are no operation."""
    agents: dict[str, int]
    modes: dict[str, int]
    stops: dict[str, int]
    gaps: Gaps
    verdicts: dict[str, int]
    blocked: dict[str, int]
    escalated: dict[str, int]
    effects: dict[str, int]
    in_doubt: int
    corrected: int
    warned: int
    asked: int
    """Calls for which a person was asked."""
    unanswered: int
    """Questions without an answer."""
    approvers: tuple[PersonActivity, ...]
    median_s: float | None
    """Over all answers of people."""
    longest_s: float | None
    self_approvals: int
    policies: tuple[PolicyUse, ...]
    erased: tuple[Erased, ...]
    journal_head: str


class _CountedRun(NamedTuple):
    run: str
    at: str
    facts: RunFacts
    erased: tuple[Erased, ...]


def audit_report(root: Path, start: date | None, end: date | None) -> Report:
    """Fold all runs of a project that started in a period.

    Args:
        root: The project.
        start: First day, UTC; `None` = from the beginning.
        end: Last day, UTC, itself included; `None` = to the end.

    Raises:
        Problem: If a file cannot be read at all.
    """
    audit = verify_project(root)
    damaged = {one.check.run for one in audit.tampered}
    files = set(run_files(root))
    runs = [
        counted
        for path in sorted(files)
        if path.stem not in damaged
        for counted in _counted(path, damaged)
        if (start is None or counted.at[:10] >= start.isoformat())
        and (end is None or counted.at[:10] <= end.isoformat())
    ]
    facts = [one.facts for one in runs]
    approvals = [approval for one in facts for approval in one.approvals]
    answered = [approval for approval in approvals if approval.by is not None]
    waits = _waits(answered)
    moments = sorted(one.at for one in runs)
    asked = sum(one.asked for one in facts)
    return Report(
        start=start.isoformat() if start else None,
        end=end.isoformat() if end else None,
        first=moments[0] if moments else None,
        last=moments[-1] if moments else None,
        runs=len(runs),
        trials_left_out=sum(one.path not in files for one in audit.checked),
        agents=_sorted(Counter(one.agent for one in facts)),
        modes=_sorted(Counter(one.mode for one in facts)),
        stops=_sorted(Counter(one.stop or "not ended" for one in facts)),
        gaps=_gaps(audit, damaged),
        verdicts=_sum(one.verdicts for one in facts),
        blocked=_sum(one.blocked for one in facts),
        escalated=_sum(one.escalated for one in facts),
        effects=_sum(one.effects for one in facts),
        in_doubt=sum(one.in_doubt for one in facts),
        corrected=sum(one.corrected for one in facts),
        warned=sum(one.warned for one in facts),
        asked=asked,
        unanswered=max(0, asked - len(answered)),
        approvers=tuple(_people(answered)),
        median_s=round(median(waits), 3) if waits else None,
        longest_s=max(waits, default=None),
        self_approvals=sum(one.self_approvals for one in facts),
        policies=tuple(_policies(runs)),
        erased=tuple(erased for one in runs for erased in one.erased),
        journal_head=audit.journal.head,
    )


def _counted(path: Path, damaged: set[str]) -> Iterable[_CountedRun]:
    try:
        run, events = read_events(path)
    except Problem:
        damaged.add(path.stem)
        return
    if run not in damaged:
        yield _CountedRun(run, events[0].at, facts_of(events), tuple(_erased(run, events)))


def _erased(run: str, events: Sequence[Event]) -> Iterable[Erased]:
    for event in events:
        if event.type == "content.erased":
            body = event.body
            gone = sum(other.body == ERASED for other in events)
            yield Erased(run, event.at, gone, str(body.get("by")), str(body.get("reason")))


def _gaps(audit: ProjectAudit, damaged: set[str]) -> Gaps:
    there = {one.check.run for one in audit.checked}
    sealed = dict.fromkeys(seal.run for seal in audit.journal.seals)
    missing = tuple(run for run in sealed if run not in there)
    return Gaps(audit.unsealed, audit.open, missing, tuple(sorted(damaged)), audit.contradictions)


def _policies(runs: Sequence[_CountedRun]) -> Iterable[PolicyUse]:
    uses: dict[tuple[str, str], list[_CountedRun]] = {}
    for one in runs:
        uses.setdefault((one.facts.policy, one.facts.agent), []).append(one)
    found = []
    for (policy, agent), used in uses.items():
        first, *_ = ordered = sorted(used, key=lambda one: (one.at, one.run))
        last = ordered[-1]
        found.append(PolicyUse(policy, agent, len(used), first.at, first.run, last.at, last.run))
    return sorted(found, key=lambda use: (use.agent, use.first))


def _people(approvals: Sequence[ApprovalFact]) -> Iterable[PersonActivity]:
    for by in sorted({str(one.by) for one in approvals}):
        theirs = [one for one in approvals if one.by == by]
        waits = _waits(theirs)
        yield PersonActivity(
            by,
            _sorted(Counter(one.answer for one in theirs)),
            round(median(waits), 3) if waits else None,
            max(waits, default=None),
        )


def _waits(approvals: Iterable[ApprovalFact]) -> list[float]:
    return [float(one.waited_s) for one in approvals if one.waited_s is not None]


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return _sorted(total)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


__all__ = ["EVIDENCE", "Erased", "Gaps", "PersonActivity", "PolicyUse", "Report", "audit_report"]
