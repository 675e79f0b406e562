"""Random policies, runs and calls for the authorizer, each from a seed of its own."""

import json
from random import Random
from typing import Any

from tests.support.authorizer_model import BROKEN, CONDITIONS, Case, Json

NAMES = ["get_order", "get_orders", "cancel_order", "send_mail", "send_mail_bulk", "pay.out"]
SELECTORS = [*NAMES, *NAMES, "*", "get_*", "*_order", "send*", "s*_mail", "*mail*", "*e*_*r*"]
SELECTORS += ["cancel", "get_order*", "p*.out", "**", "*order*order*", "Send_mail"]
EFFECTS = ["none", "internal_write", "external_write", "irreversible", "escalation"]
PARTS: dict[str, list[dict[str, Any]]] = {
    "id": [{"type": "string"}, {"type": "string"}, {"enum": ["o_1", "o_2", "o_3"]}, {}],
    "amount": [{"type": "number"}, {"type": "integer"}, {"type": "number", "maximum": 500}, {}],
    "note": [{"type": "string"}, {"type": "string", "default": "o_2"}, {}],
    "flag": [{"type": "boolean"}, {"type": "boolean", "default": False}, {}],
    "to": [{"type": "array", "items": {"type": "string"}}, {"type": "array"}, {"default": []}],
    "meta": [{"type": "object"}, {"default": {"level": 1}}],
}
USUAL: dict[str, list[Json]] = {
    "id": ["o_1", "o_2", "o_3", "o_9", "cus_7"],
    "amount": [0, 1, 100, 100.0, 100.5, 250, -1, 1e3, 501],
    "note": ["", "o_2", "O_2", "o_1 again", "ünï"],
    "flag": [True, False],
    "to": [[], ["a"], ["a", "b", "c"], ["a", "b@example.org"]],
    "meta": [{}, {"level": 1}, {"level": 2.0, "tags": ["x"]}],
}
STRANGE: list[Json] = [None, True, 1, 1.0, 0, "1", "1e3", "", [], {}, ["a"], {"level": 1}, [None]]
MATCHERS: list[Json] = [
    "o_1", 100, 1.0, True, None, ["a"], {"level": 1}, {"level": {"gt": 1}}, {"equals": "o_1"},
    {"equals": {"level": 1}}, {"one_of": ["o_1", 100]}, {"one_of": [True]}, {"not": "o_1"},
    {"not": {"one_of": ["o_1", "o_2", 1]}}, {"lt": 100}, {"lte": 100}, {"gt": 100}, {"gte": 100},
    {"gt": "o_1"}, {"lte": "o_2"}, {"regex": "^o_[12]$"}, {"regex": "again"}, {"prefix": "o_"},
    {"suffix": "_1"}, {"suffix": ""}, {"contains": "o_"}, {"contains": "a"},
    {"contains": {"suffix": "@example.org"}}, {"ignore_case": "O_2"}, {"any": True}, {"any": False},
    {"present": True}, {"present": False}, {"absent": True}, {"absent": False},
    {"all_of": [{"gte": 1}, {"lt": 200}]}, {"any_of": ["o_1", {"gt": 200}]},
    {"any_of": [{"absent": True}, {"lte": 100}]}, {"approx": {"value": 100, "within": 0.5}},
    {"level": {"any_of": [1, {"absent": True}]}},
]  # fmt: skip
REFUSED = [
    "[]", "null", "3", '"o_1"', "{", "{'id': 'o_1'}", '{"amount": NaN}', '{"amount": -Infinity}',
    '{"id": "o_1", "id": "o_1"}', '{"amount": 9007199254740993}', '{"note": "\\ud800"}',
    '{"meta": ' + '{"a":' * 80 + "1" + "}" * 81, '{"id": "o_1"} {}', '{"amount": 0x10}',
]  # fmt: skip
"""Arguments that no model could have meant in exactly one way."""


