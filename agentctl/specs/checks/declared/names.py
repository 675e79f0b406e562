"""Checks of names: they lead somewhere, and none can be taken for another."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "built-in-tool",
        "A name belongs to a built-in tool",
        "`escalate`, `ask_user`, `hand_off` and `declare_intent` are offered by the runtime where"
        " the spec allows them. Leave the name out of `tools:`, or rename your tool.",
        "tools: [get_order, escalate]",
    ),
    Check(
        "look-alike",
        "Two names look the same",
        "Names that differ in case only, or only in `.` against `__`, are one name to a model and"
        " to a hurried reader. Rename one.",
        "tools: [get_order, Get_Order]",
    ),
    Check(
        "not-ascii",
        "A name is not plain ASCII",
        "Letters of other alphabets can look like Latin ones. Names of arguments and ids of people"
        " are printable ASCII without blanks.",
        "people: {\u0430na: {queues: [desk]}}  # Cyrillic a",
    ),
    Check(
        "twice",
        "A name is listed twice",
        "The second entry has no effect, or hides the first. Remove or rename one.",
        "tools: [get_order, get_order]",
    ),
    Check(
        "two-agents",
        "Two files define an agent of the same name",
        "Budgets, approvals and traces are kept under the agent's name. Rename one.",
        "name: desk  # in agents/a.yaml and in agents/b.yaml",
    ),
    Check(
        "two-tables",
        "Two manifests declare a table differently",
        "All manifests of an agent share one world. Rename the table in one of them, or make the"
        " declarations equal.",
        "tables: {orders: order_id}  # elsewhere: {orders: id}",
    ),
    Check(
        "two-tools",
        "A tool is defined twice",
        "Rename one, or list the files an agent uses under `manifests:`.",
        "tools: [{name: get_order, ...}, {name: get_order, ...}]",
    ),
    Check(
        "unknown-agent",
        "No agent of this name",
        "A golden set names its agent, an agent the agents it hands over to.",
        "agent: dsek",
    ),
    Check(
        "unknown-argument",
        "The tool has no such argument",
        "Arguments are the `properties` of the tool's `inputSchema`.",
        "args: {oder_id: o_1}",
    ),
    Check(
        "unknown-guardrail",
        "No guardrail of this id",
        "A trigger on a guardrail names one of the policy, or `any`.",
        "triggers: [{guardrail: insults}]",
    ),
    Check(
        "unknown-intent",
        "No intent of this id",
        "A trigger on intents names some that the agent declares.",
        "triggers: [{intents: [cancel-all]}]",
    ),
    Check(
        "unknown-limit",
        "No limit of this name",
        "A trigger on a limit names steps, tool_calls, wall_clock_s, tokens, cost_usd, per_tool or"
        " any.",
        "triggers: [{limit: time}]",
    ),
    Check(
        "unknown-queue",
        "Nobody serves this queue",
        "Queues are those that people in agentctl.yaml serve and that the agent escalates to.",
        "by: supervisors",
    ),
    Check(
        "unknown-role",
        "The policy has no such role",
        "`acts_as` and the principal of a scenario name roles of the agent's policy.",
        "acts_as: clrek",
    ),
    Check(
        "unknown-server",
        "The manifest has no such server",
        "A live tool names a server of its own manifest.",
        "live: {kind: mcp, server: dsek}",
    ),
    Check(
        "unknown-table",
        "No table of this name",
        "Tables are declared by manifests: `tables: {orders: order_id}`.",
        "mock: {get: ordres}",
    ),
    Check(
        "unknown-tool",
        "No tool of this name",
        "Tools are defined in manifests. An agent needs every tool that its own tools look up or"
        " save drafts with.",
        "tools: [get_oder]",
    ),
)

__all__ = ["CHECKS"]
