"""What runs cost: folded from their traces, with what nobody knows told apart."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.events import Event
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import moment_of, new_run_id, traces_folder
from agentctl.traces.views.cost import read_costs
from agentctl.traces.views.trend import Forecast, Spike, forecast, spikes
from tests.runtime.test_spending import desk
from tests.support.command import agentctl, environment
from tests.support.loopback import Loopback, says
from tests.support.project import AGENT, make

MINI, LARGE = "openai/gpt-5-mini", "openai/gpt-5"
START = date(2026, 1, 1)
__all__ = ["desk"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    make(tmp_path, [])
    return tmp_path


_made = iter(range(1_000_000))


def trace(
    root: Path,
    day: str,
    *turns: tuple[str, str | None] | tuple[str, str | None, bool],
    agent: str = "order-desk",
    tools: dict[str, str] | None = None,
    mode: str = "live",
    scenario: str | None = None,
    forbade: str | None = None,
) -> str:
    """Write the trace of a run: turns as (model, dollars, estimated), tools as name -> dollars."""
    moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    run_id = new_run_id(moment, next(_made).to_bytes(5, "big"))
    # A scenario plays on a day of its own.
    at = "2020-02-02T12:00:00.000Z" if scenario else f"{day}T12:00:00.000Z"
    started = {"agent": agent, "mode": mode, "model": MINI}
    if scenario:
        started["scenario"] = {"kind": scenario}  # type: ignore[assignment]
    found: list[tuple[str, dict[str, Any]]] = [("run.started", started)]
    for model, usd, *rest in turns:
        status = "unknown" if usd is None else "estimated" if rest else "priced"
        usage = {"in": 1000, "out": 10, "estimated": bool(rest)}
        cost = {"usd": usd, "status": status}
        found.append(("model.replied", {"model": model, "usage": usage, "cost": cost}))
    for tool, usd in (tools or {}).items():
        cost = {"usd": usd, "status": "declared"}
        found.append(("tool.returned", {"tool": tool, "ok": True, "cost": cost}))
    if forbade:
        body = {"limit": forbade, "used": "1", "most": "1", "asked": "0.1"}
        found.append(("limit.warned", body))
    found.append(("run.ended", {"stop": "answered", "cost": {"usd": "99", "status": "priced"}}))
    with FileTrace(traces_folder(root) / f"{run_id}.jsonl", run_id) as file:
        for seq, (kind, body) in enumerate(found):
            file.record(Event(seq, kind, at, body))  # type: ignore[arg-type]
    return run_id


def cost(capfd: pytest.CaptureFixture[str], *words: str, now: str = "2026-01-15") -> Any:
    """Run `trace cost` and return its exit code, its JSON and what it says on stderr."""
    capfd.readouterr()
    code = run_cli(["trace", "cost", "--now", now, "--format", "json", *words])
    out, err = capfd.readouterr()
    return code, json.loads(out) if out else None, err


def text(capfd: pytest.CaptureFixture[str], *words: str, now: str = "2026-01-15") -> list[str]:
    capfd.readouterr()
    run_cli(["trace", "cost", "--now", now, *words])
    return capfd.readouterr().out.splitlines()


def test_models_and_tools_are_added_up_apart(root: Path, capfd: pytest.CaptureFixture[str]):
    """Every turn and every paid call of every run is in the sums, with its tokens."""
    trace(root, "2026-01-14", (MINI, "0.10"), (MINI, "0.20"), tools={"search": "0.01"})
    trace(root, "2026-01-15", (LARGE, "1.00"), agent="billing")
    code, report, err = cost(capfd)
    assert (code, err) == (0, "2 runs up to 2026-01-15\n")
    assert report["rows"] == [
        {
            "agent": "billing",
            "runs": 1,
            "turns": 1,
            "calls": 0,
            "tokens": {"in": 1000, "out": 10},
            "model_usd": "1",
            "tool_usd": "0",
            "usd": "1",
            "estimated": False,
            "unknown": 0,
        },
        {
            "agent": "order-desk",
            "runs": 1,
            "turns": 2,
            "calls": 1,
            "tokens": {"in": 2000, "out": 20},
            "model_usd": "0.3",
            "tool_usd": "0.01",
            "usd": "0.31",
            "estimated": False,
            "unknown": 0,
        },
    ]
    assert (report["total"]["runs"], report["total"]["usd"]) == (2, "1.31")


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("model", [("openai/gpt-5", "2"), ("openai/gpt-5-mini", "0.5"), (None, "0.25")]),
        ("tool", [(None, "2.5"), ("search", "0.25")]),
        ("day", [("2026-01-13", "0.75"), ("2026-01-14", "2")]),
        ("agent,day", [("order-desk", "2026-01-14", "2"), ("order-desk", "2026-01-13", "0.75")]),
        ("day, model", [("2026-01-13", None, "0.25"), ("2026-01-13", MINI, "0.5"),
                        ("2026-01-14", LARGE, "2")]),
    ],
)  # fmt: skip
def test_rows_are_what_is_asked_for(
    root: Path, capfd: pytest.CaptureFixture[str], by: str, rows: list[tuple[str | None, ...]]
):
    """Days stand in order, all else the dearest first; turns have no tool, calls no model."""
    trace(root, "2026-01-13", (MINI, "0.5"), tools={"search": "0.25"})
    trace(root, "2026-01-14", (LARGE, "2"))
    _, report, _ = cost(capfd, "--by", by)
    assert [(*(row[name] for name in report["by"]), row["usd"]) for row in report["rows"]] == rows


def test_only_the_days_asked_for_are_shown(root: Path, capfd: pytest.CaptureFixture[str]):
    """`--from` and `--to` are both part of the time."""
    for day in ("12", "13", "14", "15"):
        trace(root, f"2026-01-{day}", (MINI, "1"))
    _, report, _ = cost(capfd, "--from", "2026-01-13", "--to", "2026-01-14", "--by", "day")
    assert [row["day"] for row in report["rows"]] == ["2026-01-13", "2026-01-14"]
    assert report["total"]["usd"] == "2"


def test_estimates_are_marked(root: Path, capfd: pytest.CaptureFixture[str]):
    """A sum with one estimate in it is an estimate."""
    trace(root, "2026-01-14", (MINI, "0.1"), (MINI, "0.2", True))
    trace(root, "2026-01-14", (MINI, "0.1"), agent="billing")
    lines = text(capfd)
    assert lines[1].split()[-3:] == ["~0.3", "0", "~0.3"]
    assert lines[2].split()[-3:] == ["0.1", "0", "0.1"]
    assert lines[3].split()[0] == "total"
    assert lines[3].split()[-1] == "~0.4"


def test_a_cost_that_nobody_knows_is_not_zero(root: Path, capfd: pytest.CaptureFixture[str]):
    """A turn without a price is told as unknown, alone and beside known ones."""
    trace(root, "2026-01-14", (MINI, None))
    trace(root, "2026-01-14", (MINI, "0.1"), (MINI, None), agent="billing")
    _, report, _ = cost(capfd)
    assert [(row["usd"], row["unknown"]) for row in report["rows"]] == [("0.1", 1), ("0", 1)]
    assert report["forecast"]["spent"] == "0.1"
    lines = text(capfd)
    assert lines[1].endswith("0.1 + unknown")
    assert lines[2].endswith("unknown")
    assert "+" not in lines[2]
    assert lines[-1].endswith("; without what is unknown)")


def test_what_nobody_is_billed_for_is_not_counted(root: Path, capfd: pytest.CaptureFixture[str]):
    """Recorded turns and mocked tools are free, whatever their traces say; run totals are ours."""
    trace(root, "2026-01-14", (MINI, "5"), scenario="written")
    trace(root, "2026-01-14", (MINI, "0.1"), tools={"search": "7"}, mode="mock")
    _, report, _ = cost(capfd)
    assert (report["total"]["usd"], report["total"]["runs"], report["replayed"]) == ("0.1", 1, 1)
    assert "not counted: 1 run of recorded turns" in text(capfd)


def test_a_scenario_with_a_live_model_counts_on_the_day_it_was_played(
    root: Path, capfd: pytest.CaptureFixture[str]
):
    """Its own clock stands in another year."""
    trace(root, "2026-01-14", (MINI, "0.1"), scenario="live", mode="mock")
    _, report, _ = cost(capfd, "--by", "day")
    assert [row["day"] for row in report["rows"]] == ["2026-01-14"]


def test_the_forecast_goes_on_with_the_mean_day(root: Path, capfd: pytest.CaptureFixture[str]):
    """Days without spending count; other months do not."""
    trace(root, "2025-12-31", (MINI, "9"))
    trace(root, "2026-01-05", (MINI, "4"))
    trace(root, "2026-01-10", (MINI, "6"))
    _, report, _ = cost(capfd, now="2026-01-10")
    assert report["forecast"] == {
        "month": "2026-01", "spent": "10", "days": 10, "days_in_month": 31, "usd": "31"
    }  # fmt: skip
    told = "~31 US dollars (the mean of 10 days so far, 10 in all, times 31 days)"
    assert f"forecast for 2026-01: {told}" in text(capfd, now="2026-01-10")


def test_a_leap_february_has_its_days():
    """The month's length is the calendar's."""
    made = forecast({date(2028, 2, 1): Decimal(1)}, date(2028, 2, 1))
    assert made == Forecast("2028-02", Decimal(1), 1, 29, Decimal(29))


def days(*costs: str) -> dict[date, Decimal]:
    """Return days in a row from the first of January."""
    return {START + timedelta(days=n): Decimal(usd) for n, usd in enumerate(costs)}


@pytest.mark.parametrize(
    ("costs", "found"),
    [
        (["1", "1", "1", "3.01"], [("2026-01-04", "1", 3)]),
        (["1", "1", "1", "3"], []),
        (["2", "2", "2", "5"], []),
        (["1", "1", "9"], []),
        (["1", "2", "9", "1", "7"], [("2026-01-05", "1.5", 4)]),
        (["1", "0", "0", "1", "1", "4"], [("2026-01-06", "1", 3)]),
        (["1", "1", "1", *["0"] * 12, "9"], []),
        (["1", "1", "1", *["0"] * 11, "9"], [("2026-01-15", "1", 3)]),
    ],
    ids=["over", "at", "under", "too-little-history", "median", "idle-days", "too-old", "just-in"],
)
def test_a_spike_is_over_three_times_the_usual_day(
    costs: list[str], found: list[tuple[str, str, int]]
):
    """The usual day is the median of the days of spending among the 14 before; at least three."""
    told = [(str(s.day), str(s.usual), s.history) for s in spikes(days(*costs))]
    assert told == found


def test_spikes_are_told_with_what_is_usual():
    """The spike says its day, its cost and the usual one."""
    assert spikes(days("1", "1", "1", "8"))[0] == Spike(date(2026, 1, 4), Decimal(8), Decimal(1), 3)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 1),
        (["--fail-on", "spike"], 1),
        (["--fail-on", "budget"], 0),
        (["--fail-on", "none"], 0),
        (["--to", "2026-01-05"], 0),
    ],
    ids=str,
)
def test_a_spike_on_the_last_day_is_an_exit_code(
    root: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int
):
    """Cron sees the spike; one of an earlier day is shown and fails no more."""
    for day, usd in (("01", "1"), ("02", "1"), ("03", "1"), ("04", "8")):
        trace(root, f"2026-01-{day}", (MINI, usd))
    got, report, err = cost(capfd, *words, now="2026-01-04")
    assert got == code
    assert [spike["day"] for spike in report["spikes"]] == ["2026-01-04"]
    assert ("2026-01-04 is a spike" in err) == (code == 1)


def limit(root: Path, text: str) -> None:
    (root / "agents" / "order-desk.yaml").write_text(f"{AGENT}limits: {{cost_usd: {text}}}\n")


@pytest.mark.parametrize(
    ("limits", "states", "code"),
    [
        ("{day: 2, month: 10}", ["ok", "ok"], 0),
        ("{day: 1.25, month: 10}", ["near", "ok"], 0),
        ("{day: 1.2, month: 10, alert_at: 0.9}", ["ok", "ok"], 0),
        ("{day: 1}", ["exceeded"], 1),
        ("{month: 3}", ["exceeded"], 1),
        ("{session: 0.01}", [], 0),
    ],
)
def test_an_exceeded_budget_is_an_exit_code(
    root: Path, capfd: pytest.CaptureFixture[str], limits: str, states: list[str], code: int
):
    """Day and month of today's limits are held against what the traces say."""
    limit(root, limits)
    trace(root, "2026-01-01", (MINI, "2"))
    trace(root, "2026-01-15", (MINI, "0.9"), tools={"search": "0.1"})
    trace(root, "2026-01-15", (MINI, "50"), agent="billing")
    got, report, err = cost(capfd)
    assert [budget["state"] for budget in report["budgets"]] == states
    assert got == code
    assert ("budget of order-desk is exceeded" in err) == (code == 1)
    assert cost(capfd, "--fail-on", "spike")[0] == 0


