"""A project whose tools are real: an order system over HTTP, and a person who approves."""

import json
from pathlib import Path
from typing import Any

from agentctl.specs.shapes.turns import Turn

AGENT = """\
name: order-desk
owner: tests
goal: Help with orders.
model:
  name: openai/loopback-1
  base_url: "MODEL_URL"
  price: {input_per_mtok: 1, output_per_mtok: 2}
instructions: You help {{ principal.name }}.
acts_as: customer
tools: [get_order, cancel_order]
escalation: {queue: desk}
policy: policy.yaml
"""
POLICY = """\
kind: Policy
roles: {customer: {tools: [get_order, cancel_order]}}
rules:
  - {id: reads, allow: {effects: [none]}}
  - id: large
    ask: [cancel_order]
    when: seen.orders[args.order_id].total > 100
    by: desk
    within: 30m
  - {id: small, allow: [cancel_order]}
"""
ORDER = (
    "{type: object, additionalProperties: false, required: [order_id],"
    " properties: {order_id: {type: string}}}"
)


def tools(*, header: bool, reconcile: bool) -> str:
    """Return the manifest: with a provider that recognises keys, with a look-up, with neither."""
    live = 'method: POST, url: "${SHOP_API}/orders/{order_id}/cancel", allow_private: true'
    if header:
        live += ", idempotency_header: Idempotency-Key"
    how = (
        "    reconcile: {tool: get_order, args: {order_id: =args.order_id},"
        " done_when: \"result.status == 'cancelled'\"}\n"
        if reconcile
        else ""
    )
    return f"""\
kind: ToolManifest
tables: {{orders: {{key: order_id}}}}
tools:
  - name: get_order
    description: Read one order.
    inputSchema: {ORDER}
    effect: none
    records: {{table: orders}}
    live: {{kind: http, method: GET, url: "${{SHOP_API}}/orders/{{order_id}}", allow_private: true}}
    mock: {{get: orders}}
  - name: cancel_order
    description: Cancel one order.
    inputSchema: {ORDER}
    effect: irreversible
    risk: [cancels]
    outputSchema: {{type: object, required: [order_id, status]}}
    idempotency: {{key: [order_id]}}
{how}    live: {{kind: http, {live}}}
    mock: {{update: orders, set: {{status: cancelled}}}}
"""


GET = {"call": {"get_order": {"order_id": "o_1"}}}
CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SAY = {"say": "Order o_1 is cancelled."}
TURNS: list[dict[str, Any]] = [GET, CANCEL, SAY]


def turns(*raw: dict[str, Any]) -> tuple[Turn, ...]:
    return tuple(Turn.model_validate(turn) for turn in raw or TURNS)


def write_project(
    root: Path,
    *,
    header: bool = False,
    reconcile: bool = False,
    model_url: str = "http://127.0.0.1:9/v1",
) -> Path:
    """Write the project into `root` and return it."""
    (root / "agents").mkdir(parents=True)
    (root / "tools").mkdir()
    (root / "agents" / "order-desk.yaml").write_text(AGENT.replace("MODEL_URL", model_url))
    (root / "agents" / "policy.yaml").write_text(POLICY)
    (root / "tools" / "shop.yaml").write_text(tools(header=header, reconcile=reconcile))
    people = {"dana": {"queues": ["desk"]}, "cus_7": {"queues": ["desk"]}, "noor": {}}
    (root / "agentctl.yaml").write_text(json.dumps({"kind": "Project", "people": people}))
    return root
