"""Whether this machine can run agents: Python, libraries, the clock, the folder for state.

Nothing leaves the machine, and nothing stays behind: what has to be tried is tried in a folder that
is removed again.
"""

import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, NamedTuple

from agentctl.core.errors import Problem
from agentctl.core.exits import ExitCode, strongest
from agentctl.effects.db import open_db
from agentctl.traces.log.locks import lock

FindingStatus = Literal["ok", "warn", "fail", "unknown"]
"""`warn`: something will not work; `fail`: it is broken; `unknown`: a probe was inconclusive."""

PYTHONS = ((3, 11), (3, 13))
"""The oldest and the newest Python that the tests run on."""
STOLEN = {"litellm": ("1.82.7", "1.82.8")}
"""Releases that carried a credential stealer."""
LITTLE_BYTES, LEAST_BYTES = 1_000_000_000, 100_000_000
_YEARS = range(2025, 2100)
_DRIFT_S = 2.0
"""File systems keep moments to two seconds at worst."""
_EXITS: dict[FindingStatus, ExitCode] = {"fail": ExitCode.NO, "unknown": ExitCode.UNKNOWN}
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")


class HealthFinding(NamedTuple):
    """One thing that was examined."""

    area: str
    status: FindingStatus
    what: str
    hint: str | None = None
    """The way out."""


def exit_code(findings: list[HealthFinding]) -> ExitCode:
    """Return how a command ends that found all this."""
    return strongest(_EXITS.get(finding.status, ExitCode.OK) for finding in findings)


def machine(state: Path) -> Iterator[HealthFinding]:
    """Yield the findings about the machine.

    Args:
        state: Where a project keeps its state; it need not be there.
    """
    yield python(sys.version_info[:2])
    yield from libraries()
    yield clock()
    yield from folder(state)


def python(running: tuple[int, int]) -> HealthFinding:
    """Judge the version of Python."""
    oldest, newest = PYTHONS
    named = ".".join(map(str, running))
    span = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    if running < oldest:
        return HealthFinding("python", "fail", f"Python {named} is too old", f"use {span}")
    if running > newest:
        return HealthFinding("python", "warn", f"Python {named} is not tested", f"tested: {span}")
    return HealthFinding("python", "ok", f"Python {named} at {sys.executable}")


def libraries() -> Iterator[HealthFinding]:
    """Yield which libraries of agentctl and of its extras are installed."""
    try:
        own, wanted = version("agentctl"), requires("agentctl") or []
    except PackageNotFoundError:
        yield HealthFinding("libraries", "warn", "agentctl is not installed as a package")
        return
    needed, extras = _sorted(wanted)
    found = {name: _version(name) for name in needed}
    absent = [name for name, there in found.items() if there is None]
    for name in absent:
        yield HealthFinding("libraries", "fail", f"{name} is missing", "pip install agentctl")
    for name, releases in STOLEN.items():
        if found.get(name) in releases:
            what = f"{name} {found[name]} carries a credential stealer"
            yield HealthFinding(
                "libraries", "fail", what, f"pip install -U {name}, and renew your keys"
            )
    listed = ", ".join(f"{name} {there}" for name, there in found.items() if there)
    yield HealthFinding("libraries", "ok", f"agentctl {own}; {listed}")
    for extra, names in extras.items():
        missing = [name for name in names if _version(name) is None]
        if missing:
            what = f"extra `{extra}` is not installed: no {' and no '.join(missing)}"
            # What is optional is not wrong when it is absent.
            yield HealthFinding("extras", "ok", what, f"pip install 'agentctl[{extra}]'")
        else:
            yield HealthFinding("extras", "ok", f"extra `{extra}` is installed")


