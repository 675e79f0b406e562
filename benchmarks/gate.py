"""Ask the authorizer about calls, under policies of 50 rules, and count the CPU of one decision.

    python -m benchmarks.gate [--format json] [--rounds N]

A decision without CEL may cost at most 20 microseconds of CPU, with 50 rules about ten tools. What
it costs with all 50 about the one tool that is called, and with one rule in CEL over one record or
200 records seen, is told beside it. A decision is all the authorizer does: parse the text the model
wrote, fill in defaults and bound arguments, canonical form, schema, the record acted on, the rules.
A tenth of the calls is refused. The fastest round counts: the others show what else ran.
"""

import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.messages import ToolCall
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.facts import Facts
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle, Fingerprints
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest
from benchmarks.output import BenchmarkResult, byte_compile, options, show

RULES = 50
TOOLS = 10
CALLS = 2_000
ROUNDS = 15
MOST_US = 20.0
HEADER = ("policy and run", "rules asked", "CPU us a decision", "at most")
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PRINCIPAL: dict[str, Json] = {"id": "cus_1", "role": "customer", "name": "Ana"}
CEL = "seen.orders[args.order_id].total > 500.0"


class Setting(NamedTuple):
    """A policy, and a run that is judged by it."""

    name: str
    authorizer: Authorizer
    facts: Facts
    asked: int
    """Rules about the tool that is called."""
    bound: float | None
    """Most CPU microseconds a decision."""


class GateTiming(NamedTuple):
    """What one decision costs in a setting."""

    setting: Setting
    cpu_us: float

    @property
    def good(self) -> bool:
        """Whether its bound holds."""
        return self.setting.bound is None or self.cpu_us <= self.setting.bound


def settings() -> list[Setting]:
    """Return what is measured."""
    spread = [_rule(number, f"tool_{number % TOOLS}") for number in range(RULES)]
    narrow = [_rule(number, "tool_0") for number in range(RULES)]
    large = {"id": "large", "ask": ["tool_0"], "when": CEL}
    with_cel = [large if rule["id"] == f"r{RULES - TOOLS}" else rule for rule in spread]
    return [
        _setting(f"{RULES} rules about {TOOLS} tools", spread, 1, MOST_US),
        _setting(f"{RULES} rules about one tool, each a matcher", narrow, 1, None),
        _setting("one of them CEL, 1 record seen", with_cel, 1, None),
        _setting("one of them CEL, 200 records seen", with_cel, 200, None),
    ]


def _rule(number: int, tool: str) -> dict[str, Any]:
    """Return one rule: the first five allow or ask always, the others look at an argument."""
    if number < TOOLS:
        return {"id": f"r{number}", "allow": [tool]}
    matchers: list[Json] = [
        {"gt": 10_000 + number},
        {"one_of": [-number, -number - 1]},
        {"regex": f"^void-{number}$"},
        {"prefix": f"void-{number}"},
    ]
    name = ("amount", "amount", "note", "note")[number % 4]
    verdict = ("deny", "ask", "ask", "deny")[number % 4]
    return {"id": f"r{number}", verdict: [tool], "args": {name: matchers[number % 4]}}


def _setting(name: str, rules: list[dict[str, Any]], seen: int, bound: float | None) -> Setting:
    authorizer = Authorizer(_bundle(rules), {})
    orders = {
        f"o_{n}": {
            "order_id": f"o_{n}",
            "customer_id": "cus_1",
            "total": 49.5,
            "status": "open",
            "lines": [{"sku": "a", "count": 2}],
        }
        for n in range(seen)
    }
    facts = Facts(
        PRINCIPAL, NOW, frozenset(authorizer.tools), {"orders": orders}, None, frozenset(), {}
    )
    asked = sum(1 for rule in rules if ["tool_0"] in rule.values())
    return Setting(name, authorizer, facts, asked, bound)


