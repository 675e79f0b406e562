"""Turn the public recordings of WorkBench's customer tasks into a golden set and recorded turns.

What is written is generated: a world, a golden set and a file of recordings, in a folder of the
caller's choice. The recordings themselves stay where they are, and nothing of them is committed.

    python -m benchmarks.crm.convert FOLDER
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.recordings import Generated, Object, convert_command, lines, write

PROJECT = Path(__file__).resolve().parent


class CrmRun(NamedTuple):
    """What the source says of one recorded run."""

    scenario: str
    trial: int
    model: str
    reward: int
    calls: tuple[tuple[str, Any], ...]
    """Tool and arguments, in order; arguments that are not JSON are text."""


def convert(crm: Path, out: Path) -> tuple[Generated, list[CrmRun]]:
    """Write world, golden set and recordings into `out`; return what the source says of each run.

    Args:
        crm: Folder of the recordings.
        out: An existing folder.
    """
    golden_set, recordings = out / "crm.jsonl", out / "recordings.jsonl"
    database = json.loads((crm / "db.json").read_text(encoding="utf-8"))
    write(out / "world.yaml", [{"kind": "World", "tables": _tables(database)}])
    head = {
        "kind": "GoldenSet",
        "name": "crm",
        "agent": os.path.relpath(PROJECT / "agents" / "crm.yaml", out.resolve()),
        "world": "world.yaml",
        "recordings": recordings.name,
        "defaults": {"principal": {"id": "sales", "role": "assistant"}},
    }
    write(golden_set, [head, *map(_scenario, lines(crm / "scenarios.jsonl"))])
    runs, written = _runs(crm / "trajectories.jsonl")
    write(recordings, written)
    return Generated(golden_set, recordings), runs


def _tables(database: Object) -> Object:
    """Return the tables by record key, in the order of the source; empty text becomes null."""
    customers = {
        record["customer_id"]: {name: value or None for name, value in record.items()}
        for record in database["customer_relationship_manager_data"]
    }
    directory = {address: {"address": address} for address in database["company_directory"]}
    return {"customers": customers, "directory": directory}


def _scenario(task: Object) -> Object:
    calls = [{"tool": call["tool"], "args": call["args"]} for call in task["expected_actions"]]
    return {
        "id": _id(task["id"]),
        "tags": [tag.replace("_", "-") for tag in task["tags"]],
        "provenance": {"source": "imported"},
        "input": task["instruction"],
        "expect": {"calls": calls or "none", "path": "any", "state": "from_calls"},
    }


def _runs(path: Path) -> tuple[list[CrmRun], list[Object]]:
    """Return the runs, and the same as recordings; trials of a task are numbered as they come."""
    trials: Counter[str] = Counter()
    runs, recordings = [], []
    for line in lines(path):
        scenario = _id(line["task_id"])
        trials[scenario] += 1
        model = f"{line['model']} ({line['tool_selection']})"
        turns = [_turn(m) for m in line["messages"] if m["role"] == "assistant"]
        turns = [turn for turn in turns if turn]
        recording: Object = {"scenario": scenario, "trial": trials[scenario]}
        recording |= {"model": model, "turns": turns}
        if line["error"]:
            recording["end"] = "limit" if "limit" in line["error"] else "error"
        recordings.append(recording)
        calls = tuple(
            (call["tool"], call["args"]) for turn in turns for call in turn.get("calls", ())
        )
        runs.append(CrmRun(scenario, trials[scenario], model, int(line["reward"]), calls))
    return runs, recordings


def _turn(message: Mapping[str, Any]) -> Object:
    calls = [
        {"tool": call["function"]["name"], "args": _arguments(call["function"]["arguments"])}
        for call in message.get("tool_calls") or ()
    ]
    turn: Object = {"calls": calls} if calls else {}
    if message["content"] is not None:
        turn["say"] = message["content"]
    return turn


def _arguments(text: str) -> Any:
    """Return the arguments; text stands for what was not JSON when it was recorded."""
    try:
        arguments = json.loads(text)
    except ValueError:
        return text
    if isinstance(arguments, dict) and "__raw" in arguments:
        return arguments["__raw"]
    return arguments if isinstance(arguments, dict) else text


def _id(task: str) -> str:
    return task.lower().replace(".", "-")


def main() -> int:
    """Convert into the folder named on the command line."""
    return convert_command("crm", convert, sys.argv[1:])


__all__ = ["PROJECT", "CrmRun", "convert"]

if __name__ == "__main__":
    sys.exit(main())
