"""Recorded runs that do not look like a question and an answer are played as they were."""

from pathlib import Path
from typing import Any

import pytest

from agentctl.evals.scorers.scoring import TrialRow
from agentctl.traces.log.store import evals_folder, read_events
from tests.evals.test_recorded_runs import score
from tests.support.project import CANCEL, GET, SAY, make, passing

KEPT = {"state": {"orders": {"o_1": {"status": "pending"}}}}
CANCELLED = {"state": {"orders": {"o_1": {"status": "cancelled"}}}}


def row_of(root: Path, expect: dict[str, Any], **recording: Any) -> TrialRow:
    """Score one recording of a scenario that expects this."""
    make(root, [passing("a", expect=expect)])
    return score(root, recording).rows[0]


def said(root: Path) -> list[str | None]:
    """Return what the model said in the trial that is kept, turn by turn."""
    _, events = read_events(evals_folder(root) / "orders.jsonl")
    return [event.body["text"] for event in events if event.type == "model.replied"]


def test_an_agent_that_never_speaks_is_scored(tmp_path: Path):
    """A run without any turn of the agent changed nothing; that is judged, once its end is told."""
    turns = [{"user": "hello"}, {"user": "anybody?"}]
    row = row_of(tmp_path, KEPT, turns=turns, end="user_left")
    assert (row.status, row.stop, row.model_calls) == ("passed", "answered", 0)
    assert row_of(tmp_path, CANCELLED, turns=turns, end="user_left").status == "failed"


def test_a_chat_in_which_the_agent_never_speaks_is_scored(tmp_path: Path):
    """The same from a chat log, whose last words are the user's."""
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "hello"}]
    row = row_of(tmp_path, KEPT, messages=messages)
    assert (row.status, row.stop, row.model_calls) == ("passed", "answered", 0)


@pytest.mark.parametrize("end", ["answered", "user_left", "error", "limit"])
def test_a_recording_without_any_turn_is_scored_by_its_end(tmp_path: Path, end: str):
    """Nothing was said at all; `error` and `limit` fail whatever the state."""
    row = row_of(tmp_path, KEPT, turns=[], end=end)
    assert row.status == ("passed" if end in ("answered", "user_left") else "failed")


def test_an_agent_that_speaks_first_is_not_given_the_scenarios_input(tmp_path: Path):
    """The user's lines are the recording's; what the scenario says is said to nobody."""
    turns = [{"say": "Welcome!"}, {"user": "cancel o_1"}, GET, CANCEL, SAY]
    assert row_of(tmp_path, CANCELLED, turns=turns).status == "passed"
    _, events = read_events(evals_folder(tmp_path) / "orders.jsonl")
    heard = [event.body["content"] for event in events if event.type == "input.received"]
    assert heard == ["cancel o_1"]
    assert said(tmp_path)[0] == "Welcome!"


def test_a_run_that_ends_with_a_call_is_scored_once_it_says_so(tmp_path: Path):
    """Without an end nobody knows whether more was to come: that is inconclusive, and says why."""
    row = row_of(tmp_path, CANCELLED, turns=[GET, CANCEL], end="answered")
    assert (row.status, row.stop) == ("passed", "answered")
    row = row_of(tmp_path, CANCELLED, turns=[GET, CANCEL])
    assert row.status == "inconclusive"
    assert "`end: answered`" in row.reasons[0].message


@pytest.mark.parametrize("last", ["", "   ", "\n"])
def test_empty_last_words_are_not_corrected(tmp_path: Path, last: str):
    """A recorded run is not prompted for a better answer: its turns stay the ones it had."""
    turns = [GET, CANCEL, {"say": last}]
    row = row_of(tmp_path, CANCELLED, turns=turns)
    assert (row.status, row.stop, row.model_calls) == ("passed", "answered", 3)
    turns = [{"user": "cancel"}, {"say": last}, {"user": "well?"}, GET, CANCEL, {"say": last}]
    row = row_of(tmp_path, CANCELLED, turns=turns)
    assert (row.status, row.stop, row.model_calls) == ("passed", "answered", 4)


def test_an_answer_that_breaks_the_output_contract_is_not_corrected(tmp_path: Path):
    """What a recorded agent answered is what it answered, one turn and no second try."""
    make(tmp_path, [passing("a", expect=KEPT)])
    agent = tmp_path / "agents/order-desk.yaml"
    contract = "output: {type: object, required: [reply], properties: {reply: {type: string}}}\n"
    agent.write_text(agent.read_text().replace("escalation: {queue: desk}\n", "") + contract)
    row = score(tmp_path, {"turns": [{"say": "no object"}]}).rows[0]
    assert (row.stop, row.model_calls) == ("model_error", 1)
    mended = [{"say": "no object"}, {"output": {"reply": "Kept."}}]
    row = score(tmp_path, {"turns": mended}).rows[0]
    assert (row.status, row.stop, row.model_calls) == ("passed", "answered", 2)


def test_an_agent_that_did_not_reach_its_goal_is_not_told_to_go_on(tmp_path: Path):
    """Where a live agent would get another try, a recorded one had it or had not."""
    make(tmp_path, [passing("a", expect=KEPT)])
    agent = tmp_path / "agents/order-desk.yaml"
    goal = "done_when: {that: 'size(results.cancel_order) > 0', else: retry, attempts: 2}\n"
    agent.write_text(agent.read_text().replace("escalation: {queue: desk}\n", "") + goal)
    row = score(tmp_path, {"turns": [{"say": "No."}]}).rows[0]
    assert (row.stop, row.model_calls) == ("goal_not_met", 1)
    row = score(tmp_path, {"turns": [{"say": "No."}, GET, CANCEL, SAY]}).rows[0]
    assert (row.stop, row.model_calls) == ("answered", 4)
