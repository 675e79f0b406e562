"""Logging in to a hosted MCP server: a browser, PKCE, a token that is kept and renewed."""

import contextlib
import json
import os
import stat
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli as command
from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.mcp.definitions import definition_hash
from agentctl.toolbox.mcp.login import log_in
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import ManifestVariables, token_folder
from tests.support.build import bundle
from tests.support.login_server import LoginServer
from tests.support.mcp_server import TOOLS, over_http
from tests.toolbox.test_mcp import NOW

SERVER = {"url": "${DESK_MCP}", "allow_private": True, "auth": {"kind": "login", "name": "desk"}}


class Hosted:
    """A hosted server, and the person with the browser."""

    def __init__(self) -> None:
        self.login: Any = None
        self.opened: list[str] = []

    def around(self, app: Any) -> LoginServer:
        self.login = LoginServer(app)
        return self.login

    def browse(self, address: str) -> bool:
        self.opened.append(address)
        # A browser follows to the listener, which answers once the login goes on.
        threading.Thread(target=lambda: urllib.request.urlopen(address).read()).start()
        return True


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosted]:
    """Return a server that wants a login, in a new project."""
    found = Hosted()
    (tmp_path / "state").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("webbrowser.open", found.browse)
    with over_http(tmp_path / "state", found.around) as url:
        monkeypatch.setenv("DESK_MCP", url)
        yield found


def imported() -> int:
    return command(
        ["tools", "import", "--mcp", os.environ["DESK_MCP"], "--name", "desk", "--login"]
    )


def kept() -> Any:
    return json.loads(Path(".agentctl/tokens/desk.json").read_text())


def change(**fields: Any) -> None:
    Path(".agentctl/tokens/desk.json").write_text(json.dumps({**kept(), **fields}))


@contextlib.contextmanager
def opened() -> Iterator[LiveTools]:
    tool = {
        **{k: v for k, v in TOOLS[0].items() if k != "annotations"},
        "effect": "none",
        "live": {"kind": "mcp", "server": "desk", "definition": definition_hash(TOOLS[0])},
    }
    owner = bundle(tools=[tool], servers={"desk": SERVER})
    variables = ManifestVariables({}, {}, os.environ, {}, token_folder(Path.cwd()))
    with contextlib.closing(LiveTools(Opening(owner, variables))) as backend:
        yield backend


def read(backend: LiveTools) -> ToolResult:
    return backend.send("read_file", BackendCall({"path": "a"}, {}, NOW), None)


def test_an_import_logs_in_and_keeps_the_token_outside_git(
    hosted: Hosted, capsys: pytest.CaptureFixture[str]
):
    """For its owner only; the manifest names the login, and nothing shows the token."""
    assert imported() == 0
    said = capsys.readouterr()
    assert "open this address to log in: http://127.0.0.1" in said.err
    assert "code_challenge_method=S256" in hosted.opened[0]
    written = Path("tools/desk.yaml").read_text()
    assert parse_yaml(written, "-").data["servers"]["desk"] == SERVER
    file = Path(".agentctl/tokens/desk.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (file.parent / ".gitignore").read_text() == "*\n"
    assert "token-number" not in written + said.err + said.out
    assert command(["check"]) == 0
    assert imported() == 2 and len(hosted.opened) == 1, "the manifest is there; nobody is asked"


def test_a_login_can_be_made_again_by_its_name(hosted: Hosted, capsys: pytest.CaptureFixture[str]):
    """As when the server forgot it; a name that no manifest declares is an error."""
    assert imported() == 0
    assert command(["tools", "login", "desk"]) == 0
    assert kept()["access_token"] == "token-number-2" and len(hosted.opened) == 2
    assert command(["tools", "login", "dsek"]) == 2
    assert "did you mean `desk`?" in capsys.readouterr().err


def test_a_call_shows_the_kept_token(hosted: Hosted):
    """No person is asked."""
    assert imported() == 0
    with opened() as backend:
        assert read(backend).value == "contents of a"
    assert len(hosted.opened) == 1


def test_a_token_that_is_refused_within_a_session_is_renewed(hosted: Hosted):
    """Without a person; the new one is kept for the next run."""
    assert imported() == 0
    with opened() as backend:
        assert read(backend).ok
        hosted.login.revoked = True
        assert read(backend).value == "contents of a"
    renewal = hosted.login.grants[-1]
    assert (renewal["grant_type"], renewal["client_id"]) == ("refresh_token", "client-1")
    assert renewal["resource"] == os.environ["DESK_MCP"]
    assert kept()["access_token"] == "token-number-2"
    assert kept()["refresh_token"] == "refresh-number-2" and len(hosted.opened) == 1


def test_a_token_that_ended_is_renewed_before_it_is_shown(hosted: Hosted):
    """The clock says so, and no request is refused first."""
    assert imported() == 0
    change(ends_at=0)
    with opened() as backend:
        assert read(backend).ok
    assert kept()["access_token"] == "token-number-2" and kept()["ends_at"] > 0


def test_a_token_that_ended_for_good_says_how_to_log_in_again(hosted: Hosted):
    """Where the server gave nothing to renew it with."""
    assert imported() == 0
    change(ends_at=0, refresh_token="")
    with opened() as backend:
        result = read(backend)
    assert result.error is not None and not result.sent
    assert result.error.message.endswith("the login has ended: agentctl tools login desk")


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"access_token": 1}'])
def test_a_damaged_token_counts_as_none(hosted: Hosted, damaged: str):
    """It is not guessed at."""
    assert imported() == 0
    Path(".agentctl/tokens/desk.json").write_text(damaged)
    with pytest.raises(Problem, match="needs a login"), opened():
        pass


def test_without_a_login_a_call_says_how_to_make_one(hosted: Hosted):
    """Before anything is sent."""
    with pytest.raises(Problem, match="`desk` needs a login that nobody made yet") as met, opened():
        pass
    assert met.value.diagnostics[0].hint == "agentctl tools login desk"


def test_a_login_that_nobody_makes_ends(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    """With one line, and nothing is written."""
    monkeypatch.setattr("agentctl.toolbox.mcp.login.WITHIN_S", 0.2)
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert imported() == 3
    said = capsys.readouterr().err
    assert "error[no-login]: the server gave no token: nobody logged in within 0.2 s" in said
    assert not Path("tools").exists() and not Path(".agentctl/tokens").exists()


def test_a_login_reaches_no_private_address_unless_that_is_allowed(hosted: Hosted):
    """What a server names as its authorization server is no exception."""
    with pytest.raises(Problem, match="is inside a private network"):
        log_in(os.environ["DESK_MCP"], hosted.opened.append)
    assert hosted.opened == []