def test_a_budget_that_forbade_a_call_is_exceeded(root: Path, capfd: pytest.CaptureFixture[str]):
    """What is left was too little, although it is not nothing; the next day starts anew."""
    limit(root, "{day: 2}")
    trace(root, "2026-01-15", (MINI, "1"), forbade="cost_usd.day")
    assert cost(capfd)[1]["budgets"][0]["state"] == "exceeded"
    assert cost(capfd, now="2026-01-16")[1]["budgets"][0]["state"] == "ok"


def test_a_damaged_trace_is_told_and_its_cost_is_not_guessed(
    root: Path, capfd: pytest.CaptureFixture[str]
):
    """The rest is added up, and the exit code says that it may not be all."""
    trace(root, "2026-01-15", (MINI, "1"))
    broken = trace(root, "2026-01-15", (MINI, "1"))
    file = traces_folder(root) / f"{broken}.jsonl"
    file.write_text("not a trace\n" + file.read_text())
    code, report, err = cost(capfd)
    assert (code, report["total"]["usd"], report["unread"]) == (3, "1", [broken])
    assert f"the trace {broken} cannot be read; its cost is missing" in err


def test_an_agent_whose_file_is_broken_has_no_known_budget(
    root: Path, capfd: pytest.CaptureFixture[str]
):
    """That is said, and the costs are shown all the same."""
    (root / "agents" / "order-desk.yaml").write_text("kind: Agent\nname: [\n")
    trace(root, "2026-01-15", (MINI, "1"))
    code, report, err = cost(capfd)
    assert (code, report["budgets"]) == (0, [])
    assert "the budget of order-desk is not known" in err


