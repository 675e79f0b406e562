"""The journal seals finished runs: what a trace alone cannot show, the two together do."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.core.canonical import canonical_text
from agentctl.core.errors import Problem
from agentctl.core.exits import ExitCode
from agentctl.traces.audit.verify import RunCheck, against
from agentctl.traces.log import journal as journal_module
from agentctl.traces.log.chain import START
from agentctl.traces.log.journal import TAIL, Seal, read_journal, seal_run
from tests.support.command import agentctl

AT = "2026-01-15T09:00:00.000Z"


def seal(number: int) -> Seal:
    return Seal(f"r{number}", 5 + number, f"{number:064x}")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    for number in range(4):
        seal_run(path, seal(number), AT)
    return path


def test_every_finished_run_is_sealed_in_order(journal: Path):
    """What was sealed reads back, and each line follows the one before."""
    read = read_journal(journal)
    assert read.seals == tuple(seal(number) for number in range(4))
    assert read.wrong is None
    assert read.head == json.loads(journal.read_text().splitlines()[-1])["hash"]
    assert journal.stat().st_mode & 0o077 == 0


def test_every_changed_byte_of_the_journal_is_found(journal: Path):
    """Flipping any byte, or taking out, doubling or swapping a line, is told."""
    original = journal.read_bytes()
    for position in range(len(original)):
        changed = bytearray(original)
        changed[position] ^= 0x01
        journal.write_bytes(bytes(changed))
        assert read_journal(journal).wrong is not None, position
    lines = original.splitlines(keepends=True)
    for variant in (lines[1:], [*lines[:1], *lines[2:]], [lines[0], lines[0], *lines[1:]]):
        journal.write_bytes(b"".join(variant))
        assert read_journal(journal).wrong is not None
    journal.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))
    assert read_journal(journal).wrong is not None


def test_a_journal_whose_end_was_tampered_with_takes_no_further_seal(journal: Path):
    """Nothing is added behind a line that cannot be believed, and the run is told so."""
    lines = journal.read_bytes().splitlines(keepends=True)
    edited = lines[3].replace(b'"r3"', b'"rX"')
    for variant in (
        [*lines[:3], edited],
        [*lines[:2], lines[3]],
        [lines[3]],
        [*lines, lines[3]],
        [*lines, b"\n"],
    ):
        journal.write_bytes(b"".join(variant))
        before = journal.read_bytes()
        with pytest.raises(Problem) as met:
            seal_run(journal, seal(9), AT)
        assert met.value.exit_code == ExitCode.UNKNOWN
        assert journal.read_bytes() == before


def test_an_earlier_line_edited_before_a_further_seal_is_still_found(journal: Path):
    """Sealing looks at the end only; reading the whole journal finds the rest."""
    journal.write_bytes(journal.read_bytes().replace(b'"r1"', b'"rX"'))
    seal_run(journal, seal(4), AT)
    assert read_journal(journal).wrong == (2, "it was changed")


def test_sealing_costs_the_same_however_long_the_journal_is(journal: Path, monkeypatch):
    """A seal reads the journal's end, not all of it."""
    for number in range(4, 120):
        seal_run(journal, seal(number), AT)
    assert journal.stat().st_size > 2 * TAIL
    read: list[int] = []
    parsed = journal_module._parsed
    monkeypatch.setattr(journal_module, "_parsed", lambda line: read.append(1) or parsed(line))
    seal_run(journal, seal(120), AT)
    assert len(read) == 2
    monkeypatch.undo()
    assert read_journal(journal).seals[-1] == seal(120)
    assert read_journal(journal).wrong is None


def test_a_seal_torn_by_a_kill_is_set_aside_by_the_next(journal: Path):
    """What a killed process left of its line is kept beside the journal, and the chain goes on."""
    whole = journal.read_bytes()
    torn = whole.splitlines()[3][:50]
    journal.write_bytes(whole + torn)
    read = read_journal(journal)
    assert (read.wrong, read.torn, len(read.seals)) == (None, True, 4)
    seal_run(journal, seal(4), AT)
    assert (read_journal(journal).wrong, read_journal(journal).torn) == (None, False)
    assert len(read_journal(journal).seals) == 5
    assert torn in journal.with_suffix(".torn").read_bytes()
    journal.write_bytes(torn)
    seal_run(journal, seal(0), AT)
    assert read_journal(journal).seals == (seal(0),)


