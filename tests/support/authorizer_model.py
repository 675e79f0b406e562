"""A small model of the authorizer, written from DESIGN section 6 and not from the code.

It judges plain data: a call, a policy and the facts of a run. Nothing of `agentctl` is imported.
Conditions are told by what they mean in Python; matchers, wildcards and schemas are written anew.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Json = Any
NOTHING = object()
STRENGTH = ["deny", "draft", "ask", "allow"]


class Unjudged(Exception):  # noqa: N818 - says what the rule is
    """A condition or a matcher that cannot be evaluated."""


class World(NamedTuple):
    """What conditions and the order of checks look at."""

    args: Mapping[str, Json]
    principal: Mapping[str, Json]
    seen: Mapping[str, Mapping[str, Json]]
    """Orders by key."""


class Case(NamedTuple):
    """One policy, one run, one call."""

    tools: list[dict[str, Any]]
    """As a manifest writes them."""
    rules: list[dict[str, Any]]
    role: dict[str, Any]
    taint: str
    per_tool: dict[str, int]
    intent: set[str]
    """Tools that exist now, before the role is looked at."""
    principal: dict[str, Json]
    seen: dict[str, dict[str, Json]]
    tainted_by: str | None
    ran: dict[str, int]
    name: str
    sent: dict[str, Json] | str
    """The arguments as the model wrote them."""
    meant: dict[str, Json] | None
    """The object they stand for; `None` = they stand for no object."""
    declined: list[tuple[str, dict[str, Json]]]
    """Calls a person rejected in this run, with what the model wrote for them."""


class Said(NamedTuple):
    """What the model of the authorizer says."""

    verdict: str
    stage: str
    arguments: dict[str, Json] | None = None
    rule: str | None = None
    """The rule that decides; not told where one cannot be evaluated."""
    error: bool = False


def text(value: Json) -> str:
    if not isinstance(value, str):
        raise Unjudged
    return value


def number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unjudged
    return value


def argument(world: World, name: str) -> Json:
    if name not in world.args:
        raise Unjudged
    return world.args[name]


def order(world: World, name: str = "id") -> Mapping[str, Json]:
    key = argument(world, name)
    if not isinstance(key, str) or key not in world.seen:
        raise Unjudged
    return world.seen[key]


def known(world: World) -> bool:
    """`args.id in seen.orders`: CEL has keys of text, whole numbers and truth values."""
    key = argument(world, "id")
    if isinstance(key, str | bool | int):
        return isinstance(key, str) and key in world.seen
    raise Unjudged


def size(value: Json) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise Unjudged


def fails(_world: World) -> bool:
    raise Unjudged


CONDITIONS: dict[str, Callable[[World], Json]] = {
    "true": lambda w: True,
    "false": lambda w: False,
    "1 == 'a'": lambda w: False,
    "1 / 0 == 1": fails,
    "'yes'": fails,
    "args.missing == 1": fails,
    "args.missing == 1 || true": lambda w: True,
    "args.missing == 1 && false": lambda w: False,
    "nobody.at == 'home'": fails,
    "principal.level > 3": lambda w: number(w.principal.get("level")) > 3,
    "principal.role == 'customer'": lambda w: w.principal["role"] == "customer",
    "has(args.note)": lambda w: "note" in w.args,
    "args.id == 'o_1'": lambda w: argument(w, "id") == "o_1",
    "args.id != principal.id": lambda w: argument(w, "id") != w.principal["id"],
    "args.id.startsWith('o_')": lambda w: text(argument(w, "id")).startswith("o_"),
    "args.id": fails,
    "args.flag": lambda w: truth(argument(w, "flag")),
    "!args.flag": lambda w: not truth(argument(w, "flag")),
    "args.amount > 100.0": lambda w: number(argument(w, "amount")) > 100,
    "has(args.amount) && args.amount <= 100.0": lambda w: (
        "amount" in w.args and number(w.args["amount"]) <= 100
    ),
    "size(args.to) > 2": lambda w: size(argument(w, "to")) > 2,
    "args.id in seen.orders": known,
    "seen.orders[args.id].total > 100.0": lambda w: number(order(w).get("total")) > 100,
    "seen.orders[args.id].customer_id == principal.id": lambda w: (
        order(w)["customer_id"] == w.principal["id"]
    ),
    "seen.orders[args.note].total > 100.0 || args.id in seen.orders": lambda w: either(
        lambda: number(order(w, "note").get("total")) > 100, lambda: known(w)
    ),
    "now > timestamp('2026-01-01T00:00:00Z')": lambda w: True,
    "now < timestamp('2026-01-01T00:00:00Z') || args.flag": lambda w: truth(argument(w, "flag")),
}
"""A `when:` and what it means: a truth, or `Unjudged`."""

BROKEN: list[dict[str, Any]] = [
    {"regex": "("},
    {"approx": {"value": 1}},
    {"one_of": 3},
    {"lt": [1]},
    {"prefix": 3},
    {"present": "yes"},
    {"not": {"regex": "["}},
    {"any_of": [1, {"all_of": []}]},
]
"""Matchers that are written wrongly."""


def truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise Unjudged
    return value


def either(left: Callable[[], bool], right: Callable[[], bool]) -> bool:
    """CEL's `||`: one side that is true absorbs an error of the other."""
    said = []
    for side in (left, right):
        try:
            said.append(side())
        except Unjudged:
            said.append(None)
    if True in said:
        return True
    if None in said:
        raise Unjudged
    return False


