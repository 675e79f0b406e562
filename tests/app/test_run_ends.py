"""How a run ends, and how one that paused goes on: played on mocks, with written turns."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.inbox import WaitingApproval, waiting
from agentctl.app.observer import Observer
from agentctl.app.running.participants import Participants
from agentctl.app.running.parts import RunParts, load_parts, run_backend
from agentctl.app.running.recipes import TaskOptions, scenario_recipe, task_recipe
from agentctl.app.running.resume import ResumeWords, find_paused, resume_run
from agentctl.app.running.runs import EXITS, FinishedRun, run_recipe, start_run, take_up
from agentctl.app.running.state import state_of
from agentctl.app.running.task import run_task
from agentctl.core.errors import Problem
from agentctl.core.events import STOP_REASONS, Event
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import RunSession, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.turns import Turn
from agentctl.traces.log.content import kept_content
from agentctl.traces.log.file import FileTrace
from tests.support.command import agentctl
from tests.support.live_project import TURNS as LIVE_TURNS
from tests.support.live_project import write_project
from tests.support.project import GET, POLICY, SAY, make, passing
from tests.support.provider import Provider, serving


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        ("answered", 0),
        ("escalated", 4),
        ("waiting_approval", 4),
        ("waiting_reply", 4),
        ("goal_not_met", 1),
        ("out_of_domain", 1),
        ("limit", 1),
        ("loop", 1),
        ("blocked", 1),
        ("model_error", 3),
        ("tool_error", 3),
        ("stopped", 1),
        ("interrupted", 130),
    ],
)
def test_a_run_exits_as_it_stopped(stop: Any, code: int):
    """0 answered, 1 stopped, 3 cannot tell, 4 waits for a person, 130 interrupted."""
    assert EXITS[stop] == code


def test_every_way_to_stop_has_an_exit_code():
    """The table of exit codes is complete."""
    assert set(EXITS) == set(STOP_REASONS)


CONFIRM = {"say": "Dana has called you."}
TURNS: dict[str, list[dict[str, Any]]] = {
    "approved": [*passing("case")["turns"]],
    "asked": [{"call": {"ask_user": {"question": "Which?"}}}, GET, SAY],
    "handed-over": [GET, {"call": {"escalate": {"reason": "angry"}}}, CONFIRM],
    "cut-off": [GET],
}


class Desk:
    """A project in which cancelling an order asks dana, and commands in it."""

    def __init__(self, root: Path) -> None:
        make(root, [passing(name, turns=turns) for name, turns in TURNS.items()])
        asks = POLICY.replace("allow: [cancel_order]", "ask: [cancel_order], by: desk")
        (root / "agents" / "policy.yaml").write_text(asks)
        people = {"kind": "Project", "people": {"dana": {"queues": ["desk"]}}}
        (root / "agentctl.yaml").write_text(json.dumps(people))
        self.project = Project.find(root)

    def starts(self, scenario: str, *, exits: int = 4) -> dict[str, Any]:
        """Play a scenario until it pauses or ends, and return its result."""
        words = ("run", "--scenario", f"orders:{scenario}", "--approvals", "queue")
        code, out, err = agentctl(self.project.root, *words, "--format", "json")
        assert code == exits, err
        result: dict[str, Any] = json.loads(out)
        assert result["exit_code"] == exits
        return result

    def resumes(self, run: str, **words: Any) -> FinishedRun:
        """Take a run up again."""
        paused = find_paused(self.project, run)
        return resume_run(self.project, paused, ResumeWords("dana", **words), Observer())

    def events(self, run: str) -> list[dict[str, Any]]:
        """Return what the trace of a run holds."""
        trace = self.project.root / ".agentctl" / "traces" / f"{run}.jsonl"
        return [json.loads(line) for line in trace.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_approved_call_is_carried_out_when_the_run_goes_on(desk: Desk):
    """It ends as any run, its trace is sealed again, and it cannot go on twice."""
    run = desk.starts("approved")["run"]
    assert agentctl(desk.project.root, "inbox", "approve", "1", "--as", "dana")[0] == 0
    done = desk.resumes(run)
    assert (done.result["stop"], done.code, done.fault) == ("answered", 0, None)
    assert done.result["exit_code"] == 0
    assert done.events[-1].body["duration_s"] == "3.000", "its clock is played back as well"
    assert done.replies is None
    code, out, _ = agentctl(desk.project.root, "trace", "verify", run)
    assert (code, "intact" in out) == (0, True)
    assert [event["seq"] for event in desk.events(run)] == list(range(len(done.events)))
    assert done.head == desk.events(run)[-1]["hash"]
    assert done.journal in (desk.project.root / ".agentctl" / "journal.jsonl").read_text()
    with pytest.raises(Problem, match="cannot be resumed"):
        desk.resumes(run)


def test_what_was_done_on_mocks_has_not_been_done(desk: Desk):
    """The ledger knows nothing of it: another run on mocks does the same again."""
    for approval in ("1", "2"):
        run = desk.starts("approved")["run"]
        assert agentctl(desk.project.root, "inbox", "approve", approval, "--as", "dana")[0] == 0
        assert desk.resumes(run).result["calls"][1]["ok"]


def test_what_a_person_did_by_hand_stands_in_the_trace(desk: Desk):
    """Who did it and what, where the run was handed over, before the note that came with it."""
    result = desk.starts("handed-over")
    before = desk.events(result["run"])
    assert desk.resumes(result["run"], note="I called.", did={"called": True}).code == 0
    after = desk.events(result["run"])[len(before) :]
    assert [event["type"] for event in after][:2] == ["correction.made", "input.received"]
    assert after[0]["body"] == {
        "by": "dana",
        "call_id": None,
        "before": None,
        "after": {"called": True},
    }
    assert (after[1]["body"]["source"], after[1]["body"]["content"]) == ("person", "I called.")


def test_without_a_note_a_case_stays_with_its_person(desk: Desk):
    """To resume it changes nothing, and the note may still come."""
    run = desk.starts("handed-over")["run"]
    before = desk.events(run)
    assert desk.resumes(run).result["stop"] == "escalated"
    assert [event["type"] for event in desk.events(run)] == [event["type"] for event in before]
    assert desk.resumes(run, note="I called.").result["answer"] == "Dana has called you."


@pytest.mark.parametrize(
    ("scenario", "words", "told"),
    [
        ("approved", {"reply": "o_1"}, "nobody-asked"),
        ("approved", {"note": "hm"}, "not-handed-over"),
        ("handed-over", {"reply": "o_1"}, "nobody-asked"),
        ("asked", {"note": "hm"}, "not-handed-over"),
    ],
)
def test_words_that_a_run_does_not_wait_for_are_refused(
    desk: Desk, scenario: str, words: dict[str, str], told: str
):
    """Nothing of the run is written then, and the words it waits for are taken afterwards."""
    run = desk.starts(scenario)["run"]
    before = desk.events(run)
    with pytest.raises(Problem) as met:
        desk.resumes(run, did={"a": 1}, **words)
    assert [found.code for found in met.value.diagnostics] == [told]
    assert desk.events(run) == before
    assert desk.resumes(run).code == 4, "its trace is not kept open"


def test_turns_that_end_too_early_are_a_fault_of_the_model(desk: Desk):
    """The run cannot tell how it would have ended: exit 3, with the kind of fault."""
    result = desk.starts("cut-off", exits=3)
    assert result["stop"] == "model_error"
    assert desk.events(result["run"])[-1]["type"] == "run.ended"
    with pytest.raises(Problem, match="cannot be resumed"):
        desk.resumes(result["run"])


def test_a_run_on_mocks_that_cannot_wait_keeps_no_state(desk: Desk):
    """Nothing of it is shared with other processes: only its trace and its seal are written."""
    code, _, err = agentctl(desk.project.root, "run", "--scenario", "orders:handed-over")
    assert (code, "escalated" in err) == (4, True)
    assert not (desk.project.root / ".agentctl" / "state.db").exists()


class Agreeable:
    """Approves whatever is asked, and remembers what that was."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, request: ApprovalRequest) -> Approval:
        self.asked.append(request.tool)
        return Approval("approve", "dana")


