"""Do several things at the same time in threads, and start processes that Ctrl-C does not hit."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Done(NamedTuple, Generic[R]):
    """What came of one piece of work."""

    number: int
    """Its place in the work, from 0."""
    result: R | None
    error: BaseException | None


def as_completed(
    work: Iterator[T], worker: Callable[[], Callable[[T], R]], most: int
) -> Iterator[Done[R]]:
    """Yield what comes of each piece of work as soon as it is done.

    The next piece is taken, in the caller's thread, when the caller asks for the next result; so
    `work` may end early by what came before. The threads are daemons: someone who stops waiting,
    on Ctrl-C, is not held up by what hangs.

    Args:
        work: What to do.
        worker: Called once in each thread; returns what does one piece.
        most: Threads.

    Raises:
        Exception: What `work` raises, once everything that was begun is done.
    """
    given: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
    back: SimpleQueue[Done[R]] = SimpleQueue()

    def serve() -> None:
        do: Callable[[T], R] | None = None
        while (item := given.get()) is not None:
            number, thing = item
            try:
                do = do or worker()
                done = Done(number, do(thing), None)
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                done = Done[R](number, None, error)
            back.put(done)

    numbered = enumerate(work)
    threads = under_way = 0
    more, failure = True, None
    try:
        while True:
            while more and under_way < most:
                try:
                    item = next(numbered, None)
                except Exception as error:  # noqa: BLE001 - raised when the rest is done
                    item, failure = None, error
                if item is None:
                    more = False
                    break
                given.put(item)
                under_way += 1
                if threads < under_way:
                    threads += 1
                    threading.Thread(target=serve, name="agentctl-worker", daemon=True).start()
            if not under_way:
                break
            done = back.get()
            under_way -= 1
            yield done
    finally:
        for _ in range(threads):
            given.put(None)
    if failure is not None:
        raise failure


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back; the parent sees it as soon as this is over.

    Processes that are started meanwhile never see it. Where signals cannot be held (Windows), this
    does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


__all__ = ["Done", "as_completed", "interrupts_held"]
