"""One person's content is erased for good; the chain, the seals and the counts stay."""

import itertools
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.errors import Problem
from agentctl.core.events import Event
from agentctl.traces.audit.erasure import Erasure, erase, runs_of
from agentctl.traces.audit.facts import facts_of
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, read_journal, seal_run
from agentctl.traces.log.store import find, list_runs, read_events
from tests.support.build import bundle, trial
from tests.traces.test_trace_verify import desk, journal, lines, made, traces, verify

AT = "2026-01-15T09:00:00.000Z"
WHY = Erasure("asked for on 3 March", "dpo", AT)
__all__ = ["desk", "made", "verify"]


def written(folder: Path, name: str, *, principal: str = "cus_7", sealed: bool = True) -> Path:
    turns = [{"call": {"get_order": {"order_id": "o_1"}}}, {"say": "Order o_1 is pending."}]
    events = trial(bundle(), turns, principal={"id": principal}).events
    path = folder / "traces" / f"{name}.jsonl"
    with FileTrace(path, name) as trace:
        for event in events:
            trace.record(event)
    if sealed:
        seal_run(folder / "journal.jsonl", Seal(name, len(events), trace.head), AT)
    return path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_erased_content_is_gone_and_the_chain_holds(state, verify, capsys):
    """No body and no salt is left of the person's runs; every header is as it was."""
    mine, other = written(state, "r1"), written(state, "r2", principal="cus_8")
    before, untouched = lines(mine), other.read_bytes()
    heads = verify_file(mine)[0].heads
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "asked", "--yes"]) == 0
    assert "r1: content of" in capsys.readouterr().out
    assert other.read_bytes() == untouched
    text = mine.read_text()
    for secret in ("cus_7", "o_1", "cancel my order", "pending"):
        assert secret not in text
    assert '"salt"' not in "".join(text.splitlines(keepends=True)[:-1])
    (check,) = verify_file(mine)
    assert (check.tampering, check.erased, check.ended) == (None, len(before), True)
    assert check.heads[:-1] == heads
    last = json.loads(text.splitlines()[-1])
    assert (last["type"], last["body"]["seq"]) == ("content.erased", list(range(len(before))))
    code, said = verify()
    assert code == 0
    assert f"content of {len(before)} erased" in said
    assert [seal.events for seal in read_journal(state / "journal.jsonl").seals] == [
        len(before),
        len(before),
        len(before) + 1,
    ]


def test_heads_printed_before_an_erasure_are_still_proven(desk, verify):
    """What was kept elsewhere before still proves the chain of headers."""
    printed = [json.loads(lines(path)[-1])["hash"] for path in traces(desk)]
    who = read_events(traces(desk)[0])[1][0].body["principal"]["id"]
    assert run_cli(["trace", "erase", "--principal", who, "--reason", "asked", "--yes"]) == 0
    arguments = [word for head in printed for word in ("--against", head)]
    assert verify(*arguments)[0] == 0
    assert len(read_journal(journal(desk)).seals) == 6


