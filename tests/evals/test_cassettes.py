"""Recording what a model says, and playing it back: the same words to the same request only."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.evals.running.recording_session import RecordingSession
from agentctl.specs.loading.project import Project
from tests.support.answering import Desk, bare, make_desk, point
from tests.support.command import Apart, until
from tests.support.loopback import calls, fails, says
from tests.support.project import CANCEL, GET, SAY, passing

Call = Callable[..., tuple[int, str, str]]
HEAD = 3 + 4
"""Lines of what turns share: the model, the prompt, the tools, and each of four tools."""
CASSETTE = "golden_sets/cassettes/orders.jsonl"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as server:
        yield server


@pytest.fixture
def agentctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Call:
    monkeypatch.chdir(tmp_path)
    for name, value in {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> tuple[int, str, str]:
        code = run_cli([*words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def rows(out: str) -> list[dict]:
    return [r for r in map(json.loads, out.splitlines()) if r["type"] == "trial"]


def lines(root: Path) -> list[str]:
    return (root / CASSETTE).read_text().splitlines()


def test_what_was_recorded_is_replayed_without_a_model(tmp_path, agentctl: Call, desk: Desk):
    """A recording asks the model once; afterwards the same trials pass with the server gone."""
    make_desk(tmp_path, desk, 3)
    code, out, err = agentctl("eval", "orders", "--record", "all", "--format", "jsonl")
    assert (code, [row["mode"] for row in rows(out)]) == (0, ["live"] * 3)
    assert f"recorded: {CASSETTE}, 3 new trials" in err
    assert len(desk.asked) == 9
    first = rows(out)
    desk.asked.clear()
    for options in ((), ("--replay",)):
        code, out, _ = agentctl("eval", "orders", *options, "--format", "jsonl")
        assert (code, [row["mode"] for row in rows(out)]) == (0, ["cassette"] * 3)
        assert [{**row, "mode": "live"} for row in rows(out)] == first, "nothing else differs"
    assert desk.asked == []
    _, out, _ = agentctl("eval", "orders")
    assert "3 of 3 trials played a cassette" in " ".join(out.split())


def test_the_trace_of_a_replay_is_the_trace_of_the_recording(tmp_path, agentctl, desk):
    """Recorded and replayed trials are the same events; only the kind of the trial differs."""
    make_desk(tmp_path, desk, 1)
    kept = tmp_path / ".agentctl/traces/evals/orders.jsonl"

    def bodies() -> list[dict]:
        return [json.loads(line)["body"] for line in kept.read_text().splitlines()]

    agentctl("eval", "orders", "--record", "all", "--keep", "all")
    recorded = bodies()
    agentctl("eval", "orders", "--replay", "--keep", "all")
    replayed = bodies()
    kinds = [bodies[0].pop("scenario")["kind"] for bodies in (recorded, replayed)]
    assert kinds == ["live", "cassette"]
    assert recorded == replayed


def test_one_changed_word_in_the_instructions_is_a_miss_that_names_the_message(
    tmp_path, agentctl, desk
):
    """Whoever changes the prompt gets no green from old words: inconclusive, and where it parts."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("You help", "You serve"))
    code, out, _ = agentctl("eval", "orders", "--format", "jsonl")
    (row,) = rows(out)
    assert (code, row["status"], row["mode"]) == (3, "inconclusive", "cassette")
    assert row["reasons"][0]["message"] == (
        "cassette: turn 1: the request differs from the recording: message 1 (system) differs:"
        ' recorded "You help Ana.\\n\\nGoal: Help with orders.",'
        ' now "You serve Ana.\\n\\nGoal: Help with orders."'
    )
    _, out, _ = agentctl("eval", "orders")
    assert out.splitlines()[-1].endswith("Next: agentctl eval orders --record missing")


