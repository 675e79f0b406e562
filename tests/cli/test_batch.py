"""Many tasks at once: one line a result, nothing done twice, whatever breaks in between."""

import fcntl
import json
import random
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.batch.batch import MOST_FAULTS
from agentctl.app.batch.tasks import check_tasks, read_tasks
from tests.support.command import Apart, until
from tests.support.here import Here
from tests.support.live_project import tools
from tests.support.loopback import Asked, Loopback, Step, calls, fails, says
from tests.support.provider import Provider

AS = ("--as", "customer:cus_7")


class Desk(Loopback):
    """A model that looks at the task: `cancel o_N` makes it call the tool, all else is echoed."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[str, int], Step | None] = lambda task, turn: None
        """Asked first, with the task and the number of the turn."""

    def next(self, asked: Asked) -> Step:
        with self._lock:
            self.asked.append(asked)
        said = asked.body["messages"]
        task = next(m["content"] for m in said if m["role"] == "user")
        turn = sum(m["role"] == "assistant" for m in said)
        told = self.before(task, turn)
        if told is not None:
            return told
        if task.startswith("cancel ") and turn == 0:
            order = json.dumps({"order_id": task.split()[1]})
            return calls(("get_order", order), ids=(f"g{task}",))
        if task.startswith("cancel ") and turn == 1:
            order = json.dumps({"order_id": task.split()[1]})
            return calls(("cancel_order", order), ids=(f"c{task}",))
        return says(f"done: {task}")


@pytest.fixture
def model() -> Iterator[Desk]:
    with Desk() as server:
        yield server


@pytest.fixture
def here(tmp_path: Path, model: Desk, shop: Provider) -> Here:
    made = Here(tmp_path, model, shop)
    may_cancel(made)
    return made


def may_cancel(here: Here, above: int = 1000) -> None:
    """Let the agent cancel orders of less than `above`; all of the shop's cost 250."""
    policy = here.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", f"> {above}"))


def write_tasks(here: Here, *lines: dict[str, Any]) -> None:
    (here.root / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def numbered(count: int, task: str = "hello {n}") -> list[dict[str, Any]]:
    return [{"id": f"t{n}", "task": task.format(n=n)} for n in range(count)]


def results(here: Here) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (here.root / "out.jsonl").read_text().splitlines()]


BATCH = ("run", "order-desk", "--batch", "tasks.jsonl")
KEPT = (*BATCH, "--out", "out.jsonl")


