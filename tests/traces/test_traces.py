"""The hash-chained log: what is written can be found and read, and no change goes unseen."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import canonical_text
from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.core.masking import MASK, masked, suspicious
from agentctl.traces.audit.project import file_head
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.chain import START, chain_lines
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import read_journal
from agentctl.traces.log.store import find, list_runs, new_run_id, read_events, traces_folder
from tests.support.build import bundle, trial
from tests.support.command import agentctl

TURNS = [
    {"call": {"get_order": {"order_id": "o_1"}}},
    {"call": {"cancel_order": {"order_id": "o_1"}}},
    {"say": "Done, é 漢 \U0001f642."},
]


def events() -> list[Event]:
    return trial(bundle(), TURNS).events


def text() -> bytes:
    return "".join(chain_lines("set/case#1", events())).encode()


def wrong(path: Path, data: bytes) -> str | None:
    path.write_bytes(data)
    for check in verify_file(path):
        if check.tampering is not None:
            return check.tampering.what
        if check.torn or not check.ended:
            return "unfinished"
    return None


def test_a_trace_that_nobody_touched_is_intact(tmp_path: Path):
    """Every event is counted, the head is the last hash."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(text())
    (check,) = verify_file(path)
    last = json.loads(text().splitlines()[-1])
    assert (check.tampering, check.events, check.head) == (None, len(events()), last["hash"])


def test_equal_trials_are_equal_bytes():
    """The lines of a trial depend on nothing but the trial."""
    assert text() == text()


EVERY = pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.soak)])
"""How many of the places in a trace are tried: one in eleven, or all."""


@EVERY
def test_every_changed_byte_is_found(tmp_path: Path, every: int):
    """Flipping any single byte of a trace is noticed, and the event is named."""
    path, original = tmp_path / "run.jsonl", text()
    lines = original.split(b"\n")
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    for position in range(0, len(original), every):
        changed = bytearray(original)
        changed[position] ^= 0x01
        path.write_bytes(bytes(changed))
        found = [check for check in verify_file(path) if check.tampering]
        number = max(n for n, start in enumerate(starts) if start <= position)
        assert found, f"byte {position} was changed unseen"
        assert found[0].tampering is not None
        # A line end that is gone joins two events: the first of them is named.
        assert found[0].tampering.seq == number


def test_deleting_swapping_doubling_and_inserting_lines_is_found(tmp_path: Path):
    """No line can be taken out, moved, repeated or added."""
    path = tmp_path / "run.jsonl"
    lines = text().splitlines(keepends=True)
    for number in range(len(lines)):
        assert wrong(path, b"".join(lines[:number] + lines[number + 1 :])) is not None
        doubled = b"".join([*lines[:number], lines[number], *lines[number:]])
        assert wrong(path, doubled) is not None
    for number in range(len(lines) - 1):
        swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        assert wrong(path, b"".join(swapped)) is not None


@EVERY
def test_a_cut_at_any_place_is_seen(tmp_path: Path, every: int):
    """A trace that was cut is unfinished at best."""
    path, original = tmp_path / "run.jsonl", text()
    for length in range(0, len(original), every):
        assert wrong(path, original[:length]) is not None


def test_a_changed_event_with_new_hashes_of_its_own_is_found(tmp_path: Path):
    """Writing one event anew breaks the link of the next."""
    path = tmp_path / "run.jsonl"
    lines = text().decode().splitlines(keepends=True)
    changed = [event._replace(body={**event.body, "text": "lie"}) for event in events()]
    forged = "".join(chain_lines("set/case#1", changed)).splitlines(keepends=True)
    lines[3] = forged[3]
    assert wrong(path, "".join(lines).encode()) is not None


def test_a_line_that_says_the_same_in_another_form_is_found(tmp_path: Path):
    """Spaces, another order of keys and an escaped letter change no hash, and are changes."""
    first, rest = text().split(b"\n", 1)
    event = json.loads(first)
    forms = [
        json.dumps(event, sort_keys=True).encode(),
        json.dumps(dict(reversed(event.items())), separators=(",", ":")).encode(),
        first.replace(b'"type"', b'"typ\\u0065"'),
    ]
    for form in forms:
        assert json.loads(form) == event
        found = wrong(tmp_path / "r.jsonl", form + b"\n" + rest)
        assert found == "the line was rewritten in another form"


