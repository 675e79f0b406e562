"""One agent, whoever takes the model's part: the same events, and a diff shows only what differs.

A way to run the agent is one line of `WAYS`. Nothing of the agent but its `model:` changes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentctl.cli.program import run_cli
from agentctl.models import local
from tests.support.local_model import local_model, why_not
from tests.support.loopback import Loopback, calls, says
from tests.support.loopback_wires import ANTHROPIC, GEMINI, OPENAI, Wire
from tests.support.project import AGENT, CANCEL, GET, make, passing

ORDER = '{"order_id": "o_1"}'
DONE = "Order o_1 is cancelled."
TURNS = [
    {**GET, "usage": {"in": 20, "out": 8}},
    {**CANCEL, "usage": {"in": 20, "out": 8}},
    {"say": DONE, "usage": {"in": 12, "out": 3}},
]
ALWAYS = {"run.started", "input.received", "model.replied", "call.decided", "run.ended"}
"""Events that hold the same fields whatever happened; a tool returns a value or an error."""
KEPT = Path(".agentctl/traces/evals/orders.jsonl")


class Way(NamedTuple):
    """Who takes the model's part, and the commands that play the scenario; the last one counts."""

    name: str
    wire: Wire
    """The provider whose model the agent's spec names, and whose server stands ready."""
    commands: tuple[tuple[str, ...], ...]


WRITTEN = Way("written turns", OPENAI, (("--written",),))
WAYS = (
    Way("a cassette", OPENAI, (("--record", "all"), ("--replay",))),
    Way("OpenAI's format", OPENAI, (("--live",),)),
    Way("Anthropic's format", ANTHROPIC, (("--live",),)),
    Way("Gemini's format", GEMINI, (("--live",),)),
    Way("a cassette of Anthropic's", ANTHROPIC, (("--record", "all"), ("--replay",))),
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)


def project(root: Path, **model: Any) -> None:
    """Write the project; of its agent only `model:` is told here."""
    make(root, [passing("cancel", turns=TURNS)])
    lines = AGENT.splitlines()
    price = {"input_per_mtok": 1, "output_per_mtok": 2}
    lines[2] = f"model: {json.dumps({'price': price, **model})}"
    lines.append("limits: {steps: 4, wall_clock_s: 600}")
    (root / "agents" / "order-desk.yaml").write_text("\n".join(lines) + "\n")


def played(way: Way, root: Path, monkeypatch: pytest.MonkeyPatch, done: str = DONE) -> Path:
    """Play the scenario in this way, and return the file of its trace."""
    with Loopback(way.wire) as server:
        project(root, name=way.wire.model, base_url=server.base_url)
        server.script(calls(("get_order", ORDER)), calls(("cancel_order", ORDER)), says(done))
        monkeypatch.chdir(root)
        for options in way.commands:
            assert run_cli(["eval", "orders", "--keep", "all", *options]) == 0, options
        asked = 0 if way is WRITTEN else len(TURNS)
        assert len(server.asked) == asked, "each turn is asked for once, and a replay asks nothing"
    return root / KEPT


def events(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.read_text().splitlines()]


def shape(trace: Path) -> list[tuple[str, list[str]]]:
    """Return what a trace is made of: the type of each event and the names in its body."""
    return [(event["type"], sorted(event["body"])) for event in events(trace)]


def differences(left: Path, right: Path, capsys) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run_cli(["trace", "diff", str(left), str(right), "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_trace_has_the_same_shape_whoever_answers(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """Same words, same trace: event for event, field for field; only who answered differs."""
    written = played(WRITTEN, tmp_path / "written", monkeypatch)
    other = played(way, tmp_path / "other", monkeypatch)
    assert shape(other) == shape(written)
    code, found = differences(written, other, capsys)
    assert (code, found["differences"], found["ending"]) == (0, [], [])
    assert models(other) == {way.wire.model}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_diff_shows_what_differs_and_nothing_else(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """A model that says its last sentence otherwise differs in that sentence alone."""
    written = played(WRITTEN, tmp_path / "written", monkeypatch)
    other = played(way, tmp_path / "other", monkeypatch, done="Your order o_1 is cancelled.")
    assert shape(other) == shape(written)
    code, found = differences(written, other, capsys)
    assert code == 1
    assert [(d["kind"], d["name"]) for d in found["differences"]] == [
        ("changed", "the model's words")
    ]
    assert [change["path"] for change in found["ending"]] == ["answer"]


@pytest.mark.soak
@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_a_real_model_leaves_events_of_the_same_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """Whatever a real model does, an event of a type holds what such an event always holds."""
    written = played(WRITTEN, tmp_path / "written", monkeypatch)
    root = tmp_path / "local"
    with local_model() as address:
        settings = {"temperature": 0, "seed": 1, "max_tokens": 40}
        project(root, name=local.NAME, base_url=address, mode="json-action", settings=settings)
        monkeypatch.chdir(root)
        code = run_cli(["eval", "orders", "--live", "--keep", "all"])
    assert code in (0, 1), "a verdict, for or against"
    known, real = dict(shape(written)), dict(shape(root / KEPT))
    shared = ALWAYS & known.keys() & real.keys()
    assert {"run.started", "input.received", "model.replied", "run.ended"} <= shared
    assert {kind: real[kind] for kind in shared} == {kind: known[kind] for kind in shared}
    _, found = differences(written, root / KEPT, capsys)
    assert found["differences"] or found["ending"] or code == 0


def models(trace: Path) -> set[str]:
    """Return who gave the turns of a run."""
    return {e["body"]["model"] for e in events(trace) if e["type"] == "model.replied"}
