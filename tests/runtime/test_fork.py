"""A run that begins with the start of another: played back, then asked anew."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.events import Event
from agentctl.traces.audit.facts import facts_of
from agentctl.traces.log.store import read_events
from agentctl.traces.views.cost import spends_of
from tests.support.answering import Desk, make_desk
from tests.support.live_project import write_project
from tests.support.loopback import calls, fails, says
from tests.support.project import failing
from tests.support.provider import Provider, serving

Call = Callable[..., tuple[int, str, str]]


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


def started(agentctl: Call, *words: str, exits: int = 0) -> str:
    code, out, err = agentctl("run", *words, "--format", "json", "-q")
    assert code == exits, err
    return str(json.loads(out)["run"])


def events(root: Path, name: str) -> list[Event]:
    return read_events(root / ".agentctl/traces" / f"{name}.jsonl")[1]


def test_a_fork_plays_back_the_start_and_asks_the_model_from_there(tmp_path, agentctl, desk):
    """Two steps come from the trace, the third from the model, with the changed prompt."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    agent = tmp_path / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("You help", "You serve"))
    desk.asked.clear()
    desk.instead[3] = says("It is done.")
    second = started(agentctl, "--from", first, "--step", "3")
    assert len(desk.asked) == 1
    told = desk.asked[0].body["messages"]
    assert told[0]["content"].startswith("You serve Ana")
    assert [m["role"] for m in told] == ["system", "user"] + ["assistant", "tool"] * 2
    before, after = events(tmp_path, first), events(tmp_path, second)
    trace = (tmp_path / f".agentctl/traces/{first}.jsonl").read_text()
    heads = [json.loads(line)["hash"] for line in trace.splitlines()]
    cut = [e.type for e in before].index("run.ended") - 1
    assert after[0].body["forked_from"] == {"run": first, "step": 3, "head": heads[cut - 1]}
    assert [e.seq for e in after] == list(range(len(after)))
    assert [e.body for e in after[1:cut]] == [e.body for e in before[1:cut]]
    assert after[-1].body["answer"] == "It is done."
    assert agentctl("trace", "verify", second)[0] == 0
    code, out, _ = agentctl("trace", "diff", first, second)
    assert code == 1
    assert "It is done." in out
    assert "get_order" not in out, "what was played back does not differ"


def test_the_world_goes_along(tmp_path, agentctl, desk):
    """What was done before the fork holds in its world: the order cannot be cancelled twice."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    desk.instead[3] = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("again",))
    desk.instead[4] = says("It was cancelled before.")
    second = started(agentctl, "--from", first, "--step", "3")
    results = [e.body for e in events(tmp_path, second) if e.type == "tool.returned"]
    assert [body["ok"] for body in results] == [True, True, False]
    assert results[2]["error"]["error"] == "conflict"


def test_only_what_the_fork_asked_for_is_its_cost(tmp_path, agentctl, desk):
    """The played back turns were paid by the other run."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    second = started(agentctl, "--from", first, "--step", "3")
    paid = [len(list(spends_of(name, events(tmp_path, name)))) for name in (first, second)]
    assert paid == [3, 1]
    effects = [facts_of(events(tmp_path, name)).effects for name in (first, second)]
    assert effects == [{"succeeded": 1}, {}]


def test_a_step_the_run_never_took(tmp_path, agentctl, desk):
    """A step beyond the end, or a missing one, is a wrong request that says what there is."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    code, _, err = agentctl("run", "--from", first, "--step", "5")
    assert code == 2
    assert f"run {first} has no step 5: its model was asked 3 times" in err
    for words, told in (
        (["--from", first], "--from requires --step"),
        (["--step", "2"], "--step requires --from"),
        (["x", "y", "--from", first, "--step", "1"], "--from cannot be used with a task"),
    ):
        code, _, err = agentctl("run", *words)
        assert (code, told in err) == (2, True)
    assert agentctl("run", "--from", "zzz", "--step", "1")[0] == 2


def test_a_run_whose_model_failed_goes_on_at_the_step_that_failed(tmp_path, agentctl, desk):
    """The step that brought no reply can be taken anew."""
    make_desk(tmp_path, desk, 1)
    desk.instead[3] = fails(400, "no")
    first = started(agentctl, "order-desk", "cancel my order", exits=3)
    desk.instead.clear()
    second = started(agentctl, "--from", first, "--step", "3")
    assert events(tmp_path, second)[-1].body["stop"] == "answered"


def test_a_policy_that_would_have_decided_otherwise_is_named(tmp_path, agentctl, desk):
    """A recorded result needs the call that brought it: one that is refused now ends the fork."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    policy = tmp_path / "agents/policy.yaml"
    policy.write_text(policy.read_text().replace("  - {id: writes, allow: [cancel_order]}\n", ""))
    desk.asked.clear()
    code, _, err = agentctl("run", "--from", first, "--step", "3")
    assert (code, desk.asked) == (1, [])
    assert "another verdict allow, now it would be deny of cancel_order" in err
    assert "hint: fork at step 2 or before it" in err
    assert agentctl("run", "--from", first, "--step", "2")[0] == 0


