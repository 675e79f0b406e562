"""The minimal hand-written loop that a replayed eval is measured against.

Per turn: `json.loads` of the call, one validation with a jsonschema-rs validator that was built
once, one dict write, and three lines of `json.dumps` written to a buffered file. It has no gate,
no policy, no score and no hash chain. Committed before the code it judges and not edited since.
"""

import json
import time
from pathlib import Path

import jsonschema_rs

SCHEMAS = {
    "get_order": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id"],
        "properties": {"order_id": {"type": "string"}},
    },
    "cancel_order": {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "reason"],
        "properties": {"order_id": {"type": "string"}, "reason": {"type": "string"}},
    },
    "reply": {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {"text": {"type": "string"}},
    },
}


def calls_of(number: int) -> list[str]:
    """Return the JSON text of what the model says in the three turns of scenario `number`."""
    order = f"o_{number:05d}"
    turns: list[tuple[str, dict[str, str]]] = [
        ("get_order", {"order_id": order}),
        ("cancel_order", {"order_id": order, "reason": "The customer no longer needs it."}),
        ("reply", {"text": f"Order {order} is cancelled. 49.90 EUR go back to your card."}),
    ]
    return [
        json.dumps({"id": f"c{step}", "name": name, "arguments": arguments})
        for step, (name, arguments) in enumerate(turns, start=1)
    ]


def run_baseline(scenarios: int, turns: int, out: Path) -> float:
    """Play `scenarios` conversations of `turns` turns each and write their log to `out`.

    Returns:
        CPU seconds (user and system) of the loop alone: the calls are prepared and the validators
        are built before the clock starts, and the file is closed before it stops.
    """
    prepared = [(calls_of(number) * turns)[:turns] for number in range(scenarios)]
    validators = {name: jsonschema_rs.validator_for(schema) for name, schema in SCHEMAS.items()}
    world: dict[str, dict[str, object]] = {}
    started = time.process_time()
    with out.open("w", encoding="utf-8") as log:
        for number, said in enumerate(prepared):
            run = f"orders/order-{number:05d}#1"
            for step, text in enumerate(said, start=1):
                call = json.loads(text)
                name, arguments = call["name"], call["arguments"]
                valid = validators[name].is_valid(arguments)
                log.write(
                    json.dumps({"run": run, "step": step, "type": "model.replied", "call": call})
                    + "\n"
                )
                log.write(
                    json.dumps(
                        {
                            "run": run,
                            "step": step,
                            "type": "call.decided",
                            "call_id": call["id"],
                            "tool": name,
                            "arguments": arguments,
                            "verdict": "allow" if valid else "deny",
                        }
                    )
                    + "\n"
                )
                result = {"tool": name, "status": "done", **arguments}
                world[run] = result
                log.write(
                    json.dumps(
                        {
                            "run": run,
                            "step": step,
                            "type": "tool.returned",
                            "call_id": call["id"],
                            "ok": valid,
                            "value": result,
                        }
                    )
                    + "\n"
                )
    return time.process_time() - started


__all__ = ["SCHEMAS", "calls_of", "run_baseline"]
