"""`agentctl doctor`: what is there, what is not, and nothing outside before it is asked for."""

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.doctor import agents as agent_health
from agentctl.app.doctor import machine as health
from agentctl.app.doctor.machine import HealthFinding, clock, exit_code, folder, python
from agentctl.app.doctor.probes import connect
from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from tests.support.live_project import write_project
from tests.support.loopback import Loopback, Step, calls, fails, says
from tests.support.project import make, passing

KEY = "loopback-key-0123456789"
ACTS = calls(("add", '{"a": 17, "b": 25}'))
Doctor = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def model() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Doctor:
    """The command in an empty folder; returns its exit code, its findings, and all it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_API_KEY", "AGENTCTL_API_KEY", "AGENTCTL_HOME", "SHOP_API"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = run_cli(["doctor", "--format", "json", *words])
        out, err = capsys.readouterr()
        body = json.loads(out)
        assert body["schema_version"] == "1"
        assert body["ok"] is (code == 0)
        return code, body["findings"], out + err

    return call


def about(findings: list[dict[str, Any]], area: str) -> list[tuple[str, str]]:
    """Return status and words of what was found about one thing."""
    return [(f["status"], f["what"]) for f in findings if f["area"].endswith(area)]


def alone(findings: list[dict[str, Any]], area: str) -> tuple[str, str]:
    (found,) = about(findings, area)
    return found


def test_an_empty_folder_is_no_error_and_stays_empty(doctor: Doctor, tmp_path: Path):
    """The doctor works anywhere, says that there is no project, and leaves nothing behind."""
    code, findings, _ = doctor()
    assert code == 0
    assert alone(findings, "project") == ("warn", "no agent in .")
    assert {"python", "libraries", "clock", "state", "locks", "sqlite", "disk", "terminal"} <= {
        finding["area"] for finding in findings
    }
    assert not list(tmp_path.iterdir())


def test_text_names_the_way_out(doctor: Doctor, tmp_path: Path, capsys):
    """What is wrong is followed by what to do; what is right is one line."""
    make(tmp_path, [passing("a")])
    assert run_cli(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert (
        "warn    order-desk: key: openai/gpt-5-mini: OPENAI_API_KEY is not set\n"
        "        hint: export OPENAI_API_KEY=...; recorded turns need none\n"
    ) in out
    assert err.endswith("Nothing outside this machine was contacted; --probe does that\n")


def test_a_key_is_named_and_never_shown(doctor: Doctor, tmp_path: Path, monkeypatch):
    """The variable that holds a key is told; its value is nowhere."""
    make(tmp_path, [passing("a")])
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _, findings, said = doctor("--agent", "order-desk")
    assert alone(findings, ": key") == ("ok", "openai/gpt-5-mini: OPENAI_API_KEY is set")
    assert KEY not in said


def test_prices_are_told_with_who_says_so(doctor: Doctor, tmp_path: Path):
    """A price is declared, listed or unknown."""
    make(tmp_path, [passing("a")])
    agent = tmp_path / "agents" / "order-desk.yaml"
    text = agent.read_text()
    declared = "openai/gpt-5-mini: declared, $0.25 in, $2 out for a million tokens"
    assert alone(doctor()[1], ": price") == ("ok", declared)
    plain = ", price: {input_per_mtok: 0.25, output_per_mtok: 2}"
    agent.write_text(text.replace(plain, ""))
    status, what = alone(doctor()[1], ": price")
    assert (status, what.split(",")[0]) == ("ok", "openai/gpt-5-mini: priced")
    agent.write_text(text.replace(plain, "").replace("openai/gpt-5-mini", "openai/nobody-1"))
    assert alone(doctor()[1], ": price") == ("warn", "openai/nobody-1: unknown")


def test_variables_of_live_tools_are_named(doctor: Doctor, tmp_path: Path, monkeypatch):
    """A variable a manifest names is set or not; its value is not told."""
    write_project(tmp_path)
    assert alone(doctor()[1], ": variables") == ("warn", "SHOP_API is not set; live tools need it")
    monkeypatch.setenv("SHOP_API", "http://127.0.0.1:9/secret-path")
    _, findings, said = doctor()
    assert alone(findings, ": variables") == ("ok", "set: SHOP_API")
    assert "secret-path" not in said


def test_programs_of_tools_are_looked_for(doctor: Doctor, tmp_path: Path):
    """A program is on the PATH, or a file that may be run beside its manifest, or not there."""
    make(tmp_path, [passing("a")])
    tool = tmp_path / "tools" / "orders.yaml"
    text = tool.read_text()
    for program, there in (("sh", True), ("./mine", True), ("./other", False), ("nope-1", False)):
        live = f"    live: {{kind: command, command: [{program}]}}\n    mock: {{get: orders}}"
        tool.write_text(text.replace("    mock: {get: orders}", live))
        mine = tmp_path / "tools" / "mine"
        mine.write_text("#!/bin/sh\n")
        mine.chmod(stat.S_IRWXU)
        said = f"{program} is there" if there else f"{program} is not on the PATH"
        assert alone(doctor()[1], ": programs") == ("ok" if there else "warn", said)


def test_libraries_of_live_tools_are_looked_for(doctor: Doctor, tmp_path: Path, monkeypatch):
    """A tool of a database needs its extra; where that is not installed, it is named."""
    make(tmp_path, [passing("a")])
    tool = tmp_path / "tools" / "orders.yaml"
    live = '    live: {kind: sql, server: db, query: "select 1"}\n    mock: {get: orders}'
    text = tool.read_text().replace("    mock: {get: orders}", live)
    tool.write_text(f'servers: {{db: {{url: "sqlite:///orders.db"}}}}\n{text}')
    assert not about(doctor()[1], "order-desk: libraries")
    monkeypatch.setattr(agent_health, "find_spec", lambda _: None)
    said = "live tools of kind `sql` need an extra that is not installed"
    assert alone(doctor()[1], "order-desk: libraries") == ("warn", said)


def test_a_broken_agent_fails_and_leads_to_check(doctor: Doctor, tmp_path: Path):
    """What is wrong with a file is told by its first problem; the others are looked at."""
    make(tmp_path, [passing("a")])
    (tmp_path / "agents" / "broken.yaml").write_text("kind: Agent\nname: broken\n")
    code, findings, _ = doctor()
    assert code == 1
    wrong = next(f for f in findings if f["area"] == "agent")
    assert wrong["status"] == "fail"
    assert wrong["what"].startswith("agents/broken.yaml is wrong: ")
    assert wrong["hint"] == "agentctl check agents/broken.yaml"
    assert about(findings, "order-desk: model")


def test_nothing_outside_is_asked_unless_it_was_asked_for(
    doctor: Doctor, tmp_path: Path, model: Loopback, monkeypatch
):
    """Without --probe no connection is made, not even to this machine."""
    write_project(tmp_path, model_url=model.base_url)
    monkeypatch.setenv("SHOP_API", model.base_url)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        code, _, _ = doctor()
    assert (code, model.asked) == (0, [])


@pytest.mark.parametrize(
    ("mode", "steps", "code", "status", "told"),
    [
        ("tools", [ACTS], 0, "ok", "calls tools"),
        ("json-action", [ACTS], 0, "ok", "calls tools"),
        ("tools", [says("42"), says('{"action": "add", "arguments": {"a": 17, "b": 25}}')],
         1, "fail", "calls no tools, and answers with JSON actions"),
        ("json-action", [fails(400), says('{"action": "add", "arguments": {"a": 17, "b": 25}}')],
         0, "ok", "calls no tools, and answers with JSON actions"),
        ("tools", [calls(("add", '{"a": 17}')), says("42")], 1, "fail", "neither calls tools nor"),
        ("tools", [fails(503)] * 3, 3, "unknown", "503"),
        ("tools", [fails(401)] * 2, 1, "fail", "rejected"),
    ],
)  # fmt: skip
def test_a_probe_finds_out_how_a_model_acts(
    doctor: Doctor,
    tmp_path: Path,
    model: Loopback,
    monkeypatch,
    mode: str,
    steps: list[Step],
    code: int,
    status: str,
    told: str,
):
    """One tool call is asked for, then one JSON action; a model that is down proves nothing."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    write_project(tmp_path, model_url=model.base_url)
    agent = tmp_path / "agents" / "order-desk.yaml"
    agent.write_text(agent.read_text().replace("model:\n", f"model:\n  mode: {mode}\n"))
    monkeypatch.setenv("SHOP_API", model.base_url)
    model.script(*steps)
    got, findings, _ = doctor("--probe")
    assert about(findings, "servers")[0][0] == "ok"
    found = alone(findings, "tool calls")
    assert (got, found[0]) == (code, status)
    assert told in found[1]
    assert len(model.asked) == len(steps)
    if status == "fail" and "JSON actions" in told and "neither" not in told:
        hint = next(f["hint"] for f in findings if f["area"] == "tool calls")
        assert hint == "write `mode: json-action` under the agent's `model:`"


