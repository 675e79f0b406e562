"""Do many things at once that mostly wait for a model, one thing at a time of all the rest.

Trials share what is compiled once for a set, and none of it is made for threads. So a trial holds
the turnstile while it works and lets go of it while it waits for the model: trials overlap only in
waiting, which is all that takes time.
"""

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar, cast

from agentctl.core.concurrency import Done, as_completed
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


def in_flight(
    work: Iterator[T], do: Callable[[T], R], most: int, turnstile: threading.Lock
) -> Iterator[R]:
    """Yield what each thing brings, in the order of `work`, with up to `most` begun at a time.

    What fails is raised at its place.

    Args:
        work: Taken as there is room.
        do: Called with the turnstile held.
        most: Threads.
        turnstile: Held by whichever thread is working.
    """

    def one_at_a_time(thing: T) -> R:
        with turnstile:
            return do(thing)

    waiting: dict[int, Done[R]] = {}
    next_out = 0
    for done in as_completed(work, lambda: one_at_a_time, most):
        waiting[done.number] = done
        while next_out in waiting:
            ready = waiting.pop(next_out)
            next_out += 1
            if ready.error is not None:
                raise ready.error
            yield cast(R, ready.result)


__all__ = ["UnlockedModel", "in_flight"]