AGENT, TOOLS = "agents/order-desk.yaml", "tools/orders.yaml"
SET, WORLD = "golden_sets/orders.yaml", "golden_sets/worlds/shop.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            *(TOOLS, "Cancel one order", "Cancel an order"),
            "the description of tool cancel_order: recorded"
            ' "Cancel one order.", now "Cancel an order."',
        ),
        (
            *(WORLD, "49.9", "50"),
            "turn 2: the request differs from the recording: message 4 (tool) differs",
        ),
        (
            *(SET, "cancel my order", "cancel my orders"),
            'message 2 (user) differs: recorded "cancel my order", now "cancel my orders"',
        ),
        (
            *(AGENT, "[get_order, cancel_order]", "[cancel_order]"),
            "tool get_order is no longer offered",
        ),
        (
            *(AGENT, '"openai/loopback-1"', '"openai/loopback-2"'),
            "the model: recorded openai/loopback-1, now openai/loopback-2",
        ),
    ],
)
def test_whatever_the_model_would_be_told_otherwise_is_named(
    tmp_path, agentctl, desk, file, old, new, said
):
    """A tool's description, a result, the user's line, an offer, the model: each has its name."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    code, out, _ = agentctl("eval", "orders", "--replay", "--format", "jsonl")
    assert code == 3
    assert said in rows(out)[0]["reasons"][0]["message"]


def test_settings_are_part_of_the_request_and_addresses_are_not(tmp_path, agentctl, desk):
    """Another temperature is another request; another address, price or port is not."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    with Desk() as other:
        point(tmp_path, other)
        assert agentctl("eval", "orders", "--replay")[0] == 0
        point(tmp_path, other, temperature=0.5)
        code, out, _ = agentctl("eval", "orders", "--replay")
    assert code == 3
    assert "`settings` of the model" in " ".join(out.split())


def test_recording_again_after_a_changed_prompt_changes_one_line(tmp_path, agentctl, desk):
    """What many turns share stands once, so a prompt that brings the same answers is one line."""
    make_desk(tmp_path, desk, 4)
    agentctl("eval", "orders", "--record", "all")
    before = lines(tmp_path)
    assert len(before) == HEAD + 4 * 3
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("You help", "You serve"))
    for how in ("all", "missing"):
        assert agentctl("eval", "orders", "--record", how)[0] == 0
        after = lines(tmp_path)
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) == 1
        assert '"shared":"system"' in changed[0][1]
    assert agentctl("eval", "orders", "--replay")[0] == 0


def test_missing_asks_only_for_what_no_longer_fits(tmp_path, agentctl, desk):
    """`--record missing` keeps every answer whose request is the same, turn by turn."""
    make_desk(tmp_path, desk, 2)
    agentctl("eval", "orders", "--record", "all")
    desk.asked.clear()
    code, out, err = agentctl("eval", "orders", "--record", "missing", "--format", "jsonl")
    assert (code, desk.asked) == (0, [])
    assert [row["mode"] for row in rows(out)] == ["cassette", "cassette"]
    assert "nothing new was recorded" in err
    make_desk(tmp_path, desk, 3)
    world = tmp_path / "golden_sets/worlds/shop.yaml"
    world.write_text(world.read_text().replace("49.9", "50"))
    _, out, err = agentctl("eval", "orders", "--record", "missing", "--format", "jsonl")
    assert [row["mode"] for row in rows(out)] == ["live"] * 3
    assert len(desk.asked) == 2 + 2 + 3, "the first turns of two trials still fit"
    assert agentctl("eval", "orders", "--replay")[0] == 0


def test_written_turns_stand_beside_a_cassette(tmp_path, agentctl, desk):
    """Scenarios without a recording play their turns; `--written` plays turns in any case."""
    make_desk(tmp_path, desk, [bare("a"), passing("b", turns=[GET, CANCEL, SAY])])
    agentctl("eval", "orders", "--record", "all", "--select", "a")
    code, out, _ = agentctl("eval", "orders", "--format", "jsonl")
    assert (code, [r["mode"] for r in rows(out)]) == (0, ["cassette", "written"])
    code, out, _ = agentctl("eval", "orders", "--written", "--format", "jsonl")
    assert (code, [r["mode"] for r in rows(out)]) == (3, ["written", "written"])
    code, out, _ = agentctl("eval", "orders", "--replay", "--format", "jsonl")
    assert (code, [r["status"] for r in rows(out)]) == (3, ["passed", "inconclusive"])
    assert rows(out)[1]["reasons"][0]["message"] == "cassette: this trial has no recording"