def test_a_body_that_is_missing_without_an_erasure_is_tampering(state, verify):
    """Taking content out by hand is found, and an event of erasure must name what it covers."""
    path = written(state, "r1")
    whole = lines(path)
    entry = json.loads(whole[2])
    bare = {key: value for key, value in entry.items() if key not in ("body", "salt")}
    stripped = json.dumps(bare, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    path.write_bytes(b"".join([*whole[:2], stripped, *whole[3:]]))
    code, said = verify()
    assert (code, "event 2, its content is gone, and no later event says" in said) == (1, True)
    for key in ("body", "salt"):
        half = {name: value for name, value in entry.items() if name != key}
        line = json.dumps(half, separators=(",", ":"), sort_keys=True).encode() + b"\n"
        path.write_bytes(b"".join([*whole[:2], line, *whole[3:]]))
        assert verify()[0] == 1
    path.write_bytes(b"".join(whole))
    erase(path, state / "journal.jsonl", WHY)
    erased = lines(path)
    path.write_bytes(b"".join(erased[:-1]))
    assert verify()[0] == 1


@pytest.mark.parametrize("named", [[], [1], [2, 3], "all", [True], [[0, 1]], {"0": 1}, None])
def test_an_erasure_covers_only_the_events_it_names(tmp_path: Path, named):
    """Events that it does not name must still have their content."""
    path = tmp_path / "r.jsonl"
    with FileTrace(path, "r") as trace:
        for seq in range(4):
            trace.record(Event(seq, "input.received", AT, {"content": str(seq)}))
        body = {"seq": named, "reason": "x", "by": "y"}
        trace.record(Event(4, "content.erased", AT, body))
    whole = lines(path)
    for seq in range(2):
        entry = json.loads(whole[seq])
        del entry["body"], entry["salt"]
        whole[seq] = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    path.write_bytes(b"".join(whole))
    wrong = verify_file(path)[0].tampering
    assert wrong is not None
    assert "its content is gone" in wrong.what


def test_after_the_end_only_an_erasure_may_follow(tmp_path: Path):
    """Nothing else can be added to a run that has ended, not even behind an erasure."""
    path = tmp_path / "r.jsonl"
    with FileTrace(path, "r") as trace:
        for seq, kind in enumerate(("run.started", "run.ended", "content.erased", "run.paused")):
            trace.record(Event(seq, kind, AT, {"seq": []}))  # type: ignore[arg-type]
    wrong = verify_file(path)[0].tampering
    assert wrong is not None
    assert (wrong.seq, wrong.what) == (3, "an event stands after the end of the run")


def test_what_an_auditor_counts_survives_the_erasure(state):
    """Agent, policy, stop and decisions are kept; what the person said is not."""
    path = written(state, "r1")
    before = facts_of(read_events(path)[1])
    erase(path, state / "journal.jsonl", WHY)
    assert facts_of(read_events(path)[1]) == before
    assert (before.agent, before.stop, before.verdicts) == ("order-desk", "answered", {"allow": 1})
    (listed,) = list_runs(state)
    assert (listed.started["agent"], listed.stop) == ("order-desk", "answered")
    assert listed.started["principal"] == {"id": "[erased]", "role": "customer"}
    assert runs_of(state, "cus_7") == []
    assert find(state, "r1") == (path, None)


def test_an_erased_run_can_be_shown_and_not_compared(state, capsys, monkeypatch):
    """`trace show` says what is erased; `trace diff` is a wrong request; `list` names the run."""
    monkeypatch.setenv("COLUMNS", "100")
    written(state, "r1")
    written(state, "r2", principal="cus_8")
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "asked", "--yes"]) == 0
    assert run_cli(["trace", "show", "r1"]) == 0
    assert run_cli(["trace", "list"]) == 0
    shown = capsys.readouterr().out
    assert "model.replied: content erased" in shown
    assert "customer:[erased]" in shown
    assert run_cli(["trace", "diff", "r1", "r2"]) == 2
    assert "had its content erased" in capsys.readouterr().err


def test_a_paused_run_is_erased_and_cannot_go_on(state):
    """A run that waits loses its content too; nobody continues it from hashes."""
    path = state / "traces" / "r1.jsonl"
    started = trial(bundle(), [{"say": "Hello."}]).events[0]
    with FileTrace(path, "r1") as trace:
        trace.record(started)
        trace.record(Event(1, "run.paused", AT, {"reason": "approval", "pending": []}))
    torn = path.read_bytes() + b'{"at":"20'
    path.write_bytes(torn)
    path.with_suffix(".torn").write_text("cus_7 said")
    erase(path, state / "journal.jsonl", WHY)
    assert not path.with_suffix(".torn").exists()
    (check,) = verify_file(path)
    assert (check.events, check.torn, check.tampering, check.erased) == (3, False, None, 2)
    with pytest.raises(Problem, match="content erased, and cannot be continued"):
        FileTrace.reopen(path, "r1")


