"""What verification found, as people and as programs read it."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentctl.cli.render.console import paint
from agentctl.core.text import count
from agentctl.specs.reading.locate import shown_path
from agentctl.traces.audit.project import CheckedFile, ProjectAudit
from agentctl.traces.audit.verify import RunCheck


def audit_lines(audit: ProjectAudit, proofs: Mapping[str, str | None]) -> Iterator[str]:
    """Yield what was found of a project, the verdict last.

    Args:
        audit: What was found.
        proofs: Heads kept elsewhere, and where each stands.
    """
    for what in audit.contradictions:
        yield f"{paint('journal', 'red')}   {what}"
    if audit.journal.torn and audit.journal.wrong is None:
        yield f"{paint('journal', 'yellow')}   a torn last line: the next seal sets it aside"
    for one in audit.checked:
        yield from _run_lines(one, audit)
    for head, place in proofs.items():
        gone = "nowhere: something was cut or replaced"
        word = paint("missing", "red") if place is None else paint("proven", "green")
        yield f"{word}   head {head} is {place or gone}"
    yield _verdict(audit, proofs)


def _run_lines(one: CheckedFile, audit: ProjectAudit) -> Iterator[str]:
    check, wrong = one.check, one.check.tampering
    if wrong is not None:
        yield f"{paint('tampered', 'red')}  {check.run}: event {wrong.seq}, {wrong.what}"
        yield f"  --> {shown_path(one.path)}:{wrong.line}"
        return
    unsealed = check.run in audit.unsealed
    word = paint("unsealed", "yellow") if unsealed else paint("intact", "green")
    yield f"{word}  {check.run}: {', '.join([f'{check.events} events', *_notes(check, audit)])}"
    yield f"  head {check.head}"


def _notes(check: RunCheck, audit: ProjectAudit) -> Iterator[str]:
    if not check.ended:
        yield "not ended"
    if check.torn:
        yield "a torn last line was set aside"
    if check.erased:
        yield f"content of {check.erased} erased"
    last = next((s.events for s in reversed(audit.journal.seals) if s.run == check.run), 0)
    if last and check.events > last:
        yield f"{check.events - last} since its last seal"
    if check.run in audit.unsealed:
        yield "ended, and the journal does not know it"


def _verdict(audit: ProjectAudit, proofs: Mapping[str, str | None]) -> str:
    runs = count(len(audit.checked), "run")
    bad = len(audit.tampered)
    lost = sum(place is None for place in proofs.values())
    if bad or audit.contradictions or lost:
        told = f"{bad} of {runs} tampered with"
        if audit.contradictions:
            told += f"; {count(len(audit.contradictions), 'contradiction')} with the journal"
        if lost:
            told += f"; {count(lost, 'head')} not found"
        return told
    journal = f"journal of {count(len(audit.journal.seals), 'seal')}, head {audit.journal.head}"
    if audit.unsealed:
        return (
            f"{runs} intact, {len(audit.unsealed)} without a seal: killed at the end, or cut out"
            f" of the journal ({journal}). Next: agentctl trace verify --against a head kept"
            " elsewhere, then agentctl trace audit seal"
        )
    if proofs:
        return f"{runs} intact, and nothing before the given heads was rewritten; {journal}"
    return (
        f"{runs} intact, {journal}. The owner of the files can still rewrite all of them:"
        " keep a head elsewhere and pass it to --against."
    )


def audit_json(audit: ProjectAudit, proofs: Mapping[str, str | None]) -> dict[str, Any]:
    """Return what was found of a project as JSON."""
    return {
        "schema_version": "1",
        "runs": [check_json(one) for one in audit.checked],
        "journal": list(audit.contradictions),
        "journal_head": audit.journal.head,
        "journal_torn": audit.journal.torn,
        "seals": len(audit.journal.seals),
        "unsealed": list(audit.unsealed),
        "open": list(audit.open),
        "against": [{"head": head, "found": place} for head, place in proofs.items()],
    }


def check_json(one: CheckedFile) -> dict[str, Any]:
    """Return what was found of one run as JSON."""
    check, wrong = one.check, one.check.tampering
    return {
        "run": check.run,
        "file": shown_path(one.path),
        "intact": wrong is None,
        "events": check.events,
        "head": check.head,
        "ended": check.ended,
        "torn": check.torn,
        "erased": check.erased,
        "tampering": None
        if wrong is None
        else {"line": wrong.line, "event": wrong.seq, "what": wrong.what},
    }


__all__ = ["audit_json", "audit_lines", "check_json"]