def test_a_scenario_without_turns_is_run_from_its_cassette(tmp_path, agentctl, desk):
    """The command that a green evaluation names next works without a model."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    desk.asked.clear()
    _, out, _ = agentctl("eval", "orders")
    words = out.splitlines()[-1].rpartition("Next: agentctl ")[2].split()
    code, out, _ = agentctl(*words)
    assert (code, out, desk.asked) == (0, "Order o_1 is cancelled.\n", [])
    code, _, err = agentctl("run", "--from", "latest", "--step", "3")
    assert (code, len(desk.asked)) == (0, 1), err


def test_one_set_is_recorded_by_one_process_at_a_time(tmp_path, agentctl, desk):
    """A second recording of a set is refused while the first goes on."""
    make_desk(tmp_path, desk, 1)
    takes = RecordingSession(Project.find(tmp_path).golden_set("orders"), rerecord=True)
    try:
        code, _, err = agentctl("eval", "orders", "--record", "missing")
    finally:
        takes.close()
    assert (code, desk.asked) == (3, [])
    assert "the recording of `orders` is being written by another process" in err


def test_the_cassette_does_not_hide_the_set_of_its_name(tmp_path, agentctl, desk):
    """A cassette has the name of its set, and is none."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    assert len(Project.find(tmp_path).golden_set_files()) == 1
    assert agentctl("check")[0] == 0


def test_several_trials_are_several_recordings(tmp_path, agentctl, desk):
    """Each of `--trials K` is asked for itself, replayed for itself, and counts for pass^k."""
    make_desk(tmp_path, desk, 2)
    agentctl("eval", "orders", "--record", "all", "--trials", "3")
    assert len(desk.asked) == 2 * 3 * 3
    _, out, _ = agentctl("eval", "orders", "--replay")
    assert "pass^3" in out
    agentctl("eval", "orders", "--record", "all", "--trials", "1")
    assert len(lines(tmp_path)) == HEAD + 2 * 3, "trials beyond what was asked for are dropped"


def test_a_live_evaluation_keeps_nothing(tmp_path, agentctl, desk):
    """`--live` asks the model, says that it did, and writes no cassette."""
    make_desk(tmp_path, desk, 1)
    code, out, _ = agentctl("eval", "orders", "--live")
    assert (code, len(desk.asked)) == (0, 3)
    assert "1 of 1 trials asked the model, with mocked tools" in " ".join(out.split())
    agentctl("eval", "orders", "--live", "--model", "openai/loopback-2")
    assert {one.body["model"] for one in desk.asked} == {"loopback-1", "loopback-2"}
    assert not (tmp_path / CASSETTE).exists()


def test_a_trial_the_provider_failed_is_not_recorded(tmp_path, agentctl, desk):
    """A fault of the provider is inconclusive and leaves nothing on the cassette."""
    make_desk(tmp_path, desk, 1)
    desk.instead[2] = fails(400, "no")
    code, _, _ = agentctl("eval", "orders", "--record", "all")
    assert code == 3
    assert not (tmp_path / CASSETTE).exists()


def test_secrets_are_not_kept(tmp_path, agentctl, desk, monkeypatch):
    """Neither what looks like a secret nor the value of a key variable reaches the cassette."""
    monkeypatch.setenv("SHOP_API_KEY", "hunter2hunter2")
    make_desk(tmp_path, desk, [bare("a", input="cancel it, sk-abcdefghijklmnopqrstuvwx")])
    desk.instead[3] = says("Done with hunter2hunter2 and sk-abcdefghijklmnopqrstuvwx.")
    assert agentctl("eval", "orders", "--record", "all", "--keep", "all")[0] == 0
    text = (tmp_path / CASSETTE).read_text()
    assert "hunter2" not in text
    assert "sk-abc" not in text
    assert "Done with [secret] and [secret]." in text
    assert agentctl("eval", "orders", "--replay")[0] == 0


def test_malformed_arguments_are_replayed_as_they_were_said(tmp_path, agentctl, desk):
    """What the gate refused while recording, it refuses in the replay."""
    make_desk(tmp_path, desk, 1)
    desk.instead[1] = calls(("get_order", '{"order_id": '), ids=("x",))
    code, first, _ = agentctl("eval", "orders", "--record", "all", "--format", "jsonl")
    assert '"args":"{\\"order_id\\": "' in (tmp_path / CASSETTE).read_text()
    again, out, _ = agentctl("eval", "orders", "--replay", "--format", "jsonl")
    assert (code, rows(first)[0]["reasons"]) == (again, rows(out)[0]["reasons"])