def _bundle(rules: list[dict[str, Any]]) -> Bundle:
    manifest = ToolManifest.model_validate(
        {"tables": {"orders": "order_id"}, "tools": [_tool(n) for n in range(TOOLS)]}
    )
    agent = AgentSpec.model_validate(
        {
            "name": "shop",
            "goal": "Pay back.",
            "model": {"name": "recorded"},
            "instructions": "Help.",
            "acts_as": "customer",
            "tools": [tool.name for tool in manifest.tools],
            "policy": "policy.yaml",
        }
    )
    policy = Policy.model_validate({"roles": {"customer": {"tools": ["*"]}}, "rules": rules})
    tools = {tool.name: tool for tool in manifest.tools}
    prints = Fingerprints("a" * 64, "b" * 64, "c" * 64, "recorded", "d" * 64)
    folders = dict.fromkeys(tools, Path())
    return Bundle(agent, tools, manifest.tables, folders, {}, policy, ProjectSpec(), Path(), prints)


def _tool(number: int) -> dict[str, Any]:
    return {
        "name": f"tool_{number}",
        "description": "Pay back a part of an order.",
        "effect": "irreversible",
        "bind": {"customer_id": "principal.id"},
        "target": {"table": "orders", "key": "args.order_id"},
        "visible_when": "record.customer_id == principal.id",
        "inputSchema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["order_id", "amount", "customer_id"],
            "properties": {
                "order_id": {"type": "string"},
                "amount": {"type": "number", "exclusiveMinimum": 0},
                "note": {"type": "string", "default": "as agreed"},
                "customer_id": {"type": "string"},
            },
        },
    }


def calls() -> list[ToolCall]:
    """Return the calls: the model's own text, one of ten for a record nobody has seen."""
    return [
        ToolCall(
            f"c{number}",
            "tool_0",
            f'{{"order_id": "{"o_0" if number % 10 else "o_x"}", "amount": {1 + number % 90}.5}}',
        )
        for number in range(CALLS)
    ]


def cpu_us(setting: Setting, asked: Sequence[ToolCall]) -> float:
    """Ask about every call once and return the CPU microseconds a decision.

    Raises:
        RuntimeError: If other calls are refused than those that must be.
    """
    decide, facts = setting.authorizer.decide, setting.facts
    gc.collect()
    started = process_time()
    said = [decide(call, facts) for call in asked]
    took = process_time() - started
    allowed = sum(decision.verdict == "allow" for decision in said)
    if allowed != len(asked) - len(asked) // 10:
        raise RuntimeError(f"{setting.name}: {allowed} of {len(asked)} calls are allowed")
    return 1e6 * took / len(asked)


def measure(rounds: int) -> list[GateTiming]:
    """Time every setting in turns and return the fastest rounds."""
    made, asked = settings(), calls()
    for setting in made:
        cpu_us(setting, asked)
    took: dict[str, list[float]] = {setting.name: [] for setting in made}
    for _ in range(rounds):
        for setting in made:
            took[setting.name].append(cpu_us(setting, asked))
    return [GateTiming(setting, min(took[setting.name])) for setting in made]


def report(timings: Sequence[GateTiming], rounds: int) -> BenchmarkResult:
    """Return what the timings come to."""
    good = all(timing.good for timing in timings)
    worst = max(t.cpu_us for t in timings if t.setting.bound is not None)
    cel = timings[-1].cpu_us
    return BenchmarkResult(
        title=f"Deciding on a call: the fastest of {rounds} rounds of {CALLS:,} calls",
        header=HEADER,
        rows=[
            (t.setting.name, str(t.setting.asked), f"{t.cpu_us:.1f}", _bound(t)) for t in timings
        ],
        remarks=[],
        figure=(
            f"gate: {worst:.1f} us a decision without CEL (at most {MOST_US:g}),"
            f" {cel:.1f} with one CEL rule and 200 records: {'PASS' if good else 'FAIL'}"
        ),
        good=good,
        data={
            "benchmark": "gate",
            "rounds": rounds,
            "decisions": {
                t.setting.name: {
                    "rules": t.setting.asked,
                    "cpu_us": round(t.cpu_us, 2),
                    "bound": t.setting.bound,
                }
                for t in timings
            },
        },
    )


def _bound(timing: GateTiming) -> str:
    return "" if timing.setting.bound is None else f"{timing.setting.bound:g}"


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    byte_compile()
    return show(report(measure(given.rounds), given.rounds), given.format)


__all__ = ["GateTiming", "Setting", "calls", "cpu_us", "measure", "report", "settings"]

if __name__ == "__main__":
    sys.exit(main())
