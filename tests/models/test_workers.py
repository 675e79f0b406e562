"""A model asked from processes of their own: the same answers, the same faults, no orphan."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.messages import Message
from agentctl.models.port import ModelFault, Request
from agentctl.models.provider.workers import ModelWorkers, processes_for
from agentctl.specs.shapes.agent import ModelSpec
from tests.support.answering import Desk, make_desk
from tests.support.loopback import fails, says

ASK = Request((Message("system", "You help."), Message("user", "Hello")))


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk() as server:
        yield server


@pytest.fixture(scope="module")
def workers(desk: Desk) -> Iterator[ModelWorkers]:
    made = ModelWorkers(ModelSpec(name="openai/loopback-1", base_url=desk.base_url), None, 2)
    yield made
    made.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_request_gets_its_own_answer_from_more_than_one_process(
    desk: Desk, workers: ModelWorkers
):
    """Twenty are answered once all of them have arrived: none is mixed up, none lost."""
    desk.instead = {1: says("I hear you.")}
    desk.together = threading.Barrier(20, timeout=30)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: workers.reply(ASK, 60), range(20)))
    assert [reply.text for reply in replies] == ["I hear you."] * 20
    desk.together = None


def test_a_fault_comes_back_as_it_is(desk: Desk, workers: ModelWorkers):
    """What kind, what happened and the way out: nothing of it is lost on the way."""
    desk.instead = {1: fails(401, "no such key")}
    with pytest.raises(ModelFault) as met:
        workers.reply(ASK, 30)
    assert met.value.kind == "rejected"
    assert "rejected the key" in met.value.message
    assert "AGENTCTL_API_KEY" in (met.value.hint or "")


def test_a_process_that_dies_is_a_fault_of_who_waits_for_it(desk: Desk):
    """Whoever waits is told at once, and closing leaves no process behind."""
    made = ModelWorkers(ModelSpec(name="openai/loopback-1", base_url=desk.base_url), None, 1)
    (pid,) = [one._process.pid for one in made._workers]
    assert pid is not None and alive(pid)
    desk.instead, desk.wait_s = {1: says("too late")}, 5.0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(made.reply, ASK, 60)
        while not made._workers[0].waiting:
            pass
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelFault, match="the process that asks the model has ended"):
            waiting.result(20)
    desk.wait_s = 0.0
    made.close()
    assert not alive(pid)


def test_few_at_a_time_need_no_other_process():
    """Starting a process takes longer than a few requests do."""
    assert processes_for(1) == processes_for(16) == 0
    assert 1 <= processes_for(17) <= 2
    assert processes_for(256) <= (os.cpu_count() or 1)


@pytest.mark.soak
def test_an_evaluation_with_many_in_flight_is_the_same_report(tmp_path, monkeypatch, capsys):
    """Fifty at a time or one: the report has the same bytes."""
    monkeypatch.chdir(tmp_path)
    reports = []
    with Desk(0.05) as server:
        make_desk(tmp_path, server, 30)
        for options in (("--in-flight", "1"), ("--in-flight", "50")):
            assert run_cli(["eval", "orders", "--live", *options, "--format", "json"]) == 0
            reports.append(capsys.readouterr().out)
    assert reports[0] == reports[1]