def test_a_disk_that_is_full_or_fails_leaves_the_run_unsealed(journal: Path, monkeypatch):
    """A seal that may not be on the disk is told, never assumed."""
    before = journal.read_bytes()

    def failing(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("write", "fsync"):
        monkeypatch.setattr(os, name, failing)
        with pytest.raises(Problem, match=r"not sealed.*No space left"):
            seal_run(journal, seal(4), AT)
        monkeypatch.undo()
        journal.write_bytes(before)
    monkeypatch.setattr(os, "write", lambda _file, data: len(data) - 1)
    with pytest.raises(Problem, match="only part"):
        seal_run(journal, seal(4), AT)


def test_a_clock_that_jumps_back_between_seals_is_no_tampering(journal: Path):
    """Seals keep their order; what their writers' clocks said may go back."""
    seal_run(journal, seal(4), "2020-01-01T00:00:00.000Z")
    read = read_journal(journal)
    assert read.wrong is None
    assert read.times[-2:] == (AT, "2020-01-01T00:00:00.000Z")


def test_a_run_is_held_against_all_its_seals(tmp_path: Path):
    """A run sealed at its pause and at its end: each seal is a prefix, the last is the whole."""
    heads = tuple(f"{number:064x}" for number in range(1, 8))
    check = RunCheck("r", 7, heads[6], True, False, None, heads)
    path = tmp_path / "journal.jsonl"

    def contradictions(*sealed: tuple[int, str]) -> list[str]:
        path.unlink(missing_ok=True)
        for events, head in sealed:
            seal_run(path, Seal("r", events, head), AT)
        return against(read_journal(path), [check], whole=True)

    assert not contradictions((3, heads[2]), (7, heads[6]))
    assert not contradictions((3, heads[2]), (3, heads[2]), (7, heads[6]))
    assert contradictions((3, heads[3]), (7, heads[6])) == [
        f"r was sealed with 3 events, head {heads[3][:12]}, and has 7 events, head {heads[6][:12]}"
    ]
    assert len(contradictions((3, heads[2]), (8, "0" * 64))) == 1
    assert "fewer events" in contradictions((7, heads[6]), (3, heads[2]))[0]
    assert len(contradictions((0, START))) == 1


@pytest.mark.parametrize(
    "odd",
    [{"run": ["r"]}, {"run": None}, {"events": "5"}, {"head": 7}, {"at": {}}, {"x": 2}],
)
def test_a_line_that_no_seal_writes_is_told_even_with_right_hashes(tmp_path: Path, odd):
    """Whoever makes the hashes right still cannot put something else into the journal."""
    body = {"at": AT, "events": 5, "head": "0" * 64, "prev": START, "run": "r", "seq": 0, "v": 1}
    body |= odd
    path = tmp_path / "journal.jsonl"
    path.write_text(canonical_text({**body, "hash": journal_module._hash(body)}) + "\n")
    assert read_journal(path).wrong == (1, "it is not a line of a journal")
    with pytest.raises(Problem):
        seal_run(path, seal(1), AT)


def test_many_processes_seal_at_once(tmp_path: Path):
    """Every seal of eight processes is there, in one unbroken chain."""
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from agentctl.traces.log.journal import Seal, seal_run\n"
        "for n in range(10):\n"
        f"    seal_run(Path(sys.argv[1]), Seal(f'{{sys.argv[2]}}-{{n}}', n, '0' * 64), {AT!r})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(number)])
        for number in range(8)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 8
    read = read_journal(path)
    assert read.wrong is None
    assert len({one.run for one in read.seals}) == 80


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    agentctl(tmp_path, "init", "desk")
    folder = tmp_path / "desk"
    for _ in range(2):
        done = agentctl(folder, "run", "--scenario", "library-desk:renew-a-loan", "-q")
        assert done.returncode == 0
    return folder


def verify(folder: Path) -> tuple[int, str]:
    done = agentctl(folder, "trace", "verify")
    return done.returncode, done.stdout


def test_a_run_that_was_cut_removed_or_replaced_is_found(desk: Path):
    """The journal knows how many events a run had, and its head."""
    assert verify(desk)[0] == 0
    one, two = sorted((desk / ".agentctl" / "traces").glob("*.jsonl"))
    whole = one.read_bytes()
    one.write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
    code, said = verify(desk)
    assert code == 1
    assert f"{one.stem} was sealed with 12 events" in said
    one.unlink()
    code, said = verify(desk)
    assert code == 1
    assert f"{one.stem} was sealed, and its trace is gone" in said
    one.write_bytes(whole)
    assert verify(desk)[0] == 0
    shutil.copy(two, one)
    assert verify(desk)[0] == 1
