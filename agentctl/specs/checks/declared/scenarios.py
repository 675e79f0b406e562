"""Checks of golden sets and their worlds."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "bound-argument",
        "An expected call names a bound argument",
        "The system fills it, whatever the model says, so it is not compared. Leave it out.",
        "calls: [{get_order: {customer_id: c_1}}]  # bind: {customer_id: principal.id}",
    ),
    Check(
        "duplicate-record",
        "Two records of a table have the same key",
        "Only one of them could be found. Rename or remove one.",
        "orders: [{order_id: o_1}, {order_id: o_1}]",
    ),
    Check(
        "duplicate-scenario",
        "Two scenarios have the same id",
        "Reports, recordings and traces are kept under the id. Rename one.",
        "scenarios: [{id: late, ...}, {id: late, ...}]",
    ),
    Check(
        "expected-call",
        "An expected call cannot be made in the scenario's world",
        "With `state: from_calls` the expected calls are played on the mocks. One that fails has to"
        " be marked `fails: true`, and only then.",
        "calls: [{cancel_order: {order_id: o_404}}]",
    ),
    Check(
        "key-mismatch",
        "A record says another key than the one it is listed under",
        "Leave the key field out of the record, or make both equal.",
        "orders: {o_1: {order_id: o_2}}",
    ),
    Check(
        "missing-parameter",
        "A template's parameter is missing",
        "Give it under `with:`.",
        "{id: late, template: order, with: {}}  # the template uses {{ order }}",
    ),
    Check(
        "no-scenarios",
        "A golden set has no scenario",
        "A set in which nothing is played could never fail.",
        "scenarios: []",
    ),
    Check(
        "no-turns",
        "A scenario has no turns to replay",
        "Until it has `turns:`, or a recording, it is inconclusive.",
        "{id: late, input: Where is my order?, expect: {...}}",
        "warning",
    ),
    Check(
        "unknown-scorer",
        "No installed package has such a scorer",
        "Built-in scorers always run. Others come from packages that register them under the entry"
        " point `agentctl.scorers`.",
        "scorers: [politenes]",
    ),
    Check(
        "unknown-template",
        "The set has no such template",
        "Templates are declared by the set: `templates: {NAME: {...}}`.",
        "{id: late, template: oder}",
    ),
    Check(
        "wrong-bound",
        "A gate's bound makes no sense for its figure",
        "A share lies between 0 and 1, `max_ratio` is about `cost_vs_human`, and `k` about"
        " `pass_hat_k`.",
        "gates: {pass_rate: {min: 95}}",
    ),
)

__all__ = ["CHECKS"]
