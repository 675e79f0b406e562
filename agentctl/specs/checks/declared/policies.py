"""Checks of policies: every rule can decide, someone can approve, hidden fields stay hidden."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "dead-trigger",
        "A trigger for escalation can never fire",
        "A trigger on confidence needs intents: only with them does the model declare one.",
        "triggers: [{confidence_below: 0.5}]  # no intents:",
    ),
    Check(
        "empty-rule",
        "A rule matches no tool",
        "No agent that works under this policy holds a tool of this name or effect, or no role"
        " permits it. A rule without tools protects nothing.",
        "- {id: cap, deny: [refund_all]}",
    ),
    Check(
        "hidden-field",
        "Something needs a field that its role does not see",
        "What a role does not see is not in `seen` either, so a rule or filter that reads it denies"
        " every call. Show the field, or decide by another one.",
        "hidden_fields: {orders: [total]}  # and when: seen.orders[args.id].total < 100",
    ),
    Check(
        "idle-condition",
        "The condition of a rule means nothing",
        "Another rule allows the same tools without a condition. Narrow that rule, or make this one"
        " `ask` or `deny`.",
        "- {id: small, allow: [refund], when: args.amount < 50}\n- {id: all, allow: [refund]}",
        "warning",
    ),
    Check(
        "no-draft",
        "A rule allows drafts of a tool that saves none",
        "The manifest names the tool that saves the draft: `draft: save_reply`.",
        "- {id: drafts, draft: {tools: [send_reply]}}",
    ),
    Check(
        "nobody-approves",
        "A rule asks, and nobody can approve",
        "Approvers are people in agentctl.yaml who serve the queue that is asked. Without one the"
        " run waits until the approval expires.",
        "- {id: lead, ask: [refund], by: lead}  # nobody serves lead",
    ),
    Check(
        "sensitive-fields",
        "A role sees sensitive fields without a limit",
        "Fields marked `x-pii: finance` or `health` in a result should be shown only to roles that"
        " need them: `hidden_fields: {TABLE: [...]}`.",
        "roles: {clerk: {tools: [get_patient]}}",
        "warning",
    ),
    Check(
        "shadowed-rule",
        "A rule never decides",
        "Stronger rules, or equal ones before it, always apply where it could. Reorder them, or"
        " remove one.",
        "- {id: never, deny: [refund]}\n- {id: small, allow: [refund]}",
    ),
    Check(
        "unfiltered-field",
        "A tool may return a field that is hidden from a role",
        "Hidden fields are removed from records of their table. This tool does not say whose"
        " records it returns: declare `records: {table: ..., path: ...}`.",
        "hidden_fields: {orders: [margin]}  # report declares margin, but no records:",
        "warning",
    ),
    Check(
        "unguarded-risk",
        "A risky tool is allowed without a condition",
        "A tool with a `risk:` needs a rule that asks, drafts or depends on the call. If that is"
        " intended, write `accept_risk: REASON` in the manifest.",
        "- {id: refunds, allow: [refund_order]}",
    ),
    Check(
        "unknown-hidden-field",
        "A hidden field may be misspelt",
        "No tool declares a field of this name for the table, and one declares a similar name.",
        "hidden_fields: {orders: [margn]}",
        "warning",
    ),
)

__all__ = ["CHECKS"]