def test_several_runs_in_one_file_are_checked_each(tmp_path: Path):
    """A file of trials holds a chain a trial; a fault in one is told with its name."""
    path = tmp_path / "set.jsonl"
    one, two = text(), "".join(chain_lines("set/other#1", events())).encode()
    path.write_bytes(one + two)
    assert [check.run for check in verify_file(path)] == ["set/case#1", "set/other#1"]
    path.write_bytes(one + two.replace(b"Done", b"Gone"))
    first, second = verify_file(path)
    assert first.tampering is None
    assert second.tampering is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(bodies=st.lists(st.dictionaries(st.text(), JSON), min_size=1, max_size=5))
def test_whatever_is_written_verifies(bodies: list[dict[str, object]]):
    """Any events make a chain that verifies and reads back."""
    made = [Event(n, "model.replied", "2026-01-15T09:00:00.000Z", b) for n, b in enumerate(bodies)]
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"agentctl-{os.getpid()}.jsonl"
    try:
        path.write_text("".join(chain_lines("r", made)), encoding="utf-8", newline="\n")
        (check,) = verify_file(path)
        assert check.tampering is None
    finally:
        path.unlink(missing_ok=True)


def recorded(folder: Path, name: str = "r1") -> Path:
    path = folder / f"{name}.jsonl"
    with FileTrace(path, name) as trace:
        for event in events():
            trace.record(event)
    return path


def test_a_run_is_written_as_it_goes_and_for_its_owner_only(tmp_path: Path):
    """After each event the line is in the file; nobody else may read it."""
    path = tmp_path / "run.jsonl"
    with FileTrace(path, "run") as trace:
        for number, event in enumerate(events(), start=1):
            trace.record(event)
            assert len(path.read_bytes().splitlines()) == number
        assert trace.head == json.loads(path.read_text().splitlines()[-1])["hash"]
    assert path.stat().st_mode & 0o077 == 0


def test_salts_of_a_run_are_its_own(tmp_path: Path):
    """Equal bodies of two runs cannot be recognised by their hashes."""
    one, two = recorded(tmp_path, "a"), recorded(tmp_path, "b")
    hashes = [
        {json.loads(line)["body_hash"] for line in path.read_text().splitlines()}
        for path in (one, two)
    ]
    assert not hashes[0] & hashes[1]


