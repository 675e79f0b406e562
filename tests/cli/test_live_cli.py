"""The command line with a live model: what can go wrong at first, and what somebody sees."""

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.models.provider.streaming import BROKEN_OFF
from tests.support.live_project import write_project
from tests.support.loopback import Handler, Loopback, Step, cuts, fails, says, stream
from tests.support.loopback_wires import WIRES, Said, Wire

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
TASK = ["run", "order-desk", "Where is o_1?"]


@pytest.fixture(params=WIRES, ids=lambda wire: wire.model.partition("/")[0])
def wire(request: pytest.FixtureRequest) -> Wire:
    found: Wire = request.param
    return found


@pytest.fixture
def server(wire: Wire) -> Iterator[Loopback]:
    with Loopback(wire) as running:
        yield running


Desk = Callable[..., Path]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Write a project whose model is the one named, and stand in it without any key."""

    def write(name: str, base_url: str | None = None) -> Path:
        write_project(tmp_path)
        agent = tmp_path / "agents" / "order-desk.yaml"
        text = agent.read_text().replace("openai/loopback-1", name)
        address = f'  base_url: "{base_url}"\n' if base_url else ""
        agent.write_text(text.replace('  base_url: "http://127.0.0.1:9/v1"\n', address))
        monkeypatch.chdir(tmp_path)
        for variable in (*KEYS.values(), "GOOGLE_API_KEY", "AGENTCTL_HOME", "AGENTCTL_API_KEY"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr("agentctl.models.provider.live.BACKOFF_S", 0.01)
        return tmp_path

    return write


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of the error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("error[")]
    return line


def test_no_key_is_said_before_anything_happens(
    wire: Wire, desk: Desk, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2, the variable is named, and no trace of a run is begun."""
    root = desk(wire.model)
    assert run_cli(TASK) == 2
    variable = KEYS[wire.model.partition("/")[0]]
    assert error(capsys) == f"error[no-key]: no key for {wire.model}: {variable} not set"
    assert not (root / ".agentctl" / "traces").exists()


def test_a_wrong_key_is_said_in_one_line(
    desk: Desk,
    server: Loopback,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    """Exit code 3, after one request; the key is named by its variable and never shown."""
    desk(server.wire.model, server.base_url)
    monkeypatch.setenv("AGENTCTL_API_KEY", "wrong-key-12345678")
    server.script(fails(401, "invalid key wrong-key-12345678"))
    assert run_cli(TASK) == 3
    line = error(capsys)
    assert line == f"error[rejected]: {server.base_url} rejected the key in AGENTCTL_API_KEY"
    assert len(server.asked) == 1


def test_an_unknown_model_is_said_in_one_line(
    desk: Desk, server: Loopback, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2, after one request."""
    desk(server.wire.model, server.base_url)
    server.script(fails(404, "no such model"))
    assert run_cli(TASK) == 2
    expected = (
        f"error[unknown_model]: {server.base_url} does not know the model {server.wire.model}"
    )
    assert error(capsys) == expected
    assert len(server.asked) == 1


def test_no_network_is_said_in_one_line(wire: Wire, desk: Desk, capsys: pytest.CaptureFixture[str]):
    """Exit code 3, after three attempts; the address is named."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}{wire.path}"
    desk(wire.model, address)
    assert run_cli(TASK) == 3
    assert error(capsys) == f"error[unavailable]: cannot reach {address} (3 attempts)"


def test_a_name_of_no_provider_is_said_before_anything_happens(
    desk: Desk, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2."""
    desk("gpt-of-nobody")
    assert run_cli(TASK) == 2
    assert error(capsys) == "error[unknown-model]: `gpt-of-nobody` does not name a known provider"


class Terminal(io.StringIO):
    """A terminal, and somebody who looks at it.

    Args:
        awaited: Words they wait for.
    """

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self._awaited = awaited
        self.seen = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._awaited in self.getvalue():
            self.seen.set()
        return written


def waits_for(terminal: Terminal) -> Step:
    """Send half of an answer, and the rest when the first half was seen."""

    def step(handler: Handler) -> None:
        events = list(handler.wire.events(Said("Order o_1 is on its way to you.", (), (12, 9))))
        middle = len(events) // 2

        def held() -> Iterator[bytes]:
            yield from events[:middle]
            if terminal.seen.wait(10):
                yield from events[middle:]

        stream(handler, held())

    return step


def test_words_show_on_a_terminal_as_they_arrive(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """The beginning is seen before the end is sent; half an answer is marked as none."""
    terminal = Terminal("Order o_1")
    monkeypatch.setattr(sys, "stderr", terminal)
    with Loopback() as server:
        desk("openai/loopback-1", server.base_url)
        server.script(cuts, waits_for(terminal))
        assert run_cli(TASK) == 0, terminal.getvalue()
        assert [asked.body["stream"] for asked in server.asked] == [True, True]
    shown = terminal.getvalue()
    assert f"Half of this answer n{BROKEN_OFF}Order o_1 is on its way to you.\n" in shown
    assert "(openai/loopback-1, attempt 2)" in shown


def test_without_a_terminal_nothing_is_streamed(desk: Desk, capsys: pytest.CaptureFixture[str]):
    """A pipe gets the steps and the answer, and the provider is asked for a whole reply."""
    with Loopback() as server:
        desk("openai/loopback-1", server.base_url)
        server.script(says("No such order."))
        assert run_cli(TASK) == 0
        assert capsys.readouterr().out == "No such order.\n"
        assert "stream" not in server.asked[0].body


GUARD = ("policy", "guardrails: {output: [{id: names, lexicon: [Ana], action: block}]}\n")
WORD = ("order-desk", "escalation: {queue: desk, triggers: [{any_keyword: [Ana], on: output}]}\n")
SHAPE = ("order-desk", "output: {type: object}\n")


@pytest.mark.parametrize(
    ("file", "line", "streamed"),
    [(*GUARD, False), (*WORD, False), (*SHAPE, False), ("policy", "", True)],
    ids=["guardrail", "keyword", "output-contract", "nothing"],
)
def test_words_that_are_judged_first_are_never_streamed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, file: str, line: str, streamed: bool
):
    """Where an answer may be held back, or is JSON, nobody sees it before it was judged."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Loopback() as server:
        root = desk("openai/loopback-1", server.base_url)
        path = root / "agents" / f"{file}.yaml"
        text = path.read_text()
        if "escalation" in line:
            text = text.replace("escalation: {queue: desk}\n", "")
        path.write_text(text + line)
        server.script(says('{"reply": "Ana lives there."}'))
        run_cli(TASK)
        assert ("stream" in server.asked[0].body) is streamed
        server.script(says('{"reply": "Ana lives there."}'))
        run_cli([*TASK, "--quiet"])
        assert "stream" not in server.asked[0].body
