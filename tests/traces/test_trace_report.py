"""`trace report` counts what an auditor asks for, from the events and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.canonical import Json
from agentctl.core.events import Event
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.journal import Seal, seal_run
from tests.traces.test_trace_verify import lines

POLICY, NEWER = "a" * 64, "b" * 64


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(
    state: Path, name: str, day: str, *middle: tuple[str, dict[str, Json]], **more: Any
) -> Path:
    """Write and seal one run; each event comes a minute after the one before."""
    started = {
        "agent": more.get("agent", "order-desk"),
        "model": "m",
        "mode": more.get("mode", "mock"),
        "principal": {"id": "cus_7", "role": "customer"},
        "fingerprints": {"policy": more.get("policy", POLICY)},
        "rights": {"tools": ["cancel"]},
    }
    stop = more.get("stop", "answered")
    end = [("run.ended", {"stop": stop, "reason": "r"})] if stop else []
    path = state / "traces" / f"{name}.jsonl"
    with FileTrace(path, name) as trace:
        bodies = [("run.started", started), *middle, *end]
        for seq, (kind, body) in enumerate(bodies):
            trace.record(Event(seq, kind, f"{day}T09:{seq:02d}:00.000Z", body))  # type: ignore[arg-type]
    if stop and more.get("sealed", True):
        seal_run(state / "journal.jsonl", Seal(name, len(bodies), trace.head), f"{day}T10:00:00Z")
    return path


def decided(verdict: str, stage: str = "rule") -> tuple[str, dict[str, Json]]:
    return "call.decided", {"call_id": "c", "tool": "cancel", "verdict": verdict, "stage": stage}


def asked(call_id: str = "c") -> tuple[str, dict[str, Json]]:
    return "approval.requested", {"call_id": call_id, "tool": "cancel"}


def given(answer: str, by: str | None, call_id: str = "c") -> tuple[str, dict[str, Json]]:
    return "approval.given", {"call_id": call_id, "answer": answer, "by": by}


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run_cli(["trace", "report", "--format", "json", *arguments]) == 0
    return dict(json.loads(capsys.readouterr().out))


def busy(state: Path) -> None:
    write(state, "r1", "2026-01-10", decided("allow"), decided("deny"), decided("deny", "taint"))
    write(
        state,
        "r2",
        "2026-02-10",
        decided("ask"),
        asked(),
        given("approve", "bo"),
        ("effect.settled", {"call_id": "c", "tool": "cancel", "state": "in_doubt"}),
        ("correction.made", {"by": "bo", "call_id": "c", "before": {}, "after": {}}),
        ("escalated", {"queue": "desk", "trigger": {"kind": "effect", "detail": "x"}}),
        ("guardrail.hit", {"rail": "pii", "on": "output", "action": "block", "found": 1}),
        ("guardrail.hit", {"rail": "pii", "on": "output", "action": "redact", "found": 1}),
        ("limit.warned", {"limit": "cost_usd", "used": "1", "most": "2"}),
        policy=NEWER,
        stop="escalated",
    )
    write(
        state,
        "r3",
        "2026-03-10",
        asked("one"),
        ("question.asked", {"question": "?"}),
        ("question.asked", {"question": "?"}),
        given("reject", "bo", "one"),
        asked("two"),
        given("modify", "al", "two"),
        asked("three"),
        given("timeout", None, "three"),
        policy=NEWER,
        agent="desk-two",
        mode="live",
        stop="waiting_approval",
    )


def test_everything_an_auditor_asks_for_is_counted(state, capsys):
    """Runs, decisions, doubts, corrections, approvers and how fast they decided."""
    busy(state)
    found = counted(capsys)
    assert (found["runs"], found["first"][:10], found["last"][:10]) == (
        3,
        "2026-01-10",
        "2026-03-10",
    )
    assert found["agents"] == {"desk-two": 1, "order-desk": 2}
    assert found["modes"] == {"live": 1, "mock": 2}
    assert found["stops"] == {"answered": 1, "escalated": 1, "waiting_approval": 1}
    assert found["verdicts"] == {"allow": 1, "ask": 1, "deny": 2}
    assert found["blocked"] == {"guardrail": 1, "rule": 1, "taint": 1}
    assert found["escalated"] == {"effect": 1}
    assert found["effects"] == {"in_doubt": 1}
    assert (found["in_doubt"], found["corrected"], found["warned"]) == (1, 1, 1)
    assert (found["asked"], found["unanswered"], found["self_approvals"]) == (4, 1, 0)
    assert found["approvers"] == [
        {"by": "al", "answers": {"modify": 1}, "median_s": 60.0, "longest_s": 60.0},
        {"by": "bo", "answers": {"approve": 1, "reject": 1}, "median_s": 120.0, "longest_s": 180.0},
    ]
    assert (found["median_s"], found["longest_s"]) == (60.0, 180.0)


def test_policy_versions_have_their_first_and_last_run(state, capsys):
    """Each fingerprint is named with the agent it ruled, and from when to when."""
    busy(state)
    write(state, "r4", "2026-02-20", policy=NEWER)
    uses = counted(capsys)["policies"]
    assert [(use["agent"], use["policy"][0], use["runs"]) for use in uses] == [
        ("desk-two", "b", 1),
        ("order-desk", "a", 1),
        ("order-desk", "b", 2),
    ]
    assert (uses[2]["first_run"], uses[2]["last_run"]) == ("r2", "r4")
    assert uses[2]["last"] == "2026-02-20T09:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        ((), 3),
        (("--from", "2026-02-10"), 2),
        (("--to", "2026-02-10"), 2),
        (("--from", "2026-02-10", "--to", "2026-02-10"), 1),
        (("--from", "2027-01-01"), 0),
    ],
)
def test_a_period_holds_both_its_days(state, capsys, arguments, runs):
    """Runs count by the day they started, UTC."""
    busy(state)
    assert counted(capsys, *arguments)["runs"] == runs


@pytest.mark.parametrize(
    "arguments", [("--from", "yesterday"), ("--from", "2026-02-02", "--to", "2026-02-01")]
)
def test_a_period_that_is_none_is_a_wrong_request(state, capsys, arguments):
    """No date, or an end before the start."""
    assert run_cli(["trace", "report", *arguments]) == 2


def test_gaps_are_named(state, capsys):
    """Unsealed, unfinished, missing and damaged runs; what is damaged is counted nowhere else."""
    busy(state)
    write(state, "unsealed", "2026-01-11", sealed=False)
    write(state, "open", "2026-01-11", stop=None)
    damaged = state / "traces" / "r1.jsonl"
    whole = lines(damaged)
    damaged.write_bytes(b"".join([whole[0], whole[1].replace(b"allow", b"a11ow"), *whole[2:]]))
    (state / "traces" / "r2.jsonl").unlink()
    found = counted(capsys)
    gaps = found["gaps"]
    assert (gaps["unsealed"], gaps["open"]) == (["unsealed"], ["open"])
    assert (gaps["missing"], gaps["damaged"]) == (["r2"], ["r1"])
    assert len(gaps["contradictions"]) == 2
    assert found["runs"] == 3
    assert found["stops"] == {"answered": 1, "not ended": 1, "waiting_approval": 1}


def test_erased_content_is_reported_and_still_counted(state, capsys):
    """The counts are the same before and after; who erased what, when and why is there."""
    busy(state)
    before = counted(capsys)
    assert run_cli(["trace", "erase", "--principal", "cus_7", "--reason", "asked", "--yes"]) == 0
    after = counted(capsys)
    assert {one["run"] for one in after["erased"]} == {"r1", "r2", "r3"}
    assert {(one["reason"], one["events"]) for one in after["erased"]} >= {("asked", 5)}
    for name in set(before) - {"erased", "journal_head"}:
        assert after[name] == before[name], name


def test_an_approval_for_oneself_is_a_finding(state, capsys):
    """Whatever let it through, whoever the agent acted for is never counted as oversight unseen."""
    write(state, "r1", "2026-01-10", asked(), given("approve", "CUS_7"))
    assert counted(capsys)["self_approvals"] == 1


def test_a_clock_set_back_gives_no_false_speed(state, capsys):
    """An answer before its question has no time, rather than a wrong one."""
    path = state / "traces" / "r1.jsonl"
    with FileTrace(path, "r1") as trace:
        trace.record(Event(0, "run.started", "2026-01-10T09:00:00.000Z", {"agent": "a"}))
        trace.record(Event(1, "approval.requested", "2026-01-10T09:05:00.000Z", {"call_id": "c"}))
        body = {"call_id": "c", "answer": "approve", "by": "bo"}
        trace.record(Event(2, "approval.given", "2026-01-10T09:01:00.000Z", body))
    found = counted(capsys)
    assert (found["asked"], found["median_s"], found["approvers"][0]["median_s"]) == (1, None, None)


@pytest.mark.parametrize("shape", ["text", "json", "md"])
def test_the_report_never_says_that_anything_is_in_order(state, capsys, shape):
    """It maps figures to articles 12, 14, 19 and 26 and leaves the judgement to people."""
    busy(state)
    assert run_cli(["trace", "report", "--format", shape]) == 0
    said = capsys.readouterr().out
    assert not re.search(r"complian|conform|certif", said, re.IGNORECASE)
    for article in ("12(1)", "14(4)(e)", "19(1)", "26(6)"):
        assert article in said
    assert run_cli(["trace", "report", "--help"]) == 0
    assert "complian" not in capsys.readouterr().out.lower()


def test_text_and_markdown_hold_the_same_figures(state, capsys):
    """One row a figure; a bar in a name breaks no table; an empty project has a report too."""
    busy(state)
    write(state, "r4", "2026-03-11", asked(), given("approve", "a|b"))
    run_cli(["trace", "report"])
    text = capsys.readouterr().out
    run_cli(["trace", "report", "--format", "md"])
    markdown = capsys.readouterr().out
    assert "## Approvers" in markdown
    assert r"| a\|b | 1 approve | 60 s | 60 s |" in markdown
    assert re.search(r"bo +1 approve, 1 reject +120 s +180 s", text)
    assert text.count("deny") == markdown.count("deny") == 1


def test_a_project_without_runs_has_an_empty_report(state, capsys):
    """Nothing happened: every count is zero, and nothing breaks."""
    found = counted(capsys)
    assert (found["runs"], found["first"], found["policies"]) == (0, None, [])
    assert run_cli(["trace", "report"]) == 0
    assert "none" in capsys.readouterr().out