def test_each_task_brings_one_line(here: Here, model: Desk):
    """A line names its task, its run and what came of it; every run has a trace of its own."""
    write_tasks(here, *numbered(12), {"id": "e", "event": {"kind": "mail"}})
    out, err = here(*BATCH, "--jobs", "4")
    lines = [json.loads(line) for line in out.splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(["e", *(f"t{n}" for n in range(12))])
    one = next(line for line in lines if line["id"] == "t7")
    assert (one["answer"], one["stop"], one["exit_code"]) == ("done: hello 7", "answered", 0)
    assert one["cost"]["usd"] == "0.000018"
    assert list(one)[:3] == ["schema_version", "id", "run"]
    assert {path.stem for path in here.traces()} == {line["run"] for line in lines}
    assert "13 tasks: 13 answered. Next: agentctl trace list" in err
    assert "intact" in here("trace", "verify")[0]


def test_every_bad_line_is_told_and_nothing_is_run(here: Here, model: Desk):
    """File, line and column of each, in one go."""
    (here.root / "tasks.jsonl").write_text(
        '{"id": "a", "task": "x"}\n'
        '{"id": "b", "task": "x", }\n'
        '{"id": "c", "taks": "x"}\n'
        "\n"
        '{"id": "a", "task": "x"}\n'
        '{"id": "d", "task": "x", "event": {}}\n'
        '{"id": "e", "task": "x", "as": "nobody:x"}\n'
        '["f"]\n'
        '{"id": "g", "id": "h", "task": "x"}\n'
        '{"id": 7, "task": "x"}\n'
    )
    out, err = here(*BATCH, exits=2)
    assert out == ""
    assert model.asked == []
    assert not here.traces()
    told = [line.strip() for line in err.splitlines() if "--> tasks.jsonl" in line]
    assert [where.split("jsonl:")[1] for where in told] == [
        "2:26", "3:13", "5:8", "6:1", "7:32", "8:1", "9:1", "10:8",
    ]  # fmt: skip
    for code in ("bad-json", "unknown-field", "duplicate-task", "unknown-role"):
        assert f"error[{code}]" in err
    assert "did you mean `task`?" in err
    assert "first in line 1" in err
    assert "error[wrong-type]: a task should be a mapping" in err
    assert "error[invalid-value]: give exactly one of task, event" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*BATCH, "--format", "json"), "batch-format"),
        ((*BATCH, "--event", "e.json"), "not-together"),
        (("run", "order-desk", "do it", "--batch", "tasks.jsonl"), "not-together"),
        (("run", "order-desk", "do it", "--jobs", "3"), "goes-with"),
        (("run", "order-desk", "do it", "--out", "x"), "goes-with"),
        (("run", "--batch", "tasks.jsonl"), "no-agent"),
        (("run", "order-desk", "--batch", "nowhere.jsonl"), "missing-file"),
        (("run", "order-desk", "--batch", "empty.jsonl"), "empty-file"),
        ((*BATCH, "--live"), "no-principal"),
        ((*BATCH, "--approver", "dana"), "not-together"),
        ((*BATCH, "--out", "tasks.jsonl"), "cannot-write"),
        ((*BATCH, "--out", "agentctl.yaml"), "cannot-write"),
        ((*BATCH, "--out", "no/where.jsonl"), "results-not-written"),
        ((*BATCH, "--out", "other.jsonl"), "not-a-result"),
        ((*BATCH, "--out", "/dev/zero"), "results-not-written"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Here, words: tuple[str, ...], code: str):
    """With a message and no run; the file of tasks is never taken for one of results."""
    write_tasks(here, *numbered(1))
    (here.root / "tasks.jsonl").write_text('{"id": "t0", "task": "x"}')
    (here.root / "empty.jsonl").write_text("\n\n")
    (here.root / "other.jsonl").write_text('{"id": "t0", "task": "x"}')
    _, err = here(*words, exits=3 if code == "results-not-written" else 2)
    assert f"error[{code}]" in err
    assert not here.traces()
    assert (here.root / "tasks.jsonl").read_text() == '{"id": "t0", "task": "x"}'
    assert not list(here.root.glob("*.torn"))


def test_a_second_start_does_what_is_left(here: Here, model: Desk):
    """What has a result is skipped and counted; a torn last line is set aside, and done again."""
    write_tasks(here, *numbered(6))
    here(*KEPT)
    whole = (here.root / "out.jsonl").read_text().splitlines(keepends=True)
    (here.root / "out.jsonl").write_text("".join(whole[:4]) + whole[4][:30])
    model.asked.clear()
    _, err = here(*KEPT)
    assert "4 tasks already done" in err
    assert len(model.asked) == 2
    assert sorted(line["id"] for line in results(here)) == [f"t{n}" for n in range(6)]
    assert whole[4][:30] in (here.root / "out.torn").read_text()
    model.asked.clear()
    out, err = here(*KEPT, "--format", "json")
    assert model.asked == []
    assert json.loads(out) == {
        "schema_version": "1",
        "tasks": 6,
        "stops": {"answered": 6},
        "left": 0,
        "again": 0,
        "halted": None,
        "results": "out.jsonl",
        "exit_code": 0,
    }


