"""The benchmarks do what they say they measure, and their exit code is their bound."""

import json
from pathlib import Path

import pytest

from benchmarks import audit, gate, importing, live, replay, startup, traces, worlds
from benchmarks.baseline import run_baseline
from benchmarks.made_project import make_project
from benchmarks.output import BenchmarkResult, show


def test_the_baseline_writes_three_lines_a_turn(tmp_path: Path) -> None:
    """The baseline parses, validates and writes three JSON lines for every turn."""
    out = tmp_path / "log.jsonl"
    assert run_baseline(scenarios=4, turns=3, out=out) >= 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 4 * 3 * 3
    assert {line["verdict"] for line in lines if line["type"] == "call.decided"} == {"allow"}


@pytest.mark.parametrize(("keep", "lines"), [("all", 12 * 4), ("failed", 0)])
def test_the_replayed_eval_does_the_work_of_the_baseline(
    tmp_path: Path, keep: str, lines: int
) -> None:
    """Every generated scenario passes, and a run that is kept has more lines than the baseline."""
    golden_set = make_project(tmp_path / "project", 4)
    out = tmp_path / "traces.jsonl"
    assert replay.evaluate(golden_set, keep, out) > 0  # type: ignore[arg-type]
    assert len(out.read_text().splitlines()) == lines
    text = out.with_suffix(".report.json").read_text()
    assert len(json.loads(text)["sets"][0]["trials"]) == 4


def test_a_larger_world_is_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario passes in a world of any size; only the ratio of the two sides is bounded."""
    monkeypatch.setattr(worlds, "SCENARIOS", 4)
    small, large = (worlds.load(worlds.make_world(tmp_path / str(n), n)) for n in (100, 300))
    ((first, second),) = worlds.measure(small, large, rounds=1)
    assert first > 0
    assert second > 0
    assert worlds.report([(1.0, 1.3), (2.0, 2.0)]).good
    assert not worlds.report([(1.0, 1.31), (1.0, 1.31)]).good


def test_a_broken_bound_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line names figure and outcome, and a broken bound is exit code 1."""
    fast = startup.StartupTiming(startup.Command(("--version",), 2), 20.0, 1.5)
    slow = fast._replace(ratio=2.5)
    for timing, code, word in ((fast, 0, "PASS"), (slow, 1, "FAIL")):
        assert show(startup.report(11.0, [timing], {}, 3), "text") == code
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == f"startup: --version {timing.ratio}x (at most 2x): {word}"


@pytest.mark.parametrize(
    ("ratio", "default", "large_us", "large_kb", "speedup", "good"),
    [
        (5.9, 4.4, 109.0, 170_000, 1.6, True),
        (6.1, 4.4, 100.0, 170_000, 1.6, False),
        (5.9, 4.6, 100.0, 170_000, 1.6, False),
        (5.9, 4.4, 111.0, 170_000, 1.6, False),
        (5.9, 4.4, 100.0, 175_000, 1.6, False),
        (5.9, 4.4, 100.0, 170_000, 1.5, False),
    ],
)
def test_each_bound_of_the_replay_counts(
    ratio: float, default: float, large_us: float, large_kb: int, speedup: float, good: bool
) -> None:
    """Both ratios, growth, memory and processes each break the replay benchmark alone."""
    timings = [
        replay.ReplayTiming("baseline", 1_000, 9_000, 20.0, 1.0),
        replay.ReplayTiming("all", 1_000, 12_000, 100.0, ratio),
        replay.ReplayTiming("failed", 1_000, 0, 60.0, default),
        replay.ReplayTiming("all", 20_000, 240_000, large_us, ratio),
    ]
    result = replay.report(timings, replay.Memory(60_000, large_kb), speedup, 3)
    assert result.good is good
    assert result.figure.endswith("PASS" if good else "FAIL")


def test_the_gate_is_timed_at_its_real_work() -> None:
    """Every setting allows nine calls of ten and refuses the tenth, under exactly 50 rules."""
    made = gate.settings()
    assert [setting.asked for setting in made] == [5, 50, 5, 5]
    assert [len(setting.facts.seen["orders"]) for setting in made] == [1, 1, 1, 200]
    for setting in made:
        assert gate.cpu_us(setting, gate.calls()[:20]) > 0


@pytest.mark.parametrize(("took", "good"), [(19.9, True), (20.0, True), (20.1, False)])
def test_the_bound_of_the_gate_counts(took: float, good: bool) -> None:
    """A decision without CEL over its bound breaks the benchmark; CEL alone does not."""
    plain, _, _, cel = gate.settings()
    result = gate.report([gate.GateTiming(plain, took), gate.GateTiming(cel, 500.0)], 3)
    assert result.good is good
    assert result.figure.endswith("PASS" if good else "FAIL")
    assert result.data["decisions"][plain.name] == {"rules": 5, "cpu_us": took, "bound": 20.0}


