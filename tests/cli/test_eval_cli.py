"""`agentctl eval` from the command line: text, files, exit codes."""

import json
import os
import signal
import subprocess
import sys

import pytest

from agentctl.cli.program import run_cli
from tests.support.command import Apart, until
from tests.support.project import CANCEL, GET, SAY, failing, make, passing, unclear

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("GITHUB", "CI"))},
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "TERM": "dumb",
    "TZ": "UTC",
}


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("NO_COLOR", "COLUMNS", "TERM", "TZ"):
        monkeypatch.setenv(name, ENVIRONMENT[name])


@pytest.fixture
def agentctl(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run_cli(["eval", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_green_set(agentctl, tmp_path):
    """A set that passes ends with exit 0, and the last line says so and what comes next."""
    make(tmp_path, [passing("a"), passing("b")])
    code, out, err = agentctl()
    assert (code, err) == (0, "")
    last = out.splitlines()[-1]
    verdict, _, following = last.partition(" Next: ")
    assert verdict == "passed: 2 of 2 scenarios passed, 3 of 3 gates met."
    assert following == "agentctl run --scenario orders:a"
    assert "the prompt and the model were not" in " ".join(out.split())


def test_a_red_set_says_why_and_where_to_look(agentctl, tmp_path):
    """What failed stands at the end with its reasons, and the next command looks at the first."""
    make(tmp_path, [passing("a"), failing("c"), failing("b")])
    code, out, _ = agentctl("orders")
    assert code == 1
    end = out[out.index("\nfailures\n") :].splitlines()
    assert end[2:4] == ["orders/c FAILED", '  - missing: cancel_order {"order_id": "o_1"}']
    assert [line for line in end if line.startswith("orders/")] == [
        "orders/c FAILED",
        "orders/b FAILED",
    ]
    assert end.index("gates") > end.index("orders/b FAILED")
    assert end[-1] == (
        "FAILED: 1 of 3 scenarios passed, 2 of 3 gates met. Next: agentctl trace show orders/c"
    )


def test_the_table_keeps_the_order_of_the_file(agentctl, tmp_path):
    """Scenarios are listed as the set lists them, and the report sorts them by id."""
    make(tmp_path, [passing("b"), passing("a")])
    _, out, _ = agentctl("orders", "--report", "r.json")
    assert [line.split()[0] for line in out.splitlines()[3:5]] == ["b", "a"]
    assert out.splitlines()[-1].endswith("Next: agentctl run --scenario orders:b")
    trials = json.loads((tmp_path / "r.json").read_text())["sets"][0]["trials"]
    assert [trial["scenario"] for trial in trials] == ["a", "b"]


def test_a_refused_call_says_why_beside_the_failure(agentctl, tmp_path):
    """Which call did not run, and why, is read without opening a trace; each once."""
    stopped = failing("a")
    cancel = {"call": {"cancel_order": {"order_id": "o_2"}}}
    stopped["turns"] = [cancel, cancel, {"say": "Done."}]
    make(tmp_path, [stopped])
    _, out, _ = agentctl("orders")
    why = 'refused: cancel_order {"order_id": "o_2"}: no record `o_2` of orders was seen'
    assert " ".join(out.split()).count(why) == 1, out


@pytest.mark.parametrize("forced", [True, False])
def test_colour_is_forced_in_a_pipe(agentctl, tmp_path, monkeypatch, forced):
    """`FORCE_COLOR` paints even what no terminal reads, unless `NO_COLOR` forbids it."""
    make(tmp_path, [passing("a")])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "" if forced else "1")
    _, out, _ = agentctl("orders")
    assert ("\x1b[32mpassed" in out) is forced


def test_an_unclear_set(agentctl, tmp_path):
    """Turns that no longer fit end with exit 3, not green and not red."""
    make(tmp_path, [passing("a"), unclear("b")])
    code, out, _ = agentctl("orders")
    assert code == 3
    assert "turns exhausted" in out
    assert out.splitlines()[-1].startswith("CANNOT TELL: ")


@pytest.mark.parametrize("columns", ["30", "60", "100", "200"])
def test_lines_fit_the_terminal(agentctl, tmp_path, monkeypatch, columns):
    """Table rows are no wider than the terminal, down to fifty columns."""
    monkeypatch.setenv("COLUMNS", columns)
    make(tmp_path, [passing("a"), failing("a-scenario-with-a-really-long-name-for-a-table")])
    _, out, _ = agentctl()
    table = out.split("\n\n")[1].splitlines()
    assert all(len(line) <= max(50, int(columns)) for line in table)


def test_traces_of_what_did_not_pass_are_kept(agentctl, tmp_path):
    """By default only trials that did not pass are kept; `all` and `none` change that."""
    make(tmp_path, [passing("a"), failing("b")])
    kept = tmp_path / ".agentctl/traces/evals/orders.jsonl"
    agentctl()
    runs = {json.loads(line)["run"] for line in kept.read_text().splitlines()}
    assert runs == {"orders/b#1"}
    agentctl("--keep", "all")
    assert {json.loads(line)["run"] for line in kept.read_text().splitlines()} == {
        "orders/a#1",
        "orders/b#1",
    }
    kept.unlink()
    _, out, _ = agentctl("--keep", "none")
    assert not kept.exists()
    assert "trace show" not in out


def test_files_are_written(agentctl, tmp_path):
    """JUnit, report and table are written whole, the timings beside the state."""
    make(tmp_path, [passing("a"), failing("b")])
    code, _, _ = agentctl("--junit", "j.xml", "--report", "r.json", "--table", "t.csv")
    assert code == 1
    assert "<failure" in (tmp_path / "j.xml").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["verdict"]["exit_code"] == 1
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 3
    assert "seconds" in (tmp_path / ".agentctl/reports/timings.json").read_text()
    assert not list(tmp_path.glob(".*.tmp"))


INPUTS = [
    "agentctl.yaml",
    "agents/order-desk.yaml",
    "tools/orders.yaml",
    "golden_sets/orders.yaml",
    "agents/policy.yaml",
    "golden_sets/worlds/shop.yaml",
    ".agentctl/state.db",
]


@pytest.mark.parametrize("option", ["--report", "--junit", "--table"])
@pytest.mark.parametrize("name", INPUTS)
def test_no_report_overwrites_what_the_project_is_made_of(agentctl, tmp_path, option, name):
    """An agent, a manifest, a set, a policy, the settings and the state are never an output."""
    make(tmp_path, [passing("a")])
    (tmp_path / ".agentctl").mkdir(exist_ok=True)
    (tmp_path / ".agentctl/state.db").touch()
    (tmp_path / "agentctl.yaml").write_text("kind: Project\n")
    link = tmp_path / ("link.csv" if option == "--table" else "link")
    link.symlink_to(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    code, out, err = agentctl(option, link)
    assert (code, out) == (2, "")
    assert "error[cannot-write]" in err
    assert (tmp_path / name).read_bytes() == before


def test_the_recordings_that_are_scored_are_not_an_output(agentctl, tmp_path):
    """`--traces FILE --report FILE` would replace what it reads."""
    make(tmp_path, [passing("a")])
    (tmp_path / "runs.jsonl").write_text("{}\n")
    code, _, err = agentctl("orders", "--traces", "runs.jsonl", "--report", "./runs.jsonl")
    assert code == 2
    assert "this command reads it" in err


def test_two_reports_do_not_share_a_file(agentctl, tmp_path):
    """One of them would be lost; a device takes both."""
    make(tmp_path, [passing("a")])
    (tmp_path / "link").symlink_to(tmp_path / "r.txt")
    code, _, err = agentctl("--junit", "r.txt", "--report", "link")
    assert (code, "another report goes into it" in err) == (2, True)
    assert agentctl("--junit", os.devnull, "--report", os.devnull)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "t.xlsx"], "kind of table"),
        (["--junit", "missing/j.xml"], "its folder does not exist"),
        (["--report", "."], "it is a folder"),
        (["--select", "nothing"], "no scenario of `orders` matches"),
        (["order"], "did you mean `orders`"),
        (["--traces", "missing.jsonl"], "cannot read missing.jsonl"),
        (["--jobs", "0"], "'--jobs'"),
        (["--format", "yaml"], "unknown report `yaml`"),
    ],
)
def test_a_wrong_request_is_exit_2(agentctl, tmp_path, arguments, said):
    """What cannot work is told on stderr before anything is played."""
    make(tmp_path, [passing("a")])
    code, out, err = agentctl(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_selection_may_leave_out_a_whole_set(agentctl, tmp_path):
    """Of several sets, one without a selected scenario is left out; what was left out is said."""
    make(tmp_path, [passing("a"), passing("b")], name="one")
    make(tmp_path, [passing("c")], name="two")
    code, out, _ = agentctl("--select", "a", "--format", "json")
    report = json.loads(out)
    assert code == 0
    assert [one["set"] for one in report["sets"]] == ["one"]
    assert (
        "1 of 2 scenarios of the set were not played" in report["sets"][0]["summary"]["not_tested"]
    )
    assert agentctl("--select", "x")[0] == 2


def test_every_selector_must_select_something(agentctl, tmp_path):
    """A misspelt selector beside a right one is an error that names the closest id."""
    make(tmp_path, [passing("good"), passing("other", tags=["angry"])])
    code, out, err = agentctl("--select", "good", "--select", "othre", "--select", "tag:angri")
    assert (code, out) == (2, "")
    assert "no scenario of `orders` matches `othre`\nhint: did you mean `other`?" in err
    assert "matches `tag:angri`\nhint: did you mean `tag:angry`?" in err
    assert agentctl("--select", "good", "--select", "tag:ang*")[0] == 0


def test_a_selection_is_not_stamped(agentctl, tmp_path):
    """A stamp speaks for the whole set, so `--select` and `--stamp` exclude each other."""
    make(tmp_path, [passing("a"), failing("b")])
    assert agentctl("--select", "a", "--stamp")[0] == 2


def test_replaying_never_loads_the_heavy_libraries(tmp_path):
    """Neither litellm nor pandas nor mcp is imported by a replayed eval."""
    make(tmp_path, [passing("a")])
    code = (
        "import sys; from agentctl.cli.program import run_cli;"
        "code = run_cli(['eval', '--junit', 'j.xml']);"
        "sys.exit(code or bool({'litellm', 'pandas', 'mcp'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_golden_set_is_exit_2(agentctl):
    """An empty project has nothing to pass."""
    code, _, err = agentctl()
    assert code == 2
    assert "no golden set" in err


def test_json_and_jsonl(agentctl, tmp_path):
    """Both formats say the verdict that the exit code says."""
    make(tmp_path, [passing("a"), failing("b")])
    code, out, _ = agentctl("--format", "json")
    assert json.loads(out)["verdict"]["exit_code"] == code
    code, out, _ = agentctl("--format", "jsonl")
    assert json.loads(out.splitlines()[-1])["exit_code"] == code


def recording(scenario, trial, turns, **more):
    return json.dumps({"scenario": scenario, "trial": trial, "model": "m", "turns": turns, **more})


def test_recorded_runs_are_scored(agentctl, tmp_path):
    """`--traces` plays each line as a trial; scenarios without one are left out."""
    make(tmp_path, [passing("a"), passing("b")])
    lines = [
        recording("a", 2, [GET, SAY]),
        recording("a", 1, [GET, CANCEL, SAY]),
        recording("a", 3, [GET], end="error"),
    ]
    (tmp_path / "runs.jsonl").write_text("\n".join(lines) + "\n")
    code, out, _ = agentctl("orders", "--traces", "runs.jsonl", "--format", "json")
    assert code == 1
    trials = json.loads(out)["sets"][0]["trials"]
    assert [(t["scenario"], t["trial"], t["status"]) for t in trials] == [
        ("a", 1, "passed"),
        ("a", 2, "failed"),
        ("a", 3, "failed"),
    ]
    assert {t["mode"] for t in trials} == {"recorded"}


def test_broken_recordings_are_told_by_line(agentctl, tmp_path):
    """All broken lines are named with file and line."""
    make(tmp_path, [passing("alpha")])
    lines = [
        recording("alpha", 1, [SAY]),
        "{not json",
        recording("alpa", 1, [SAY]),
        recording("alpha", 1, [SAY]),
        '{"scenario": "alpha", "turns": [{}]}',
    ]
    (tmp_path / "runs.jsonl").write_text("\n".join(lines) + "\n")
    code, out, err = agentctl("orders", "--traces", "runs.jsonl")
    assert (code, out) == (2, "")
    for said in (
        "runs.jsonl:2:1",
        "runs.jsonl:3:1",
        "did you mean `alpha`?",
        "runs.jsonl:4:1",
        "is already on line 1",
        "runs.jsonl:5:1",
        "a turn has",
    ):
        assert said in err


def test_the_sets_own_recordings_are_played(agentctl, tmp_path):
    """A set that names a file of recordings plays them in place of inline turns."""
    make(tmp_path, [passing("a"), passing("b")], recordings="runs.jsonl")
    (tmp_path / "golden_sets/runs.jsonl").write_text(recording("a", 1, [GET, SAY]) + "\n")
    _, out, _ = agentctl("golden_sets/orders.yaml", "--format", "json")
    trials = json.loads(out)["sets"][0]["trials"]
    assert [(t["mode"], t["status"]) for t in trials] == [
        ("recorded", "failed"),
        ("written", "passed"),
    ]


def test_a_stamp_makes_turns_fresh_until_the_prompt_changes(agentctl, tmp_path):
    """Stamped turns are green; after a change of the prompt they are stale and exit 3."""
    file = make(tmp_path, [passing("a")])
    code, _, err = agentctl("--stamp")
    assert (code, err) == (0, "stamped: golden_sets/orders.yaml\n")
    assert "made_for:" in file.read_text()
    assert json.loads(agentctl("--format", "json")[1])["sets"][0]["summary"]["freshness"] == {
        "fresh": 1
    }
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("You help", "You always help"))
    code, out, _ = agentctl()
    assert code == 3
    assert "--stamp" in out.splitlines()[-1]
    code, _, _ = agentctl("--stamp")
    assert code == 0


def test_a_set_that_fails_is_not_stamped(agentctl, tmp_path):
    """`--stamp` refuses turns that do not pass."""
    file = make(tmp_path, [failing("a")])
    code, _, err = agentctl("--stamp")
    assert code == 1
    assert "not stamped" in err
    assert "made_for:" not in file.read_text()


def start(tmp_path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "agentctl", "eval", *arguments],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    """`| head -1` leaves no traceback and the exit code is the verdict's."""
    make(tmp_path, [passing(f"s-{n}") for n in range(300)])
    process = start(tmp_path, "--format", "json")
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_no_traceback_and_no_broken_file(agentctl, tmp_path, jobs):
    """Interrupted in the middle: exit 130, nothing half-written, and it runs again."""
    make(tmp_path, [failing(f"s-{n}") for n in range(2000)])
    process = Apart(tmp_path, "eval", "--jobs", jobs, "--report", "r.json")
    folder = tmp_path / ".agentctl/traces/evals"
    until(lambda: any(folder.glob(".*")))
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = process.ended()
    assert code == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "interrupted in `orders`" in err
    assert not (tmp_path / "r.json").exists()
    assert list(folder.iterdir()) == []
    assert not list(tmp_path.rglob("*.tmp"))
    assert agentctl("orders", "--select", "s-1")[0] == 1


def test_two_sets_of_one_name_are_refused(agentctl, tmp_path):
    """Neither is left out in silence: reports and traces know a set by its name."""
    first = make(tmp_path, [passing("a")])
    (tmp_path / "more").mkdir()
    second = tmp_path / "more/orders.yaml"
    second.write_text(first.read_text().replace("worlds/", "../golden_sets/worlds/"))
    code, out, err = agentctl(first, second)
    assert (code, out) == (2, "")
    assert "two golden sets are called `orders`" in err
    assert agentctl(first, first)[0] == 0


@pytest.mark.parametrize(
    ("value", "older", "wanted"),
    [
        ("written", ["--written"], ""),
        ("cassette", ["--replay"], "no-cassette"),
        ("live", ["--live"], "OPENAI_API_KEY"),
        ("missing", ["--record", "missing"], "OPENAI_API_KEY"),
    ],
)
def test_one_option_says_whose_turns_are_played(
    agentctl, tmp_path, monkeypatch, value, older, wanted
):
    """`--turns` does what each of the four older options did, and none goes beside it."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    make(tmp_path, [passing("a")])
    now = agentctl("orders", "--turns", value)
    assert now == agentctl("orders", *older)
    assert now[0] == (2 if wanted else 0)
    assert wanted in now[2]
    code, _, err = agentctl("orders", "--turns", value, *older)
    assert (code, "`--turns` cannot be used with" in err) == (2, True)