def test_what_the_model_gave_no_turn_for_is_tried_again(here: Here, model: Desk, shop: Provider):
    """Unless it had acted on a real system: then it is left to a person, and said so."""
    write_tasks(here, {"id": "words", "task": "hello"}, {"id": "acts", "task": "cancel o_1"})
    model.before = lambda task, turn: fails(401) if turn == (0 if task == "hello" else 2) else None
    _, err = here(*KEPT, "--live", *AS, exits=3)
    assert {line["id"]: line["done"] for line in results(here)} == {"words": False, "acts": True}
    assert "Next: the same command, for the 1 that is left" in err
    model.before = lambda task, turn: None
    _, err = here(*KEPT, "--live", *AS, exits=3)
    assert [line["id"] for line in results(here)][2:] == ["words"]
    assert results(here)[2]["stop"] == "answered"
    assert "2 tasks: 1 model error, 1 answered" in err or "1 answered, 1 model error" in err
    assert shop.effects_on("o_1") == 1


def test_a_model_that_cannot_be_had_ends_the_batch(here: Here, model: Desk):
    """After some tasks in a row; the rest is not begun, and none of them counts as done."""
    write_tasks(here, *numbered(MOST_FAULTS + 20))
    model.before = lambda task, turn: fails(401)
    _, err = here(*KEPT, "--jobs", "2", exits=3)
    assert MOST_FAULTS <= len(results(here)) <= MOST_FAULTS + 2
    assert f"the model did not answer for {MOST_FAULTS} tasks in a row" in err
    assert not any(line["done"] for line in results(here))


def test_a_day_limit_holds_over_all_workers(here: Here, model: Desk):
    """Eight at a time never spend more than the day has; what it stopped is done another day."""
    agent = here.root / "agents" / "order-desk.yaml"
    spec = agent.read_text().replace("price: {", "settings: {max_tokens: 100}\n  price: {")
    agent.write_text(f"{spec}limits: {{cost_usd: {{day: 0.002}}}}\n")
    write_tasks(here, *numbered(200))
    _, err = here(*KEPT, "--jobs", "8", exits=1)
    spent = sum(1 for line in results(here) if line["stop"] == "answered") * 18
    assert 0 < spent <= 2000
    assert "budget for the day or the month is used up" in err
    stopped = [line for line in results(here) if line["stop"] == "limit"]
    assert 1 <= len(stopped) <= 8
    assert not any(line["done"] for line in stopped)
    assert len(model.asked) * 18 <= 2000


def test_what_waits_for_a_person_is_not_asked_twice(here: Here, model: Desk, shop: Provider):
    """A paused task counts as done; once somebody answered it, its last line says how it ended."""
    may_cancel(here, above=100)
    policy = here.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 1000", "> 100"))
    write_tasks(here, {"id": "a", "task": "cancel o_1"}, {"id": "b", "task": "hello"})
    words = (*KEPT, "--live", *AS)
    _, err = here(*words, exits=4)
    assert "Next: agentctl inbox list" in err
    assert "cancel_order" in here("inbox", "list", exits=4)[0]
    waiting = next(line for line in results(here) if line["id"] == "a")
    assert (waiting["stop"], waiting["exit_code"], waiting["done"]) == ("waiting_approval", 4, True)
    asked = len(model.asked)
    here(*words, exits=4)
    assert (len(results(here)), len(model.asked)) == (2, asked)
    here("inbox", "approve", "1", "--as", "dana")
    here("resume", waiting["run"])
    here(*words)
    last = results(here)[-1]
    assert (last["id"], last["run"], last["stop"]) == ("a", waiting["run"], "answered")
    assert len(results(here)) == 3
    assert shop.effects_on("o_1") == 1
    assert here("inbox", "list")[0] == ""


def test_results_of_another_batch_are_not_taken_for_its_own(here: Here, model: Desk):
    """What was done with mocks was not done for real: the live batch is refused that file."""
    write_tasks(here, *numbered(2))
    here(*KEPT)
    before = (here.root / "out.jsonl").read_bytes()
    _, err = here(*KEPT, "--live", *AS, exits=2)
    assert "error[other-batch]" in err
    assert "with mock tools, and this batch is for order-desk with live tools" in err
    assert (here.root / "out.jsonl").read_bytes() == before


