"""Starting a project: the files that are written, and what its CI file installs and runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agentctl.app.installed import InstalledFrom, requirement_of
from agentctl.app.new_project import WORKFLOW, start_project
from agentctl.core.errors import Problem
from tests.support.command import agentctl, environment

PINNED = re.compile(r"agentctl==\d+\.\d+\.\d+")


def test_an_agent_of_ones_own_is_green_at_once(tmp_path: Path):
    """With `--agent NAME` the agent, its tools and its golden set carry the name and pass."""
    assert agentctl(tmp_path, "init", "desk", "--agent", "my-agent").returncode == 0
    desk = tmp_path / "desk"
    checked, evaluated = agentctl(desk, "check"), agentctl(desk, "eval", "my-agent")
    assert "no problems" in checked.stdout, checked.stdout
    assert "\npassed: 4 of 4 scenarios" in evaluated.stdout


def test_an_agent_is_added_to_a_project(tmp_path: Path):
    """In a project that exists, only the agent's files are written, and the settings stay."""
    start_project(tmp_path)
    (tmp_path / "agentctl.yaml").write_text("kind: Project\npeople: {}\n")
    added = start_project(tmp_path, "agent")
    assert {path.name for path in added.files} == {"agent.yaml"}
    assert added.requirement is None
    assert (tmp_path / "agentctl.yaml").read_text() == "kind: Project\npeople: {}\n"
    with pytest.raises(Problem, match="nothing was written"):
        start_project(tmp_path, "agent")


def test_a_name_that_no_agent_can_have_writes_nothing(tmp_path: Path):
    """`--agent` takes the names that an agent's file may hold."""
    with pytest.raises(Problem, match="cannot name an agent"):
        start_project(tmp_path / "desk", "My Agent")
    assert not (tmp_path / "desk").exists()


@pytest.mark.parametrize("agent", [None, "my-agent"])
def test_every_yaml_file_names_its_schema(tmp_path: Path, agent: str | None):
    """The first line of each file leads an editor to the JSON Schema of its kind."""
    written = [path for path in start_project(tmp_path, agent).files if path.suffix == ".yaml"]
    assert len(written) >= 6
    for path in written:
        first, *_ = text = path.read_text().splitlines()
        keys = set(yaml.safe_load(path.read_text()))
        schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        (kind,) = (line.removeprefix("kind: ") for line in text if line.startswith("kind: "))
        assert schema.name == f"{kind}.json"
        assert keys <= set(json.loads(schema.read_text())["properties"])


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (
            {"url": "https://host/agentctl", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "agentctl @ git+https://host/agentctl@c0ffee",
        ),
        (
            {"url": "https://host/agentctl-0.1.0-py3-none-any.whl", "archive_info": {}},
            "agentctl @ https://host/agentctl-0.1.0-py3-none-any.whl",
        ),
        ({"url": "file:///gone/agentctl-0.1.0-py3-none-any.whl", "archive_info": {}}, PINNED),
        ({"url": "file:///work/agentctl", "dir_info": {"editable": True}}, PINNED),
    ],
    ids=["git", "archive", "wheel that is gone", "folder"],
)
def test_the_ci_file_installs_what_is_running(
    origin: dict[str, object], requirement: str | re.Pattern[str]
):
    """A commit, an archive, or the version: always pinned, and never a path of this machine."""
    found = requirement_of(origin).requirement
    assert found == requirement if isinstance(requirement, str) else requirement.fullmatch(found)


def test_a_wheel_of_this_machine_travels_with_the_project(tmp_path: Path):
    """Who has only a wheel gets it copied to `vendor/`, and the CI file installs that."""
    wheel = tmp_path / "agentctl-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    source = requirement_of({"url": wheel.as_uri(), "archive_info": {}})
    project = start_project(tmp_path / "desk", installed=source)
    assert project.requirement == f"./vendor/{wheel.name}"
    assert (tmp_path / "desk" / project.requirement).read_bytes() == b"wheel"


def test_a_project_inside_a_repository_is_told_where_its_ci_file_belongs(tmp_path: Path):
    """GitHub reads workflows at the root of a repository only."""
    (tmp_path / ".git").mkdir()
    done = agentctl(tmp_path, "init", "desk")
    assert f"move the CI file to {tmp_path / '.github/workflows'}" in done.stderr


def test_the_steps_of_the_ci_file_run_as_they_stand(tmp_path: Path):
    """After the checkout, what the CI file runs installs the requirement and passes."""
    desk, tools = tmp_path / "desk", tmp_path / "bin"
    start_project(desk, installed=InstalledFrom("./vendor/agentctl.whl"))
    tools.mkdir()
    lines = {
        "pip": 'echo "$@" > ../pip.txt',
        "agentctl": f'exec {sys.executable} -m agentctl "$@"',
    }
    for name, line in lines.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    (job,) = yaml.safe_load((desk / WORKFLOW).read_text())["jobs"].values()
    variables = environment() | job["env"]
    variables["PATH"] = f"{tools}{os.pathsep}{variables['PATH']}"
    for step in job["steps"]:
        if "run" in step:
            subprocess.run(
                ["bash", "-e", "-c", step["run"]], cwd=desk, env=variables, check=True,
                capture_output=True,
            )  # fmt: skip
    assert (tmp_path / "pip.txt").read_text() == "install ./vendor/agentctl.whl\n"
    assert (desk / "results.xml").is_file()
