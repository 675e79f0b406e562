"""Checks of tool manifests: effects, risks, mocks, and what is reached live."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "argument-in-host",
        "An argument is part of the host of an address",
        "The model fills arguments, so it would choose which machine gets the call. Write the host"
        " out, or take it from `${NAME}`.",
        'url: "https://{region}.example.com/orders"',
    ),
    Check(
        "bad-header",
        "A header cannot be sent",
        "Names of headers are letters, digits and a few signs; values are printable ASCII.",
        'headers: {"X Team": desk}',
    ),
    Check(
        "bad-look-up",
        "A tool that should only look up changes something",
        "`reconcile:` asks after an unclear outcome whether the effect happened; the tool it names"
        " must have `effect: none`.",
        "reconcile: {tool: refund_order, done_when: result.done}",
    ),
    Check(
        "broken-mock",
        "A Python mock cannot be loaded",
        "Importing its file raises an error, or the file has no such function.",
        "mock: {python: mocks.py:refund}  # mocks.py does not define refund",
    ),
    Check(
        "broken-tool",
        "A tool backend of another package cannot be loaded",
        "An installed package offers it under the entry point `agentctl.tools`, and importing it"
        " fails. Repair or remove that package.",
        "live: {kind: carrier-pigeon}",
    ),
    Check(
        "dead-field",
        "A field has no effect here",
        "It would be read and never used. The hint names what it needs to take effect.",
        "live: {kind: http, url: ..., body: {id: 1}}  # a GET has no body",
    ),
    Check(
        "effect-too-mild",
        "A tool does more than its effect says",
        "Rules, approvals and the ledger go by `effect`. A tool that moves money or sends to many"
        " is at least an `external_write`.",
        "risk: [moves_money]\neffect: internal_write",
    ),
    Check(
        "mega-tool",
        "A tool does several things",
        "Rules and approvals decide by tool. A tool with two verbs or more than eight arguments is"
        " hard to permit narrowly: split it.",
        "name: create_or_update_order",
        "warning",
    ),
    Check(
        "missing-key",
        "A record or a mock has no key",
        "Records are found by the key field of their table: text in every record of a list, an"
        " argument of that name in a mock, or `key:` with an expression.",
        "mock: {get: orders}  # the tool has no argument order_id",
    ),
    Check(
        "bad-parameter",
        "An argument of an HTTP call cannot go where its manifest says",
        "The place under `parameters:` agrees with the url, the style exists for that place, and no"
        " argument sets a header that says who calls or how the body is framed.",
        "parameters: {token: {in: header, name: Authorization}}",
    ),
    Check(
        "no-address",
        "An address is not complete",
        "A live HTTP tool has a whole address (https://... or ${NAME}...), or names a server and"
        " gives what comes after the server's own, beginning with `/`.",
        "url: orders/{order_id}",
    ),
    Check(
        "no-database",
        "The server of an SQL tool has no address",
        'Give it one: `url: "${DATABASE_URL}"`.',
        "servers: {db: {command: [psql]}}",
    ),
    Check(
        "no-idempotency",
        "Nothing says when two calls of a write are the same",
        "After a crash or a repeated call the runtime has to know whether the effect happened"
        " already. Name the arguments that identify it, or accept the risk with a reason.",
        "effect: external_write  # no idempotency: {key: [order_id]}",
    ),
    Check(
        "no-mock",
        "A tool has no mock",
        "Golden sets run on mocks; no scenario can use this tool until it has one.",
        "name: get_order  # no mock:",
        "warning",
    ),
    Check(
        "not-pinned",
        "A tool of an MCP server pins no definition",
        "A server may change what a tool does under the same name, so a tool without a reviewed"
        " definition is not called. Run `agentctl tools import FILE --update`.",
        "live: {kind: mcp, server: desk}  # no definition:",
        "warning",
    ),
    Check(
        "two-statements",
        "A query holds more than one statement",
        "A tool is one statement. Make two tools, or a function in the database.",
        "query: select 1; drop table orders",
    ),
    Check(
        "unchecked-constraint",
        "A constraint of an imported schema is not checked",
        "The tool's source demands something that no schema here can say, such as a pattern with"
        " look-ahead. The import left it out and lists it under `unchecked:`. Look at it, then set"
        " `reviewed: true`.",
        'unchecked: ["properties.code.pattern: ..."]  # no reviewed: true',
        "warning",
    ),
    Check(
        "undeclared-risk",
        "A tool looks risky and declares no risk",
        "The words of its name and description suggest that it moves money, deletes, cancels,"
        " changes an account, sends to many or commits legally. Declare it; `risk: []` answers a"
        " false alarm.",
        "name: refund_order  # no risk:",
    ),
    Check(
        "unfiltered-records",
        "A tool shows records that another tool filters",
        "If one tool shows only the principal's own records and this one shows all of them, the"
        " filter can be avoided. Give it `records:` and `visible_when:`, or bind what it looks up.",
        "name: list_orders  # get_order has visible_when:, this one has not",
        "warning",
    ),
    Check(
        "unknown-format",
        "A format of a schema is unknown",
        "Formats that JSON Schema does not define are ignored: any text fits.",
        "properties: {mail: {type: string, format: emial}}",
        "warning",
    ),
    Check(
        "unknown-mock",
        "A Python mock is not beside its manifest",
        "Mocks in Python are `file.py:function`, with the file in the manifest's folder or below.",
        "mock: {python: ../elsewhere.py:refund}",
    ),
    Check(
        "wrong-server",
        "A tool and its server do not fit",
        "A tool that is reached over HTTP needs a server with an https:// or http:// `url`.",
        "live: {kind: http, server: local-program, url: /orders}",
    ),
)

__all__ = ["CHECKS"]
