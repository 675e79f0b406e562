"""Verify a whole project: every trace, the journal that seals them, and heads kept elsewhere.

What the files say of each other is checked here; that not all of them were rewritten is shown only
by a head that was printed or signed before and is still at its place.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.verify import RunCheck, against, verify_file
from agentctl.traces.log.journal import Journal, Seal, read_journal, seal_run
from agentctl.traces.log.store import (
    evals_folder,
    journal_file,
    open_log,
    run_files,
    traces_folder,
)

LEAST_DIGITS = 12
"""Hex digits by which a head is named at least."""


class CheckedFile(NamedTuple):
    """One run and the file it is in."""

    path: Path
    check: RunCheck


class ProjectAudit(NamedTuple):
    """What was found of a project, or of a part of it."""

    checked: tuple[CheckedFile, ...]
    journal: Journal
    contradictions: tuple[str, ...]
    """Where the journal and the traces do not fit, a line each."""
    unsealed: tuple[str, ...]
    """Runs that ended and were never sealed: killed at their end, or cut out of the journal."""
    open: tuple[str, ...]
    """Runs with events behind their last seal, or that have not ended and have none."""

    @property
    def tampered(self) -> tuple[CheckedFile, ...]:
        """The runs that are not as they were written."""
        return tuple(one for one in self.checked if one.check.tampering is not None)

    @property
    def exit_code(self) -> ExitCode:
        """1 if anything was tampered with, 3 if that is unknown, else 0."""
        if self.tampered or self.contradictions:
            return ExitCode.NO
        return ExitCode.UNKNOWN if self.unsealed else ExitCode.OK


def verify_project(root: Path) -> ProjectAudit:
    """Check every trace of a project against itself and the journal.

    Raises:
        Problem: If a file cannot be read at all.
    """
    trials = sorted(evals_folder(root).glob("*.jsonl"))
    return _audit(root, run_files(root), trials, whole=True)


def verify_runs(root: Path) -> ProjectAudit:
    """Check the runs of a project against themselves and the journal; trials are left out.

    Raises:
        Problem: If a file cannot be read at all.
    """
    return _audit(root, run_files(root), (), whole=True)


def verify_files(root: Path, files: Sequence[Path]) -> ProjectAudit:
    """Check some files, and compare what is sealed of them with the journal.

    Raises:
        Problem: If a file cannot be read at all.
    """
    return _audit(root, files, (), whole=False)


def _audit(
    root: Path, files: Sequence[Path], trials: Sequence[Path], *, whole: bool
) -> ProjectAudit:
    runs = [CheckedFile(file, check) for file in files for check in verify_file(file)]
    others = [CheckedFile(file, check) for file in trials for check in verify_file(file)]
    checks = [one.check for one in runs]
    journal = read_journal(journal_file(root))
    found = [*misnamed(root, (*runs, *others)), *against(journal, checks, whole=whole)]
    sealed = {seal.run: seal.events for seal in journal.seals}
    ours = [one.check for one in runs if _is_in(one.path, traces_folder(root))]
    unsealed = [one.run for one in ours if one.ended and one.run not in sealed]
    going = [
        one.run
        for one in checks
        if whole and one.events > sealed.get(one.run, 0) and one.run not in unsealed
    ]
    return ProjectAudit((*runs, *others), journal, tuple(found), tuple(unsealed), tuple(going))


def misnamed(root: Path, checked: Iterable[CheckedFile]) -> Iterator[str]:
    """Yield a line for each file of the project that holds another run than its name says."""
    for path, check in checked:
        stem = path.stem
        if _is_in(path, traces_folder(root)):
            if check.run != stem:
                yield f"{path.name} holds run {check.run}"
        elif (
            _is_in(path, evals_folder(root))
            and check.events
            and not check.run.startswith(f"{stem}/")
        ):
            yield f"{path.name} holds trial {check.run}"


def _is_in(path: Path, folder: Path) -> bool:
    return path.parent.resolve() == folder.resolve()


def reseal(root: Path, at: str) -> list[str]:
    """Seal ended runs that have events behind their last seal; return them.

    An erasure that was killed before it could seal the run again leaves such runs.

    Args:
        root: The project.
        at: The moment, as events hold it.

    Raises:
        Problem: If a file cannot be read, or the journal cannot be written.
    """
    audit = verify_project(root)
    if audit.tampered or audit.contradictions:
        return []
    behind = [one.check for one in audit.checked if one.check.run in audit.open]
    for check in behind:
        if check.ended:
            seal_run(journal_file(root), Seal(check.run, check.events, check.head), at)
    return [check.run for check in behind if check.ended]


def place_of(head: str, audit: ProjectAudit) -> str | None:
    """Say where a head that was kept elsewhere stands; `None` if it is nowhere any more.

    The position of an event or a line is inside its hash: a head that is still there proves that
    everything before it is as it was when the head was printed.

    Raises:
        Problem: If it is not a head: fewer than `LEAST_DIGITS` hex digits, or anything else.
    """
    if len(head) < LEAST_DIGITS or len(head) > 64 or set(head) - set("0123456789abcdef"):
        raise problem(
            "not-a-head",
            f"`{head}` is not a head",
            hint=f"a head is 64 hex digits; the first {LEAST_DIGITS} are enough",
        )
    return next((place for known, place in _places(audit) if known.startswith(head)), None)


def _places(audit: ProjectAudit) -> Iterator[tuple[str, str]]:
    for number, head in enumerate(audit.journal.heads, start=1):
        yield head, f"line {number} of {len(audit.journal.heads)} of the journal"
    for _, check in audit.checked:
        for seq, head in enumerate(check.heads):
            yield head, f"event {seq} of {check.events} of {check.run}"
    for path in _files(audit.checked):
        yield file_head(path), f"{path.name} as a whole"


def _files(checked: Iterable[CheckedFile]) -> list[Path]:
    return list(dict.fromkeys(path for path, _ in checked))


def file_head(path: Path) -> str:
    """Return the sha256 of a file of trials: `eval` prints it, and it names the file as a whole.

    Raises:
        Problem: If the file cannot be read.
    """
    try:
        with open_log(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise problem("unreadable-trace", message, exit_code=ExitCode.UNKNOWN) from error


__all__ = [
    "LEAST_DIGITS",
    "CheckedFile",
    "ProjectAudit",
    "file_head",
    "misnamed",
    "place_of",
    "reseal",
    "verify_files",
    "verify_project",
    "verify_runs",
]
