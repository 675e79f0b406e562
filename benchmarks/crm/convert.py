"""Turn the public recordings of WorkBench's customer tasks into a golden set and recorded turns.

What is written is generated: a world, a golden set and a file of recordings, in a folder of the
caller's choice. The recordings themselves stay where they are, and nothing of them is committed.

    python -m benchmarks.crm.convert FOLDER
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

VARIABLE = "AGENTCTL_RECORDINGS"
PROJECT = Path(__file__).resolve().parent
FILES = ("db.json", "scenarios.jsonl", "trajectories.jsonl")
WHERE = (
    f"{VARIABLE} names no folder with crm/{{{','.join(FILES)}}}: the recordings of the customer"
    " tasks of WorkBench (github.com/olly-styles/WorkBench), and for other benchmarks those of"
    " tau-bench (github.com/sierra-research/tau-bench), both MIT-licensed. The format is in"
    " benchmarks/README.md."
)
Object = dict[str, Any]


class MissingRecordingsError(Exception):
    """The recordings are not on this machine."""


class Generated(NamedTuple):
    """The files of the generated golden set."""

    golden_set: Path
    recordings: Path


class Run(NamedTuple):
    """What the source says of one recorded run."""

    scenario: str
    trial: int
    model: str
    reward: int
    calls: tuple[tuple[str, Any], ...]
    """Tool and arguments, in order; arguments that are not JSON are text."""


def source() -> Path:
    """Return the folder of the recordings.

    Raises:
        MissingRecordingsError: If the environment names none, or files are missing in it.
    """
    folder = os.environ.get(VARIABLE)
    crm = Path(folder or ".") / "crm"
    if not folder or not all((crm / name).is_file() for name in FILES):
        raise MissingRecordingsError(WHERE)
    return crm


def convert(crm: Path, out: Path) -> tuple[Generated, list[Run]]:
    """Write world, golden set and recordings into `out`; return what the source says of each run.

    Args:
        crm: Folder of the recordings.
        out: An existing folder.
    """
    golden_set, recordings = out / "crm.jsonl", out / "recordings.jsonl"
    database = json.loads((crm / "db.json").read_text(encoding="utf-8"))
    _write(out / "world.yaml", [{"kind": "World", "tables": _tables(database)}])
    head = {
        "kind": "GoldenSet",
        "name": "crm",
        "agent": os.path.relpath(PROJECT / "agents" / "crm.yaml", out.resolve()),
        "world": "world.yaml",
        "recordings": recordings.name,
        "defaults": {"principal": {"id": "sales", "role": "assistant"}},
    }
    _write(golden_set, [head, *map(_scenario, _lines(crm / "scenarios.jsonl"))])
    runs, written = _runs(crm / "trajectories.jsonl")
    _write(recordings, written)
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
        "expect": {"calls": calls or "none", "state": "from_calls"},
    }


def _runs(path: Path) -> tuple[list[Run], list[Object]]:
    """Return the runs, and the same as recordings; trials of a task are numbered as they come."""
    trials: Counter[str] = Counter()
    runs, recordings = [], []
    for line in _lines(path):
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
        runs.append(Run(scenario, trials[scenario], model, int(line["reward"]), calls))
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


def _lines(path: Path) -> Iterator[Object]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _write(path: Path, documents: list[Object]) -> None:
    lines = (json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
    path.write_text("".join(lines), encoding="utf-8")


def main() -> int:
    """Convert into the folder named on the command line."""
    if len(sys.argv) != 2:
        print("usage: python -m benchmarks.crm.convert FOLDER", file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    try:
        crm = source()
    except MissingRecordingsError as error:
        print(f"error[no-recordings]: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    generated, runs = convert(crm, out)
    print(f"{len(runs)} runs: {generated.golden_set} and {generated.recordings}")
    return 0


__all__ = [
    "PROJECT",
    "VARIABLE",
    "Generated",
    "MissingRecordingsError",
    "Run",
    "convert",
    "source",
]

if __name__ == "__main__":
    sys.exit(main())