def _sorted(wanted: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return what is always needed, and what each extra needs; tools of developers do not count."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in wanted:
        name, extra = _NAME.match(line), _EXTRA.search(line)
        assert name is not None  # the metadata of a package is well-formed
        if extra is None:
            needed.append(name[0])
        elif extra[1] != "dev":
            extras.setdefault(extra[1], []).append(name[0])
    return needed, extras


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def clock(
    now: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
) -> HealthFinding:
    """Check that the clock is set and runs at the right speed.

    Args:
        now: Seconds since 1970.
        ticks: Seconds of a clock that is never set back.
    """
    wall, steady = now(), ticks()
    time.sleep(0.05)
    jump = (now() - wall) - (ticks() - steady)
    moment = datetime.fromtimestamp(wall, UTC)
    if moment.year not in _YEARS:
        hint = "set the clock: approvals, budgets and traces go by it"
        return HealthFinding("clock", "fail", f"the clock says {moment:%Y-%m-%d}", hint)
    if abs(jump) > 0.02:
        what = f"the clock jumped by {jump:.2f} s within a moment"
        return HealthFinding(
            "clock", "warn", what, "is it being set? moments in traces may go back"
        )
    return HealthFinding("clock", "ok", f"{moment:%Y-%m-%d %H:%M:%S} UTC")


def folder(state: Path) -> Iterator[HealthFinding]:
    """Try what the state of a project needs: writing, locks, SQLite; where it is, or would be."""
    place = state
    while not place.is_dir() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".agentctl-doctor-") as made:
            yield HealthFinding("state", "ok", f"{state} can be written")
            yield _file_times(Path(made))
            yield _locks(Path(made))
            yield _database(Path(made))
    except OSError as error:
        hint = "permit writing, or set AGENTCTL_HOME to another folder"
        yield HealthFinding("state", "fail", f"{place} cannot be written: {error.strerror}", hint)
    yield _disk(place)


def _file_times(made: Path) -> HealthFinding:
    probe = made / "now"
    before = time.time()
    probe.touch()
    drift = probe.stat().st_mtime - before
    if abs(drift) > _DRIFT_S:
        what = f"files are dated {drift:+.0f} s off this machine's clock"
        return HealthFinding("clock", "warn", what, "set both clocks: is this a network drive?")
    return HealthFinding("clock", "ok", "files are dated by the same clock")


def _locks(made: Path) -> HealthFinding:
    path = made / "lock"
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        lock(first, path.name)
        try:
            lock(second, path.name)
        except Problem:
            return HealthFinding("locks", "ok", "a locked file stays with who locked it")
        hint = "set AGENTCTL_HOME to a folder on a local disk"
        return HealthFinding("locks", "fail", "a locked file can be locked again", hint)
    except Problem:
        hint = "set AGENTCTL_HOME to a folder on a local disk"
        return HealthFinding("locks", "fail", "files cannot be locked here", hint)
    finally:
        os.close(first)
        os.close(second)


def _database(made: Path) -> HealthFinding:
    hint = "set AGENTCTL_HOME to a folder on a local disk"
    try:
        with closing(open_db(made / "state.db")) as db:
            mode = db.execute("PRAGMA journal_mode").fetchone()[0]
    except Problem as met:
        return HealthFinding("sqlite", "fail", met.diagnostics[0].message, hint)
    named = f"SQLite {sqlite3.sqlite_version}"
    if mode != "wal":
        return HealthFinding("sqlite", "fail", f"{named} has no write-ahead log here", hint)
    return HealthFinding("sqlite", "ok", f"{named} with a write-ahead log")


def _disk(place: Path) -> HealthFinding:
    free = shutil.disk_usage(place).free
    what = f"{free / 1e9:.1f} GB free"
    if free < LITTLE_BYTES:
        return HealthFinding("disk", "fail" if free < LEAST_BYTES else "warn", what, "make room")
    return HealthFinding("disk", "ok", what)


__all__ = [
    "LEAST_BYTES",
    "LITTLE_BYTES",
    "PYTHONS",
    "STOLEN",
    "FindingStatus",
    "HealthFinding",
    "clock",
    "exit_code",
    "folder",
    "libraries",
    "machine",
    "python",
]
