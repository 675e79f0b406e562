"""The whole way with programs, functions and databases: model, authorizer, real tools, ledger."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.support import command
from tests.support.command import Done
from tests.support.loopback import Loopback, calls, says

AGENT = """\
name: desk
goal: Help with orders.
model: {name: openai/loopback-1, base_url: "MODEL_URL", price: {input_per_mtok: 1, output_per_mtok: 2}}
instructions: You help {{ principal.name }}.
acts_as: customer
tools: [find_orders, quote, ship, cancel]
escalation: {queue: desk}
policy: policy.yaml
credentials: {CRM_TOKEN: DESK_CRM_TOKEN}
"""  # noqa: E501
POLICY = """\
kind: Policy
roles: {customer: {tools: ["*"]}}
rules:
  - {id: all, allow: {effects: [none, internal_write, external_write]}}
"""
ID = "inputSchema: {type: object, required: [id], properties: {id: {type: string}}}"
TOOLS = f"""\
kind: ToolManifest
tables: {{orders: id}}
servers: {{shop: {{url: "sqlite:///shop.db"}}}}
tools:
  - name: find_orders
    description: Find the customer's orders.
    effect: none
    inputSchema: {{type: object, properties: {{owner: {{type: string}}}}}}
    bind: {{owner: principal.id}}
    records: {{table: orders}}
    visible_when: record.owner == principal.id
    live: {{kind: sql, server: shop, query: "select id, owner, status from orders where owner in (:owner, 'cus_8')"}}
  - name: quote
    description: Quote a price.
    effect: none
    {ID}
    live: {{kind: python, function: "crm:quote"}}
  - name: ship
    description: Ship one order.
    effect: external_write
    {ID}
    idempotency: {{key: [id]}}
    live: {{kind: command, command: [{json.dumps(sys.executable)}, ship.py], env: [CRM_TOKEN]}}
  - name: cancel
    description: Cancel one order.
    effect: internal_write
    risk: [cancels]
    accept_risk: the order stays in the table
    {ID}
    idempotency: {{key: [id]}}
    live: {{kind: sql, server: shop, query: "update orders set status = 'cancelled' where id = :id", writes: true}}
"""  # noqa: E501
SHIP = """\
import json, os, sys
asked = json.load(sys.stdin)
with open("shipped", "a") as file: print(json.dumps([asked["args"]["id"], asked["key"]]), file=file)
if asked["args"]["id"] == "o_9": sys.exit("the carrier did not answer " + os.environ["CRM_TOKEN"])
print(json.dumps({"id": asked["args"]["id"], "token": len(os.environ["CRM_TOKEN"])}))
"""


@pytest.fixture
def desk(tmp_path: Path, model: Loopback) -> Path:
    for folder in ("agents", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "agentctl.yaml").write_text("kind: Project\npeople: {dana: {queues: [desk]}}\n")
    (tmp_path / "agents" / "desk.yaml").write_text(AGENT.replace("MODEL_URL", model.base_url))
    (tmp_path / "agents" / "policy.yaml").write_text(POLICY)
    (tmp_path / "tools" / "shop.yaml").write_text(TOOLS)
    (tmp_path / "tools" / "ship.py").write_text(SHIP)
    quote = "def quote(args, context): return {'id': args['id'], 'for': context.principal['id']}\n"
    (tmp_path / "tools" / "crm.py").write_text(quote)
    with sqlite3.connect(tmp_path / "tools" / "shop.db") as db:
        db.execute("create table orders (id text, owner text, status text)")
        rows = [("o_1", "cus_7", "open"), ("o_2", "cus_8", "open")]
        db.executemany("insert into orders values (?, ?, ?)", rows)
    db.close()
    return tmp_path


def agentctl(root: Path, *words: str) -> Done:
    keys = {"OPENAI_API_KEY": "k", "DESK_CRM_TOKEN": "tok-4711-long"}
    return command.agentctl(root, *words, env=keys)


def test_one_run_uses_a_database_a_function_and_a_program(desk: Path, model: Loopback):
    """Each through the authorizer, with what a principal may see and the agent's credentials."""
    one = '{"id": "o_1"}'
    model.script(
        calls(("find_orders", "{}"), ("quote", one), ids=("a", "b")),
        calls(("ship", one), ("cancel", one), ids=("c", "d")),
        says("Done."),
    )
    done = agentctl(desk, "run", "desk", "Go", "--live", "--as", "customer:cus_7")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Done."), done.stderr
    said = model.asked[-1].body["messages"]
    told = {m["tool_call_id"]: json.loads(m["content"]) for m in said if m["role"] == "tool"}
    assert told == {
        "a": [{"id": "o_1", "owner": "cus_7", "status": "open"}],
        "b": {"id": "o_1", "for": "cus_7"},
        "c": {"id": "o_1", "token": 13},
        "d": {"changed": 1},
    }
    order, key = json.loads((desk / "tools" / "shipped").read_text())
    assert (order, len(key)) == ("o_1", 32)


def test_a_program_that_breaks_off_in_a_write_leaves_a_doubt_for_a_person(
    desk: Path, model: Loopback
):
    """It is not run again, and its secret is nowhere."""
    model.script(calls(("ship", '{"id": "o_9"}'), ids=("a",)), says("I do not know."))
    done = agentctl(desk, "run", "desk", "Go", "--live", "--as", "customer:cus_7")
    waiting = agentctl(desk, "inbox", "list").stdout
    assert "doubt" in waiting and "ship" in waiting
    assert len((desk / "tools" / "shipped").read_text().splitlines()) == 1
    kept = [path.read_bytes() for path in (desk / ".agentctl").rglob("*") if path.is_file()]
    assert b"tok-4711-long" not in b"".join([done.stdout.encode(), done.stderr.encode(), *kept])