def test_many_in_flight_give_the_same_report(tmp_path, agentctl, desk):
    """Trials wait for the model side by side; rows, traces and cassette are those of one by one."""
    make_desk(tmp_path, desk, 12)
    desk.wait_s = 0.05
    found = []
    for number in ("1", "12"):
        desk.most = 0
        words = ("eval", "orders", "--record", "all", "--keep", "all", "--format", "jsonl")
        code, out, _ = agentctl(*words, "--in-flight", number)
        traces = (tmp_path / ".agentctl/traces/evals/orders.jsonl").read_text()
        found.append((code, out, traces, lines(tmp_path)))
        assert desk.most == int(number) or number != "1"
    assert found[0] == found[1]
    assert desk.most > 4


def test_a_replay_in_several_processes_is_the_same(tmp_path, agentctl, desk):
    """`--jobs` plays a cassette to the same report."""
    make_desk(tmp_path, desk, 45)
    agentctl("eval", "orders", "--record", "all")
    reports = {agentctl("eval", "orders", "--jobs", jobs, "--format", "json") for jobs in "13"}
    assert len(reports) == 1
    ((code, out, _),) = reports
    assert (code, json.loads(out)["sets"][0]["summary"]["modes"]) == (0, {"cassette": 45})


def test_a_model_in_json_action_mode_is_recorded_like_any_other(tmp_path, agentctl, desk):
    """What is kept are the calls that were read from the model's words; the mode is in the key."""
    make_desk(tmp_path, desk, 1)
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace('"price"', '"mode": "json-action", "price"'))
    order = {"order_id": "o_1"}
    for turn, said in enumerate(
        (
            {"action": "get_order", "arguments": order},
            {"action": "cancel_order", "arguments": order},
            {"answer": "Order o_1 is cancelled."},
        ),
        start=1,
    ):
        desk.instead[turn] = says(json.dumps(said))
    assert agentctl("eval", "orders", "--record", "all")[0] == 0
    assert agentctl("eval", "orders", "--replay")[0] == 0
    agent.write_text(agent.read_text().replace('"mode": "json-action", ', ""))
    code, out, _ = agentctl("eval", "orders", "--replay")
    assert (code, "`mode` of the model" in " ".join(out.split())) == (3, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--record", "all", "--replay"], "`--record` cannot be used with `--replay`"),
        (["--live", "--written"], "`--live` cannot be used with `--written`"),
        (["--model", "x/y"], "`--model` needs a live or replayed model"),
        (["--in-flight", "4"], "`--in-flight` needs a live model"),
        (["--trials", "2", "--replay"], "`--trials` needs a live model"),
        (["--live", "--jobs", "2"], "`--jobs`"),
        (["--replay"], "has no cassette"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, agentctl, desk, words, said):
    """A wrong request ends with exit code 2 before anything is asked."""
    make_desk(tmp_path, desk, 1)
    code, _, err = agentctl("eval", "orders", *words)
    assert code == 2
    assert said in err
    assert desk.asked == []


def test_without_a_key_nothing_is_recorded(tmp_path, agentctl, desk, monkeypatch):
    """A provider that cannot be asked ends the command with exit code 2, and no file."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    make_desk(tmp_path, desk, 1)
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace(f'"base_url": "{desk.base_url}", ', ""))
    code, _, err = agentctl("eval", "orders", "--record", "all")
    assert code == 2
    assert "OPENAI_API_KEY not set" in err
    assert not (tmp_path / ".agentctl/cassettes").exists()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("<<<<<<< HEAD", "bad-line"),
        ('{"scenario":"case-000","trial":1,"turn":3,"say":"x"}', "turn 3 of case-000#1 follows"),
        (
            '{"scenario":"x","trial":1,"turn":1,"to":"model","tools":"tools 9","say":"x"}',
            "no tools is shared as `tools 9`",
        ),
        ('{"scenario":"x","trial":1,"turn":1,"say":"x"}', "names its model"),
        ('{"scenario":"x","trial":1,"turn":1,"to":"model","tools":"tools"}', "a turn has"),
        ('{"shared":"system","is":"again"}', "`system` occurs twice"),
        ('{"shared":"system 2","is":[]}', "does not match its label"),
        ('{"shared":"prompt","is":"x"}', "does not match its label"),
        (
            '{"scenario":"x","trial":1,"turn":1,"to":"system","tools":"tools","say":"x"}',
            "no model is shared as `system`",
        ),
        (
            '{"scenario":"x","trial":1,"turn":1,"to":"model","tools":"tools","asked":[{}],"say":"x"}',
            "a message has `role` and `content`",
        ),
    ],
)
def test_a_broken_line_is_named_with_its_place(tmp_path, agentctl, desk, broken, said):
    """A cassette that was merged badly ends the command with file, line and exit code 2."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    number = len(lines(tmp_path)) + 1
    with (tmp_path / CASSETTE).open("a") as file:
        file.write(broken + "\n")
    code, _, err = agentctl("eval", "orders")
    assert code == 2
    assert said in err
    assert f"{CASSETTE}:{number}" in err


def status(agentctl: Call, *words: str) -> tuple[int, dict]:
    code, out, _ = agentctl("golden", "status", *words, "--format", "json")
    (one,) = json.loads(out)["sets"]
    return code, one


def test_the_status_of_a_cassette(tmp_path, agentctl, desk):
    """Recorded, missing, stale and unused are told apart, offline, with the way out."""
    make_desk(tmp_path, desk, 3)
    assert status(agentctl)[1]["missing"] == ["case-000", "case-001", "case-002"]
    agentctl("eval", "orders", "--record", "all")
    desk.asked.clear()
    code, one = status(agentctl)
    assert (code, one["recorded"], one["cassette"]) == (0, 3, CASSETTE)
    # case-000 is gone, the line of case-001 is another, case-003 is new.
    make_desk(
        tmp_path, desk, [bare("case-001", input="cancel o_1"), bare("case-002"), bare("case-003")]
    )
    code, one = status(agentctl)
    assert (code, one["recorded"], one["missing"]) == (1, 1, ["case-003"])
    assert one["unused"] == [{"scenario": "case-000", "trial": 1}]
    (stale,) = one["stale"]
    assert (stale["scenario"], stale["trial"]) == ("case-001", 1)
    assert "message 2 (user) differs" in stale["why"]
    _, out, _ = agentctl("golden", "status", "orders")
    assert out.splitlines()[0] == (
        "orders: 1 of 3 scenarios recorded, 1 missing, 1 stale, 1 unused"
    )
    assert out.splitlines()[-1].endswith("Next: agentctl eval orders --record missing")
    assert desk.asked == []
    agentctl("eval", "orders", "--record", "missing")
    code, one = status(agentctl, "--prune")
    assert (code, one["recorded"], one["unused"]) == (0, 3, [])
    assert not any('"case-000"' in line for line in lines(tmp_path))
    assert agentctl("eval", "orders", "--replay")[0] == 0


def edit(root: Path, old: str, new: str) -> None:
    """Change a cassette as a person with an editor does."""
    file = root / CASSETTE
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))


