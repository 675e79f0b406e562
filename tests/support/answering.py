"""A loopback model that answers by what it is asked, whoever asks first: for many at once."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.loopback import Asked, Loopback, Step, calls, says
from tests.support.project import AGENT, make, passing

GET = '{"order_id": "o_1"}'


class Desk(Loopback):
    """Reads the order, cancels it, says so; as told, slowly or with a fault."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__()
        self.wait_s = wait_s
        self.instead: dict[int, Step] = {}
        """Turn of a conversation -> what to answer instead."""
        self.most = 0
        """Most requests that were waiting at the same time."""
        self.together: threading.Barrier | None = None
        """Requests are answered once so many have arrived."""
        self._waiting = 0

    def next(self, asked: Asked) -> Step:
        turn = 1 + sum(m["role"] == "assistant" for m in asked.body["messages"])
        with self._lock:
            self.asked.append(asked)
            self._waiting += 1
            self.most = max(self.most, self._waiting)
        if self.together is not None:
            self.together.wait()
        if self.wait_s:
            time.sleep(self.wait_s)
        with self._lock:
            self._waiting -= 1
        usual = {
            1: calls(("get_order", GET), ids=("a",)),
            2: calls(("cancel_order", GET), ids=("b",)),
        }
        return self.instead.get(turn) or usual.get(turn) or says("Order o_1 is cancelled.")


def make_desk(
    root: Path, desk: Loopback, scenarios: int | list[dict[str, Any]], **head: Any
) -> Path:
    """Write a project whose model is `desk`; its scenarios bring no turns of their own."""
    if isinstance(scenarios, int):
        scenarios = [bare(f"case-{n:03d}") for n in range(scenarios)]
    file = make(root, scenarios, **head)
    point(root, desk)
    return file


def bare(name: str, **more: Any) -> dict[str, Any]:
    """Return a scenario without turns, which `Desk` passes."""
    scenario = passing(name, **more)
    del scenario["turns"]
    return scenario


def point(root: Path, desk: Loopback, **settings: Any) -> None:
    """Let the agent of a project ask `desk`."""
    model = {
        "name": "openai/loopback-1",
        "base_url": desk.base_url,
        "price": {"input_per_mtok": 1, "output_per_mtok": 2},
        **({"settings": settings} if settings else {}),
    }
    lines = AGENT.splitlines()
    lines[2] = f"model: {json.dumps(model)}"
    (root / "agents" / "order-desk.yaml").write_text("\n".join(lines) + "\n")


__all__ = ["Desk", "bare", "make_desk", "point"]