def order_desk(desk: Desk) -> tuple[RunRecipe, RunParts]:
    """Return a task of the agent on mocks, with written turns."""
    recipe, whose = task_recipe(desk.project, TaskOptions("order-desk"))
    recipe = recipe._replace(principal=whose(None))
    harness = Harness(desk.project.agent(recipe.agent))
    lender = desk.project.golden_set(str(recipe.world))
    turns = [Turn.model_validate(turn) for turn in TURNS["approved"]]
    model = ScriptedModel(turns, harness.model_name)
    backend = run_backend(harness, recipe, lender, None)
    return recipe, RunParts(harness, lender, None, model, backend)


@pytest.mark.parametrize(
    ("identity", "waits", "stop"),
    [
        ("dana", False, "answered"),
        ("dana", True, "answered"),
        ("eve", False, "waiting_approval"),
        ("eve", True, "waiting_approval"),
    ],
)
def test_a_person_beside_a_run_is_asked_if_they_may_decide(
    desk: Desk, identity: str, waits: bool, stop: str
):
    """The people of the project say who may; a call that nobody answers waits in the inbox."""
    notes: list[str] = []
    recipe, parts = order_desk(desk)
    people = Participants(ScriptedInputs("Cancel it"), Agreeable(), identity)
    done = run_recipe(desk.project, recipe, parts, people, Observer(note=notes.append), waits=waits)
    assert done.result["stop"] == stop
    assert ["unknown-approver" in note for note in notes] == ([] if identity == "dana" else [True])
    assert (desk.project.root / ".agentctl" / "state.db").exists() == waits
    inbox = waiting(desk.project.root) if waits else []
    expected = [WaitingApproval] if waits and identity == "eve" else []
    assert [type(one) for one in inbox] == expected


