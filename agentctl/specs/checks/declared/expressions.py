"""Checks of what is written in a small language: CEL, matchers, JSON Schema, paths."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "bad-bind",
        "A bound argument takes its value from nowhere",
        "`bind:` fills an argument from the principal of the run: `principal.id`, `principal.role`"
        " or an attribute.",
        "bind: {customer_id: user.id}",
    ),
    Check(
        "bad-expression",
        "A CEL expression does not compile, or could only fail",
        "Besides the syntax, every variable and function has to exist where the expression stands:"
        " a rule that always fails always denies.",
        "when: args.amount =< 100",
    ),
    Check(
        "bad-matcher",
        "A matcher cannot be used",
        "A mapping with one matcher name as its only key is a matcher; its operand has to fit."
        " Write `{equals: {...}}` to mean the mapping itself.",
        'args: {order_id: {matches: "o_["}}',
    ),
    Check(
        "bad-path",
        "A path into a result cannot be read",
        "A path is `$` for the result itself, or `$.name.name` for a field of it.",
        "records: {table: orders, path: data.items}",
    ),
    Check(
        "bad-placeholder",
        "A `{{` begins no placeholder",
        "The model would read it as it is written. The only placeholders are fields of the"
        " principal, such as `{{ principal.name }}`.",
        "instructions: Greet {{ principal.name.",
    ),
    Check(
        "bad-schema",
        "A JSON Schema is not valid",
        "Arguments, results and the output contract are JSON Schemas (drafts 4, 6, 7, 2019-09 and"
        " 2020-12); the arguments of a tool are an object. References stay within the document.",
        "inputSchema: {type: objcet}",
    ),
    Check(
        "unknown-placeholder",
        "A placeholder stays empty",
        "The only placeholders of a prompt are fields of the principal.",
        "instructions: Greet {{ customer.name }}.",
    ),
)

__all__ = ["CHECKS"]
