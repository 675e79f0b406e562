"""Turn the public recordings of tau-bench's airline tasks into a golden set and recorded runs.

What is written is generated: a world, a golden set and a file of recordings, in a folder of the
caller's choice. The recordings themselves stay where they are, and nothing of them is committed.
Messages are taken as they are; nothing is rewritten to fit.

    python -m benchmarks.airline.convert FOLDER
"""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.recordings import Generated, Object, convert_command, lines, write

PROJECT = Path(__file__).resolve().parent


class AirlineRun(NamedTuple):
    """What the source says of one recorded run."""

    scenario: str
    trial: int
    reward: int


def convert(airline: Path, out: Path) -> tuple[Generated, list[AirlineRun]]:
    """Write world, golden set and recordings into `out`; return what the source says of each run.

    Args:
        airline: Folder of the recordings.
        out: An existing folder.
    """
    generated = Generated(out / "airline.jsonl", out / "recordings.jsonl")
    database = json.loads((airline / "db.json").read_text(encoding="utf-8"))
    users = {key: {"user_id": key, **user} for key, user in database["users"].items()}
    write(out / "world.yaml", [{"kind": "World", "tables": {**database, "users": users}}])
    head = {
        "kind": "GoldenSet",
        "name": "airline",
        "agent": os.path.relpath(PROJECT / "agents" / "airline.yaml", out.resolve()),
        "world": "world.yaml",
        "recordings": generated.recordings.name,
        "defaults": {"principal": {"id": "desk", "role": "desk"}},
    }
    write(generated.golden_set, [head, *map(_scenario, lines(airline / "scenarios.jsonl"))])
    runs, recordings = [], []
    for line in lines(airline / "trajectories.jsonl"):
        run = AirlineRun(line["task_id"], line["trial"] + 1, int(line["reward"]))
        runs.append(run)
        recordings.append(
            {
                "scenario": run.scenario,
                "trial": run.trial,
                "model": line["model"],
                "messages": line["messages"],
                "end": _end(line),
            }
        )
    write(generated.recordings, recordings)
    return generated, runs


def _scenario(task: Object) -> Object:
    expect: Object = {
        "calls": task["expected_actions"] or "none",
        "path": "any",
        "state": "from_calls",
        "escalation": "unscored",
    }
    if task["expected_outputs"]:
        expect["answer"] = {"mentions": task["expected_outputs"]}
    return {
        "id": task["id"],
        "tags": task["tags"],
        "provenance": {"source": "imported"},
        "input": task["instruction"],
        "expect": expect,
    }


def _end(line: Object) -> str:
    """Return how a run ended: cut off, by the user, or with its last call."""
    if not line["finished"]:
        return "limit"
    return "user_left" if line["messages"][-1]["role"] == "user" else "answered"


def main() -> int:
    """Convert into the folder named on the command line."""
    return convert_command("airline", convert, sys.argv[1:])


__all__ = ["PROJECT", "AirlineRun", "convert"]

if __name__ == "__main__":
    sys.exit(main())