def test_nobody_is_asked_beside_a_scenario(desk: Desk):
    """Its own script answers, so that it ends alike wherever it is played."""
    recipe = scenario_recipe(desk.project, None, "orders:approved", None)
    parts = load_parts(desk.project, recipe)
    person = Agreeable()
    people = Participants(ScriptedInputs(), person, "dana")
    done = run_recipe(desk.project, recipe, parts, people)
    assert (person.asked, done.result["calls"][1]["ran"]) == ([], False)
    assert not (desk.project.root / ".agentctl" / "state.db").exists()


def test_how_a_run_was_started_is_kept_before_anything_happens_in_it(desk: Desk):
    """In the state and with the run, so that it can be taken up after this process."""
    recipe, parts = order_desk(desk)
    state = state_of(desk.project.root)
    session = RunSession(waits=True)
    begun = start_run(desk.project, recipe, parts, state, session, ScriptedInputs("Hi"))
    begun.trace.close()
    assert state.sessions.find(begun.session.run_id) == recipe
    assert begun.session.recipe == recipe._asdict()
    once = start_run(
        desk.project, recipe, parts, state, session, ScriptedInputs("Hi"), resumable=False
    )
    once.trace.close()
    with pytest.raises(Problem, match="not-resumable"):
        state.sessions.find(once.session.run_id)
    assert once.session.recipe is None


def test_a_run_that_goes_on_has_used_the_time_it_took_before(desk: Desk, tmp_path: Path):
    """Its time limit goes on too; a scenario's clock is played back instead."""
    recipe, parts = order_desk(desk)
    state = state_of(desk.project.root)
    events = [
        Event(0, "run.started", "2026-01-15T09:00:00.000Z", {}),
        Event(1, "model.replied", "2026-01-15T09:00:03.000Z", {}),
    ]
    for scenario, used_s in ((None, 3.0), (load_scenario(desk), 0.0)):
        trace = FileTrace(tmp_path / f"{used_s}.jsonl", "1", kept_content("full"))
        begun = take_up(
            recipe,
            parts._replace(scenario=scenario),
            state,
            trace,
            events,
            RunSession(run_id="1"),
            ScriptedInputs(),
        )
        trace.close()
        assert begun.session.used_s == used_s
        assert begun.session.replay is not None


def load_scenario(desk: Desk) -> Scenario | None:
    """Return one of the scenarios."""
    recipe = scenario_recipe(desk.project, None, "orders:approved", None)
    return load_parts(desk.project, recipe).scenario


def test_a_live_run_keeps_its_effects_even_if_it_cannot_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another run must find them: it is refused to do the same again, and told which run did."""
    with serving(Provider()) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        project = Project.find(write_project(tmp_path))
        policy = project.root / "agents" / "policy.yaml"
        policy.write_text(policy.read_text().replace("> 100", "> 100000"))
        asked = TaskOptions("order-desk", acting_as="customer:cus_7", live=True)
        first = run_task(project, asked, "Cancel o_1", LIVE_TURNS).result
        second = run_task(project, asked, "Cancel o_1", LIVE_TURNS).result
        assert shop.effects_on("o_1") == 1
    assert first["calls"][1]["ok"]
    assert first["run"] in second["calls"][1]["error"]["message"]
