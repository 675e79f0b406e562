"""A log that cannot be written stops the run: what cannot be audited must not happen."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.file import FileTrace

AT = "2026-01-15T09:00:00.000Z"


def event(seq: int, kind: str = "model.replied", at: str = AT) -> Event:
    return Event(seq, kind, at, {"text": "x" * 400, "number": seq})  # type: ignore[arg-type]


def refused(trace: FileTrace, one: Event) -> str:
    with pytest.raises(Problem) as met:
        trace.record(one)
    assert met.value.exit_code == ExitCode.UNKNOWN
    assert met.value.diagnostics[0].code == "audit-write-failed"
    return met.value.diagnostics[0].message


FILL = """
import resource, signal, sys
from pathlib import Path
from agentctl.core.errors import Problem
from agentctl.traces.log.file import FileTrace
from tests.traces.test_audit_faults import event

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
done = 0
with FileTrace(Path(sys.argv[1]), "r") as trace:
    for seq in range(9):
        try:
            trace.record(event(seq))
            done += 1
        except Problem as met:
            print(done, seq, met.exit_code, met.diagnostics[0].code)
"""


def test_a_full_disk_refuses_the_event_and_everything_after_it(tmp_path: Path):
    """The event the disk has no room for does not count, nor any later one, however small."""
    path = tmp_path / "r.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True
    )
    said = [line.split() for line in done.stdout.splitlines()]
    written = int(said[0][0])
    assert 0 < written < 9
    assert said == [
        [str(written), str(seq), "3", "audit-write-failed"] for seq in range(written, 9)
    ]
    (check,) = verify_file(path)
    assert (check.events, check.torn, check.tampering) == (written, True, None)
    trace, events = FileTrace.reopen(path, "r")
    with trace:
        trace.record(event(len(events), "run.ended"))
    (check,) = verify_file(path)
    assert (check.events, check.torn, check.tampering) == (written + 1, False, None)


@pytest.mark.parametrize("kind", ["effect.intended", "approval.given", "run.paused", "run.ended"])
def test_a_failing_fsync_refuses_the_event_and_everything_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """An event that may not be on the disk did not happen, and the trace takes no more."""

    def failing(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with FileTrace(tmp_path / "r.jsonl", "r") as trace:
        trace.record(event(0))
        monkeypatch.setattr(os, "fsync", failing)
        trace.record(event(1))
        assert "Input/output error" in refused(trace, event(2, kind))
        monkeypatch.undo()
        assert "earlier event" in refused(trace, event(3))


def test_a_write_that_takes_only_part_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Half an event is none."""
    write = os.write
    with FileTrace(tmp_path / "r.jsonl", "r") as trace:
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:-1]))
        assert "only part" in refused(trace, event(0))
        monkeypatch.undo()
        refused(trace, event(0))


def test_an_interrupted_write_is_never_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C in the middle of a write leaves a trace that takes no more."""

    def interrupted(_file: int, _data: bytes) -> int:
        raise KeyboardInterrupt

    with FileTrace(tmp_path / "r.jsonl", "r") as trace:
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trace.record(event(0))
        monkeypatch.undo()
        refused(trace, event(0))


def test_a_read_only_log_is_refused_before_anything_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A run whose trace cannot be opened does not start, and a paused one does not go on."""
    path = tmp_path / "r.jsonl"
    with FileTrace(path, "r") as trace:
        trace.record(event(0))
    real = os.open

    def read_only(name: str, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(Problem, match="Read-only file system"):
        FileTrace(tmp_path / "s.jsonl", "s")
    with pytest.raises(Problem, match="Read-only file system"):
        FileTrace.reopen(path, "r")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_log_without_write_permission_is_refused(tmp_path: Path):
    """The same with real permissions."""
    path = tmp_path / "r.jsonl"
    with FileTrace(path, "r") as trace:
        trace.record(event(0))
    path.chmod(0o400)
    with pytest.raises(Problem, match="Permission denied"):
        FileTrace.reopen(path, "r")
    tmp_path.chmod(0o500)
    with pytest.raises(Problem, match="Permission denied"):
        FileTrace(tmp_path / "s.jsonl", "s")
    tmp_path.chmod(0o700)


def test_a_position_that_is_skipped_or_said_twice_is_refused(tmp_path: Path):
    """A trace never takes an event that would make it look tampered with."""
    for wrong in (0, 2):
        with FileTrace(tmp_path / f"{wrong}.jsonl", "r") as trace:
            trace.record(event(0))
            assert "event 1 is missing" in refused(trace, event(wrong))


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path):
    """Events keep their order by position; their times may go back, and nothing false is said."""
    path = tmp_path / "r.jsonl"
    times = ["2026-01-15T09:00:00.000Z", "2026-01-15T09:00:01.000Z", "1999-12-31T23:59:59.999Z"]
    with FileTrace(path, "r") as trace:
        for seq, at in enumerate(times):
            trace.record(event(seq, at=at))
    trace, events = FileTrace.reopen(path, "r")
    with trace:
        trace.record(event(3, "run.ended", at="1980-01-01T00:00:00.000Z"))
    assert [one.at for one in events] == times
    (check,) = verify_file(path)
    assert (check.events, check.tampering) == (4, None)
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [0, 1, 2, 3]


WRITER = """
import sys
from pathlib import Path
from agentctl.core.errors import Problem
from agentctl.traces.log.file import FileTrace
from tests.traces.test_audit_faults import event

sys.stdin.readline()
try:
    with FileTrace(Path(sys.argv[1]), "r") as trace:
        for seq in range(200):
            trace.record(event(seq))
        print("wrote", flush=True)
        sys.stdin.readline()
except Problem as met:
    print(met.diagnostics[0].code, flush=True)
"""


def test_of_two_writers_that_start_at_once_one_writes_and_one_is_refused(tmp_path: Path):
    """Two processes, one trace: the second is told, and no event of it is between the others."""
    path = tmp_path / "r.jsonl"
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdin=pipe, stdout=pipe, text=True
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = sorted(w.stdout.readline().strip() for w in writers if w.stdout is not None)
    for writer in writers:
        writer.communicate("end\n")
    assert said == ["audit-write-failed", "wrote"]
    (check,) = verify_file(path)
    assert (check.events, check.tampering) == (200, None)
