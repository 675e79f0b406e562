"""A real model in a process of its own, for tests that say that the path works end to end."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agentctl.models.local import missing

START_S = 60


def why_not() -> str | None:
    """Return why no local model can be asked here; `None` when one can."""
    absent = missing()
    return f"agentctl[local] is not installed: no {' and no '.join(absent)}" if absent else None


@contextmanager
def local_model() -> Iterator[str]:
    """Start the server that comes with agentctl, and yield its `base_url`."""
    command = [sys.executable, "-m", "agentctl.models.local"]
    running = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        address = running.stdout.readline().strip()
        if not address.startswith("http://127.0.0.1:"):
            running.terminate()
            raise RuntimeError(f"no local model: {running.communicate(timeout=START_S)[1]}")
        yield address
    finally:
        running.terminate()
        try:
            running.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()


__all__ = ["local_model", "why_not"]
