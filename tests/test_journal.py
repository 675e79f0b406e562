"""The journal seals finished runs: what a trace alone cannot show, the two together do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.core.exits import ExitCode
from agentctl.traces.journal import Seal, read_journal, seal_run
from tests.test_cli import agentctl

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


def test_a_tampered_journal_takes_no_further_seal(journal: Path):
    """Nothing is added to a journal that cannot be believed, and the run is told so."""
    journal.write_bytes(journal.read_bytes().replace(b'"r1"', b'"rX"'))
    before = journal.read_bytes()
    with pytest.raises(Problem) as met:
        seal_run(journal, seal(9), AT)
    assert met.value.exit_code == ExitCode.UNKNOWN
    assert journal.read_bytes() == before


def test_many_processes_seal_at_once(tmp_path: Path):
    """Every seal of eight processes is there, in one unbroken chain."""
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from agentctl.traces.journal import Seal, seal_run\n"
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
