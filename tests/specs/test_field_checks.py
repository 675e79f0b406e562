"""`agentctl check` tells what needs a field that is hidden, and what slips by."""

import json

import pytest

from agentctl.cli.program import run_cli
from tests.support.project import AGENT, POLICY, TOOLS, make, passing

WHEN = "seen.orders[args.order_id].{} > 200.0"


@pytest.fixture
def root(tmp_path, monkeypatch):
    make(tmp_path, [passing("one")])
    (tmp_path / "agents" / "order-desk.yaml").write_text(AGENT + "owner: team\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(root, capsys, role: str, when: str | None = None) -> list[tuple[str, str]]:
    """Check the project with a role that sees less; return code and message of what is told."""
    policy = POLICY.replace('{tools: ["*"]}', f'{{tools: ["*"], {role}}}')
    if when is not None:
        policy += f"  - {{id: large, deny: [cancel_order], when: {json.dumps(when)}}}\n"
    (root / "agents" / "policy.yaml").write_text(policy)
    run_cli(["check", "--format", "json"])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    return [(one["code"], one["message"]) for one in found]


@pytest.mark.parametrize(
    ("role", "when", "field"),
    [
        ("hidden_fields: {orders: [total]}", WHEN.format("total"), "total"),
        ("hidden_fields: {orders: [sum.net]}", WHEN.format("sum.net"), "sum.net"),
        ("hidden_fields: {orders: [sum]}", WHEN.format("sum.net"), "sum.net"),
        ("hidden_fields: {orders: [net]}", WHEN.format("sum.net"), "sum.net"),
        ("hidden_fields: {orders: [total]}", "seen.orders['o_1']['total'] > 1.0", "total"),
        ("hidden_fields: {orders: [total]}", "seen['orders'][args.order_id].total > 1.0", "total"),
        (
            "hidden_fields: {orders: [total]}",
            "seen.orders.exists(o, seen.orders[o].total > 1.0)",
            "total",
        ),
        ("visible_fields: {orders: [status, customer_id]}", WHEN.format("total"), "total"),
    ],
)
def test_a_rule_that_reads_a_hidden_field_is_an_error(root, capsys, role, when, field):
    """The rule would deny every call of the role, because `seen` does not hold the field."""
    message = f"rule `large` reads `{field}` of orders, which role `customer` does not see"
    assert told(root, capsys, role, when) == [("hidden-field", message)]


@pytest.mark.parametrize(
    ("role", "when"),
    [
        ("hidden_fields: {orders: [iban]}", WHEN.format("total")),
        ("hidden_fields: {orders: [sum.net]}", WHEN.format("sum.gross")),
        ("visible_fields: {orders: [customer_id, total]}", WHEN.format("total")),
        ("visible_fields: {orders: [customer_id, sum]}", WHEN.format("sum.net")),
        ("visible_fields: {orders: [customer_id]}", "seen.orders[args.order_id].order_id == 'x'"),
        ("hidden_fields: {orders: [order]}", "args.order_id == 'o_1'"),
    ],
)
def test_a_rule_that_reads_what_the_role_sees_is_fine(root, capsys, role, when):
    """A part beside the hidden one, a listed field, the key of the table."""
    assert told(root, capsys, role, when) == []


def test_a_write_must_see_the_field_it_is_judged_by(root, capsys):
    """`visible_when` of a write looks at the record as it was seen."""
    for role in ("hidden_fields: {orders: [customer_id]}", "visible_fields: {orders: [total]}"):
        assert told(root, capsys, role) == [
            (
                "hidden-field",
                "role `customer` does not see `customer_id` of orders, which `visible_when` of"
                " `cancel_order` reads",
            )
        ]


def test_a_field_of_a_table_nobody_declares_is_an_error(root, capsys):
    """A misspelt table would hide nothing."""
    for kind in ("hidden_fields", "visible_fields"):
        assert told(root, capsys, f"{kind}: {{ordres: [iban]}}")[0] == (
            "unknown-table",
            "no table `ordres`",
        )


def test_a_tool_that_may_return_a_hidden_field_unfiltered_is_warned_about(root, capsys):
    """It says nothing of the table, and its output schema has the field."""
    more = (
        "tools:\n  - {name: export, description: Export it., effect: none, mock: {replies: []},\n"
        "     outputSchema: {type: object, properties: {rows: {items: {required: [iban]}}}}}\n"
    )
    (root / "tools" / "more.yaml").write_text(more)
    agent = (AGENT + "owner: team\n").replace("cancel_order]", "cancel_order, export]")
    (root / "agents" / "order-desk.yaml").write_text(agent)
    assert told(root, capsys, "hidden_fields: {orders: [bank.iban]}") == [
        ("unfiltered-field", "`export` may return `iban`, hidden from role `customer`")
    ]


def test_a_misspelt_hidden_field_is_warned_about(root, capsys):
    """Where a tool declares a field of nearly that name."""
    schema = "    outputSchema: {type: object, properties: {iban: {type: string}}}\n"
    text = TOOLS.replace(
        "    records: {table: orders}\n", "    records: {table: orders}\n" + schema
    )
    (root / "tools" / "orders.yaml").write_text(text)
    assert told(root, capsys, "hidden_fields: {orders: [ibna]}") == [
        ("unknown-hidden-field", "no tool declares that a record of orders has `ibna`")
    ]
    assert told(root, capsys, "hidden_fields: {orders: [iban, unheard_of]}") == []


def test_sensitive_fields_that_nobody_hides_are_warned_about(root, capsys):
    """A role that sees finance or health data should see it because somebody said so."""
    schema = "    outputSchema: {type: object, properties: {iban: {x-pii: finance}}}\n"
    text = TOOLS.replace(
        "    records: {table: orders}\n", "    records: {table: orders}\n" + schema
    )
    (root / "tools" / "orders.yaml").write_text(text)
    assert told(root, capsys, "scopes: []") == [
        ("sensitive-fields", "role `customer` sees every field of `get_order`: finance")
    ]
    assert told(root, capsys, "hidden_fields: {orders: [iban]}") == []
