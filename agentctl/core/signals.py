"""Hold Ctrl-C back while a process is just starting: it would answer it with a traceback."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


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


__all__ = ["interrupts_held"]
