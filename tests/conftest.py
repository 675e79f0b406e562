"""What holds for every test."""

import os
import resource
import signal
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.loopback import Loopback
from tests.support.provider import Provider, serving

# A run that was started in the background inherits an ignored Ctrl-C, and would hand it on to
# every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["TZ"] = "UTC"
time.tzset()

# `make test` plays the same sample of every property each time; `make soak` looks for new cases.
settings.register_profile("sample", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=300, database=None, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STARTED] = time.monotonic()
    settings.load_profile("sample" if config.option.markexpr == "not soak" else "soak")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """State what the tests took: on the clock, and of the processors, workers included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(one.ru_utime + one.ru_stime for one in used)
    wall_s = time.monotonic() - config.stash[STARTED]
    terminalreporter.write_line(f"tests took {wall_s:.0f} s wall, {cpu_s:.0f} s CPU")


@pytest.fixture
def model() -> Iterator[Loopback]:
    """A model server that follows a script."""
    with Loopback() as server:
        yield server


@pytest.fixture
def shop() -> Iterator[Provider]:
    """An order system."""
    with serving(Provider()) as provider:
        yield provider


STARTED = pytest.StashKey[float]()
