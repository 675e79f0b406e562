"""Small agents for tests, built from plain data without a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import Trial, play_trial
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle, Fingerprints, WorldSnapshot
from agentctl.specs.shapes.golden import DEFAULT_NOW, Scenario
from agentctl.specs.shapes.live import server_of
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.specs.shapes.turns import Recording

PRINTS = Fingerprints("a" * 64, "b" * 64, "c" * 64, "openai/gpt-5-mini", "d" * 64)
ORDER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order_id"],
    "properties": {"order_id": {"type": "string"}},
}
GET = {
    "name": "get_order",
    "description": "Read one order.",
    "inputSchema": ORDER,
    "effect": "none",
    "records": {"table": "orders"},
    "visible_when": "record.customer_id == principal.id",
    "mock": {"get": "orders"},
}
CANCEL = {
    "name": "cancel_order",
    "description": "Cancel one order.",
    "inputSchema": ORDER,
    "effect": "irreversible",
    "target": {"table": "orders", "key": "args.order_id"},
    "visible_when": "record.customer_id == principal.id",
    "idempotency": {"key": ["order_id"]},
    "mock": {
        "update": "orders",
        "require": [
            {
                "that": "record.status == 'pending'",
                "else": {"error": "conflict", "message": "already shipped"},
            }
        ],
        "set": {"status": "cancelled"},
        "return": {"order_id": "=record.order_id", "status": "=record.status"},
    },
}
ORDERS = {
    "o_1": {"order_id": "o_1", "customer_id": "cus_7", "status": "pending", "total": 49.9},
    "o_2": {"order_id": "o_2", "customer_id": "cus_7", "status": "shipped", "total": 20.0},
    "o_3": {"order_id": "o_3", "customer_id": "cus_8", "status": "pending", "total": 10.0},
    "o_4": {"order_id": "o_4", "customer_id": "cus_7", "status": "pending", "total": 900.0},
}
ALLOW_ALL = [
    {"id": "reads", "allow": {"effects": ["none"]}},
    {"id": "writes", "allow": ["cancel_order"]},
]


def bundle(
    *,
    tools: list[dict[str, Any]] | None = None,
    rules: list[dict[str, Any]] | None = None,
    policy: Mapping[str, Any] | None = None,
    tables: Mapping[str, Any] | None = None,
    servers: Mapping[str, Any] | None = None,
    project: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    **agent: Any,
) -> Bundle:
    """Return an agent with two order tools, changed as told."""
    manifest = ToolManifest.model_validate(
        {
            "tables": tables or {"orders": "order_id"},
            "servers": servers or {},
            "tools": tools or [GET, CANCEL],
        }
    )
    names = [tool.name for tool in manifest.tools]
    spec = AgentSpec.model_validate(
        {
            "name": "order-desk",
            "goal": "Help with orders.",
            "model": {
                "name": "openai/gpt-5-mini",
                "price": {"input_per_mtok": 0.25, "output_per_mtok": 2},
            },
            "instructions": "You help {{ principal.name }}.",
            "acts_as": "customer",
            "tools": names,
            "policy": "policy.yaml",
            **agent,
        }
    )
    rights = Policy.model_validate(
        {
            "roles": {"customer": {"tools": ["*"]}},
            "rules": ALLOW_ALL if rules is None else rules,
            **(policy or {}),
        }
    )
    return Bundle(
        spec,
        {tool.name: tool for tool in manifest.tools},
        manifest.tables,
        {tool.name: folder or Path() for tool in manifest.tools},
        {
            tool.name: manifest.servers[server]
            for tool in manifest.tools
            if (server := server_of(tool.live)) is not None
        },
        rights,
        ProjectSpec.model_validate(project or {}),
        folder or Path(),
        PRINTS,
    )


def scenario(turns: list[dict[str, Any]] | None, **more: Any) -> Scenario:
    """Return a scenario of customer cus_7, changed as told."""
    return Scenario.model_validate(
        {
            "id": "case",
            "principal": {"id": "cus_7", "name": "Ana"},
            "expect": {"calls": "none"},
            **({} if {"conversation", "event"} & more.keys() else {"input": "cancel my order"}),
            **({} if turns is None else {"turns": turns}),
            **more,
        }
    )


def trial(
    made: Bundle,
    turns: list[dict[str, Any]] | None,
    recording: Recording | None = None,
    orders: Mapping[str, Any] | None = None,
    **more: Any,
) -> Trial:
    """Play one scenario of an agent over the usual orders."""
    return play_trial(
        Harness(made),
        scenario(turns, **more),
        WorldSnapshot({"orders": ORDERS if orders is None else orders}),
        set_name="set",
        now=DEFAULT_NOW,
        recording=recording,
    )


def events(played: Trial, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of all events of one type."""
    return [event.body for event in played.events if event.type == kind]


def ended(played: Trial) -> dict[str, Any]:
    """Return the body of `run.ended`."""
    (body,) = events(played, "run.ended")
    return body
