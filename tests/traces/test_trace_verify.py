"""`trace verify` looks at a whole project; a head kept elsewhere shows what the files cannot."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.canonical import parse_strict
from agentctl.traces.log.chain import START, Chain
from agentctl.traces.log.journal import Seal, read_journal, seal_run
from agentctl.traces.log.store import event_of
from tests.support.command import agentctl

AT = "2026-01-15T09:00:00.000Z"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    agentctl(folder, "init", "desk")
    for _ in range(3):
        done = agentctl(folder / "desk", "run", "--scenario", "library-desk:renew-a-loan", "-q")
        assert done.returncode == 0
    return folder / "desk"


@pytest.fixture
def desk(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "desk"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    yield folder


def traces(desk: Path) -> list[Path]:
    return sorted((desk / ".agentctl" / "traces").glob("*.jsonl"))


def journal(desk: Path) -> Path:
    return desk / ".agentctl" / "journal.jsonl"


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def verified(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run_cli(["trace", "verify", *arguments])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return verified


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def written_anew(desk: Path, *, keep: int) -> None:
    """Do what somebody who owns the files can: write traces and journal anew, without a fault."""
    forged = journal(desk).with_name("forged.jsonl")
    for path in traces(desk)[keep:]:
        path.unlink()
    for path in traces(desk):
        chain = Chain(path.stem, lambda _: "00" * 16)
        events = [event_of(parse_strict(line.decode())) for line in lines(path)]
        events[1].body["content"] = "something else"
        path.write_text("".join(chain.line(event) + "\n" for event in events))
        seal_run(forged, Seal(path.stem, len(events), chain.head), AT)
    forged.replace(journal(desk))


def test_a_run_under_the_name_of_another_is_named(desk, verify):
    """The id in the file, the file's name and the journal must agree; also for one run alone."""
    first, second, _ = traces(desk)
    first.write_bytes(second.read_bytes())
    code, said = verify(first.stem)
    assert (code, f"{first.name} holds run {second.stem}" in said) == (1, True)
    code, said = verify(str(first))
    assert code == 1
    code, said = verify()
    assert (code, f"{first.name} holds run {second.stem}" in said) == (1, True)


