"""Make a small agentctl project whose scenarios do what the baseline's conversations do.

Three model turns a scenario: an order is read, the order is cancelled, the customer is told. The
texts and argument schemas are the baseline's own, so both sides parse, validate and write the
same calls.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.baseline import SCHEMAS, calls_of

ORDERS = 100
"""Orders in the mock shop; the scenarios take them in turn."""
TURNS = 3
Object = dict[str, Any]


def make_project(folder: Path, scenarios: int) -> Path:
    """Write a project with a golden set of so many scenarios, and return the golden set's file."""
    for name in ("agents", "tools", "golden_sets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write(folder / "agentctl.yaml", {"kind": "Project"})
    _write(folder / "agents" / "orders.yaml", _agent())
    _write(folder / "agents" / "policy.yaml", _policy())
    _write(folder / "tools" / "orders.yaml", _manifest())
    _write(folder / "golden_sets" / "world.yaml", _world())
    path = folder / "golden_sets" / f"orders-{scenarios}.jsonl"
    head = {
        "kind": "GoldenSet",
        "name": f"orders-{scenarios}",
        "agent": "orders",
        "world": "world.yaml",
        "defaults": {"principal": {"id": "cus_1", "role": "customer", "name": "Ana"}},
    }
    _write(path, head, *(_scenario(number) for number in range(scenarios)))
    return path


def _agent() -> Object:
    return {
        "kind": "Agent",
        "name": "orders",
        "goal": "Cancel the order the customer names.",
        "model": {
            "name": "recorded",
            "price": {"input_per_mtok": 0.25, "output_per_mtok": 2.0},
        },
        "instructions": "You help {{ principal.name }} with their orders.",
        "acts_as": "customer",
        "tools": ["get_order", "cancel_order"],
        "policy": "policy.yaml",
    }


def _policy() -> Object:
    return {
        "kind": "Policy",
        "roles": {"customer": {"tools": ["get_order", "cancel_order"]}},
        "rules": [
            {"id": "reads", "allow": {"effects": ["none"]}},
            {"id": "cancel", "allow": ["cancel_order"]},
        ],
    }


def _manifest() -> Object:
    return {
        "kind": "ToolManifest",
        "tables": {"orders": "order_id"},
        "tools": [
            {
                "name": "get_order",
                "description": "Read one order.",
                "inputSchema": SCHEMAS["get_order"],
                "effect": "none",
                "mock": {"get": "orders"},
            },
            {
                "name": "cancel_order",
                "description": "Cancel one order.",
                "inputSchema": SCHEMAS["cancel_order"],
                "effect": "internal_write",
                "mock": {"update": "orders", "set": {"status": "cancelled"}},
            },
        ],
    }


def _world() -> Object:
    orders = {
        _order(number): {"customer_id": "cus_1", "status": "pending", "total": "49.90"}
        for number in range(ORDERS)
    }
    return {"kind": "World", "tables": {"orders": orders}}


def _scenario(number: int) -> Object:
    order = _order(number % ORDERS)
    read, cancel, tell = (json.loads(text) for text in calls_of(number % ORDERS))
    return {
        "id": f"order-{number:05d}",
        "input": f"Please cancel my order {order}, I no longer need it.",
        "turns": [
            {"call": {read["name"]: read["arguments"]}, "usage": {"in": 420, "out": 21}},
            {"call": {cancel["name"]: cancel["arguments"]}, "usage": {"in": 480, "out": 33}},
            {"say": tell["arguments"]["text"], "usage": {"in": 530, "out": 24}},
        ],
        "expect": {
            "calls": [{cancel["name"]: cancel["arguments"]}],
            "state": {"orders": {order: {"status": "cancelled"}}},
            "answer": {"mentions": [order]},
        },
    }


def _order(number: int) -> str:
    return f"o_{number:05d}"


def _write(path: Path, *documents: Object) -> None:
    path.write_text("".join(json.dumps(d) + "\n" for d in documents), encoding="utf-8")


__all__ = ["ORDERS", "TURNS", "make_project"]