def test_a_project_without_runs_has_cost_nothing(root: Path, capfd: pytest.CaptureFixture[str]):
    """No row, a sum of nothing, and a forecast of nothing."""
    code, report, _ = cost(capfd)
    assert (code, report["rows"], report["total"]["usd"]) == (0, [], "0")
    assert text(capfd)[0] == "no run of this time has cost anything"


def test_a_row_is_a_line_of_json(root: Path, capfd: pytest.CaptureFixture[str]):
    """`--format jsonl` gives the rows of the table."""
    trace(root, "2026-01-14", (MINI, "1"))
    trace(root, "2026-01-15", (MINI, "2"))
    lines = text(capfd, "--format", "jsonl", "--by", "day")
    assert [json.loads(line)["usd"] for line in lines] == ["1", "2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "agnt"], "did you mean `agent`?"),
        (["--by", ""], "there are: agent, model, tool, day"),
        (["--from", "2026-01-16"], "--from 2026-01-16 is after the last day, 2026-01-15"),
        (["--from", "yesterday"], "--from"),
        (["--fail-on", "rain"], "rain"),
    ],
    ids=str,
)
def test_a_wrong_request_is_said(
    root: Path, capfd: pytest.CaptureFixture[str], words: list[str], message: str
):
    """Exit code 2, with the way out."""
    code, _, err = cost(capfd, *words)
    assert code == 2
    assert message in err


