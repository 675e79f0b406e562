"""A file is written whole or stays as it was."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from agentctl.core.files import replacing, write_whole


def test_new_content_takes_the_place_of_the_old(tmp_path: Path):
    """Nothing else is left in the folder."""
    path = tmp_path / "report.json"
    path.write_text("old")
    write_whole(path, "né\n")
    assert path.read_bytes() == "né\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path):
    """What was written until then is gone."""
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path):
    """The file it leads to has the new content."""
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("old")
    link.symlink_to(there)
    write_whole(link, "new")
    assert link.is_symlink()
    assert there.read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path):
    """`--report >(jq ...)` of a shell is such a pipe, and a link to one is followed."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(link, "new")
    reader.join(30)
    assert read == [b"new"]
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


def test_a_device_stays_a_device():
    """`--report /dev/null`, run as root, must not turn the device into a file."""
    write_whole(Path(os.devnull), "new")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_refused(tmp_path: Path):
    """Nothing is written beside it either."""
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "sub" / "..", "new")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
@pytest.mark.parametrize("name", ["/dev/stdout", "out"])
def test_a_report_into_the_file_that_stdout_goes_to_follows_it(tmp_path: Path, name: str):
    """`--report /dev/stdout > out` keeps what was and will be printed there."""
    code = (
        "import sys; from pathlib import Path; from agentctl.core.files import write_whole\n"
        f"print('before', flush=True); write_whole(Path({name!r}), 'report\\n'); print('after')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True, cwd=tmp_path)
    assert (tmp_path / "out").read_text() == "before\nreport\nafter\n"


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path):
    """What its owner keeps from others stays so."""
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_permissions_are_those_that_were_asked_for(tmp_path: Path):
    """A trace is for its owner alone."""
    path = tmp_path / "trace.jsonl"
    with replacing(path, mode=0o600, sync=True) as file:
        file.write(b"1")
    assert path.stat().st_mode & 0o777 == 0o600
