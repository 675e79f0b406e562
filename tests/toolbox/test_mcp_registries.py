"""MCP servers from npm and PyPI: imported, checked, each tool called once, recorded and replayed.

Soak: each test installs its server first, from the registry that serves it. After that nothing
leaves this machine.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from agentctl import api
from agentctl.app.observer import Observer
from agentctl.app.running.recipes import TaskOptions
from agentctl.app.running.runs import FinishedRun
from agentctl.app.running.task import run_task
from agentctl.cli.program import run_cli as command
from agentctl.core.canonical import Json
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.toolbox.importing.manifests import to_yaml
from agentctl.traces.views.fold import fold

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
PACKAGES = Path(os.environ.get("AGENTCTL_SOAK_PACKAGES", Path.home() / ".cache" / "agentctl-soak"))
"""Where servers are installed; kept between runs."""
AGENT: dict[str, Json] = {
    "name": "tester",
    "owner": "tests",
    "goal": "Call every tool once.",
    "model": {"name": "openai/gpt-5-mini"},
    "instructions": "Call every tool once.",
    "acts_as": "user",
    "policy": "policy.yaml",
    "limits": {"steps": 60, "tool_calls": 60},
}


class World(NamedTuple):
    """A server of a registry, and what a person knows about it."""

    package: str
    tools: int
    """How many it lists."""
    reads: int
    """How many of them it says only read, and are believed."""
    calls: Callable[[Path], Mapping[str, dict[str, Json]]]
    """One call of each tool, given a folder."""
    arguments: tuple[str, ...] = ()
    """Of the program; `{folder}` is a folder of its own."""
    program: str = ""
    """Its name, where it is not the package's."""
    failing: frozenset[str] = frozenset()
    """Tools that answer with an error here, with every right."""


def everything(folder: Path) -> dict[str, dict[str, Json]]:
    return {
        "echo": {"message": "hello"},
        "get-annotated-message": {"messageType": "error", "includeImage": True},
        "get-env": {},
        "get-resource-links": {"count": 2},
        "get-resource-reference": {"resourceType": "Text", "resourceId": 1},
        "get-structured-content": {"location": "Chicago"},
        "get-sum": {"a": 2, "b": 3},
        "get-tiny-image": {},
        "gzip-file-as-resource": {"name": "a.gz", "data": "data:text/plain;base64,aGVsbG8="},
        "toggle-simulated-logging": {},
        "toggle-subscriber-updates": {},
        "trigger-long-running-operation": {"duration": 1, "steps": 2},
        "trigger-elicitation-request": {},
        "trigger-url-elicitation": {"url": "https://example.com", "message": "Go"},
        "simulate-research-query": {"topic": "tests"},
    }


def filesystem(folder: Path) -> dict[str, dict[str, Json]]:
    (folder / "a.txt").write_text("one\ntwo\n")
    (folder / "a.png").write_bytes(b"\x89PNG")
    text, new = str(folder / "a.txt"), str(folder / "new.txt")
    return {
        "read_file": {"path": text},
        "read_text_file": {"path": text, "head": 1},
        "read_media_file": {"path": str(folder / "a.png")},
        "read_multiple_files": {"paths": [text]},
        "write_file": {"path": new, "content": "three\n"},
        "edit_file": {"path": new, "edits": [{"oldText": "three", "newText": "four"}]},
        "create_directory": {"path": str(folder / "inside")},
        "list_directory": {"path": str(folder)},
        "list_directory_with_sizes": {"path": str(folder)},
        "directory_tree": {"path": str(folder)},
        "move_file": {"source": new, "destination": str(folder / "moved.txt")},
        "search_files": {"path": str(folder), "pattern": "*.txt"},
        "get_file_info": {"path": text},
        "list_allowed_directories": {},
    }


def memory(folder: Path) -> dict[str, dict[str, Json]]:
    relation = {"from": "Ana", "to": "Bo", "relationType": "knows"}
    people: list[Json] = [
        {"name": name, "entityType": "person", "observations": ["likes tea"]}
        for name in ("Ana", "Bo")
    ]
    return {
        "create_entities": {"entities": people},
        "create_relations": {"relations": [relation]},
        "add_observations": {"observations": [{"entityName": "Ana", "contents": ["reads"]}]},
        "read_graph": {},
        "search_nodes": {"query": "Ana"},
        "open_nodes": {"names": ["Ana"]},
        "delete_observations": {"deletions": [{"entityName": "Ana", "observations": ["reads"]}]},
        "delete_relations": {"relations": [relation]},
        "delete_entities": {"entityNames": ["Bo"]},
    }


def thinking(folder: Path) -> dict[str, dict[str, Json]]:
    thought = {"thought": "x", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1}
    return {"sequentialthinking": thought}


def clock(folder: Path) -> dict[str, dict[str, Json]]:
    there = {"source_timezone": "UTC", "time": "12:30", "target_timezone": "Asia/Tokyo"}
    return {"get_current_time": {"timezone": "UTC"}, "convert_time": there}