def test_a_run_that_cannot_be_taken_up_is_told_and_not_begun_anew(
    here: Here, model: Desk, shop: Provider
):
    """The agent changed after its run was cut off: nothing is sent, until it is as it was."""
    may_cancel(here, above=100)
    write_tasks(here, {"id": "a", "task": "cancel o_1"})
    words = (*KEPT, "--live", *AS, "--approvals", "queue")
    policy = here.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 1000", "> 100"))
    here(*words, exits=4)
    (here.root / "out.jsonl").unlink()  # As if it had been killed before the line was written.
    agent = here.root / "agents" / "order-desk.yaml"
    spec = agent.read_text()
    agent.write_text(spec.replace("You help", "You hinder"))
    asked = len(model.asked)
    here(*words, exits=1)
    (told,) = results(here)
    assert (told["stop"], told["done"]) == ("interrupted", False)
    assert "cannot be resumed: the agent, its tools or its policy changed" in told["reason"]
    assert (len(model.asked), shop.effects) == (asked, [])
    agent.write_text(spec)
    here(*words, exits=4)
    assert [line["stop"] for line in results(here)] == ["interrupted", "waiting_approval"]
    assert len(here.traces()) == 1


def test_two_batches_do_not_share_a_results_file(here: Here, model: Desk):
    """The second is told that the file is being written."""
    write_tasks(here, *numbered(1))
    with (here.root / "out.jsonl").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _, err = here(*KEPT, exits=3)
    assert "error[in-use]" in err


def test_a_batch_takes_no_more_memory_the_longer_it_is(tmp_path: Path):
    """Tasks are read one at a time; only their ids are kept."""
    path = tmp_path / "tasks.jsonl"
    with path.open("w") as file:
        for n in range(500):
            file.write(json.dumps({"id": f"t{n}", "task": "x" * 10_000}) + "\n")
    tracemalloc.start()
    try:
        assert check_tasks(path, lambda named: None) == 500
        assert sum(1 for _ in read_tasks(path)) == 500
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


@pytest.fixture
def apart(here: Here) -> Iterator[Callable[..., Apart]]:
    """Start batches that do not outlive the test."""
    with ExitStack() as begun:
        yield lambda *words: begun.enter_context(Apart(here.root, *words, env=here.env))


def test_a_batch_killed_between_effect_and_answer_goes_on_and_acts_once(
    here: Here, model: Desk, shop: Provider, apart: Callable[..., Apart]
):
    """kill -9 after the shop was told: the second start takes the run up instead of beginning it
    anew, and what had a result is left alone."""
    write_tasks(here, {"id": "words", "task": "hello"}, *numbered(3, "cancel o_{n}"))
    stall = [True]

    def wait(task: str, turn: int) -> Step | None:
        if turn == 2 and stall[0]:
            return lambda handler: model.closing.wait(300) and None
        return None

    model.before = wait
    batch = apart(*KEPT, "--live", *AS, "--jobs", "3")
    until(
        lambda: (
            len(shop.effects) == 3 and sum(len(a.body["messages"]) > 5 for a in model.asked) == 3
        )
    )
    batch.kill()
    assert [line["id"] for line in results(here)] == ["words"]
    stall[0] = False
    runs = len(here.traces())
    here(*KEPT, "--live", *AS)
    assert sorted(line["id"] for line in results(here)) == ["t0", "t1", "t2", "words"]
    assert all(line["stop"] == "answered" for line in results(here))
    assert len(here.traces()) == runs, "each run was taken up"
    assert sorted(effect["order_id"] for effect in shop.effects) == ["o_0", "o_1", "o_2"]
    assert "intact" in here("trace", "verify")[0]
    assert here("inbox", "list")[0] == ""


