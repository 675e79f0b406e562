"""A tool backend is one file and one line: in the table, or in a package of its own."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.specs.shapes.backends import BACKENDS, ToolBackend, tool_backend
from agentctl.specs.shapes.kinds import json_schema
from tests.support.loopback import Loopback, calls, says
from tests.support.packages import install

CODE = '''\
"""Tools that write to a queue, which here is a file."""
import json
from pathlib import Path
from typing import Literal

from agentctl.core.errors import Diagnostic
from agentctl.core.messages import ToolResult
from agentctl.specs.shapes.backends import ToolBackend
from agentctl.specs.shapes.live import Live


class QueueLive(Live):
    """A message to a queue."""

    kind: Literal["queue"]
    topic: str
    """Where messages go."""


def queue_problems(given):
    if not given.tool.live.topic.islower():
        at = given.source.at(*given.here, "topic")
        yield Diagnostic("bad-topic", "a topic is written in lower case", at)


class QueueTools:
    def __init__(self, tools, opening):
        self._tools, self._folders = tools, opening.bundle.folders

    def send(self, name, call, key):
        live = self._tools[name].live
        with (Path(self._folders[name]) / live.topic).open("a") as file:
            print(json.dumps(call.args), file=file)
        return ToolResult({"queued": live.topic})

    def idempotent(self, name):
        return False

    def close(self):
        pass


BACKEND = ToolBackend("acme_queue:QueueLive", "acme_queue:QueueTools", "acme_queue:queue_problems")
'''
AGENT = """\
name: desk
goal: Pass orders on.
model: {name: openai/loopback-1, base_url: "MODEL_URL", price: {input_per_mtok: 1, output_per_mtok: 2}}
instructions: You help.
acts_as: customer
tools: [ship]
policy: policy.yaml
escalation: {queue: desk}
"""  # noqa: E501
POLICY = """\
kind: Policy
roles: {customer: {tools: ["*"]}}
rules: [{id: all, allow: [ship]}]
"""
TOOLS = """\
kind: ToolManifest
tools:
  - name: ship
    description: Ship one order.
    effect: external_write
    inputSchema: {type: object, required: [id], properties: {id: {type: string}}}
    idempotency: {key: [id]}
    live: LIVE
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for folder in ("agents", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "agentctl.yaml").write_text("kind: Project\npeople: {dana: {queues: [desk]}}\n")
    (tmp_path / "agents" / "policy.yaml").write_text(POLICY)
    (tmp_path / "agents" / "desk.yaml").write_text(AGENT.replace("MODEL_URL", "http://127.0.0.1:9"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    tool_backend.cache_clear()
    yield tmp_path
    tool_backend.cache_clear()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"agentctl.tools": "queue = acme_queue:BACKEND\ngone = acme_queue:NOTHING"}
    install(tmp_path / "site", monkeypatch, name="acme_queue", code=CODE, points=points)


def write(root: Path, live: str) -> None:
    (root / "tools" / "orders.yaml").write_text(TOOLS.replace("LIVE", live))


def shipped(root: Path) -> str:
    """Run the agent live, and return what the queue holds afterwards."""
    write(root, "{kind: queue, topic: orders}")
    with Loopback() as model:
        model.script(calls(("ship", '{"id": "o_1"}')), says("Done."))
        (root / "agents" / "desk.yaml").write_text(AGENT.replace("MODEL_URL", model.base_url))
        assert run_cli(["run", "desk", "Go", "--live", "--as", "customer:cus_7"]) == 0
    return (root / "tools" / "orders").read_text()


def test_a_tool_backend_of_an_installed_package_is_called_like_any_other(
    project: Path, installed: None
):
    """Through the gate and the ledger; nothing in agentctl knows its kind."""
    assert shipped(project) == '{"id": "o_1"}\n'
    with sqlite3.connect(project / ".agentctl" / "state.db") as db:
        assert db.execute("select tool, state from effects").fetchall() == [("ship", "succeeded")]
    db.close()


def test_a_tool_backend_is_one_file_and_one_line_of_the_table(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its line names its fields, its class and its checks; nothing else is touched."""
    install(project / "site", monkeypatch, name="acme_queue", code=CODE, points={})
    parts = ("acme_queue:QueueLive", "acme_queue:QueueTools", "acme_queue:queue_problems")
    monkeypatch.setitem(BACKENDS, "queue", ToolBackend(*parts))
    assert shipped(project) == '{"id": "o_1"}\n'


@pytest.mark.parametrize(
    ("live", "message"),
    [
        ("{kind: queue}", "error[invalid-value]: `live`: `kind: queue` needs `topic`\n"),
        ("{kind: queue, topic: a, topick: b}", "error[unknown-field]: unknown field `topick`\n"),
        ("{kind: queue, topic: a, topick: b}", "hint: did you mean `topic`?"),
        ("{kind: queue, topic: a, query: b}", "`query` does not go with `kind: queue`\n"),
        ("{kind: queue, topic: A}", "error[bad-topic]: a topic is written in lower case\n"),
        ("{kind: queues, topic: a}", "hint: did you mean `queue`?"),
        ("{kind: gone}", "error[broken-tool]: tool `gone` (acme_queue:NOTHING) cannot be loaded"),
    ],
)
def test_the_fields_and_checks_of_a_package_are_reported_at_their_place(
    project: Path, installed: None, live: str, message: str, capsys: pytest.CaptureFixture[str]
):
    """`check` needs no word of its own for a kind of another package."""
    write(project, live)
    assert run_cli(["check"]) == 1
    shown = capsys.readouterr()
    assert message in shown.out + shown.err
    if "broken" not in message:
        assert "--> tools/orders.yaml:8:" in shown.out + shown.err


def test_a_package_that_is_not_installed_is_not_looked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    """A manifest that names it only makes `check` fail."""
    write(project, "{kind: queue, topic: orders}")
    assert run_cli(["check"]) == 1
    shown = capsys.readouterr()
    assert "`kind` should be one of http, python, command, mcp, sql" in shown.out + shown.err


def test_editors_know_the_keys_of_an_installed_kind(installed: None):
    """The JSON Schema of a manifest holds them beside those of the built-in kinds."""
    shown = json_schema("ToolManifest")["$defs"]["Live"]["oneOf"]
    assert {"topic", "kind"} <= set(shown[-1]["properties"])