def test_a_tampered_trace_is_not_erased(state, capsys):
    """An erasure never covers a damage up: neither in the trace nor against its seal."""
    path = written(state, "r1")
    whole = lines(path)
    for damage in ([*whole[:2], whole[2].replace(b"o_1", b"o_2"), *whole[3:]], whole[:-1]):
        path.write_bytes(b"".join(damage))
        assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x", "--yes"]) == 3
        assert "was not erased" in capsys.readouterr().err
        assert path.read_bytes() == b"".join(damage)


def test_a_run_that_is_being_written_is_not_erased(state, capsys):
    """The writer holds the trace; the erasure says so and can be repeated."""
    path = state / "traces" / "r1.jsonl"
    with FileTrace(path, "r1") as trace:
        trace.record(trial(bundle(), [{"say": "Hello."}]).events[0])
        assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x", "--yes"]) == 3
        assert "being written by another process" in capsys.readouterr().err
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x", "--yes"]) == 0


def test_nothing_is_erased_unasked(state, capsys, monkeypatch):
    """Without `--yes` and without a terminal nothing happens; nobody known is said."""
    path = written(state, "r1")
    before = path.read_bytes()
    monkeypatch.setattr("agentctl.cli.trace.erase.on_terminal", lambda: False)
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert run_cli(["trace", "erase", "--principal", "cus_9", "--reason", "x", "--yes"]) == 2
    assert "no run on behalf of `cus_9`" in capsys.readouterr().err
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", " ", "--yes"]) == 2
    monkeypatch.setattr("agentctl.cli.trace.erase.on_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x"]) == 130
    assert path.read_bytes() == before


DEADLY = (
    (os, "open"), (os, "write"), (os, "fsync"), (os, "close"), (os, "replace"), (os, "rename"),
    (Path, "replace"), (Path, "unlink"),
)  # fmt: skip


def erase_and_die(state: Path, step: int) -> None:
    """Erase, and be killed -9 at one step; a write is then torn in the middle."""
    left = itertools.count(step - 1, -1)

    def deadly(real, name):
        def call(*arguments, **named):
            if next(left) == 0:
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for holder, name in DEADLY:
        setattr(holder, name, deadly(getattr(holder, name), name))
    erasure = Erasure("asked", "dpo", "2026-01-15T09:00:00.000Z")
    erase(state / "traces" / "r1.jsonl", state / "journal.jsonl", erasure)


def test_kill_9_in_the_middle_leaves_the_old_file_or_the_new_one(state, verify, capsys):
    """Killed at every step: the trace is whole, verifies, and a second erasure finishes the job."""
    path, log = written(state, "r1"), state / "journal.jsonl"
    old, seals = path.read_bytes(), log.read_bytes()
    torn, outcomes = False, []
    for step in range(1, 60):
        path.write_bytes(old)
        log.write_bytes(seals)
        done = multiprocessing.get_context("fork").Process(target=erase_and_die, args=(state, step))
        done.start()
        done.join()
        new = path.read_bytes() != old
        outcomes.append(new)
        (check,) = verify_file(path)
        assert (check.tampering, check.torn) == (None, False)
        assert check.erased == (check.events - 1 if new else 0)
        if done.exitcode == 0:
            break
        assert done.exitcode == -9
        torn = torn or read_journal(log).torn
        assert verify()[0] == 0, step
        code = run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "x", "--yes"])
        assert code == (2 if new else 0)
        assert verify()[0] == 0
        assert not read_journal(log).torn
        assert read_journal(log).seals[-1].events == check.events + (0 if new else 1)
        assert not list(path.parent.glob(".*.tmp"))
    else:
        pytest.fail("the erasure never came to its end")
    assert outcomes == sorted(outcomes)
    assert {True, False} == set(outcomes)
    assert torn


def test_the_cost_of_an_erased_run_is_named_as_missing(state, capsys):
    """`trace cost` adds up the others, and no longer fails on what has no content."""
    written(state, "r1")
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "asked", "--yes"]) == 0
    capsys.readouterr()
    assert run_cli(["trace", "cost", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["erased"]) == err.count("was erased, and what it cost with it") > 0