def test_an_interrupted_batch_finishes_what_runs(
    here: Here, model: Desk, shop: Provider, apart: Callable[..., Apart]
):
    """Ctrl-C begins nothing more, keeps what was done, and says how to go on."""
    write_tasks(here, *numbered(40))
    model.before = lambda task, turn: time.sleep(0.2)  # type: ignore[func-returns-value]
    batch = apart(*KEPT, "--jobs", "2")
    until(lambda: len(model.asked) >= 3)
    batch.send(signal.SIGINT)
    code, _, err = batch.ended()
    assert code == 130, err
    assert "finishing the running tasks" in err
    assert "not started: interrupted" in err
    assert "Next: the same command, for the" in err
    done = len(results(here))
    assert done == len(model.asked) == len(here.traces())
    model.before = lambda task, turn: None
    here(*KEPT)
    assert len(results(here)) == 40


@pytest.mark.soak
def test_a_second_interrupt_leaves_at_once(
    here: Here, model: Desk, shop: Provider, apart: Callable[..., Apart]
):
    """What was running is begun again by the next start, since it could not have acted."""
    write_tasks(here, *numbered(3))
    stall = [True]
    model.before = lambda task, turn: (
        (lambda handler: model.closing.wait(300) and None) if stall[0] else None
    )
    batch = apart(*KEPT, "--jobs", "2")
    until(lambda: len(model.asked) == 2)
    batch.send(signal.SIGINT)
    time.sleep(0.3)
    batch.send(signal.SIGINT)
    code, _, err = batch.ended()
    assert code == 130, err
    assert results(here) == []
    stall[0] = False
    here(*KEPT)
    assert len(results(here)) == 3


def test_a_reader_that_goes_ends_the_batch(
    here: Here, model: Desk, shop: Provider, apart: Callable[..., Apart]
):
    """`| head -1`: no money is spent on results that nobody reads."""
    write_tasks(here, *numbered(60))
    batch = apart(*BATCH, "--jobs", "1")
    assert json.loads(batch.stdout.readline())["stop"] == "answered"
    batch.stdout.close()
    err = batch.stderr.read()
    assert batch.wait() == 130
    assert "stdout was closed" in err
    assert len(model.asked) < 60


@pytest.mark.soak
def test_a_batch_killed_anywhere_acts_once_for_each_task(
    here: Here, model: Desk, shop: Provider, apart: Callable[..., Apart]
):
    """Whenever it dies, the starts after it bring one result a task and one effect a task."""
    shop.recognises_keys = True
    (here.root / "tools" / "shop.yaml").write_text(tools(header=True, reconcile=False))
    chance = random.Random(7)
    write_tasks(here, *numbered(40, "cancel o_{n}"))
    model.before = lambda task, turn: time.sleep(0.05)  # type: ignore[func-returns-value]
    for _ in range(6):
        asked = len(model.asked) + chance.randrange(1, 25)
        batch = apart(*KEPT, "--live", *AS, "--jobs", "6")
        until(
            lambda asked=asked, batch=batch: len(model.asked) >= asked or batch.poll() is not None
        )
        time.sleep(chance.random() * 0.05)
        batch.kill()
    here(*KEPT, "--live", *AS, "--jobs", "6")
    assert sorted(line["id"] for line in results(here)) == sorted(f"t{n}" for n in range(40))
    assert {line["stop"] for line in results(here)} == {"answered"}
    assert sorted(effect["order_id"] for effect in shop.effects) == sorted(
        f"o_{n}" for n in range(40)
    )
    assert here("inbox", "list")[0] == ""


@pytest.mark.soak
def test_many_workers_share_one_state(here: Here, model: Desk, shop: Provider):
    """Fifty at a time, each with effects: no lock is waited for too long, every run is sealed."""
    write_tasks(here, *numbered(300, "cancel o_{n}"))
    here(*KEPT, "--live", *AS, "--jobs", "50")
    assert {line["stop"] for line in results(here)} == {"answered"}
    assert len(shop.effects) == 300
    assert "intact" in here("trace", "verify")[0]