def test_a_trial_of_an_evaluation_can_be_forked(tmp_path, agentctl, desk):
    """A trial that failed is taken up with a model that is asked, in the scenario's own world."""
    make_desk(tmp_path, desk, [failing("slow", approvals={"cancel_order": "approve"})])
    assert agentctl("eval", "orders")[0] == 1
    second = started(agentctl, "--from", "orders/slow", "--step", "2")
    found = events(tmp_path, second)
    assert found[0].body["forked_from"]["run"] == "orders/slow#1"
    assert found[0].body["scenario"]["kind"] == "live"
    tools = [e.body["tool"] for e in found if e.type == "effect.settled"]
    assert (tools, len(desk.asked)) == (["cancel_order"], 2)
    code, _, err = agentctl("run", "other", "--from", "orders/slow", "--step", "2")
    assert (code, "brings its agent" in err) == (2, True)


def test_hashed_content_cannot_be_forked(tmp_path, agentctl, desk, monkeypatch):
    """From hashes nothing can be played back; the message says so."""
    monkeypatch.setenv("AGENTCTL_AUDIT_KEY", "k" * 40)
    make_desk(tmp_path, desk, 1)
    (tmp_path / "agentctl.yaml").write_text("audit: {content: hashed}\n")
    first = started(agentctl, "order-desk", "cancel my order")
    code, _, err = agentctl("run", "--from", first, "--step", "2")
    assert (code, "keeps hashes of its content, and cannot be forked" in err) == (2, True)


def test_a_trace_that_was_changed_is_not_forked(tmp_path, agentctl, desk):
    """What someone wrote into a trace is not played back."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    path = tmp_path / f".agentctl/traces/{first}.jsonl"
    path.write_text(path.read_text().replace("49.9", "59.9"))
    code, _, err = agentctl("run", "--from", first, "--step", "2")
    assert (code, "was changed after it was written" in err) == (1, True)


def test_mocked_runs_are_not_continued_with_live_tools(tmp_path, agentctl, desk):
    """What a mocked run did never happened, so nothing real may follow from it."""
    make_desk(tmp_path, desk, 1)
    first = started(agentctl, "order-desk", "cancel my order")
    code, _, err = agentctl("run", "--from", first, "--step", "2", "--live")
    assert (code, "was played with mocked tools" in err) == (2, True)


def test_an_effect_before_the_fork_is_never_sent_again(tmp_path, agentctl, desk, monkeypatch):
    """A live fork sends what comes after it and nothing of what came before."""
    with serving(Provider()) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        write_project(tmp_path, model_url=desk.base_url)
        policy = tmp_path / "agents/policy.yaml"
        policy.write_text(policy.read_text().replace("> 100", "> 1000"))
        words = ("order-desk", "cancel o_1", "--live", "--as", "customer:cus_7")
        first = started(agentctl, *words)
        sent = len(shop.requests)
        assert shop.effects_on("o_1") == 1
        second = started(agentctl, "--from", first, "--step", "3", "--live")
        assert len(shop.requests) == sent
        assert len(desk.asked) == 4
        third = started(agentctl, "--from", first, "--step", "2", "--live")
        assert shop.effects_on("o_1") == 1, "the ledger knows the effect, whoever plans it again"
        mocked = started(agentctl, "--from", first, "--step", "3")
    assert len(shop.requests) == sent
    modes = [events(tmp_path, name)[0].body["mode"] for name in (second, third, mocked)]
    assert modes == ["live", "live", "mock"]


def test_a_fork_keeps_the_answers_that_people_gave(tmp_path, agentctl, desk, monkeypatch):
    """An approval of the other run is played back, not asked for again."""
    with serving(Provider()) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        write_project(tmp_path, model_url=desk.base_url)
        words = ("order-desk", "cancel o_1", "--live", "--as", "customer:cus_7")
        first = started(agentctl, *words, "--approvals", "queue", exits=4)
        assert agentctl("inbox", "approve", "1", "--as", "dana")[0] == 0
        assert agentctl("resume", first, "-q")[0] == 0
        effects = len(shop.effects)
        second = started(agentctl, "--from", first, "--step", "3", "--live")
        assert len(shop.effects) == effects
    given = [e.body for e in events(tmp_path, second) if e.type == "approval.given"]
    assert [(body["by"], body["answer"]) for body in given] == [("dana", "approve")]
    assert "ticket" not in given[0]
