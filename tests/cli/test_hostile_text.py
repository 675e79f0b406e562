"""Whatever a model, a tool, a provider or a file says: no output of any command obeys it."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import COMMANDS
from agentctl.cli.render.console import paint, shown
from agentctl.cli.terminal import TerminalApprover, TerminalInputs, elicited
from agentctl.core.messages import ApprovalRequest
from agentctl.core.text import UNSAFE, json_text
from tests.support.answering import Desk, point
from tests.support.command import Done, agentctl
from tests.support.loopback import calls, fails, says
from tests.support.project import AGENT, POLICY, TOOLS, make, passing

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u200b\r\x7f"
"""Sets a title, clears the screen, colours by a C1 character, turns the direction of writing."""
HOSTILE = json.dumps(EVIL)
GET = '{"order_id": "o_1"}'
WORLD = {
    "kind": "World",
    "tables": {"orders": {"o_1": {"customer_id": "cus_7", "status": "pending", "note": EVIL}}},
}
LOOK = {"call": {"get_order": {"order_id": "o_1"}}}
TALK = {"say": f"Cancelled. {EVIL}"}
GIVE_UP = {"call": {"escalate": {"reason": f"I cannot. {EVIL}"}}}
SCENARIOS = [
    passing("green", input=f"cancel {EVIL}"),
    passing("blind", turns=[{"call": {"cancel_order": {"order_id": EVIL}}}, TALK]),
    passing("red", turns=[LOOK, TALK], expect={"answer": {"mentions": [f"no {EVIL}"]}}),
    passing("handed-over", turns=[LOOK, GIVE_UP], expect={"escalation": "none", "calls": "none"}),
]
OPENAPI = {
    "openapi": "3.0.0",
    "info": {"title": EVIL, "version": EVIL},
    "servers": [{"url": "https://api.example.com"}],
    "paths": {
        "/a": {"get": {"operationId": "read_a", "summary": EVIL, "description": EVIL}},
        "/b": {"get": {"operationId": EVIL, "responses": {}}},
    },
}


class Hostile:
    """A project in which all is hostile that can be, and the commands that were run in it."""

    def __init__(self, root: Path, model: Desk) -> None:
        self.root, self.model = root, model
        self.ran: set[str] = set()
        make(root, SCENARIOS)
        (root / "golden_sets/worlds/shop.yaml").write_text(json.dumps(WORLD))
        (root / "tools/orders.yaml").write_text(TOOLS.replace("Read one order.", HOSTILE, 1))
        (root / "agents/order-desk.yaml").write_text(AGENT)
        asked = f"ask: [cancel_order], by: desk, reason: {HOSTILE}"
        (root / "agents/policy.yaml").write_text(POLICY.replace("allow: [cancel_order]", asked))
        (root / "agentctl.yaml").write_text("kind: Project\npeople: {dana: {queues: [desk]}}\n")
        (root / "api.json").write_text(json.dumps(OPENAPI))
        point(root, model)

    def __call__(self, *words: str, stdin: str = "") -> Done:
        """Run a command, and hold everything it writes to be harmless."""
        self.ran.add(words[0])
        done = agentctl(self.root, *words, stdin=stdin, env={"OPENAI_API_KEY": "k"})
        for stream in (done.stdout, done.stderr):
            found = UNSAFE.search(stream)
            assert found is None, (words, stream[max(0, found.start() - 80) : found.end() + 20])
        assert "error[bug]" not in done.stderr, (words, done.stderr)
        return done

    def run(self, *steps: Any, words: tuple[str, ...] = ()) -> Done:
        """Run the agent on a model that takes these steps, one a turn."""
        self.model.instead = dict(enumerate(steps, start=1))
        task = ("run", "order-desk", f"cancel {EVIL}", "--as", "customer:cus_7")
        return self(*task, "--world", "orders", *words)

    def ids(self) -> list[str]:
        return [path.stem for path in sorted((self.root / ".agentctl/traces").glob("*.jsonl"))]


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    with Desk() as model:
        yield Hostile(tmp_path, model)


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_no_output_of_any_command_obeys_hostile_text(hostile: Hostile):
    """Text, JSON, JSON Lines, JUnit and tables alike, on stdout and on stderr."""
    # Runs: answered, refused by the provider, handed over, waiting for a decision.
    look, act = calls(("get_order", GET), ids=("a",)), calls(("cancel_order", GET), ids=("b",))
    for shape in ("text", "json", "jsonl"):
        assert hostile.run(look, says(EVIL), words=("--format", shape)).returncode == 0
    assert hostile.run(fails(401, EVIL)).returncode == 3
    assert hostile.run(fails(400, EVIL)).returncode in (2, 3)
    assert hostile.run(calls((EVIL, EVIL), ids=(EVIL,)), says(EVIL)).returncode in (0, 1)
    give_up = calls(("escalate", json.dumps({"reason": EVIL})), ids=("c",))
    assert hostile.run(look, give_up).returncode == 4
    for _ in range(3):
        waiting = hostile.run(look, act, says(EVIL), words=("--approvals", "queue"))
        assert waiting.returncode == 4, waiting
    for words in ((), ("--format", "json"), ("--format", "jsonl")):
        hostile("inbox", "list", *words)
    for number in ("1", "2", "3"):
        hostile("inbox", "show", number)
        hostile("inbox", "show", number, "--format", "json")
    hostile("inbox", "approve", "1", "--as", "dana")
    hostile("inbox", "reject", "2", "--as", "dana", "--reason", EVIL)
    hostile("inbox", "modify", "3", json.dumps({"order_id": EVIL}), "--as", "dana")
    hostile("inbox", "approve", EVIL, "--as", EVIL)
    hostile("inbox", "approve", "1", "--as", EVIL)
    for run in hostile.ids():
        hostile("resume", run)

    # Traces.
    for run in hostile.ids():
        for words in ((), ("--format", "json"), ("--format", "jsonl"), ("--packet",)):
            hostile("trace", "show", run, *words)
    first, *_, last = hostile.ids()
    for words in ((), ("--format", "json"), ("--format", "jsonl")):
        hostile("trace", "list", *words)
        hostile("trace", "diff", first, last, *words)
        hostile("trace", "cost", *words)
        hostile("trace", "verify", *words)
    for words in ((), ("--format", "json"), ("--format", "md")):
        hostile("trace", "report", *words)
    hostile("trace", "seal")
    hostile("trace", "show", EVIL)
    hostile("trace", "checkpoint", "--key", EVIL)
    erased = hostile("trace", "erase", "--principal", "cus_7", "--reason", EVIL, "--yes")
    assert erased.returncode == 0, erased
    hostile("trace", "verify")

    # Evaluations.
    for shape in ("text", "json", "jsonl", "junit", "csv", "tsv", "html", "records"):
        assert hostile("eval", "--format", shape).returncode in (1, 3)
    hostile("eval", "--select", EVIL)
    hostile("run", "--scenario", "orders:red")
    hostile("golden", "status")
    hostile("eval", "--live", "--trials", "1")

    # Files.
    for words in (("list",), ("list", "--format", "json"), ("show", "get_order"), ("show", EVIL)):
        hostile("tools", *words)
    whose = ("--agent", "order-desk", "--as", "customer:cus_7", "--world", "orders")
    assert hostile("tools", "call", "get_order", GET, *whose).returncode == 0
    hostile("tools", "import", "api.json")
    (hostile.root / "golden_sets/odd.yaml").write_text(
        f"kind: GoldenSet\n{HOSTILE}: {HOSTILE}\nscenarios: [{{id: {HOSTILE}}}]\nraw: \x85\n"
    )
    (hostile.root / "golden_sets/raw.yaml").write_text(f"kind: {EVIL}\n")
    for words in ((), ("--format", "json"), ("golden_sets/odd.yaml",), ("--explain", EVIL)):
        assert hostile("check", *words).returncode in (1, 2)
    hostile("doctor")
    hostile("init", "other")

    assert hostile.ran == set(COMMANDS), "a command is not tried"


def test_a_question_on_the_terminal_obeys_no_hostile_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """What will run, why, and what is typed over it are shown harmless, `modify` included."""
    monkeypatch.setattr("sys.stdin", io.StringIO("m\n{}\n" + EVIL + "\n"))
    asked = ApprovalRequest(
        "1.1", EVIL, "irreversible", {EVIL: EVIL}, (), {EVIL: EVIL}, EVIL, EVIL, EVIL, None
    )
    given = TerminalApprover("dana").ask(asked)
    assert given is not None and given.answer == "modify"
    TerminalInputs(None).next(EVIL)
    elicited(EVIL, {"title": EVIL})
    said = "".join(capsys.readouterr())
    assert "approval needed" in said
    assert UNSAFE.search(said) is None


def test_our_own_colours_are_all_that_commands_a_terminal(monkeypatch: pytest.MonkeyPatch):
    """On a terminal a painted word is coloured, and a colour that someone else wrote is text."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    screen = Terminal()
    text = paint("passed", "green", screen) + " \x1b[32mpassed\x1b[0m \ud83d"
    assert shown(text, screen) == "\x1b[32mpassed\x1b[0m \\x1b[32mpassed\\x1b[0m \\ud83d"
    assert shown(text, io.StringIO()).isprintable()


def test_json_keeps_what_it_escapes():
    """Escaped for a reader, the value is the same for a program."""
    value = {EVIL: [EVIL, "é", "\U000e0041"]}
    text = json_text(value)
    assert UNSAFE.search(text) is None
    assert "é" in text
    assert json.loads(text) == value
