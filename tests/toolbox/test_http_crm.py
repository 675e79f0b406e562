"""An agent at work in a real CRM: `agentctl run --live`, a model server, a token, a database."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from agentctl.cli.program import run_cli
from agentctl.models.provider.live import open_litellm
from tests.support.command import agentctl
from tests.support.crm_server import Crm, answers, drips, loses_the_answer, redirects
from tests.support.loopback import Loopback, calls, says

AGENT = """\
name: support
owner: tests
goal: Look after accounts.
model:
  name: openai/loopback-1
  base_url: "MODEL_URL"
  price: {input_per_mtok: 1, output_per_mtok: 2}
instructions: You help {{ principal.name }}.
acts_as: rep
tools: [get_account, open_ticket]
credentials: {CRM_SECRET: SUPPORT_CRM_SECRET}
policy: policy.yaml
"""
POLICY = """\
kind: Policy
roles: {rep: {tools: [get_account, open_ticket], scopes: ["accounts:read", "tickets:write"]}}
rules:
  - {id: reads, allow: {effects: [none]}}
  - {id: tickets, allow: [open_ticket]}
"""
TOOLS = """\
kind: ToolManifest
servers:
  crm:
    url: ${CRM_API}
    allow_private: true
    auth:
      kind: oauth2
      token_url: ${CRM_API}/oauth/token
      client_id: support
      client_secret: ${CRM_SECRET}
      scopes: ["accounts:read", "tickets:write"]
tools:
  - name: get_account
    description: Read one account.
    inputSchema:
      {type: object, additionalProperties: false, required: [account_id],
       properties: {account_id: {type: string}}}
    effect: none
    scopes: ["accounts:read"]
    retry: {errors: [rate_limited, unavailable], attempts: 3}
    live: {kind: http, server: crm, url: "/accounts/{account_id}", result: $.data.account}
  - name: open_ticket
    description: Open a ticket.
    inputSchema:
      {type: object, additionalProperties: false, required: [account_id, subject],
       properties: {account_id: {type: string}, subject: {type: string}}}
    effect: internal_write
    scopes: ["tickets:write"]
    idempotency: {key: [account_id, subject]}
    retry: {errors: [rate_limited, unavailable], attempts: 3}
    live:
      kind: http
      server: crm
      method: POST
      url: /accounts/{account_id}/tickets
      body: {ticket: {subject: =args.subject}}
      result: $.data
      idempotency_header: Idempotency-Key