def test_a_second_writer_is_refused(tmp_path: Path):
    """One process writes one trace."""
    path = recorded(tmp_path)
    with pytest.raises(Problem, match="cannot be written"):
        FileTrace(path, "r1")


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path):
    """The run does not start without its log."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Problem, match="cannot be written"):
        FileTrace(blocked / "traces" / "r.jsonl", "r")


def test_secrets_never_reach_a_trace():
    """Values under telling names and well-known shapes are masked before they are hashed."""
    body = {
        "arguments": {"api_key": "abc", "note": "a token of thanks", "max_tokens": 9},
        "text": "use sk-abcdefghijklmnopqrstuv and AKIAABCDEFGHIJKLMNOP",
    }
    made = [Event(0, "model.replied", "2026-01-15T09:00:00.000Z", body)]
    line = json.loads(next(iter(chain_lines("r", made))))
    assert line["body"]["arguments"] == {
        "api_key": "[secret]",
        "note": "a token of thanks",
        "max_tokens": 9,
    }
    assert line["body"]["text"] == "use [secret] and [secret]"
    assert line["prev"] == START


@pytest.mark.parametrize(
    "name",
    [
        "password", "db_passwd", "passphrase", "secret", "client_secret", "API_KEY", "apikey",
        "x-api-key", "access_token", "refreshtoken", "id_token", "auth_token", "token",
        "Authorization", "private_key", "credentials", "user-credential",
    ],
)  # fmt: skip
def test_a_value_under_a_telling_name_is_found_by_the_quick_look(name: str):
    """Nothing that masking would change is taken for harmless."""
    assert masked({name: "abc"}) == {name: MASK}
    assert suspicious(canonical_text({name: "abc"}))


@pytest.mark.parametrize(
    "value",
    [
        "sk-" + "a" * 20, "AKIA" + "A" * 16, "ASIA" + "B" * 16, "xoxb-" + "1" * 12,
        "AIza" + "c" * 32, "eyJhbGciOiJ.eyJzdWIiOiIx.abc", "Bearer " + "d" * 20,
        "-----BEGIN PRIVATE KEY-----abc", *("gh" + kind + "_" + "e" * 24 for kind in "pousr"),
    ],
)  # fmt: skip
def test_a_well_known_shape_is_found_by_the_quick_look(value: str):
    """Each kind of key has a part that the quick look knows."""
    assert masked({"note": value}) != {"note": value}
    assert suspicious(canonical_text({"note": value}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path / "state"))
    yield tmp_path


def test_runs_are_found_by_the_start_of_their_id(project: Path):
    """A unique start, `latest` and a path all work; anything else says what there is."""
    folder = traces_folder(project)
    first = recorded(folder, "1kf0aaaa")
    second = recorded(folder, "1kf0bbbb")
    assert find(project, "1kf0a") == (first, None)
    assert find(project, "latest") == (second, None)
    assert find(project, str(first)) == (first, None)
    with pytest.raises(Problem, match="the start of 2 runs"):
        find(project, "1kf0")
    with pytest.raises(Problem, match="did you mean `1kf0aaaa`"):
        find(project, "1kf0aaab")
    assert [run.run for run in list_runs(project)] == ["1kf0bbbb", "1kf0aaaa"]


def test_events_read_back_are_those_written(project: Path):
    """A trace holds everything that happened."""
    path = recorded(traces_folder(project))
    assert read_events(path) == ("r1", events())


def test_ids_sort_by_time():
    """A later run has a greater id, whatever chance adds."""
    early = new_run_id(datetime(2026, 1, 1, tzinfo=UTC), b"\xff" * 5)
    late = new_run_id(datetime(2026, 1, 2, tzinfo=UTC), b"\x00" * 5)
    assert early < late
    assert len(early) == 14


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/zero")
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_a_trace_that_is_not_a_regular_file_is_refused(tmp_path: Path, kind: str):
    """A link to an endless device or a pipe without a writer would never be read to its end."""
    path = tmp_path / "r.jsonl"
    match kind:
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    for read in (verify_file, read_events, file_head, read_journal):
        with pytest.raises(Problem, match=r"not a regular file|directory"):
            read(path)
    with pytest.raises(Problem, match=r"not a regular file|directory"):
        FileTrace.reopen(path, "r")


def test_a_line_without_end_is_refused_after_its_longest(tmp_path: Path):
    """A line of 300 MB costs the memory of the longest line that is read, not its own."""
    path = tmp_path / "r.jsonl"
    with path.open("wb") as file:
        file.truncate(300 * 1024**2)
    tracemalloc.start()
    (check,) = verify_file(path)
    with pytest.raises(Problem, match="the line is longer than 64 MiB"):
        read_events(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert check.tampering == (1, 0, "the line is longer than 64 MiB")
    assert most < 200 * 1024**2


def test_a_line_that_is_no_text_is_damage(tmp_path: Path):
    """Bytes that are not UTF-8 are named with their line, like any other damage."""
    path = tmp_path / "r.jsonl"
    path.write_bytes(text() + b'{"\xff": 1}\n')
    with pytest.raises(Problem, match="not a line of a trace") as met:
        read_events(path)
    assert met.value.diagnostics[0].location.line == len(events()) + 1


def test_a_killed_run_leaves_a_trace_that_can_be_read(tmp_path: Path):
    """kill -9 in the middle loses at most the line being written."""
    code = (
        "import sys, os, signal\n"
        "from tests.traces.test_traces import events\n"
        "from agentctl.traces.log.file import FileTrace\n"
        "from pathlib import Path\n"
        "trace = FileTrace(Path(sys.argv[1]), 'r')\n"
        "for event in events()[:5]: trace.record(event)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "r.jsonl"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    (check,) = verify_file(path)
    assert (check.events, check.ended, check.tampering) == (5, False, None)


@pytest.mark.parametrize(
    "reference",
    ["", " ", "a" * 5000, "\0", f"set/{'a' * 5000}", f"{'a' * 5000}/x", "/", "../../etc/passwd"],
    ids=["empty", "blank", "long", "nul", "long trial", "long set", "slash", "outside"],
)
@pytest.mark.parametrize(
    "command", [("trace", "show"), ("trace", "verify"), ("trace", "diff"), ("resume",)]
)
def test_what_names_no_run_is_an_unknown_run(
    tmp_path: Path, command: tuple[str, ...], reference: str
):
    """An empty id is not the start of every run; one too long for a file is a wrong request."""
    trace = tmp_path / ".agentctl/traces/1m8h90fb6agkhq.jsonl"
    trace.parent.mkdir(parents=True)
    trace.write_text("")
    done = agentctl(tmp_path, *command, reference, *([reference] if "diff" in command else []))
    assert done.returncode == 2
    assert "error[unknown-run]" in done.stderr
    assert len(done.stderr) < 500
