"""A paused run's trace is continued by one process, and only if it is as it was written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, seal_run

AT = "2026-01-15T09:00:00.000Z"


def event(seq: int, kind: str = "model.replied") -> Event:
    return Event(seq, kind, AT, {"text": f"line {seq}", "number": seq})  # type: ignore[arg-type]


def paused(folder: Path, events: int = 5) -> Path:
    path = folder / "r1.jsonl"
    with FileTrace(path, "r1") as trace:
        for seq in range(events):
            trace.record(event(seq, "run.paused" if seq == events - 1 else "model.replied"))
    return path


def refused(path: Path, journal: Path | None = None) -> Problem:
    before = path.read_bytes()
    with pytest.raises(Problem) as met:
        FileTrace.reopen(path, "r1", journal)
    assert path.read_bytes() == before
    return met.value


def test_a_reopened_trace_continues_its_chain(tmp_path: Path):
    """The events so far come back, new ones follow, and the whole verifies as one story."""
    path = paused(tmp_path)
    trace, events = FileTrace.reopen(path, "r1")
    with trace:
        assert events == [*(event(seq) for seq in range(4)), event(4, "run.paused")]
        trace.record(event(5))
        trace.record(event(6, "run.ended"))
    (check,) = verify_file(path)
    assert (check.events, check.ended, check.tampering) == (7, True, None)
    assert check.head == trace.head


def test_a_second_process_cannot_reopen_a_run_that_is_being_written(tmp_path: Path):
    """While one process holds the trace, another is told so and changes nothing."""
    path = paused(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from agentctl.core.errors import Problem\n"
        "from agentctl.traces.log.file import FileTrace\n"
        "try: FileTrace.reopen(Path(sys.argv[1]), 'r1')\n"
        "except Problem as met: print(met.diagnostics[0].code); sys.exit(met.exit_code)\n"
    )
    trace, _ = FileTrace.reopen(path, "r1")
    with trace:
        second = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
        )
        assert (second.returncode, second.stdout) == (3, "in-use\n")
        trace.record(event(5))
    assert verify_file(path)[0].tampering is None


@pytest.mark.parametrize("length", [1, 40, -1])
def test_a_torn_tail_is_set_aside_and_the_run_goes_on(tmp_path: Path, length: int):
    """What a killed writer left of its last line is kept beside the trace, and cut off."""
    path = paused(tmp_path, 4)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[1][:length])
    trace, events = FileTrace.reopen(path, "r1")
    with trace:
        assert len(events) == 4
        assert path.read_bytes() == whole
        trace.record(event(4, "run.ended"))
    assert verify_file(path)[0].tampering is None
    note, torn = path.with_suffix(".torn").read_bytes().split(b"\n")[:2]
    assert torn == whole.splitlines()[1][:length]
    assert f"after byte {len(whole)} of r1.jsonl".encode() in note


def test_a_whole_last_line_without_its_end_is_torn(tmp_path: Path):
    """Even a last line that lacks only its newline does not count: nobody saw it finished."""
    path = paused(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    trace, events = FileTrace.reopen(path, "r1")
    trace.close()
    assert [one.seq for one in events] == [0, 1, 2, 3]
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:-1])


def test_a_damaged_trace_is_never_continued(tmp_path: Path):
    """An event edited, deleted, swapped or doubled is named, and the file stays as it is."""
    path = paused(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    damages = {
        2: [*lines[:2], lines[2].replace(b"line 2", b"line X"), *lines[3:]],
        1: [lines[0], *lines[2:]],
        3: [*lines[:3], lines[4], lines[3]],
        0: [lines[1]],
        5: [*lines, lines[4]],
    }
    for seq, variant in damages.items():
        path.write_bytes(b"".join(variant))
        met = refused(path)
        assert met.exit_code == ExitCode.UNKNOWN
        assert met.diagnostics[0].code == "audit-damaged"
        assert f"event {seq}," in met.diagnostics[0].message
    path.write_bytes(b"")
    assert refused(path).diagnostics[0].code == "audit-damaged"
    path.write_bytes(lines[0][:20])
    assert "no event is whole" in refused(path).diagnostics[0].message


def test_a_trace_of_another_run_is_refused(tmp_path: Path):
    """A trace put in the place of another is not continued."""
    path = tmp_path / "r1.jsonl"
    with FileTrace(path, "r2") as trace:
        trace.record(event(0))
    assert "another run, `r2`" in refused(path).diagnostics[0].message


def test_a_run_that_has_ended_is_not_reopened(tmp_path: Path):
    """After the end nothing is added."""
    path = tmp_path / "r1.jsonl"
    with FileTrace(path, "r1") as trace:
        trace.record(event(0))
        trace.record(event(1, "run.ended"))
    assert refused(path).diagnostics[0].code == "run-ended"


def test_a_missing_trace_cannot_be_reopened(tmp_path: Path):
    """Resuming never makes a trace."""
    with pytest.raises(Problem, match="cannot be written"):
        FileTrace.reopen(tmp_path / "r1.jsonl", "r1")
    assert not list(tmp_path.iterdir())


def test_a_trace_cut_short_since_its_pause_was_sealed_is_refused(tmp_path: Path):
    """Between pause and resume the journal knows how many events there were."""
    path, journal = paused(tmp_path), tmp_path / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    seal_run(journal, Seal("r1", 5, json.loads(lines[-1])["hash"]), AT)
    path.write_bytes(b"".join(lines[:4]))
    met = refused(path, journal)
    assert met.diagnostics[0].code == "audit-damaged"
    assert "was sealed with 5 events" in met.diagnostics[0].message
    path.write_bytes(b"".join(lines))
    trace, events = FileTrace.reopen(path, "r1", journal)
    trace.close()
    assert len(events) == 5
