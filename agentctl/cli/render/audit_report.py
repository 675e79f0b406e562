"""The auditor's report as text, Markdown and JSON: the same sections, laid out three ways."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentctl.core.text import neutralised
from agentctl.traces.audit.report import EVIDENCE, Gaps, Report

_NOTES = (
    "Attempts to approve for oneself are refused before anything is recorded: what is counted here"
    " is what went through.",
    "The figures are evidence; whether a requirement is met is for people to say.",
    "Times are those of the machines' clocks; a golden scenario that was run brings its own.",
)


class Section(NamedTuple):
    """One table of the report."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sections(found: Report) -> Iterator[Section]:
    """Yield the tables of a report; those with nothing to say are left out."""
    yield Section("Period", ("what", "value"), tuple(_period(found)))
    yield Section("Gaps", ("what", "count", "which"), tuple(_gaps(found.gaps)))
    for title, counts in (
        ("Runs by agent", found.agents),
        ("Runs by mode", found.modes),
        ("Runs by stop reason", found.stops),
        ("Calls by verdict", found.verdicts),
        ("Blocked, by what blocked", found.blocked),
        ("Escalated, by what led to it", found.escalated),
        ("Effects by state", found.effects),
    ):
        yield Section(title, ("what", "count"), _counts(counts))
    yield Section("Oversight", ("what", "value"), tuple(_oversight(found)))
    people = (
        (one.by, _told(one.answers), _seconds(one.median_s), _seconds(one.longest_s))
        for one in found.approvers
    )
    yield Section("Approvers", ("who", "answers", "median", "longest"), tuple(people))
    policies = (
        (one.policy[:16], one.agent, str(one.runs), _use(one.first, one.first_run),
         _use(one.last, one.last_run))
        for one in found.policies
    )  # fmt: skip
    versions = ("policy", "agent", "runs", "first run", "last run")
    yield Section("Policy versions", versions, tuple(policies))
    erased = ((one.run, one.at, str(one.events), one.by, one.reason) for one in found.erased)
    yield Section("Erased content", ("run", "at", "events", "by", "reason"), tuple(erased))
    header = ("article", "speaks of", "figures that bear on it")
    yield Section("Evidence for Regulation (EU) 2024/1689", header, EVIDENCE)


def text_lines(found: Report) -> Iterator[str]:
    """Yield the report as text, the journal's head last."""
    for section in sections(found):
        yield section.title
        if not section.rows:
            yield "  none"
        widths = [max(map(len, column)) for column in zip(*section.rows, strict=True)]
        for row in section.rows:
            cells = (
                neutralised(cell).ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            yield f"  {'  '.join(cells)}".rstrip()
        yield ""
    yield from _NOTES
    yield f"journal head {found.journal_head}. Next: agentctl trace verify"


def markdown_lines(found: Report) -> Iterator[str]:
    """Yield the report as Markdown."""
    yield "# Audit report"
    for section in sections(found):
        yield ""
        yield f"## {section.title}"
        yield ""
        if not section.rows:
            yield "none"
            continue
        yield f"| {' | '.join(section.header)} |"
        yield f"|{'---|' * len(section.header)}"
        for row in section.rows:
            yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""
    yield from (f"- {line}" for line in _NOTES)
    yield f"- journal head `{found.journal_head}`"


def audit_report_json(found: Report) -> dict[str, Any]:
    """Return the report as JSON."""
    evidence = [
        {"article": article, "speaks_of": of, "figures": figures}
        for article, of, figures in EVIDENCE
    ]
    body = {
        **found._asdict(),
        "gaps": found.gaps._asdict(),
        "approvers": [one._asdict() for one in found.approvers],
        "policies": [one._asdict() for one in found.policies],
        "erased": [one._asdict() for one in found.erased],
    }
    return {"schema_version": "1", **body, "evidence": evidence}


def _period(found: Report) -> Iterator[tuple[str, str]]:
    yield "asked for", f"{found.start or 'the beginning'} to {found.end or 'today'}"
    yield "first run", found.first or "none"
    yield "last run", found.last or "none"
    yield "runs", str(found.runs)
    yield "trials of golden sets left out", str(found.trials_left_out)


def _gaps(gaps: Gaps) -> Iterator[tuple[str, str, str]]:
    told = (
        ("ended without a seal", gaps.unsealed),
        ("not ended, or gone on since the last seal", gaps.open),
        ("sealed, and the trace is gone", gaps.missing),
        ("damaged, and not counted", gaps.damaged),
        ("contradictions between journal and traces", gaps.contradictions),
    )
    for what, which in told:
        yield what, str(len(which)), "; ".join(which) or "none"


def _oversight(found: Report) -> Iterator[tuple[str, str]]:
    yield "calls a person was asked about", str(found.asked)
    yield "unanswered questions", str(found.unanswered)
    yield "median time to an answer", _seconds(found.median_s)
    yield "longest time to an answer", _seconds(found.longest_s)
    yield "approvals given for oneself", str(found.self_approvals)
    yield "manual corrections", str(found.corrected)
    yield "effects in doubt", str(found.in_doubt)
    yield "warnings before a limit", str(found.warned)


def _counts(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(number)) for name, number in counts.items())


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _use(at: str, run: str) -> str:
    return f"{at[:19]}Z {run}"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} s"


def _cell(text: str) -> str:
    return neutralised(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def audit_report_text(found: Report, shape: str) -> Sequence[str]:
    """Return the lines of a report as `text` or `md`."""
    return list(markdown_lines(found) if shape == "md" else text_lines(found))


__all__ = [
    "Section",
    "audit_report_json",
    "audit_report_text",
    "markdown_lines",
    "sections",
    "text_lines",
]
