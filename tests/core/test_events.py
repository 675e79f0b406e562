"""An event is declared once, and everything that treats events goes by the declaration."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.core.events import EVENT_TYPES, EVENTS, Event, must_agree
from tests.support.build import bundle, trial

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "agentctl"

DECLARATION = '''
"""`note.taken`: the agent writes something down."""

from agentctl.core.events.declare import EventDeclaration, content, structure

NOTE_TAKEN = EventDeclaration(
    "note.taken",
    "The agent writes something down.",
    (
        structure("shelf", "where it is put", agrees="replay"),
        content("note", "its words"),
        structure("number", "a number of its own", compared=False),
    ),
    phase="observe",
    barrier=True,
    aside=False,
)
'''
LINE = "from agentctl.core.events.turn.note_taken import NOTE_TAKEN as NOTE_TAKEN\n"
USE = """
import json, os, sys
from pathlib import Path
from agentctl.cli.program import run_cli
from agentctl.cli.render.events import event_note
from agentctl.core.errors import Problem
from agentctl.core.events import EVENT_TYPES, PHASES, Event
from agentctl.runtime.replay.replay import Replay
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.content import Hashed
from agentctl.traces.log.file import FileTrace
from agentctl.traces.log.store import read_events
from agentctl.traces.views.diff import diff_events
sys.path.insert(0, sys.argv[1])
from generate import pages

AT = "2026-01-15T09:00:00.000Z"

def note(shelf, words, number):
    return Event(1, "note.taken", AT, {"number": number, "note": words, "shelf": shelf})

def write(name, *events, keep=None):
    path = Path(name + ".jsonl")
    with FileTrace(path, name, keep) as trace:
        for event in events:
            trace.record(event)
    return path

synced = []
os.fsync = lambda descriptor: synced.append(descriptor)
principal = {"id": "p", "role": "r"}
rights = {"tools": [], "hash": ""}
start = Event(0, "run.started", AT, {"agent": "a", "model": "m", "mode": "mock",
                                     "principal": principal, "rights": rights})
write("nothing", start)
without = len(synced)
path = write("one", start, note("top", "secret words", 1))
barriers = len(synced) - 2 * without
run, events = read_events(path)
hashed = read_events(write("two", start, note("top", "secret words", 1), keep=Hashed(b"k" * 32)))
replay = Replay([note("top", "secret words", 1)])
replay.through("note.taken", {"shelf": "top", "note": "other words"})
refused = None
try:
    Replay([note("top", "secret words", 1)]).through("note.taken", {"shelf": "low"})
except Problem as met:
    refused = str(met)
