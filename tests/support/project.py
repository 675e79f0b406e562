"""A small project on disk for tests of whole commands."""

import json
from pathlib import Path
from typing import Any

AGENT = """\
name: order-desk
goal: Help with orders.
model: {name: openai/gpt-5-mini, price: {input_per_mtok: 0.25, output_per_mtok: 2}}
instructions: You help {{ principal.name }}.
acts_as: customer
tools: [get_order, cancel_order]
escalation: {queue: desk}
policy: policy.yaml
"""
POLICY = """\
kind: Policy
roles: {customer: {tools: ["*"]}}
rules:
  - {id: reads, allow: {effects: [none]}}
  - {id: writes, allow: [cancel_order]}
"""
TOOLS = """\
tables: {orders: {key: order_id}}
tools:
  - name: get_order
    description: Read one order.
    inputSchema:
      {type: object, additionalProperties: false, required: [order_id],
       properties: {order_id: {type: string}}}
    effect: none
    records: {table: orders}
    visible_when: record.customer_id == principal.id
    mock: {get: orders}
  - name: cancel_order
    description: Cancel one order.
    inputSchema:
      {type: object, additionalProperties: false, required: [order_id],
       properties: {order_id: {type: string}}}
    effect: irreversible
    target: {table: orders, key: args.order_id}
    visible_when: record.customer_id == principal.id
    mock:
      update: orders
      require: [{that: "record.status == 'pending'", else: {error: conflict, message: shipped}}]
      set: {status: cancelled}
    risk: [cancels]
    accept_risk: An order can be placed again.
"""
WORLD = """\
kind: World
tables:
  orders:
    o_1: {customer_id: cus_7, status: pending, total: 49.9}
    o_2: {customer_id: cus_7, status: shipped, total: 20}
"""
GET = {"call": {"get_order": {"order_id": "o_1"}}}
CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SAY = {"say": "Order o_1 is cancelled.", "usage": {"in": 800, "out": 50}}
WANTED = {"calls": [{"cancel_order": {"order_id": "o_1"}}]}


def passing(name: str, **more: Any) -> dict[str, Any]:
    """Return a scenario that passes."""
    return {
        "id": name,
        "input": "cancel my order",
        "turns": [GET, CANCEL, SAY],
        "expect": WANTED,
        **more,
    }


def failing(name: str, **more: Any) -> dict[str, Any]:
    """Return a scenario whose model does not do what is wanted."""
    return passing(name, turns=[GET, SAY], **more)


def unclear(name: str) -> dict[str, Any]:
    """Return a scenario whose turns end too soon."""
    return passing(name, turns=[GET])


def make(root: Path, scenarios: list[dict[str, Any]], name: str = "orders", **head: Any) -> Path:
    """Write a project with one golden set and return the set's file."""
    for folder, file, text in (
        ("agents", "order-desk.yaml", AGENT),
        ("agents", "policy.yaml", POLICY),
        ("tools", "orders.yaml", TOOLS),
        ("golden_sets/worlds", "shop.yaml", WORLD),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / file).write_text(text)
    data = {
        "kind": "GoldenSet",
        "agent": "order-desk",
        "world": "worlds/shop.yaml",
        "defaults": {"principal": {"id": "cus_7", "name": "Ana"}},
        **head,
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in data.items()]
    lines += ["scenarios:"]
    lines += [f"  - {json.dumps(scenario)}" for scenario in scenarios]
    file = root / "golden_sets" / f"{name}.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file