def means(selector: str, name: str) -> bool:
    return (
        re.fullmatch(".*".join(re.escape(part) for part in selector.split("*")), name) is not None
    )


def kind(value: Json) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def equal(a: Json, b: Json) -> bool:
    if kind(a) != kind(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and not [1 for n, x in enumerate(a) if not equal(x, b[n])]
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and not [1 for k in a if not equal(a[k], b[k])]
    return bool(a == b)


def fits(want: Json, got: Json) -> bool:
    """Whether an argument (or `NOTHING`) is what a rule's matcher asks for."""
    there = got is not NOTHING
    comparable = there and (kind(got) == "number" or isinstance(got, str))
    match want:
        case {"equals": value, **more} if not more:
            return there and equal(value, got)
        case {"one_of": values, **more} if not more:
            return there and any(equal(value, got) for value in values)
        case {"not": value, **more} if not more:
            return there and not fits(value, got)
        case {"lt": bound, **more} if not more:
            return comparable and kind(bound) == kind(got) and got < bound
        case {"lte": bound, **more} if not more:
            return comparable and kind(bound) == kind(got) and not got > bound
        case {"gt": bound, **more} if not more:
            return comparable and kind(bound) == kind(got) and got > bound
        case {"gte": bound, **more} if not more:
            return comparable and kind(bound) == kind(got) and not got < bound
        case {"regex": pattern, **more} if not more:
            return isinstance(got, str) and bool(re.findall(pattern, got))
        case {"prefix": part, **more} if not more:
            return isinstance(got, str) and got[: len(part)] == part
        case {"suffix": part, **more} if not more:
            return isinstance(got, str) and got[max(0, len(got) - len(part)) :] == part
        case {"contains": part, **more} if not more:
            if isinstance(got, str):
                return isinstance(part, str) and got.find(part) >= 0
            return isinstance(got, list) and True in [fits(part, item) for item in got]
        case {"ignore_case": word, **more} if not more:
            return isinstance(got, str) and got.lower() == word.lower()
        case {"any": yes, **more} if not more:
            return yes and there
        case {"present": yes, **more} if not more:
            return there == yes
        case {"absent": yes, **more} if not more:
            return there != yes
        case {"all_of": wanted, **more} if not more:
            return False not in [fits(one, got) for one in wanted]
        case {"any_of": wanted, **more} if not more:
            return True in [fits(one, got) for one in wanted]
        case {"approx": spec, **more} if not more:
            near = there and kind(got) == "number"
            return near and -spec["within"] <= got - spec["value"] <= spec["within"]
        case dict():
            return isinstance(got, dict) and all(
                fits(one, got.get(key, NOTHING)) for key, one in want.items()
            )
        case list():
            return (
                isinstance(got, list)
                and len(want) == len(got)
                and all(fits(one, item) for one, item in zip(want, got, strict=True))
            )
    return there and equal(want, got)


def valid(schema: Mapping[str, Any], args: Mapping[str, Json]) -> bool:
    """JSON Schema, as far as the cases use it."""
    parts = schema.get("properties", {})
    if any(name not in args for name in schema.get("required", [])):
        return False
    if schema.get("additionalProperties") is False and set(args) - set(parts):
        return False
    return all(_value_valid(part, args[name]) for name, part in parts.items() if name in args)


def _value_valid(part: Mapping[str, Any], value: Json) -> bool:
    good = {
        "string": isinstance(value, str),
        "number": kind(value) == "number",
        "integer": kind(value) == "number" and value == int(value),
        "boolean": isinstance(value, bool),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }
    if "type" in part and not good[part["type"]]:
        return False
    if "enum" in part and value not in part["enum"]:
        return False
    if "maximum" in part and kind(value) == "number" and value > part["maximum"]:
        return False
    return "items" not in part or all(_value_valid(part["items"], item) for item in value)


def judged(rule: Mapping[str, Any], tool: Mapping[str, Any], world: World) -> str | None:
    """What one rule says about the call, or nothing; `error` if it cannot say."""
    (verdict,) = set(STRENGTH) & set(rule)
    selector = rule[verdict]
    names = selector if isinstance(selector, list) else selector.get("tools")
    speaks = (
        any(means(one, tool["name"]) for one in names)
        if names is not None
        else tool["effect"] in selector["effects"]
    )
    if not speaks:
        return None
    if any(want in BROKEN for want in rule.get("args", {}).values()):
        return "error"
    if not fits(rule.get("args", {}), dict(world.args)):
        return None
    try:
        return verdict if CONDITIONS[rule.get("when", "true")](world) is True else None
    except Unjudged:
        return "error"


def canonical(
    tool: Mapping[str, Any], meant: Mapping[str, Json], principal: Json
) -> dict[str, Json]:
    """The arguments that will run."""
    parts = tool["inputSchema"]["properties"]
    args = {name: part["default"] for name, part in parts.items() if "default" in part}
    args.update(meant)
    for name, source in tool.get("bind", {}).items():
        args[name] = principal.get(source.removeprefix("principal."))
    return args


def expected(case: Case) -> Said:
    """What the authorizer must say."""
    tool = next((t for t in case.tools if t["name"] == case.name), None)
    if tool is None:
        return Said("deny", "offer")
    if case.meant is None:
        return Said("deny", "parse")
    args = canonical(tool, case.meant, case.principal)

    def no(stage: str) -> Said:
        return Said("deny", stage, args)

    held = any(means(one, case.name) for one in case.role["tools"])
    held = held and set(tool.get("scopes", [])) <= set(case.role["scopes"])
    if not held or case.name not in case.intent:
        return no("offer")
    bound = set(tool.get("bind", {}))
    if bound & set(case.meant) or any(args[name] is None for name in bound):
        return no("arguments")
    if not valid(tool["inputSchema"], args):
        return no("arguments")
    if "target" in tool and tool["effect"] != "none" and not _may_act(tool, args, case):
        return no("visibility")
    for name, meant in case.declined:
        if name == case.name and equal(canonical(tool, meant, case.principal), args):
            return no("declined")
    if case.ran.get(case.name, 0) >= case.per_tool.get(case.name, 10**9):
        return no("limit")
    world = World(args, case.principal, case.seen)
    said = [(judged(rule, tool, world), rule["id"]) for rule in case.rules]
    if any(verdict == "error" for verdict, _ in said):
        return Said("deny", "rule", args, error=True)
    for verdict in STRENGTH:
        first = next((rule for word, rule in said if word == verdict), None)
        if first is not None:
            outward = tool["effect"] in ("external_write", "irreversible")
            if verdict == "allow" and outward and case.tainted_by and case.taint == "ask":
                return Said("ask", "taint", args, first)
            return Said(verdict, "rule", args, first)
    return no("rule")


def _may_act(tool: Mapping[str, Any], args: Mapping[str, Json], case: Case) -> bool:
    key = args.get("id")
    if not isinstance(key, str) or key not in case.seen:
        return False
    owner = case.seen[key]["customer_id"]
    return "visible_when" not in tool or owner == case.principal["id"]


__all__ = ["BROKEN", "CONDITIONS", "STRENGTH", "Case", "Json", "Said", "expected", "means"]