def random_case(seed: int) -> Case:
    """Return the case of this seed: the same on every machine."""
    rng = Random(seed)
    tools = [_tool(rng, name) for name in rng.sample(NAMES, rng.randint(1, 4))]
    tool = rng.choice(tools)
    name = tool["name"] if rng.random() < 0.97 else rng.choice(["", "GET_ORDER", "no_such_tool"])
    meant = _arguments(rng, tool)
    sent = _spelled(rng, meant)
    if rng.random() < 0.03:
        meant, sent = None, rng.choice(REFUSED)  # type: ignore[assignment]
    declined = []
    if rng.random() < 0.1:
        again = dict(meant or {}) if rng.random() < 0.7 else _arguments(rng, tool)
        declined.append((rng.choice([tool, tool, *tools])["name"], again))
    return Case(
        tools=tools,
        rules=[_rule(rng, number) for number in range(rng.choice([0, 1, 2, 3, 4, 8]))],
        role={
            "tools": rng.choice([["*"], ["*"], ["*"], rng.sample(SELECTORS, 3), []]),
            "scopes": rng.choice([["read", "write"], ["read", "write"], ["read"], []]),
        },
        taint=rng.choice(["ask", "ask", "ask", "ignore"]),
        per_tool={t["name"]: rng.randint(1, 3) for t in tools if rng.random() < 0.3},
        intent={t["name"] for t in tools if rng.random() < 0.95},
        principal={"id": "cus_7", "role": rng.choice(["customer", "staff"]), "name": "Ana"}
        | rng.choice([{}, {"level": 3}, {"level": 4.5}, {"level": "high"}]),
        seen={
            f"o_{n}": {"total": total, "customer_id": owner}
            for n, (total, owner) in enumerate(
                [(50.0, "cus_7"), (900, "cus_7"), (120.5, "cus_8")], start=1
            )
            if rng.random() < 0.9
        },
        tainted_by=rng.choice([None, "read_mail"]),
        ran={t["name"]: rng.randint(0, 3) for t in tools if rng.random() < 0.3},
        name=name,
        sent=sent,
        meant=meant,
        declined=declined,
    )


def _tool(rng: Random, name: str) -> dict[str, Any]:
    chosen = rng.sample(sorted(PARTS), rng.randint(2, 6))
    if "id" not in chosen:
        chosen.append("id")
    parts = {part: dict(rng.choice(PARTS[part])) for part in chosen}
    schema: dict[str, Any] = {"type": "object", "properties": parts}
    if rng.random() < 0.4:
        schema["required"] = ["id"]
    if rng.random() < 0.5:
        schema["additionalProperties"] = False
    tool: dict[str, Any] = {"name": name, "description": "A tool.", "inputSchema": schema}
    tool["effect"] = rng.choice(EFFECTS)
    tool["scopes"] = rng.choice([[], [], ["read"], ["read", "write"]])
    if rng.random() < 0.25:
        parts["who"] = rng.choice([{"type": "string"}, {}])
        tool["bind"] = {"who": rng.choice(["principal.id"] * 3 + ["principal.team"])}
    if rng.random() < 0.3:
        tool["target"] = {"table": "orders", "key": "args.id"}
        if rng.random() < 0.7:
            tool["visible_when"] = "record.customer_id == principal.id"
    return tool


def _rule(rng: Random, number: int) -> dict[str, Any]:
    verdict = rng.choice(["allow"] * 5 + ["ask", "draft", "deny"])
    selector: Json = rng.sample(SELECTORS, rng.randint(1, 3))
    if rng.random() < 0.3:
        selector = {"effects": rng.sample(EFFECTS, rng.randint(1, 4))}
    elif rng.random() < 0.2:
        selector = {"tools": selector}
    rule: dict[str, Any] = {"id": f"r{number}", verdict: selector}
    if verdict == "ask" and rng.random() < 0.5:
        rule |= {"by": f"desk-{number}", "within": f"{number + 1}m"}
    if rng.random() < 0.4:
        rule["args"] = {
            name: rng.choice(MATCHERS) for name in rng.sample(sorted(PARTS), rng.randint(1, 2))
        }
        if rng.random() < 0.05:
            rule["args"]["note"] = rng.choice(BROKEN)
    if rng.random() < 0.35:
        rule["when"] = rng.choice(list(CONDITIONS))
    return rule


def _arguments(rng: Random, tool: dict[str, Any]) -> dict[str, Json]:
    meant = {}
    for name in tool["inputSchema"]["properties"]:
        if name == "who":
            continue
        if name == "id" or rng.random() < 0.6:
            usual = rng.random() < 0.95
            meant[name] = rng.choice(USUAL[name] if usual else STRANGE)
    if rng.random() < 0.03:
        meant["who"] = rng.choice(["cus_7", "cus_8", None])
    if rng.random() < 0.03:
        meant["extra"] = 1
    return meant


def _spelled(rng: Random, meant: dict[str, Json]) -> dict[str, Json] | str:
    """Write arguments as a model might: an object, or JSON text in some order and spacing."""
    if rng.random() < 0.5:
        return meant
    items = list(meant.items())
    rng.shuffle(items)
    text = json.dumps(
        dict(items),
        indent=rng.choice([None, 0, 3]),
        ensure_ascii=rng.random() < 0.5,
        separators=rng.choice([None, (",", ":"), (" , ", " : ")]),
    )
    return text if rng.random() < 0.8 or meant else ""


__all__ = ["random_case"]