def git(folder: Path) -> dict[str, dict[str, Json]]:
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.email", "ana@example.org"],
        ["config", "user.name", "Ana"],
        ["commit", "-q", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    (folder / "a.txt").write_text("one\n")
    repo: dict[str, Json] = {"repo_path": str(folder)}
    return {
        "git_status": repo,
        "git_add": {**repo, "files": ["a.txt"]},
        "git_diff_staged": repo,
        "git_diff_unstaged": repo,
        "git_commit": {**repo, "message": "second"},
        "git_reset": repo,
        "git_log": repo,
        "git_show": {**repo, "revision": "HEAD"},
        "git_create_branch": {**repo, "branch_name": "side"},
        "git_checkout": {**repo, "branch_name": "side"},
        "git_diff": {**repo, "target": "main"},
        "git_branch": {**repo, "branch_type": "local"},
    }


SERVERS = {
    "everything": World(
        "@modelcontextprotocol/server-everything", 15, 9, everything, ("stdio",),
        "mcp-server-everything",
        frozenset({"simulate-research-query"}),
    ),
    "filesystem": World(
        "@modelcontextprotocol/server-filesystem", 14, 10, filesystem, ("{folder}",),
        "mcp-server-filesystem",
    ),
    "memory": World(
        "@modelcontextprotocol/server-memory", 9, 3, memory, (), "mcp-server-memory"
    ),
    "sequential-thinking": World(
        "@modelcontextprotocol/server-sequential-thinking", 1, 1, thinking, (),
        "mcp-server-sequential-thinking",
    ),
    "time": World("mcp-server-time", 2, 2, clock),
    "git": World("mcp-server-git", 12, 7, git),
}  # fmt: skip


def installed(world: World) -> str:
    """Install a server where it is not yet; return its program."""
    if world.package.startswith("@"):
        folder = PACKAGES / "npm"
        program = folder / "node_modules" / ".bin" / world.program
        install = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            world.package,
        ]
    else:
        folder = PACKAGES / world.package
        program = folder / "bin" / world.package
        install = [str(folder / "bin" / "pip"), "install", "--quiet", world.package]
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if install[0] != "npm":
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(install, check=True, timeout=600, stdout=subprocess.DEVNULL)
    return str(program)


def called(project: api.Project, calls: Mapping[str, Json], *, live: bool) -> FinishedRun:
    """Play a run that makes every call, in turns of its own; return it with its events."""
    turns = [*({"call": {name: args}} for name, args in calls.items()), {"say": "Done."}]
    asked = TaskOptions("tester", None, None, "user:u_1", live, None, live)
    return run_task(project, asked, "Call every tool once.", turns, Observer())


def agent_of(tools: list[str]) -> None:
    """Write a project with an agent that has these tools."""
    Path("agentctl.yaml").write_text(to_yaml({"kind": "Project", "people": {"ana": {}}}))
    Path("agents/tester.yaml").write_text(to_yaml({**AGENT, "tools": tools}))


def outcomes(run: FinishedRun) -> dict[str, tuple[bool, Json]]:
    """Return what each tool answered: whether it worked, and its value or error."""
    calls = fold(run.events).calls
    return {call.tool: (call.ok, call.value if call.ok else call.error) for call in calls}


def examined(source: str, world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Import a server, check it, call each of its tools, replay the run on what was recorded."""
    words = ["--mcp", source, "--name", "world", "--trust-hints", "--rules", "agents/policy.yaml"]
    assert command(["tools", "import", *words]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "left out" not in said.err and "not checked" not in said.err
    assert f"{world.tools - world.reads} of {world.tools} tools" in said.err or world.tools == 1
    file = Path("tools/world.yaml")
    manifest = parse_yaml(file.read_text(), "-").data
    names = [tool["name"] for tool in manifest["tools"]]
    assert len(names) == world.tools
    assert sum(tool["effect"] == "none" for tool in manifest["tools"]) == world.reads
    agent_of(names)
    assert command(["check"]) == 0
    assert "no problems" in capsys.readouterr().out

    policy = {"id": "all", "allow": ["*"], "when": 'principal.id == "u_1"'}
    data = parse_yaml(Path("agents/policy.yaml").read_text(), "-").data
    Path("agents/policy.yaml").write_text(to_yaml({**data, "taint": "ignore", "rules": [policy]}))
    calls = world.calls(folder)
    assert calls.keys() == set(names)
    live = called(api.load_project(), calls, live=True)
    results = outcomes(live)
    assert results.keys() == set(names)
    assert {name for name, (ok, _) in results.items() if not ok} == world.failing, results

    assert live.replies is not None
    recorded = parse_yaml(live.replies.read_text(), "-").data["tools"]
    mocks = {tool["name"]: tool["mock"] for tool in recorded}
    for tool in manifest["tools"]:
        tool["mock"] = mocks[tool["name"]]
    file.write_text(to_yaml(manifest))
    played = called(api.load_project(), calls, live=False)
    assert outcomes(played) == results
    assert api.replay(api.load_project(), "latest").agrees


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for the server, beside the project that is the current one."""
    (tmp_path / "project").mkdir()
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "files"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_of_a_registry_works_over_stdio(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    """All tools are imported and work, without an edit by hand."""
    world = SERVERS[name]
    words = [installed(world), *(word.format(folder=folder) for word in world.arguments)]
    examined(" ".join(words), world, folder, capsys)


@contextlib.contextmanager
def serving(program: str) -> Iterator[str]:
    """Start server-everything over HTTP until the block ends; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "streamableHttp"],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def test_a_server_of_a_registry_works_over_http(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """The one that offers it: the same tools with the same results."""
    world = SERVERS["everything"]
    with serving(installed(world)) as url:
        monkeypatch.setenv("WORLD_MCP", url)
        examined(url, world, folder, capsys)