def test_a_result_for_programs_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--format json` stdout is one JSON object that holds figure and outcome."""
    result = BenchmarkResult("T", ("a", "b"), [("x", "1")], [], "t: fine", True, {"benchmark": "t"})
    assert show(result, "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "benchmark": "t",
        "figure": "t: fine",
        "good": True,
    }
    assert result.text().splitlines() == ["T", "", "a  b", "-  -", "x  1", "", "t: fine"]


def test_the_audit_benchmark_appends_real_events(tmp_path: Path) -> None:
    """What is timed is a trace that verifies, of events with bodies, without their barriers."""
    events = audit.repeated(audit.real_events(tmp_path / "project"), 30)
    assert [event.seq for event in events] == list(range(30))
    assert {"call.decided", "tool.returned"} <= {event.type for event in events}
    written, chained = audit.measure(tmp_path, events, 1)
    assert (written.events, chained.events) == (30, 30)
    assert written.cpu_us > 0
    assert written.bytes_each > 300


@pytest.mark.parametrize(("cpu_us", "good"), [(15.0, True), (15.1, False)])
def test_the_bound_of_the_audit_is_that_of_what_is_written(cpu_us: float, good: bool) -> None:
    """A chain that is fast alone does not help an append that is slow."""
    timings = [audit.AuditTiming("a", 10, 600.0, cpu_us), audit.AuditTiming("b", 10, 600.0, 9.0)]
    result = audit.report(timings, 1)
    assert result.good is good
    assert result.figure.endswith("PASS" if good else "FAIL")


def test_the_traces_benchmark_reads_intact_runs_and_finds_its_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run verifies, half of the runs are timed too, and each diff finds what was changed."""
    read = traces.measure_files(tmp_path, 4, 1)
    assert {timing.name for timing in read} == {
        name + part for name in ("verify", "cost", "report") for part in ("", ", over half")
    }
    assert all(timing.cpu_ms > 0 and timing.ratio for timing in read)
    monkeypatch.setattr(traces, "STEPS", 200)
    assert len(traces.measure_diff(1)) == 3


@pytest.mark.parametrize("good", [True, False])
def test_each_bound_of_the_traces_counts(good: bool) -> None:
    """One broken bound breaks the benchmark, and the last line names it."""
    fine = traces.TraceTiming("verify", "4 runs", 1.0, 2.0, "2.5x", True)
    other = traces.TraceTiming("diff, equal", "9 steps", 300.0, None, "200 ms", good)
    result = traces.report([fine, other], 1)
    assert result.good is good
    assert result.figure == f"traces: {'PASS' if good else 'FAIL (diff, equal)'}"


def test_the_live_benchmark_asks_for_every_turn_on_few_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every scenario passes, as many are in flight as was told, and connections are reused."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(live, "ANSWER_S", 0.2)
    timing = live.measure(tmp_path, 8, 4)
    assert timing.server["requests"] == (8 + 2) * 3, "once to know what starting takes"
    assert timing.server["most_in_flight"] == 4
    assert timing.server["connections"] <= 2 * 4
    assert timing.ideal_s == 2 * 3 * 0.2
    assert timing.wall_s > timing.ideal_s


@pytest.mark.parametrize(("wall_s", "good"), [(7.5, True), (7.6, False)])
def test_the_bound_of_the_live_benchmark_counts(wall_s: float, good: bool) -> None:
    """A quarter more than the waiting alone takes is the most."""
    server = {"most_in_flight": 50, "connections": 50, "late_ms": 0.4, "cpu_s": 0.3}
    result = live.report(live.LiveTiming(200, 50, wall_s, 2.4, server))
    assert result.good is good
    assert result.figure.endswith("PASS" if good else "FAIL")
    assert "what limits it: the processor: 4.0 ms CPU a request" in result.text()
    late = live.report(live.LiveTiming(200, 50, wall_s, 2.4, {**server, "late_ms": 100.0}))
    assert "what limits it: the server" in late.text()


def test_the_importing_benchmark_makes_one_manifest_for_each_tag() -> None:
    """A small document takes the way of the large one: imported, split, checked."""
    imported, checked = importing.measure(120, 0.3)
    assert imported.size == "0.3 MB, 120 operations"
    assert checked.size == "40 manifests"


@pytest.mark.parametrize(
    ("cpu_s", "megabytes", "good"), [(20.0, 400.0, True), (20.1, 1.0, False), (1.0, 400.1, False)]
)
def test_the_bounds_of_the_importing_benchmark_count(
    cpu_s: float, megabytes: float, good: bool
) -> None:
    """CPU and memory, each on its own."""
    one = importing.ImportTiming("import", "", cpu_s, 20.0, megabytes, 400.0)
    assert importing.report([one, one]).good is good
