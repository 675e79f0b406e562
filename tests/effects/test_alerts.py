"""An alert leaves the process once for each breach, and never stops a run."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agentctl.effects.alerts import Alert, AlertSender
from agentctl.effects.budgets import DayLimits, SpendingStore
from agentctl.effects.db import open_db
from agentctl.effects.shared_budget import SharedBudget
from agentctl.specs.shapes.project import Alerts
from tests.runtime.test_spending import CALL_GET, NOON, SAY, desk, end, run_with
from tests.support.command import Apart, agentctl
from tests.support.loopback import Loopback, says

ROOT = Path(__file__).parent.parent.parent
DAY = Alert(
    "cost_warning",
    "desk",
    "r1",
    "cost_usd.day",
    "2026-01-15",
    Decimal("1.60"),
    Decimal(2),
    "2026-01-15T12:00:00.000Z",
)
SCRIPT = """\
import json, os, sys
alert = json.loads(sys.stdin.read())
with open("told.jsonl", "a") as file:
    file.write(json.dumps([alert, sorted(os.environ), sys.argv[1:]]) + "\\n")
sys.exit(int(os.environ.get("FAIL", "0")))
"""
__all__ = ["desk"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tell.py").write_text(SCRIPT)
    return tmp_path


def told(root: Path) -> list[Any]:
    """Return what the command was told: the alert, its variables, its arguments."""
    file = root / "told.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Post:
    """A webhook on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.status = 204
        self.sent: list[tuple[str, str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.headers["Content-Type"]
                outer.sent.append((self.path, kind, json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def post() -> Iterator[Post]:
    server = Post()
    yield server
    server.close()


def alert_desk(
    root: Path, notes: list[str], having: dict[str, str] | None = None, **spec: Any
) -> AlertSender:
    db = open_db(root / "state.db")
    known = {"PATH": os.environ["PATH"], **(having or {})}
    return AlertSender(db, Alerts.model_validate(spec), root, notes.append, known)


def tell(*words: str) -> list[str]:
    return [sys.executable, "tell.py", *words]


def test_a_command_reads_the_alert_from_stdin(root: Path):
    """Who, which limit, for which period, how much of how much; money is text."""
    notes: list[str] = []
    alert_desk(root, notes, command=tell("--to", "the desk; rm -rf $HOME")).send(DAY)
    ((alert, _, words),) = told(root)
    assert alert == {
        "schema_version": "1",
        "what": "cost_warning",
        "agent": "desk",
        "run": "r1",
        "limit": "cost_usd.day",
        "period": "2026-01-15",
        "used": "1.6",
        "most": "2",
        "at": "2026-01-15T12:00:00.000Z",
    }
    assert words == ["--to", "the desk; rm -rf $HOME"], "no shell reads the arguments"
    assert notes == []


def test_a_command_sees_only_the_variables_it_is_given(root: Path):
    """Keys of the process stay in the process."""
    env = {"OPENAI_API_KEY": "secret", "CHANNEL": "ops"}
    alert_desk(root, [], env, command=tell(), env=["CHANNEL", "UNSET"]).send(DAY)
    names = set(told(root)[0][1])
    assert {"PATH", "CHANNEL"} <= names
    assert "OPENAI_API_KEY" not in names


def test_a_breach_is_told_once(root: Path):
    """The second run that meets the same limit on the same day tells nobody."""
    desk = alert_desk(root, [], command=tell())
    desk.send(DAY)
    desk.send(DAY._replace(run="r2", used=Decimal("1.9")))
    alert_desk(root, [], command=tell()).send(DAY._replace(run="r3"))
    assert len(told(root)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "other"},
        {"what": "cost_limit"},
        {"limit": "cost_usd.month", "period": "2026-01"},
        {"period": "2026-01-16"},
    ],
    ids=str,
)
def test_another_breach_is_told_too(root: Path, other: dict[str, Any]):
    """Agent, kind, limit and period each make a breach of its own."""
    desk = alert_desk(root, [], command=tell())
    desk.send(DAY)
    desk.send(DAY._replace(**other))
    assert len(told(root)) == 2


def test_only_what_is_asked_for_is_told(root: Path):
    """`on: [cost_limit]` leaves warnings out."""
    desk = alert_desk(root, [], command=tell(), on=["cost_limit"])
    desk.send(DAY)
    desk.send(DAY._replace(what="cost_limit"))
    assert [alert["what"] for alert, _, _ in told(root)] == ["cost_limit"]


def test_a_webhook_is_posted_to(root: Path, post: Post):
    """The same JSON object goes to the address, where a variable may stand for a secret."""
    env = {"HOOK": f"{post.url}/t0ken"}
    alert_desk(root, [], env, webhook="${HOOK}").send(DAY)
    ((path, kind, alert),) = post.sent
    assert (path, kind) == ("/t0ken", "application/json")
    assert (alert["limit"], alert["used"]) == ("cost_usd.day", "1.6")


def test_an_alert_that_failed_is_told_and_tried_again(root: Path, post: Post):
    """It is never fatal; the next breach sends it, by the channel that failed only."""
    notes: list[str] = []
    post.status = 500
    desk = alert_desk(root, notes, command=tell(), webhook=f"{post.url}/t0ken")
    desk.send(DAY)
    assert notes == [
        "warning: the alert on cost_usd.day of desk was not sent: the webhook answered 500"
    ]
    post.status = 204
    desk.send(DAY._replace(run="r2"))
    desk.send(DAY._replace(run="r3"))
    assert (len(told(root)), len(post.sent)) == (1, 2)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"command": ["./no-such-program"]}, "the command cannot be run"),
        ({"command": [sys.executable, "-c", "raise SystemExit(3)"]}, "the command ended with 3"),
        ({"webhook": "http://127.0.0.1:1/t0ken"}, "the webhook was not reached: ConnectError"),
        ({"webhook": "${NOT_SET}"}, "the webhook needs the variable NOT_SET, which is not set"),
        ({"webhook": "http://host:abc/t0ken"}, "the webhook was not reached: InvalidURL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_an_alert_was_not_sent_is_said_without_addresses(
    root: Path, spec: dict[str, Any], why: str
):
    """An address may hold a secret, so the note names none."""
    notes: list[str] = []
    alert_desk(root, notes, **spec).send(DAY)
    (note,) = notes
    assert why in note
    assert "t0ken" not in note