def test_a_server_that_is_not_there_fails():
    """A refused connection names the place and why."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    found = connect("127.0.0.1", port)
    assert found.status == "fail"
    assert found.what == f"127.0.0.1:{port} cannot be reached: Connection refused"


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warn")],
)
def test_python_is_old_tested_or_new(version: tuple[int, int], status: str):
    """Older than the oldest that works fails; newer than the newest tested warns."""
    assert python(version).status == status


def test_a_clock_that_is_wrong_or_jumps_is_told():
    """A year that cannot be fails; a clock that is set meanwhile warns."""
    assert clock().status == "ok"
    assert clock(now=lambda: 0.0, ticks=lambda: 0.0).status == "fail"
    moments = iter((1_800_000_000.0, 1_800_003_600.0))
    assert clock(now=lambda: next(moments), ticks=lambda: 5.0).status == "warn"


def test_locks_that_do_not_hold_fail(tmp_path: Path, monkeypatch):
    """Where a locked file can be locked again, two processes could write one trace."""
    monkeypatch.setattr(health, "lock", lambda *_: None)
    found = {f.area: f for f in folder(tmp_path / "state")}
    assert found["locks"].status == "fail"
    assert found["locks"].hint == "set AGENTCTL_HOME to a folder on a local disk"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_fails(tmp_path: Path):
    """The state needs a folder that may be written."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        found = {f.area: f.status for f in folder(tmp_path / "state")}
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert found["state"] == "fail"


