"""Ask a live model from processes of their own, where very many requests wait at a time.

A request costs some 10 ms of processor in litellm, and a Python process has one processor: with 50
in flight and answers after half a second it would be busy all the time, and every answer late.
Only requests and replies travel; the caller stays in its own process. The processes start
afresh and share no connection; they end with the one that started them, however that ends.
"""

import multiprocessing
import os
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from agentctl.core.concurrency import interrupts_held
from agentctl.core.messages import ModelReply
from agentctl.models.opening import open_model
from agentctl.models.port import ModelFault, Request
from agentctl.models.provider.live import open_litellm
from agentctl.specs.shapes.agent import ModelSpec

REQUESTS_EACH = 16
"""Requests in flight that one process is good for."""
GRACE_S = 5.0
"""Seconds after its time-out that a reply is waited for: the time-out is kept over there."""
READY_S = 120.0
"""Seconds that loading litellm may take."""


def processes_for(in_flight: int) -> int:
    """Return how many processes are worth it; 0 where this one will do.

    >>> processes_for(16)
    0
    """
    if in_flight <= REQUESTS_EACH:
        return 0
    return min(-(-in_flight // REQUESTS_EACH), os.cpu_count() or 1)


class ModelWorkers:
    """Processes that ask one model.

    Args:
        spec: The `model:` of an agent.
        override: A model to ask instead of the spec's.
        processes: How many.

    Raises:
        ModelFault: If they do not start.
    """

    def __init__(self, spec: ModelSpec, override: str | None, processes: int) -> None:
        self.name = override or spec.name
        self._workers: list[_Worker] = []
        try:
            for _ in range(processes):
                self._workers.append(_Worker(spec, override))
            for worker in self._workers:
                worker.ready()
        except BaseException:
            self.close()
            raise

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Return the model's next turn, asked for by the process with the fewest to wait for.

        Raises:
            ModelFault: As the model does.
        """
        worker = min(self._workers, key=lambda worker: worker.waiting)
        return worker.request_reply(request, timeout_s)

    def close(self) -> None:
        """End the processes, whatever they wait for."""
        for worker in self._workers:
            worker.close()


class _WorkerAnswer(NamedTuple):
    """What comes back: a reply, or what a fault is made of."""

    number: int
    reply: ModelReply | None = None
    fault: tuple[Any, ...] | None = None


class _Worker:
    """One process, seen from outside."""

    def __init__(self, spec: ModelSpec, override: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(
            target=_serve,
            args=(other_end, spec, override),
            name="agentctl-model",
            daemon=True,
        )
        # Ctrl-C is for the process of the caller.
        with interrupts_held():
            self._process.start()
        other_end.close()
        self._numbers = count(1)
        self._waiting: dict[int, Future[ModelReply]] = {}
        self._lock = threading.Lock()
        self._started: Future[ModelReply] = Future()
        self._waiting[0] = self._started
        threading.Thread(target=self._listen, name="agentctl-model", daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many replies it owes."""
        return len(self._waiting)

    def ready(self) -> None:
        """Wait until it can ask."""
        self._result(self._started, 0, READY_S)

    def request_reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Ask, and wait for what comes back."""
        future: Future[ModelReply] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
            try:
                self._pipe.send((number, request, timeout_s))
            except OSError:
                del self._waiting[number]
                raise _gone() from None
        return self._result(future, number, timeout_s + GRACE_S)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        with suppress(OSError):
            self._pipe.close()

    def _result(self, future: Future[ModelReply], number: int, seconds: float) -> ModelReply:
        try:
            return future.result(seconds)
        except Late:
            self._waiting.pop(number, None)
            raise ModelFault("timeout", "the model did not answer in time") from None

    def _listen(self) -> None:
        """Pass every answer to its caller; when none can come any more, fail all of them."""
        while True:
            try:
                answer: _WorkerAnswer = self._pipe.recv()
            except (EOFError, OSError):
                break
            future = self._waiting.pop(answer.number, None)
            if future is None:
                continue
            if answer.fault is not None:
                future.set_exception(ModelFault(*answer.fault))
            else:
                future.set_result(answer.reply or ModelReply())
        for number in list(self._waiting):
            future = self._waiting.pop(number, None)
            if future is not None:
                future.set_exception(_gone())


def _gone() -> ModelFault:
    return ModelFault("unavailable", "the process that asks the model has ended", "try again")


def _serve(pipe: Connection, spec: ModelSpec, override: str | None) -> None:
    """Answer requests, each in a thread of its own, until the caller is gone."""
    open_litellm()
    model = open_model(spec, override)
    lock = threading.Lock()

    def send(answer: _WorkerAnswer) -> None:
        with lock, suppress(OSError):
            pipe.send(answer)

    def request_reply(number: int, request: Request, timeout_s: float) -> None:
        try:
            send(_WorkerAnswer(number, model.reply(request, timeout_s)))
        except ModelFault as fault:
            send(_WorkerAnswer(number, fault=(fault.kind, fault.message, fault.hint)))
        except Exception as error:  # noqa: BLE001 - the caller waits for an answer
            send(
                _WorkerAnswer(number, fault=("bad_reply", f"asking failed: {type(error).__name__}"))
            )

    send(_WorkerAnswer(0))
    while True:
        try:
            received = pipe.recv()
        except (EOFError, OSError):
            # Threads that still wait for a provider are not waited for.
            os._exit(0)
        threading.Thread(target=request_reply, args=received, daemon=True).start()


__all__ = ["GRACE_S", "REQUESTS_EACH", "ModelWorkers", "processes_for"]