def test_an_answer_that_was_edited_by_hand_is_not_what_the_model_said(tmp_path, agentctl, desk):
    """Its trial counts as written, says which turn it was, and `golden status` lists it."""
    make_desk(tmp_path, desk, 2)
    agentctl("eval", "orders", "--record", "all")
    edit(tmp_path, "Order o_1 is cancelled.", "Order o_1 is gone.")
    assert agentctl("golden", "status", "orders")[0] == 0
    code, out, _ = agentctl("eval", "orders", "--replay", "--format", "jsonl")
    assert code == 0
    assert [row["mode"] for row in rows(out)] == ["written", "written"]
    edited = "turn 3 of the recording was edited by hand"
    assert [note["message"] for note in rows(out)[0]["notes"]] == [edited]
    _, out, _ = agentctl("eval", "orders", "--replay")
    assert "2 of 2 trials played turns written by hand" in " ".join(out.split())
    assert "the model's own answers" not in " ".join(out.split())
    assert status(agentctl)[1]["edited"][0] == {"scenario": "case-000", "trial": 1, "turns": [3]}
    _, out, _ = agentctl("golden", "status", "orders")
    assert "0 unused, 2 edited" in out.splitlines()[0]
    assert "  edited   case-001#1: turn 3, by hand; played as written turns" in out.splitlines()


