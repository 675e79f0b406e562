"""Continue a trace where its writer left it, if it is as it was written.

One thing may be wrong with the trace of a run that has not ended: a last line without its end, left
by a writer that was killed. It is kept beside the trace and cut off. Anything else is damage.
"""

from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import parse_line
from agentctl.core.errors import Location, Problem, problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.verify import RunCheck, against, verify_data
from agentctl.traces.log.append import set_aside
from agentctl.traces.log.content import require_content
from agentctl.traces.log.journal import read_journal
from agentctl.traces.log.store import MAX_LINE, event_of, open_log


class Recovered(NamedTuple):
    """A trace that can be continued."""

    events: list[Event]
    head: str


def recover(path: Path, descriptor: int, run_id: str, journal: Path | None) -> Recovered:
    """Check a trace whose lock is held, cut a torn last line off, and return its events.

    Args:
        path: The trace.
        descriptor: The same file, open for reading and writing.
        run_id: The run it must hold, and no other.
        journal: Seals the trace must agree with, if any.

    Raises:
        Problem: If the trace is damaged, or its run has ended or keeps no content.
        OSError: If it cannot be read or written.
    """
    with open_log(path) as file:
        data = file.read()
    check = _checked(path, data, run_id, journal)
    if check.ended:
        raise problem(
            "run-ended",
            f"run {run_id} has ended, and nothing can be added to it",
            hint=f"agentctl trace show {run_id}",
        )
    whole = data.rfind(b"\n") + 1
    events = _events(data)
    require_content(run_id, events, "continued")
    if check.torn:
        set_aside(path, descriptor, data[whole:], whole)
    return Recovered(events, check.head)


def verified_events(path: Path, run_id: str, journal: Path) -> list[Event]:
    """Return the events of a run whose trace is as it was written and agrees with the journal.

    Raises:
        Problem: If it does not, or cannot be read.
    """
    try:
        with open_log(path) as file:
            data = file.read()
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise problem("unreadable-trace", message, exit_code=ExitCode.UNKNOWN) from error
    _checked(path, data, run_id, journal)
    return _events(data)


def _events(data: bytes) -> list[Event]:
    lines = data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]
    return [event_of(parse_line(line, max_bytes=MAX_LINE)) for line in lines]


def _checked(path: Path, data: bytes, run_id: str, journal: Path | None) -> RunCheck:
    check, *more = verify_data(data, path.stem)
    if check.tampering is not None:
        raise _damaged(path, check.tampering.seq, check.tampering.what, check.tampering.line)
    if check.run != run_id or more:
        other = more[0].run if more else check.run
        raise _damaged(path, 0, f"it holds another run, `{other}`")
    if not check.events:
        raise _damaged(path, 0, "no event is whole")
    if journal is not None:
        for what in against(read_journal(journal), [check], whole=False):
            raise _damaged(path, check.events, what)
    return check


def _damaged(path: Path, seq: int, what: str, line: int | None = None) -> Problem:
    return problem(
        "audit-damaged",
        f"the trace was changed: event {seq}, {what}",
        at=Location(str(path), seq + 1 if line is None else line),
        hint="agentctl trace verify says what else is wrong; the run stays as it is",
        exit_code=ExitCode.UNKNOWN,
    )


__all__ = ["Recovered", "recover", "verified_events"]
