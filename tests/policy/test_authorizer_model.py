"""The authorizer against a small model of it that was written apart from the code."""

from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from agentctl.core.messages import ToolCall
from agentctl.policy.authorizer import Authorizer
from agentctl.policy.facts import Decision, Facts
from agentctl.policy.rights import effective_rights
from tests.support.authorizer_cases import random_case
from tests.support.authorizer_model import BROKEN, CONDITIONS, Case, Said, expected
from tests.support.build import bundle

CASES = 10_000
PARTS = 10
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
NEVER_JUDGED = [when for when, means in CONDITIONS.items() if means.__name__ == "fails"]


def decide(case: Case) -> Decision:
    """Ask the authorizer, which is told of a case no more than a run would tell it."""
    made = bundle(
        tools=case.tools,
        rules=case.rules,
        policy={"roles": {"customer": case.role}, "taint": case.taint},
        tables={"orders": "order_id"},
        limits={"per_tool": case.per_tool},
    )
    authorizer = Authorizer(made, {})
    held = effective_rights(made.tools, made.policy.roles["customer"]).tools
    facts = Facts(
        principal=case.principal,
        now=NOW,
        offered=held & case.intent,
        seen={"orders": case.seen},
        tainted_by=case.tainted_by,
        declined=frozenset(),
        ran=case.ran,
    )
    declined = {
        authorizer.decide(ToolCall("c0", name, arguments), facts).key
        for name, arguments in case.declined
    }
    return authorizer.decide(
        ToolCall("c1", case.name, case.sent), facts._replace(declined=declined)
    )


def difference(case: Case, said: Said, decision: Decision) -> str | None:
    """Say how the authorizer differs from the model, if it does."""
    if (decision.verdict, decision.stage) != (said.verdict, said.stage):
        return f"the authorizer says {decision.verdict} at {decision.stage}: {decision.reason}"
    if said.arguments is not None and decision.arguments != said.arguments:
        return f"the authorizer would run {decision.arguments}"
    if said.error:
        return None if "cannot be evaluated" in decision.reason or decision.rules else "no reason"
    if said.rule != (decision.rules[0] if decision.rules else None):
        return f"the authorizer says that {decision.rules} decided"
    if decision.stage == "rule" and said.rule is not None and said.verdict == "ask":
        rule = next(rule for rule in case.rules if rule["id"] == said.rule)
        within = int(rule["within"][:-1]) * 60 if "within" in rule else None
        if (decision.by, decision.within_s) != (rule.get("by"), within):
            return f"the authorizer asks {decision.by} within {decision.within_s} s"
    return None


@pytest.mark.parametrize(
    "part", [0, 1, 2, *(pytest.param(part, marks=pytest.mark.soak) for part in range(3, PARTS))]
)
def test_the_authorizer_agrees_with_an_independent_model(part: int):
    """For 10,000 random policies and calls, the authorizer says what the model says."""
    for seed in range(part, CASES, PARTS):
        case = random_case(seed)
        said = expected(case)
        found = difference(case, said, decide(case))
        assert found is None, f"seed {seed}: {found}\nmodel: {said}\n{case}"


def test_the_random_cases_reach_every_verdict_and_stage():
    """The comparison is worth something: no way through the authorizer is rare in it."""
    met: Counter[str] = Counter()
    for seed in range(0, CASES, 2):
        said = expected(random_case(seed))
        met[said.verdict] += 1
        met["error" if said.error else said.stage] += 1
    rare = {key: count for key, count in met.items() if count < 20}
    assert met.keys() >= {"allow", "ask", "draft", "deny", "error"}
    assert met.keys() >= {
        "parse", "offer", "arguments", "visibility", "declined", "limit", "rule", "taint",
    }  # fmt: skip
    assert not rare


def broken_rule(rng: Random, tool: str) -> dict[str, Any]:
    """Return a rule about `tool` that cannot be evaluated, whatever it would say."""
    verdict = rng.choice(["allow", "ask", "draft", "deny"])
    rule = {"id": "broken", verdict: rng.choice([[tool], ["*"]])}
    if rng.random() < 0.5:
        return {**rule, "args": {rng.choice(["id", "note"]): rng.choice(BROKEN)}}
    return {**rule, "when": rng.choice(NEVER_JUDGED)}


def test_one_rule_that_errors_anywhere_denies():
    """Whatever else a policy says, a rule that cannot be evaluated leaves nothing but a denial."""
    for seed in range(1_000):
        rng = Random(f"broken {seed}")
        case = random_case(CASES + seed)
        allow = {"id": "allow-all", "allow": ["*"]}
        rules = [allow, *case.rules]
        rules.insert(rng.randint(0, len(rules)), broken_rule(rng, case.name or "get_order"))
        decision = decide(case._replace(rules=rules))
        assert decision.verdict == "deny", f"seed {seed}: {decision}\n{rules}"
