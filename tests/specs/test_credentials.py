"""`agentctl check` on identities: one to an agent, no wider than its tools, and none in git."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from tests.support.project import AGENT, POLICY, TOOLS, make, passing

SERVER = """\
servers:
  shop:
    url: ${SHOP_API}
    headers: {X-Tenant: "${TENANT}", X-Signature: "${SHOP_SIGNATURE}"}
    auth: {kind: basic, user: "${SHOP_USER}", password: "${SHOP_PASSWORD}"}
tables:"""
LIVE = """\
    live: {kind: http, server: shop, url: "/orders/{order_id}"}
    mock: {get: orders}"""
MANIFEST = TOOLS.replace("tables:", SERVER).replace("    mock: {get: orders}", LIVE)
READER = (
    (AGENT + "owner: team\n")
    .replace("name: order-desk", "name: reader")
    .replace("tools: [get_order, cancel_order]", "tools: [get_order]")
)
OWN = """\
credentials:
  SHOP_USER: READER_USER
  SHOP_PASSWORD: READER_PASSWORD
  SHOP_SIGNATURE: READER_SIGNATURE
"""
STAGING = "kind: Project\nenvironments: {staging: {variables: {TENANT: acme}}}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two agents that reach one shop."""
    make(tmp_path, [passing("one")])
    (tmp_path / "agents" / "order-desk.yaml").write_text(AGENT + "owner: team\n")
    (tmp_path / "agents" / "policy.yaml").write_text(POLICY)
    (tmp_path / "agents" / "reader.yaml").write_text(READER + OWN)
    (tmp_path / "tools" / "orders.yaml").write_text(MANIFEST)
    (tmp_path / "agentctl.yaml").write_text(STAGING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def errors(capsys: pytest.CaptureFixture[str], *files: str) -> list[tuple[str, str, str]]:
    """Check the project; return code, message and place of each error."""
    code = run_cli(["check", *files, "--format", "json"])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    told = [
        (one["code"], one["message"], f"{one['file']}:{one['line']}:{one['column']}")
        for one in found
        if one["severity"] == "error"
    ]
    assert code == (ExitCode.NO if told else ExitCode.OK)
    return told


def test_agents_with_credentials_of_their_own_pass(root, capsys):
    """A tenant that agentctl.yaml says in plain text is no credential."""
    assert errors(capsys) == []


def test_a_credential_that_two_agents_share_is_refused_at_the_second(root, capsys):
    """Each variable of `auth:` and headers, with both agents named."""
    (root / "agents" / "reader.yaml").write_text(READER)
    assert sorted(errors(capsys)) == [
        (
            "shared-credential",
            f"agents `order-desk` and `reader` share the credential {name} (`get_order`)",
            "agents/reader.yaml:6:9",
        )
        for name in ("SHOP_PASSWORD", "SHOP_SIGNATURE", "SHOP_USER")
    ]


def test_two_names_for_one_variable_are_one_credential(root, capsys):
    """What counts is the variable after `credentials:`; the place is where it is renamed."""
    own = OWN.replace("READER_PASSWORD", "SHOP_PASSWORD")
    (root / "agents" / "reader.yaml").write_text(READER + own)
    assert errors(capsys) == [
        (
            "shared-credential",
            "agents `order-desk` and `reader` share the credential SHOP_PASSWORD (`get_order`)",
            "agents/reader.yaml:12:18",
        )
    ]


def test_one_file_is_checked_against_the_agents_of_the_others(root, capsys):
    """Naming only the second agent's file finds it too."""
    own = OWN.replace("READER_PASSWORD", "SHOP_PASSWORD")
    (root / "agents" / "reader.yaml").write_text(READER + own)
    assert [code for code, *_ in errors(capsys, "agents/reader.yaml")] == ["shared-credential"]


def test_a_variable_that_no_environment_says_in_plain_text_is_a_credential(root, capsys):
    """A header may hold a key under any name."""
    (root / "agentctl.yaml").unlink()
    assert [message for _, message, _ in errors(capsys)] == [
        "agents `order-desk` and `reader` share the credential TENANT (`get_order`)"
    ]


def test_a_tools_own_auth_is_the_one_that_counts(root, capsys):
    """The server's is not shown then."""
    live = LIVE.replace(
        '"/orders/{order_id}"}', '"/orders/{order_id}", auth: {kind: bearer, token: "${T}"}}'
    )
    (root / "tools" / "orders.yaml").write_text(MANIFEST.replace(LIVE, live))
    assert [message for _, message, _ in errors(capsys)] == [
        "agents `order-desk` and `reader` share the credential T (`get_order`)"
    ]


def test_scopes_are_held_against_each_agent_that_uses_them(root, capsys):
    """What one agent needs is too much for another that has fewer tools."""
    auth = """\
    auth:
      kind: oauth2
      token_url: ${SHOP_API}/token
      client_id: ${SHOP_USER}
      client_secret: ${SHOP_PASSWORD}
      scopes: [read, cancel]"""
    manifest = MANIFEST.replace(
        '    auth: {kind: basic, user: "${SHOP_USER}", password: "${SHOP_PASSWORD}"}', auth
    )
    manifest = manifest.replace("    effect: none\n", "    effect: none\n    scopes: [read]\n")
    manifest = manifest.replace(
        "    effect: irreversible\n",
        "    effect: irreversible\n    scopes: [cancel]\n"
        '    live: {kind: http, server: shop, method: POST, url: "/orders/{order_id}/cancel"}\n',
    )
    (root / "tools" / "orders.yaml").write_text(manifest)
    policy = POLICY.replace('tools: ["*"]', 'tools: ["*"], scopes: [read, cancel]')
    (root / "agents" / "policy.yaml").write_text(policy)
    assert errors(capsys) == [
        (
            "wide-scopes",
            "agent `reader` asks for the scope `cancel`, and none of its tools that use this"
            " `auth` needs it",
            "tools/orders.yaml:10:22",
        )
    ]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_an_env_file_that_git_keeps_is_refused(root, capsys, monkeypatch):
    """Staged is enough; ignored or merely there is fine, and so is a project outside git."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    text = STAGING.replace("{staging: {", "{staging: {env_file: secrets.env, ")
    (root / "agentctl.yaml").write_text(text)
    (root / "secrets.env").write_text("SHOP_PASSWORD=x\n")
    assert errors(capsys) == []
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert errors(capsys) == []
    subprocess.run(["git", "add", "secrets.env"], cwd=root, check=True)
    assert errors(capsys) == [
        (
            "secret-in-git",
            "git keeps secrets.env, which holds secrets",
            "agentctl.yaml:2:36",
        )
    ]


def test_without_git_nothing_is_said_about_git(root, capsys, monkeypatch):
    """Not having it is no problem of the project."""
    text = STAGING.replace("{staging: {", "{staging: {env_file: secrets.env, ")
    (root / "agentctl.yaml").write_text(text)
    monkeypatch.setenv("PATH", "")
    assert errors(capsys) == []
