"""A file is written whole or stays as it was."""

import os
from pathlib import Path

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
def test_a_pipe_or_a_device_is_never_replaced(tmp_path: Path):
    """`--report /dev/null`, run as root, must not turn the device into a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write_whole(pipe, "new")
    assert list(tmp_path.iterdir()) == [pipe]
    assert not pipe.is_file()


def test_permissions_are_those_that_were_asked_for(tmp_path: Path):
    """A trace is for its owner alone."""
    path = tmp_path / "trace.jsonl"
    with replacing(path, mode=0o600, sync=True) as file:
        file.write(b"1")
    assert path.stat().st_mode & 0o777 == 0o600