"""
KEY = "      idempotency_header: Idempotency-Key\n"
SECRET = "s3cret-of-support"
READ = calls(("get_account", '{"account_id": "acc_1"}'), ids=("a",))
OPEN = calls(("open_ticket", '{"account_id": "acc_1", "subject": "late"}'), ids=("b",))
TASK = ["run", "support", "Look at acc_1", "--live", "--as", "rep:ana"]
TICKETS = "SELECT account, subject, opened_by FROM tickets"


class Desk:
    """The project, its command line, its model and its CRM."""

    def __init__(self, root: Path, model: Loopback, crm: Crm, patch: pytest.MonkeyPatch) -> None:
        self.root, self.model, self.crm, self.patch = root, model, crm, patch
        for folder in ("agents", "tools"):
            (root / folder).mkdir()
        (root / "agents" / "support.yaml").write_text(AGENT.replace("MODEL_URL", model.base_url))
        (root / "agents" / "policy.yaml").write_text(POLICY)
        self.tools(TOOLS)
        patch.chdir(root)
        self.env = {
            "CRM_API": crm.url,
            "SUPPORT_CRM_SECRET": SECRET,
            "CRM_SECRET": "of-somebody-else",
            "OPENAI_API_KEY": "k",
        }
        for name, value in self.env.items():
            patch.setenv(name, value)

    def tools(self, text: str) -> None:
        (self.root / "tools" / "crm.yaml").write_text(text)

    def told(self) -> list[object]:
        """Return what the model was told last: the results of its calls."""
        messages = self.model.asked[-1].body["messages"]
        return [json.loads(m["content"]) for m in messages if m["role"] == "tool"]

    def trace(self) -> str:
        (file,) = (self.root / ".agentctl" / "traces").glob("*.jsonl")
        return file.read_text()

    def run(self, exits: int = 0) -> None:
        """Let the agent do its task."""
        assert run_cli(TASK) == exits


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with Loopback() as model, Crm() as crm:
        yield Desk(tmp_path, model, crm, monkeypatch)
    said = "".join(capsys.readouterr())
    assert "Traceback" not in said
    assert "-of-support" not in said, "a credential is printed"


def test_an_agent_reads_and_writes_in_a_real_crm(desk: Desk):
    """One token, one read, one ticket; opened for the principal, who is known to the CRM."""
    assert run_cli(["check"]) == 0
    desk.model.script(READ, OPEN, says("Ticket t_1 is open."))
    done = agentctl(desk.root, *TASK, env=desk.env)
    assert (done.returncode, done.stdout) == (0, "Ticket t_1 is open.\n"), done.stderr
    assert "-of-support" not in done.stderr
    assert desk.crm.calls() == ["GET /accounts/acc_1", "POST /accounts/acc_1/tickets"]
    assert desk.crm.sql(TICKETS) == [("acc_1", "late", "ana")]
    assert [asked["client"] for asked in desk.crm.asked_for_tokens] == ["support"]
    assert desk.told() == [
        {"id": "acc_1", "name": "Acme", "owner": "ana"},
        {"ticket_id": "t_1", "account_id": "acc_1"},
    ]
    for one in desk.crm.arrived:
        assert one.headers["X-Agentctl-Principal"] == "rep:ana"
        assert one.headers["X-Agentctl-Agent"] == "support"
    assert SECRET not in desk.trace() and "token-1" not in desk.trace()


def test_the_crm_enforces_its_own_rules_for_the_principal(desk: Desk):
    """What the policy would allow, the system may still refuse: the agent is told."""
    desk.model.script(calls(("get_account", '{"account_id": "acc_2"}')), says("Not yours."))
    desk.run()
    assert desk.told() == [{"error": "forbidden", "message": "HTTP 403: error: not theirs"}]
    assert desk.crm.sql("SELECT count(*) FROM tickets") == [(0,)]


def test_a_credential_that_the_crm_echoes_reaches_neither_model_nor_trace(desk: Desk):
    """It is masked before anybody sees the result."""
    echo = {"data": {"account": {"note": f"{SECRET} and token-1-of-support"}}}
    desk.crm.steps.append(answers(200, json.dumps(echo).encode()))
    desk.model.script(READ, says("Done."))
    desk.run()
    assert desk.told() == [{"note": "[secret] and [secret]"}]
    assert SECRET not in desk.trace() and "token-1-of-support" not in desk.trace()


@pytest.mark.parametrize("step", [answers(429, Retry_After="0"), answers(503, Retry_After="0")])
def test_a_read_is_tried_again_as_often_as_the_manifest_says(desk: Desk, step):
    """Three attempts, the first included; the trace says how many."""
    desk.crm.steps.extend([step, step])
    desk.model.script(READ, says("Done."))
    desk.run()
    assert desk.crm.calls() == ["GET /accounts/acc_1"] * 3
    assert '"attempts":3' in desk.trace()
    assert desk.told() == [{"id": "acc_1", "name": "Acme", "owner": "ana"}]


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [({"Retry_After": "1"}, (1.0, 1.0), 2.9), ({}, (0.2, 0.4), 2.0)],
    ids=["as Retry-After says", "longer each time"],
)
def test_between_attempts_a_system_is_left_alone(desk: Desk, headers, least, most: float):
    """As long as it asks, else 0.2 s and then twice as long."""
    came: list[float] = []

    def refuses(handler) -> bool:
        came.append(time.monotonic())
        return answers(503, **headers)(handler)

    def serves(_handler) -> bool:
        came.append(time.monotonic())
        return True

    desk.crm.steps.extend([refuses, refuses, serves])
    desk.model.script(READ, says("Done."))
    desk.run()
    pauses = [after - before for before, after in pairwise(came)]
    assert len(pauses) == 2
    assert all(pause >= asked for pause, asked in zip(pauses, least, strict=True)), pauses
    assert sum(pauses) < most + sum(least)


@pytest.mark.parametrize(
    ("asked", "timeout_s", "wall_clock_s"), [("7", 6, 300), ("20", 30, 15), ("inf", 30, 300)]
)
def test_a_pause_that_is_too_long_is_not_waited_for(
    desk: Desk, asked: str, timeout_s: int, wall_clock_s: int
):
    """Longer than a call may take, or than the run has left: the error is the result."""
    desk.tools(TOOLS.replace("result: $.data.account", f"timeout_s: {timeout_s}"))
    agent = desk.root / "agents" / "support.yaml"
    agent.write_text(agent.read_text() + f"limits: {{wall_clock_s: {wall_clock_s}}}\n")
    desk.crm.steps.append(answers(429, Retry_After=asked))
    desk.model.script(READ, says("Later."))
    began = time.monotonic()
    desk.run()
    assert time.monotonic() - began < 5
    assert desk.crm.calls() == ["GET /accounts/acc_1"]
    assert desk.told() == [{"error": "rate_limited", "message": "HTTP 429"}]


def test_a_lost_answer_to_a_keyed_write_is_asked_for_again_and_acts_once(desk: Desk):
    """The CRM recognises the key: two requests, one ticket."""
    desk.crm.steps.append(loses_the_answer)
    desk.model.script(OPEN, says("Done."))
    desk.run()
    sent = [one.headers["Idempotency-Key"] for one in desk.crm.arrived]
    assert len(sent) == 2 and len(set(sent)) == 1
    assert desk.crm.sql(TICKETS) == [("acc_1", "late", "ana")]
    assert desk.told() == [{"ticket_id": "t_1", "account_id": "acc_1"}]


@pytest.mark.parametrize(
    ("step", "effects"),
    [(loses_the_answer, 1), (answers(503, Retry_After="0"), 0), (answers(500), 0)],
)
def test_a_write_without_a_key_is_never_sent_twice(desk: Desk, step, effects: int):
    """Whether it happened is not known: a person finds out."""
    desk.tools(TOOLS.replace(KEY, ""))
    desk.crm.steps.append(step)
    desk.model.script(OPEN, says("Done."))
    desk.run(exits=3)
    assert desk.crm.calls() == ["POST /accounts/acc_1/tickets"]
    assert desk.crm.sql("SELECT count(*) FROM tickets") == [(effects,)]
    assert '"state":"in_doubt"' in desk.trace()


def test_a_write_that_surely_was_not_sent_is_tried_again(desk: Desk):
    """Without a token nothing goes out: the second try is the first request."""
    desk.tools(TOOLS.replace(KEY, ""))
    desk.crm.token_steps.extend([answers(503, Retry_After="0"), answers(429, Retry_After="0")])
    desk.model.script(OPEN, says("Done."))
    desk.run()
    assert desk.crm.calls() == ["POST /accounts/acc_1/tickets"]
    assert desk.crm.sql(TICKETS) == [("acc_1", "late", "ana")]


@pytest.mark.parametrize("step", [answers(200, b"<html>"), answers(200, b" " * 200_000)])
def test_a_write_without_a_readable_token_is_a_write_that_failed(desk: Desk, step):
    """It is no receipt that could not be read: the call was never sent."""
    desk.crm.token_steps.append(step)
    desk.model.script(OPEN, says("It did not work."))
    desk.run()
    assert '"state":"failed"' in desk.trace()
    assert desk.crm.arrived == []


def test_a_redirect_to_another_host_is_refused_and_nothing_is_lost(desk: Desk):
    """The run goes on, the line names the host, and that host has seen nothing."""
    with Crm() as other:
        desk.crm.steps.append(redirects(f"{other.url}/accounts/acc_1"))
        desk.model.script(READ, OPEN, says("Done."))
        desk.run()
        assert other.arrived == []
        why = f"HTTP 302: it redirects to {other.url}, and no call leaves its host"
    assert desk.told()[0] == {"error": "internal", "message": why}
    assert desk.crm.sql(TICKETS) == [("acc_1", "late", "ana")]


def test_an_answer_of_a_gigabyte_is_refused_and_nothing_is_lost(desk: Desk):
    """A clear line, and the run goes on."""
    desk.crm.steps.append(answers(200, b" ", Content_Length="1000000000"))
    desk.model.script(READ, OPEN, says("Done."))
    desk.run()
    why = "the answer is longer than 1000000 bytes"
    assert desk.told()[0] == {"error": "invalid_output", "message": why}
    assert desk.crm.sql(TICKETS) == [("acc_1", "late", "ana")]


def test_a_read_is_broken_off_when_the_runs_time_is_up(desk: Desk):
    """The tool may take 30 seconds, the run two: it ends after two, by its limit."""
    agent = desk.root / "agents" / "support.yaml"
    agent.write_text(agent.read_text() + "limits: {wall_clock_s: 2}\n")
    desk.crm.steps.append(drips(desk.crm))
    desk.model.script(READ, says("Never asked for."))
    open_litellm()
    began = time.monotonic()
    desk.run(exits=1)
    assert time.monotonic() - began < 9, "the drip goes on for ten"
    assert '"stop":"limit"' in desk.trace()
    assert "no answer within" in desk.trace()
    assert len(desk.model.asked) == 1


def test_a_wrong_secret_is_one_line_without_the_secret(desk: Desk):
    """The CRM never sees the call."""
    desk.patch.setenv("SUPPORT_CRM_SECRET", "wrong-secret-of-support")
    desk.model.script(READ, says("No access."))
    desk.run()
    why = "no token from the token endpoint: HTTP 401, invalid_client"
    assert desk.told() == [{"error": "forbidden", "message": why}]
    assert desk.crm.arrived == []


def test_a_missing_secret_is_told_before_the_run(desk: Desk, capsys):
    """With the agent's own name of it, and what to do."""
    desk.patch.delenv("SUPPORT_CRM_SECRET")
    desk.run(exits=2)
    told = "`get_account` needs the environment variable SUPPORT_CRM_SECRET, which is not set"
    assert told in capsys.readouterr().err
    assert desk.crm.asked_for_tokens == []