def test_what_a_model_calls_itself_commands_no_terminal(
    root: Path, capfd: pytest.CaptureFixture[str]
):
    """Names come from strangers."""
    trace(root, "2026-01-14", ("evil\x1b[2J", "1"))
    assert "\x1b" not in "".join(text(capfd, "--by", "model"))


def test_the_id_of_a_run_tells_when_it_was_made():
    """The moment comes back; an id of another kind has none."""
    moment = datetime(2026, 1, 15, 12, 30, 1, 250000, UTC)
    assert moment_of(new_run_id(moment, b"\xff" * 5)) == moment
    assert moment_of("set/case#1") is None
    assert moment_of("i" * 14) is None


def test_runs_of_the_command_line_are_added_up(desk: tuple[Path, Loopback]):
    """Three runs on money for two: two are paid, and the day's budget is told as exceeded."""
    folder, server = desk
    server.script(*[says("Hello.", (0, 100))] * 3)
    for _ in range(3):
        agentctl(folder, "run", "library-desk", "Hello", "-q")
    done = agentctl(folder, "trace", "cost", "--format", "json")
    report = json.loads(done.stdout)
    assert (report["total"]["usd"], report["total"]["turns"]) == ("0.2", 2)
    (budget,) = report["budgets"]
    assert (budget["agent"], budget["used"], budget["state"]) == ("library-desk", "0.2", "exceeded")
    assert done.returncode == 1
    assert "the day's budget of library-desk is exceeded" in done.stderr


def test_costs_are_read_in_the_order_of_the_runs(root: Path):
    """The oldest first, whatever the folder's order."""
    trace(root, "2026-01-15", (MINI, "2"))
    trace(root, "2026-01-14", (MINI, "1"))
    assert [spend.usd for spend in read_costs(root).spends] == [Decimal(1), Decimal(2)]


def test_no_heavy_library_is_loaded(root: Path):
    """Adding up costs loads neither litellm nor pandas."""
    code = (
        "import sys\nfrom agentctl.cli.program import run_cli\nrun_cli(['trace', 'cost'])\n"
        "assert not {'litellm', 'pandas', 'httpx'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
