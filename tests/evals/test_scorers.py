"""Scorers: one table, the built-in ones and those of other packages alike."""

import pytest

from agentctl.core.errors import Problem
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import FailureReason, Score
from agentctl.evals.scorers.registry import ScorerEntry
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.toolbox.mock.world import World, WorldWrite
from tests.evals.test_scoring import LOOK_AND_CANCEL, kinds, score
from tests.support.build import bundle
from tests.support.packages import install
from tests.support.project import make, passing

COURTESY = '''
from agentctl.api import FailureReason, Score


def courtesy(evidence):
    """Look at the words, and at what each call wrote."""
    written = [f"{w.call_id} {w.table}.{w.key}" for w in evidence.world.writes]
    if evidence.scenario.id == "rude":
        return Score(
            False,
            "not courteous",
            tuple(FailureReason("scorer", f"no thanks after {what}", "answer") for what in written),
        )
    return Score(len(written))


def broken(evidence):
    raise RuntimeError("no dictionary")
'''


def run(root):
    loaded = Project.find(root).golden_set(str(root / "golden_sets/orders.yaml"))
    return {row.scenario: row for row in evaluate_set(loaded, EvalPlan()).rows}


@pytest.fixture
def courtesy(tmp_path, monkeypatch):
    points = {"agentctl.scorers": "courtesy = courtesy_checks:courtesy\nbad = courtesy_checks:gone"}
    install(tmp_path / "site", monkeypatch, name="courtesy_checks", code=COURTESY, points=points)


def test_a_scorer_of_an_installed_package_sees_the_world_and_gives_reasons(tmp_path, courtesy):
    """It is named in the set; what it finds stands beside the built-in checks and counts."""
    make(tmp_path, [passing("kind"), passing("rude")], scorers=["courtesy", "state"])
    rows = run(tmp_path)
    assert rows["kind"].checks["courtesy"] == Score(1)
    assert list(rows["kind"].checks)[-1] == "courtesy"
    rude = rows["rude"]
    assert (rude.status, rude.checks["courtesy"]) == ("failed", Score(False, "not courteous"))
    (reason,) = rude.reasons
    assert reason.path == "answer"
    assert reason.message.startswith("no thanks after 2.1")
    assert reason.message.endswith(" orders.o_1")


def test_a_scorer_that_is_not_installed_or_cannot_be_loaded_stops_the_evaluation(
    tmp_path, courtesy
):
    """The message names what there is; a package that lies about its function is named too."""
    make(tmp_path, [passing("kind")], scorers=["courtesi"])
    with pytest.raises(Problem, match="unknown scorer `courtesi`") as met:
        run(tmp_path)
    assert "courtesy" in str(met.value.diagnostics[0].hint)
    make(tmp_path, [passing("kind")], scorers=["bad"])
    with pytest.raises(Problem, match=r"scorer `bad` \(courtesy_checks:gone\) cannot be loaded"):
        run(tmp_path)


def quick(evidence: Evidence) -> Score | None:
    """A scorer in a file of its own needs one line in the table."""
    if evidence.trajectory.steps <= 2:
        return None
    reason = FailureReason("scorer", f"{evidence.trajectory.steps} model turns, expected 2")
    return Score.of([reason])


@pytest.mark.parametrize(
    ("counts", "status", "breaches"),
    [("scored", "failed", 0), ("shown", "passed", 0), ("always", "failed", 1)],
)
def test_a_scorer_is_one_function_and_one_line(counts, status, breaches):
    """Its line says whether it fails a trial, breaks an invariant or is only shown."""
    scorers = [ScorerEntry("quick", quick, counts)]
    expect = {"calls": [{"cancel_order": {"order_id": "o_1"}}]}
    row = score(LOOK_AND_CANCEL, expect, scorers=scorers)
    assert (row.status, row.breaches) == (status, breaches)
    assert row.checks["quick"] == Score(False, "3 model turns, expected 2")
    short = score([{"say": "No."}], {"calls": "none"}, scorers=scorers)
    assert (short.status, "quick" in short.checks) == ("passed", False)


def test_an_invariant_is_counted_in_a_trial_that_cannot_be_scored():
    """`always` means it: the fault does not hide what was broken before it."""
    turns = [*LOOK_AND_CANCEL[:2], LOOK_AND_CANCEL[0]]
    row = score(turns, {"calls": "none"}, scorers=[ScorerEntry("quick", quick, "always")])
    assert (row.status, row.breaches, row.checks) == ("inconclusive", 1, {})
    assert kinds(row) == ["fault", "scorer"]


def test_what_two_scorers_find_counts_once():
    """`action` repeats what `invariants` found; the trial has the reason once."""
    expect = {"state": {"orders": {"o_1": {"status": "cancelled"}}}, "forbid": ["cancel_order"]}
    row = score(LOOK_AND_CANCEL, expect)
    assert kinds(row) == ["forbidden-call"]
    assert (row.checks["action"].value, row.checks["invariants"].value) == (False, False)


def test_the_evidence_says_which_call_wrote_what():
    """The log holds each write with its call and what was there before."""
    seen = []

    def spy(evidence):
        seen.extend(evidence.world.writes)
        return

    score(LOOK_AND_CANCEL, {"calls": "none"}, scorers=[ScorerEntry("spy", spy)])
    (write,) = seen
    assert (write.table, write.key) == ("orders", "o_1")
    assert (write.before["status"], write.after["status"]) == ("pending", "cancelled")
    assert write.call_id


def test_a_scorer_that_breaks_is_asked_and_named_once():
    """One that always counts is asked before the others and shown among them."""
    row = score(
        [{"say": "No."}],
        {"calls": "none"},
        scorers=[ScorerEntry("broken", lambda evidence: 1 / 0, "always")],
    )
    assert (row.status, kinds(row)) == ("inconclusive", ["fault"])
    assert "broken" not in row.checks


def test_a_removed_record_is_in_the_log():
    """After a delete there is nothing, and the log says what there was."""
    world = World(WorldSnapshot({"orders": {"o_1": {"total": 3}}}), bundle().tables)
    world.writes.caller = "c1"
    world.table("orders").delete("o_1")
    assert world.writes == [WorldWrite("c1", "orders", "o_1", {"total": 3}, None)]
