"""Do many things at once that mostly wait for a model, one thing at a time of all the rest.

Trials share what is compiled once for a set, and none of it is made for threads. So a trial holds
the turnstile while it works and lets go of it while it waits for the model: trials overlap only in
waiting, which is all that takes time.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from agentctl.core.messages import ModelReply
from agentctl.models.port import Model, Request

T = TypeVar("T")
R = TypeVar("R")


class UnlockedModel(NamedTuple):
    """A model that is asked outside the turnstile, by a trial that holds it."""

    model: Model
    turnstile: threading.Lock

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Return the model's next turn; others work meanwhile.

        Raises:
            ModelFault: As the model does.
        """
        self.turnstile.release()
        try:
            return self.model.reply(request, timeout_s)
        finally:
            self.turnstile.acquire()


class _Done(NamedTuple):
    number: int
    result: object
    error: BaseException | None


def in_flight(
    work: Iterator[T], do: Callable[[T], R], most: int, turnstile: threading.Lock
) -> Iterator[R]:
    """Yield what each thing brings, in the order of `work`, with up to `most` begun at a time.

    What fails is raised at its place. The threads are daemons: whoever stops waiting, on Ctrl-C,
    is not held up by what still hangs at a provider.

    Args:
        work: Taken as there is room.
        do: Called with the turnstile held.
        most: Threads.
        turnstile: Held by whichever thread is working.
    """
    given: queue.SimpleQueue[tuple[int, T] | None] = queue.SimpleQueue()
    back: queue.SimpleQueue[_Done] = queue.SimpleQueue()

    def serve() -> None:
        while (item := given.get()) is not None:
            number, thing = item
            with turnstile:
                try:
                    done = _Done(number, do(thing), None)
                except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                    done = _Done(number, None, error)
            back.put(done)

    threads = 0
    begun = finished = next_out = 0
    waiting: dict[int, _Done] = {}
    more = True
    try:
        while True:
            while more and begun - finished < most:
                thing = next(work, None)
                if thing is None:
                    more = False
                    break
                given.put((begun, thing))
                begun += 1
                if threads < min(most, begun - finished):
                    threads += 1
                    threading.Thread(target=serve, name="agentctl-trial", daemon=True).start()
            if finished == begun:
                return
            done = back.get()
            finished += 1
            waiting[done.number] = done
            while next_out in waiting:
                ready = waiting.pop(next_out)
                next_out += 1
                if ready.error is not None:
                    raise ready.error
                yield ready.result  # type: ignore[misc]
    finally:
        for _ in range(threads):
            given.put(None)


__all__ = ["UnlockedModel", "in_flight"]