def test_an_alert_that_cannot_be_remembered_is_not_sent_and_stops_nothing(root: Path):
    """Nobody could say whether it had been sent before."""
    notes: list[str] = []
    db = open_db(root / "state.db")
    desk = AlertSender(db, Alerts(command=tuple(tell())), root, notes.append)
    db.execute("PRAGMA query_only = ON")
    desk.send(DAY)
    assert "attempt to write a readonly database" in notes[0]
    assert told(root) == []


def test_a_command_that_hangs_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch):
    """The run goes on after the time-out."""
    monkeypatch.setattr("agentctl.effects.alerts.COMMAND_TIMEOUT_S", 0.2)
    notes: list[str] = []
    forever = [sys.executable, "-c", "import signal; signal.pause()"]
    alert_desk(root, notes, command=forever).send(DAY)
    assert "took longer than 0.2 s" in notes[0]


TELL = """
import sys
from decimal import Decimal
from pathlib import Path
from agentctl.effects.alerts import Alert, AlertSender
from agentctl.effects.db import open_db
from agentctl.specs.shapes.project import Alerts

root = Path(sys.argv[1])
spec = Alerts(command=(sys.executable, "tell.py"))
desk = AlertSender(open_db(root / "state.db"), spec, root, print)
print("ready", flush=True)
sys.stdin.readline()
desk.send(Alert("cost_limit", "desk", sys.argv[2], "cost_usd.day", "2026-01-15",
                Decimal(2), Decimal(2), "2026-01-15T12:00:00.000Z"))
"""


def test_two_processes_that_breach_at_once_tell_once(root: Path):
    """Both meet the limit at the same instant; one alert leaves."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TELL, str(root), run],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for run in ("r1", "r2")
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("\n") for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said == [("", None)] * 2
    assert len(told(root)) == 1


def test_a_run_tells_of_its_warning_and_of_its_stop(root: Path):
    """The soft alert and the hard stop of a day leave the process, each once."""
    desk = alert_desk(root, [], command=tell())
    budgets = SpendingStore(open_db(root / "state.db"))
    limits = {"cost_usd": {"day": 0.16, "alert_at": 0.5}}
    for run_id in ("r1", "r2"):
        shared = SharedBudget(budgets, "order-desk", run_id, DayLimits(day=Decimal("0.16")), desk)
        run_with(shared, [CALL_GET, CALL_GET, SAY], limits=limits)
    sent = [(a["what"], a["run"], a["period"], a["used"]) for a, _, _ in told(root)]
    assert sent == [
        ("cost_warning", "r1", NOON.date().isoformat(), "0.1"),
        ("cost_limit", "r1", NOON.date().isoformat(), "0.1"),
    ]


def test_the_limit_of_one_run_is_told_for_each_run(root: Path):
    """The period of a session is the run itself."""
    desk = alert_desk(root, [], command=tell(), on=["cost_limit"])
    budgets = SpendingStore(open_db(root / "state.db"))
    for run_id in ("r1", "r2"):
        shared = SharedBudget(budgets, "order-desk", run_id, DayLimits(), desk)
        run = run_with(shared, [CALL_GET, SAY], limits={"cost_usd": {"session": 0.01}})
        assert end(run)[0] == "limit"
    sent = [(alert["limit"], alert["period"]) for alert, _, _ in told(root)]
    assert sent == [("cost_usd.session", "r1"), ("cost_usd.session", "r2")]


def test_the_command_line_sends_the_alerts_of_the_project(desk: tuple[Path, Loopback]):
    """Four runs on money for two: one warning, one stop, from whichever process met it."""
    folder, server = desk
    (folder / "tell.py").write_text(SCRIPT)
    with (folder / "agentctl.yaml").open("a") as settings:
        settings.write(f"alerts: {{command: {json.dumps(tell())}}}\n")
    assert agentctl(folder, "check").returncode == 0
    server.script(*[says("Hello.", (0, 100))] * 4)
    started = [Apart(folder, "run", "library-desk", "Hello", "-q") for _ in range(4)]
    done = [process.ended() for process in started]
    assert sorted(one.returncode for one in done) == [0, 0, 1, 1], done
    kinds = sorted(alert["what"] for alert, _, _ in told(folder))
    assert kinds == ["cost_limit", "cost_warning"]


@pytest.mark.parametrize("spec", [{}, {"command": []}, {"webhook": "ftp://host"}], ids=str)
def test_alerts_must_go_somewhere(spec: dict[str, Any]):
    """A block that names no program and no address is refused."""
    with pytest.raises(ValidationError):
        Alerts.model_validate(spec)