def test_little_room_warns_and_none_fails(tmp_path: Path, monkeypatch):
    """A disk that is nearly full is told before a run meets it."""
    for free, status in ((2_000_000_000, "ok"), (500_000_000, "warn"), (50_000_000, "fail")):
        usage = (free, 0, free)
        monkeypatch.setattr(
            health.shutil, "disk_usage", lambda _, u=usage: type("U", (), {"free": u[2]})
        )
        assert {f.area: f.status for f in folder(tmp_path)}["disk"] == status


def test_a_library_that_steals_fails(monkeypatch):
    """The two releases of litellm that carried a credential stealer are named."""
    monkeypatch.setattr(health, "_version", lambda name: "1.82.8" if name == "litellm" else "1")
    said = [f for f in health.libraries() if f.status == "fail"]
    assert [f.what for f in said] == ["litellm 1.82.8 carries a credential stealer"]
    monkeypatch.setattr(health, "_version", lambda name: None if name == "httpx" else "1")
    assert [f.what for f in health.libraries() if f.status == "fail"] == ["httpx is missing"]


def test_failing_comes_before_not_knowing():
    """A failure is exit code 1 whatever else unknown; a warning is none."""
    ok, warn, fail, unknown = (
        HealthFinding("x", status, "") for status in ("ok", "warn", "fail", "unknown")
    )
    assert exit_code([ok, warn]) == ExitCode.OK
    assert exit_code([ok, unknown, warn]) == ExitCode.UNKNOWN
    assert exit_code([unknown, fail]) == ExitCode.NO