found = diff_events(events, [start, note("top", "new words", 2)])
same = diff_events(events, [start, note("top", "secret words", 2)])
run_cli(["trace", "show", str(path)])
print(json.dumps({
    "declared": "note.taken" in EVENT_TYPES,
    "phase": PHASES["note.taken"],
    "tampering": verify_file(path)[0].tampering,
    "barriers": barriers,
    "hashed": hashed[1][1].body,
    "over": replay.over,
    "refused": refused,
    "changes": [change._asdict() for d in found.differences for change in d.changes],
    "equal": same.equal,
    "note": event_note(events[1]),
    "page": pages()["events.md"],
}))
"""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """Return what a package that has one more event makes of it, and what `trace show` says."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "agentctl.yaml").write_text("")
    events = folder / "agentctl" / "core" / "events"
    for below, source in ((folder / "agentctl", PACKAGE), (events.parent, PACKAGE / "core")):
        below.mkdir()
        for path in source.iterdir():
            if path.name not in ("core", "events", "__pycache__"):
                (below / path.name).symlink_to(path)
    for path in (PACKAGE / "core" / "events").rglob("*.py"):
        copy = events / path.relative_to(PACKAGE / "core" / "events")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (events / "turn" / "note_taken.py").write_text(DECLARATION.lstrip())
    registry = events / "registry.py"
    text = registry.read_text()
    registry.write_text(text.replace("\nEVENTS:", f"{LINE}\nEVENTS:", 1))
    done = subprocess.run(
        [sys.executable, "-c", USE, str(ROOT / "docs")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *shown, made = done.stdout.splitlines()
    return json.loads(made), "\n".join(shown)


def test_a_new_event_takes_one_file_and_one_line(grown):
    """Written, verified, read, hashed, played back, compared, shown and documented: all follow."""
    made, shown = grown
    assert (made["declared"], made["phase"], made["barriers"]) == (True, "observe", 1)
    assert made["tampering"] is None
    assert "observe    note.taken: shelf top, note secret words, number 1" in shown
    assert made["note"] == "note.taken: shelf top, note secret words, number 1"
    assert "## note.taken\n\nThe agent writes something down. Phase: observe." in made["page"]
    assert "| `shelf` | yes | where it is put | kept | resume, fork |" in made["page"]


def test_a_new_event_keeps_its_structure_where_content_is_hashed(grown):
    """What is declared as content is in the trace as a hash only."""
    made, _ = grown
    assert (made["hashed"]["shelf"], made["hashed"]["number"]) == ("top", 1)
    assert made["hashed"]["note"].startswith("hmac-sha256:")


def test_a_new_event_agrees_by_the_fields_that_say_so(grown):
    """Other words are the same event; another shelf is another."""
    made, _ = grown
    assert made["over"] is True
    assert "event 1 recorded another `shelf`" in made["refused"]


def test_a_new_event_is_compared_by_the_fields_that_count(grown):
    """Other words are a difference, another number of its own is none."""
    made, _ = grown
    assert [(c["path"], c["old"], c["new"]) for c in made["changes"]] == [
        ("note", "secret words", "new words")
    ]
    assert made["equal"] is True


def test_every_field_that_a_run_records_is_declared():
    """A run with calls, effects, approvals and a hand-over has no field that is not declared."""
    turns = [
        {"call": {"get_order": {"order_id": "o_1"}}},
        {"call": {"cancel_order": {"order_id": "o_1"}}},
        {"call": {"escalate": {"reason": "unclear", "queue": "desk"}}},
    ]
    events: list[Event] = list(trial(bundle(escalation={"queue": "desk"}), turns).events)
    assert {"call.decided", "effect.settled", "escalated"} <= {event.type for event in events}
    for event in events:
        declared = {field.name: field for field in EVENTS[event.type].fields}
        assert event.body.keys() <= declared.keys(), event.type
        needed = {name for name, field in declared.items() if not field.optional}
        assert needed <= event.body.keys(), event.type


def test_a_resumed_run_must_agree_in_more_than_a_fork():
    """A fork may change the agent and its rules; the principal and the calls stay the same."""
    fork, resume = must_agree("replay"), must_agree("replay", "resume")
    assert fork["run.started"] == ("principal",)
    assert resume["run.started"] == (
        "agent", "mode", "environment", "principal", "fingerprints", "rights",
    )  # fmt: skip
    assert fork["call.decided"] == ("call_id", "tool", "arguments", "verdict")
    assert resume["call.decided"] == (*fork["call.decided"], "rules")
    assert set(resume["effect.intended"]) - set(fork["effect.intended"]) == {"key"}


def _named_types(tree: ast.AST) -> set[str]:
    """Return the texts that a module compares an event's type with, or records as one."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("record", "peek"):
            found += node.args[:1]
        elif isinstance(node, ast.Compare) and _is_type(node.left):
            for other in node.comparators:
                found += other.elts if isinstance(other, ast.Tuple) else [other]
        elif isinstance(node, ast.Match) and _is_type(node.subject):
            for case in node.cases:
                found += [n.value for n in ast.walk(case.pattern) if isinstance(n, ast.MatchValue)]
    texts = [node.value for node in found if isinstance(node, ast.Constant)]
    return {text for text in texts if isinstance(text, str)}


def _is_type(node: ast.expr) -> bool:
    """Whether an expression is the type of an event: `event.type`, or `line["type"]`."""
    if isinstance(node, ast.Attribute):
        return node.attr == "type" and getattr(node.value, "id", "") in ("event", "e", "found")
    return (
        isinstance(node, ast.Subscript)
        and getattr(node.slice, "value", "") == "type"
        and (getattr(node.value, "id", "") in ("event", "entry", "first", "last"))
    )


def test_every_event_type_that_the_code_names_is_declared():
    """A misspelt type in a fold or a record would never match, and nobody would see it."""
    named: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        named |= _named_types(ast.parse(path.read_text()))
    assert named <= set(EVENT_TYPES)
    assert len(named) >= len(EVENT_TYPES) - 2


def test_the_search_for_event_types_finds_a_misspelt_one():
    """Comparisons, matches and records are looked at."""
    code = (
        'run.record("a.a", {})\n'
        'if event.type == "b.b": pass\n'
        'if event.type in ("c.c", "d.d"): pass\n'
        'match event.type:\n    case "e.e" | "f.f" if x: pass\n'
    )
    assert _named_types(ast.parse(code)) == {"a.a", "b.b", "c.c", "d.d", "e.e", "f.f"}