def test_recording_what_is_missing_does_not_make_an_edited_answer_the_models(
    tmp_path, agentctl, desk
):
    """The turns of a trial that still fit are kept as they are, edited ones too."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    edit(tmp_path, '"in":20', '"in":21')
    world = tmp_path / "golden_sets/worlds/shop.yaml"
    world.write_text(world.read_text().replace("total: 49.9", "total: 50"))
    agentctl("eval", "orders", "--record", "missing")
    assert status(agentctl)[1]["edited"] == [{"scenario": "case-000", "trial": 1, "turns": [1]}]
    agentctl("eval", "orders", "--record", "all")
    assert status(agentctl)[1]["edited"] == []


def test_a_cassette_without_digests_is_played_as_before_and_called_unverified(
    tmp_path, agentctl, desk
):
    """It is still a cassette, and the report says that nothing is known of edits."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    file = tmp_path / CASSETTE
    file.write_text(re.sub(r',"digest":"[0-9a-f]{16}"', "", file.read_text()))
    code, out, _ = agentctl("eval", "orders", "--replay", "--format", "jsonl")
    (row,) = rows(out)
    assert (code, row["mode"]) == (0, "cassette")
    assert [note["kind"] for note in row["notes"]] == ["unverified"]
    assert status(agentctl)[1]["unverified"] == [{"scenario": "case-000", "trial": 1}]
    _, out, _ = agentctl("golden", "status", "orders")
    assert out.splitlines()[0].endswith("0 unused, 1 unverified")


def test_a_stale_turn_is_found_wherever_it_is(tmp_path, agentctl, desk):
    """A result that changed makes the turn after it stale, although the first turn still fits."""
    make_desk(tmp_path, desk, 1)
    agentctl("eval", "orders", "--record", "all")
    world = tmp_path / "golden_sets/worlds/shop.yaml"
    world.write_text(world.read_text().replace("49.9", "50"))
    code, one = status(agentctl)
    assert (code, len(one["stale"])) == (1, 1)
    assert one["stale"][0]["why"].startswith("turn 2: the request differs")


def interrupted(root: Path, desk: Desk, end: signal.Signals) -> tuple[int, str]:
    """Begin a recording, end it in the middle, and return how it ended."""
    words = ["eval", "orders", "--record", "missing", "--in-flight", "2"]
    asked = len(desk.asked)
    with Apart(root, *words, env={"OPENAI_API_KEY": "k"}) as running:
        until(lambda: len(desk.asked) >= asked + 14)
        running.send(end)
        done = running.ended()
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def goes_on(root: Path, agentctl: Call, desk: Desk) -> None:
    """Record the rest and find everything there, nothing asked for twice."""
    assert not (root / CASSETTE).exists()
    partial = root / ".agentctl/cassettes/orders.partial"
    ended = [line for line in partial.read_text().splitlines() if '"turn":3' in line]
    whole = len(set(ended))
    assert whole >= 2
    desk.asked.clear()
    desk.wait_s = 0
    code, _, err = agentctl("eval", "orders", "--record", "missing")
    assert code == 0, err
    assert len(desk.asked) == 90 - 3 * whole
    assert f"{whole} trials of an interrupted recording are kept" in err
    assert agentctl("eval", "orders", "--replay")[0] == 0
    assert not partial.exists()


def test_ctrl_c_keeps_what_was_recorded(tmp_path, agentctl, desk):
    """An interrupted recording says what it kept, and the next asks for the others only."""
    make_desk(tmp_path, desk, 30)
    desk.wait_s = 0.1
    code, err = interrupted(tmp_path, desk, signal.SIGINT)
    assert code == 130, err
    assert "continue with: agentctl eval orders --record missing" in err
    with (tmp_path / ".agentctl/cassettes/orders.partial").open("r+") as file:
        text = file.read()
        # A trial that was taken again stands there twice; a kill leaves half a line.
        file.write("".join(line for line in text.splitlines(True) if '"case-000"' in line))
        file.write('{"scenario":"case-029","tri')
    goes_on(tmp_path, agentctl, desk)


@pytest.mark.soak
def test_a_kill_keeps_what_was_recorded(tmp_path, agentctl, desk):
    """A recording that is killed, twice, has kept every trial that had ended."""
    make_desk(tmp_path, desk, 30)
    desk.wait_s = 0.1
    for _ in range(2):
        interrupted(tmp_path, desk, signal.SIGKILL)
    goes_on(tmp_path, agentctl, desk)