def test_two_traces_that_changed_names_are_named(desk, verify):
    """Each is whole and sealed, and neither is what its name says."""
    first, second, _ = traces(desk)
    aside = first.with_suffix(".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    code, said = verify()
    assert code == 1
    assert f"{first.name} holds run {second.stem}" in said
    assert f"{second.name} holds run {first.stem}" in said


def test_a_copy_of_a_trace_under_a_new_name_is_named(desk, verify):
    """A run that was made up of another's trace is no run; a copy elsewhere is just a copy."""
    first, *_ = traces(desk)
    shutil.copy(first, first.with_name("1kezf7c0000000.jsonl"))
    code, said = verify()
    assert (code, f"1kezf7c0000000.jsonl holds run {first.stem}" in said) == (1, True)
    first.with_name("1kezf7c0000000.jsonl").unlink()
    shutil.copy(first, desk / "copy.jsonl")
    assert verify("copy.jsonl")[0] == 0


def test_the_trials_of_another_set_are_named(desk, verify, capsys):
    """The file of a golden set holds trials of that set alone."""
    run_cli(["eval", "--keep", "all"])
    folder = desk / ".agentctl" / "traces" / "evals"
    (folder / "library-desk.jsonl").rename(folder / "other.jsonl")
    code, said = verify()
    assert (code, "other.jsonl holds trial library-desk/" in said) == (1, True)


def test_one_run_that_was_never_sealed_is_named(desk, verify):
    """The journal does not know it: exit code 3, as for the whole project."""
    first, *_ = traces(desk)
    journal(desk).unlink()
    code, said = verify(first.stem)
    assert (code, first.stem in said) == (3, True)


@pytest.mark.parametrize(
    "line",
    [
        "{}", "[]", "5", "garbage", '{"seq":0}', '{"seq":"x","type":5,"at":3,"body":7,"run":"r"}',
        '{"seq":0,"type":"run.started","at":"x","body":{},"run":"r"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_damaged_line_is_named_by_every_reader(desk, capsys, line: str, place: int):
    """File and line, exit code 3; never an internal error."""
    first, second, _ = traces(desk)
    held = lines(first)
    held[place] = line.encode() + b"\n"
    first.write_bytes(b"".join(held))
    number = place % len(held) + 1
    for words in (("show", first.stem), ("diff", first.stem, second.stem), ("cost",)):
        capsys.readouterr()
        code = run_cli(["trace", *words])
        said = capsys.readouterr().err
        assert "error[bug]" not in said
        if words[0] != "cost":
            assert (code, f"{first.name}:{number}" in said) == (3, True), (words, said)
    assert run_cli(["trace", "list"]) == 0
    assert run_cli(["trace", "report"]) in (0, 1, 3)
    assert "error[bug]" not in capsys.readouterr().err


def test_a_line_that_says_something_else_than_it_was_written_with_is_damage(desk, capsys):
    """`trace show` does not show what nobody wrote."""
    first, *_ = traces(desk)
    first.write_bytes(first.read_bytes().replace(b"Sea Road", b"Sea Roar", 1))
    assert run_cli(["trace", "show", first.stem]) == 3
    assert "error[damaged-trace]" in capsys.readouterr().err


def test_a_project_nobody_touched_is_intact(desk, verify):
    """The summary names runs and seals, and the journal's head."""
    code, said = verify()
    assert code == 0
    head = read_journal(journal(desk)).head
    assert f"3 runs intact, journal of 3 seals, head {head}" in said


def test_each_way_to_damage_a_trace_is_found(desk, verify):
    """Edit, delete, swap, truncate and replace: each ends with exit code 1 and names the run."""
    one, two, _ = traces(desk)
    whole = lines(one)
    damages = {
        "edit": [whole[0], whole[1].replace(b"renew", b"cancel"), *whole[2:]],
        "delete": [*whole[:3], *whole[4:]],
        "swap": [*whole[:3], whole[4], whole[3], *whole[5:]],
        "truncate": whole[:-1],
        "truncate in a line": [*whole[:-1], whole[-1][:30]],
        "replace": lines(two),
        "empty": [],
    }
    for name, damage in damages.items():
        assert damage != whole
        one.write_bytes(b"".join(damage))
        code, said = verify()
        assert (code, one.stem in said) == (1, True), name
    one.unlink()
    code, said = verify()
    assert code == 1
    assert f"{one.stem} was sealed, and its trace is gone" in said


def test_a_journal_line_edited_removed_or_appended_is_found(desk, verify):
    """The journal's lines hold each other; the last of them is held by its run."""
    path = journal(desk)
    whole = lines(path)
    path.write_bytes(whole[0] + whole[1].replace(b'"events":1', b'"events":2') + whole[2])
    code, said = verify()
    assert (code, "line 2 of the journal: it was changed" in said) == (1, True)
    path.write_bytes(whole[0] + whole[2])
    code, said = verify()
    assert (code, "line 2 of the journal: a line before it is missing" in said) == (1, True)
    path.write_bytes(b"".join(whole))
    seal_run(path, Seal("nobody", 3, "0" * 64), AT)
    code, said = verify()
    assert (code, "nobody was sealed, and its trace is gone" in said) == (1, True)
    path.write_bytes(b"".join(whole))
    seal_run(path, Seal(traces(desk)[0].stem, 99, "0" * 64), AT)
    code, said = verify()
    assert (code, "was sealed with 99 events" in said) == (1, True)


def test_a_journal_cut_at_its_end_cannot_be_told_from_a_killed_run(desk, verify):
    """Exit code 3: a run ended, and no seal says so. `trace seal` seals what was looked at."""
    path = journal(desk)
    path.write_bytes(b"".join(lines(path)[:2]))
    code, said = verify()
    assert code == 3
    assert "3 runs intact, 1 without a seal" in said
    last = traces(desk)[2]
    assert f"unsealed  {last.stem}" in said
    path.write_bytes(path.read_bytes() + b'{"at":"20')
    code, said = verify()
    assert (code, "a torn last line: the next seal sets it aside" in said) == (3, True)
    assert run_cli(["trace", "seal"]) == 0
    assert verify()[0] == 0
    assert read_journal(path).seals[2].run == last.stem


def test_nothing_is_sealed_while_something_is_tampered_with(desk, verify, capsys):
    """A seal never covers a damage up."""
    path, one = journal(desk), traces(desk)[0]
    path.unlink()
    one.write_bytes(b"".join(lines(one)[1:]))
    assert run_cli(["trace", "seal"]) == 3
    assert "tampered" in capsys.readouterr().err
    assert not path.exists()


def test_a_head_kept_elsewhere_is_still_at_its_place(desk, verify):
    """Heads of the journal and of runs, whole or their first digits, are found."""
    older = read_journal(journal(desk)).heads[1]
    event = json.loads(lines(traces(desk)[1])[4])["hash"]
    code, said = verify("--against", older, "--against", event[:12])
    assert code == 0
    assert f"head {older} is line 2 of 3 of the journal" in said
    assert f"head {event[:12]} is event 4 of 12 of {traces(desk)[1].stem}" in said


def test_traces_and_journal_written_anew_are_found_by_an_older_head(desk, verify):
    """Both files replaced without a fault in either: only the head kept elsewhere tells."""
    older = read_journal(journal(desk)).heads[1]
    ended = json.loads(lines(traces(desk)[1])[-1])["hash"]
    written_anew(desk, keep=3)
    assert verify()[0] == 0
    for head in (older, ended):
        code, said = verify("--against", head)
        assert code == 1
        assert "is nowhere: something was cut or replaced" in said


def test_traces_and_journal_cut_together_are_found_by_an_older_head(desk, verify):
    """The newest run taken out of both files: the head that it printed is nowhere."""
    newest = traces(desk)[2]
    printed = json.loads(lines(newest)[-1])["hash"]
    newest.unlink()
    path = journal(desk)
    path.write_bytes(b"".join(lines(path)[:2]))
    assert verify()[0] == 0
    assert verify("--against", printed)[0] == 1


@pytest.mark.parametrize("head", ["abc", "g" * 64, "0" * 65, "A" * 64])
def test_what_is_no_head_is_a_wrong_request(desk, verify, head: str):
    """Too short to prove anything, or no hash at all."""
    code, said = verify("--against", head)
    assert (code, "is not a head" in said) == (2, True)


def test_a_head_that_is_not_there_fails_even_where_nothing_else_is(tmp_path, verify, monkeypatch):
    """Everything deleted: without a head there is nothing to verify, with one it is found."""
    (tmp_path / "agents").mkdir()
    monkeypatch.chdir(tmp_path)
    assert verify()[0] == 2
    assert verify("--against", "0" * 64)[0] == 1


def test_the_heads_that_eval_prints_can_be_given_back(desk, verify, capsys):
    """The file of trials as a whole, and the journal at that moment."""
    run_cli(["eval", "--keep", "all"])
    printed = re.findall(r"head ([0-9a-f]{64})", capsys.readouterr().err)
    assert len(printed) == 2
    code, said = verify("--against", printed[0], "--against", printed[1])
    assert (code, "library-desk.jsonl as a whole" in said) == (0, True)
    trials = desk / ".agentctl" / "traces" / "evals" / "library-desk.jsonl"
    first = [line for line in lines(trials) if json.loads(line)["run"].endswith("renew-a-loan#1")]
    trials.write_bytes(b"".join(first))
    assert verify()[0] == 0
    assert verify("--against", printed[0])[0] == 1


def test_a_run_sealed_at_its_pause_and_going_on_is_no_tampering(desk, verify):
    """Events behind the last seal are told, and a cut below it is found."""
    one = traces(desk)[0]
    whole = lines(one)
    path = journal(desk)
    path.unlink()
    seal_run(path, Seal(one.stem, 4, json.loads(whole[3])["hash"]), AT)
    one.write_bytes(b"".join(whole[:6]) + whole[6][:10])
    code, said = verify(one.stem)
    assert code == 0
    assert "6 events, not ended, a torn last line was set aside, 2 since its last seal" in said
    one.write_bytes(b"".join(whole[:3]))
    assert verify(one.stem)[0] == 1


def test_verification_as_json_is_one_object(desk, verify):
    """Programs get runs, journal, seals and heads."""
    head = read_journal(journal(desk)).head
    code, said = verify("--format", "json", "--against", head)
    found = json.loads(said)
    assert code == 0
    assert (found["seals"], found["journal_head"], found["unsealed"]) == (3, head, [])
    assert found["against"] == [{"head": head, "found": "line 3 of 3 of the journal"}]
    assert [one["intact"] for one in found["runs"]] == [True] * 3
    assert START not in said
