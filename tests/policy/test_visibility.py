"""Whose records, and which of their fields, a tool's result is allowed to show."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import canonical_text
from agentctl.policy.visibility import Filtered, Visibility
from agentctl.specs.shapes.policy import Role
from agentctl.specs.shapes.tools import TableSpec, ToolSpec
from tests.support.build import ALLOW_ALL, CANCEL, GET, ORDERS, bundle, events, trial

ANA = {"id": "cus_7", "role": "clerk", "name": "Ana"}
TABLES = {"customers": TableSpec(key="id"), "orders": TableSpec(key="order_id")}
MINE = "record.owner == principal.id"
OWN = {"id": "c_1", "owner": "cus_7", "name": "Ana", "iban": "DE111"}
FOREIGN = {"id": "c_2", "owner": "cus_8", "name": "Bo", "iban": "DE222"}
SAY = {"say": "Done."}


def tool(path: str | None = "$", when: str | None = MINE, **more: Any) -> ToolSpec:
    data = {"name": "read", "description": "Read.", "effect": "none", **more}
    if path is not None:
        data["records"] = {"table": "customers", "path": path}
    if when is not None:
        data["visible_when"] = when
    return ToolSpec.model_validate(data)


def role(**fields: Any) -> dict[str, Role]:
    return {"clerk": Role.model_validate({"tools": ["*"], **fields})}


def filtered(value: Any, spec: ToolSpec | None = None, **fields: Any) -> Filtered:
    return Visibility(spec or tool(), TABLES, role(**fields)).filter(value, ANA)


def hidden(value: Any, *fields: str, spec: ToolSpec | None = None) -> Any:
    found = spec or tool(when=None)
    return filtered(value, found, hidden_fields={"customers": list(fields)}).value


def visible(value: Any, *fields: str, spec: ToolSpec | None = None) -> Any:
    found = spec or tool(when=None)
    return filtered(value, found, visible_fields={"customers": list(fields)}).value


def test_a_list_keeps_the_records_of_the_principal():
    """The rest is counted and gone."""
    assert filtered([OWN, FOREIGN, FOREIGN]) == ([OWN], 2, False, (("c_1", OWN),))
    assert filtered({"items": [FOREIGN], "n": 1}, tool("$.items")).value == {"items": [], "n": 1}


@pytest.mark.parametrize("when", ["record.nope == principal.id", "record.owner", "1 / 0 == 1"])
def test_a_visible_when_that_errors_hides_the_record(when: str):
    """What cannot be judged is not shown: a missing field, no boolean, an error."""
    assert filtered(OWN, tool(when=when)) == (None, 1, True, ())
    assert filtered([OWN, OWN], tool(when=when)).value == []


@pytest.mark.parametrize(
    "value",
    [
        "c_2 belongs to Bo",
        7,
        True,
        {"c_2": FOREIGN},
        {"data": [FOREIGN]},
        {"owner": ["cus_7"], "c_2": FOREIGN},
    ],
    ids=str,
)
def test_a_result_of_another_shape_does_not_slip_through(value: Any):
    """A text, a number, records by key or under another name: all of it is withheld."""
    assert filtered(value) == (None, 1, True, ())


@pytest.mark.parametrize(
    "value",
    [
        {"data": [FOREIGN]},
        {"items": "Bo"},
        {"items": {"c_2": FOREIGN}},
        {"items": {"items": [FOREIGN]}},
        [FOREIGN],
        "Bo",
        [{"items": [FOREIGN]}],
    ],
    ids=str,
)
def test_records_that_are_not_where_the_manifest_says_are_withheld(value: Any):
    """What cannot be found cannot be filtered."""
    assert filtered(value, tool("$.items")) == (None, 1, True, ())


@pytest.mark.parametrize("odd", [[FOREIGN], [[FOREIGN]], None, "Bo", 3, {"c_2": FOREIGN}], ids=str)
def test_odd_things_in_a_list_of_records_are_dropped(odd: Any):
    """A list in a list, nothing, a text: no record, so not the principal's."""
    assert filtered([OWN, odd]) == ([OWN], 1, False, (("c_1", OWN),))


def test_nothing_found_is_nothing_hidden():
    """A null where the records would be says that there are none."""
    assert filtered(None) == (None, 0, False, ())
    assert filtered({"items": None}, tool("$.items")).value == {"items": None}
    assert filtered([]).value == []


def test_without_anything_to_filter_by_every_shape_passes():
    """A tool that restricts nothing withholds nothing."""
    assert filtered("text", tool(when=None)).value == "text"
    assert filtered({"data": 1}, tool("$.items", when=None)).value == {"data": 1}


def test_a_write_whose_record_is_not_visible_tells_nothing_and_is_no_error():
    """It happened: the model must not take it for a failure and try again."""
    write = tool(effect="internal_write")
    assert filtered(FOREIGN, write) == (None, 1, False, ())
    assert filtered("Bo", write) == (None, 1, False, ())


def test_hidden_fields_are_taken_out_at_any_depth():
    """Of the record, of records inside it, of what stands around it."""
    assert hidden(OWN, "iban", "name") == {"id": "c_1", "owner": "cus_7"}
    nested = {"items": [{**OWN, "partner": {"iban": "DE3", "name": "Cy"}}], "last": {"iban": "x"}}
    assert hidden(nested, "iban", spec=tool("$.items", when=None)) == {
        "items": [
            {"id": "c_1", "owner": "cus_7", "name": "Ana", "partner": {"name": "Cy"}},
        ],
        "last": {},
    }


def test_a_dotted_path_hides_one_field_of_a_record_inside():
    """Lists on the way are gone through; the same name elsewhere stays."""
    record = {"id": "c_1", "contact": {"phone": "1", "city": "Bonn"}, "phone": "2"}
    assert hidden(record, "contact.phone") == {
        "id": "c_1",
        "contact": {"city": "Bonn"},
        "phone": "2",
    }
    many = {"id": "c_1", "contact": [{"phone": "1"}, {"phone": "2", "way": {"phone": "3"}}]}
    assert hidden(many, "contact.phone")["contact"] == [{}, {"way": {"phone": "3"}}]
    assert hidden(many, "contact.way.phone")["contact"][1] == {"phone": "2", "way": {}}
    both = {"contact": {"way": {"phone": "1", "fax": "2"}, "home": {"phone": "3", "fax": "4"}}}
    assert hidden(both, "contact.way.phone", "contact.home.fax") == {
        "contact": {"way": {"fax": "2"}, "home": {"phone": "3"}}
    }


def test_hiding_the_field_that_holds_the_records_hides_them_all():
    """The branch is gone, and nothing is put back."""
    spec = tool("$.page.items", when=None)
    assert hidden({"page": {"items": [OWN]}, "n": 1}, "page", spec=spec) == {"n": 1}


def test_visible_fields_are_all_there_is_besides_the_key():
    """A field that was added to the system later is hidden until somebody lists it."""
    assert visible(OWN, "name") == {"id": "c_1", "name": "Ana"}
    record = {"id": "c_1", "contact": {"phone": "1", "city": "Bonn"}, "tags": ["a"], "odd": "x"}
    assert visible(record, "contact.city", "tags", "odd.deeper") == {
        "id": "c_1",
        "contact": {"city": "Bonn"},
        "tags": ["a"],
        "odd": None,
    }
    many = {"id": "c_1", "contact": [{"phone": "1", "city": "Bonn"}]}
    assert visible(many, "contact.city") == {"id": "c_1", "contact": [{"city": "Bonn"}]}
    assert visible(record, "contact.city", "contact") == {"id": "c_1", "contact": record["contact"]}


@pytest.mark.parametrize("value", [{"c_1": OWN}, [[OWN]], ["DE111"], "DE111", 5], ids=str)
def test_visible_fields_leave_nothing_of_an_odd_result(value: Any):
    """Records by key, lists in lists, texts: none of them holds a listed field."""
    assert "DE111" not in canonical_text(visible(value, "name"))
    bare = tool(None, when=None, mock={"get": "customers"})
    assert "DE111" not in canonical_text(visible(value, "name", spec=bare))


def test_both_lists_hold_together():
    """What is hidden stays hidden inside what is listed."""
    got = filtered(
        {**OWN, "contact": {"phone": "1", "city": "Bonn"}},
        tool(when=None),
        visible_fields={"customers": ["contact"]},
        hidden_fields={"customers": ["contact.phone"]},
    )
    assert got.value == {"id": "c_1", "contact": {"city": "Bonn"}}


def test_visible_when_may_read_a_field_that_the_role_does_not_see():
    """Whose record it is, is judged before its fields are taken out; `seen` has what is left."""
    got = filtered([OWN, FOREIGN], hidden_fields={"customers": ["owner", "iban"]})
    left = {"id": "c_1", "name": "Ana"}
    assert got == ([left], 1, False, (("c_1", left),))


def test_another_role_sees_what_this_one_does_not():
    """Fields belong to a role, not to a tool."""
    roles = role(hidden_fields={"customers": ["iban"]}) | {"lead": Role(tools=("*",))}
    look = Visibility(tool(), TABLES, roles)
    assert "iban" not in look.filter(OWN, ANA).value
    assert look.filter(OWN, {**ANA, "role": "lead"}).value == OWN


@pytest.mark.parametrize(
    "spec",
    [
        tool(None, None, effect="internal_write", mock={"update": "customers"}),
        tool(None, None, effect="irreversible", target={"table": "customers", "key": "args.id"}),
        tool(None, None, mock={"get": "customers"}),
    ],
    ids=["mocked write", "targeted write", "read"],
)
def test_a_hidden_field_is_hidden_through_another_tool_too(spec: ToolSpec):
    """A write returns the record it changed, a read forgets to say `records:`: all the same."""
    assert hidden({"done": True, "customer": OWN}, "iban", spec=spec) == {
        "done": True,
        "customer": {"id": "c_1", "owner": "cus_7", "name": "Ana"},
    }
    assert visible(OWN, "name", spec=spec) == {"id": "c_1", "name": "Ana"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["SECRET", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["iban", "contact", "id", "n"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_shape_of_a_result_keeps_a_hidden_field(value: Any):
    """Whatever a tool returns, no mapping in it has the hidden name left."""
    assert '"iban"' not in canonical_text(hidden(value, "iban"))
    assert '"iban"' not in canonical_text(hidden(value, "iban", spec=tool("$.n", when=None)))


@given(json_values)
def test_visible_fields_add_nothing(value: Any):
    """What is left of a record is what it was, without the rest."""
    got = visible(value, "contact.id", "n")
    before = (
        [part for part in value if isinstance(part, dict)] if isinstance(value, list) else [value]
    )
    after = got if isinstance(value, list) else [got]
    for whole, part in zip(before, after, strict=True):
        if isinstance(whole, dict):
            assert part.keys() <= {"id", "contact", "n"}
            assert {k: v for k, v in part.items() if k != "contact"} == {
                k: v for k, v in whole.items() if k in ("id", "n")
            }


LIST = {
    "name": "list_orders",
    "description": "List.",
    "effect": "none",
    "records": {"table": "orders"},
    "visible_when": "record.customer_id == principal.id",
    "mock": {"find": "orders"},
}


def policy(**fields: Any) -> dict[str, Any]:
    return {"roles": {"customer": {"tools": ["*"], **fields}}}


def test_500_foreign_records_reach_neither_model_nor_trace_nor_rules():
    """A tool that returns everybody's records shows only the principal's; the rest is a number."""
    foreign = {
        f"f_{n}": {"order_id": f"f_{n}", "customer_id": "cus_8", "note": f"foreign-{n}-note"}
        for n in range(500)
    }
    played = trial(
        bundle(tools=[LIST, CANCEL]),
        [
            {"call": {"list_orders": {}}},
            {"call": {"cancel_order": {"order_id": "f_1"}}},
            {"say": "These are yours."},
        ],
        orders={**foreign, **ORDERS},
    )
    first, second = events(played, "tool.returned")
    assert (first["dropped"], len(first["value"])) == (501, 3)
    assert second["error"]["error"] == "not_found"
    assert "foreign-" not in str(played.events)


def test_a_broken_result_is_told_without_its_content():
    """A result that breaks its schema was not filtered: what broke is told, never the value."""
    broken = {**LIST, "outputSchema": {"type": "array", "items": {"required": ["nope"]}}}
    played = trial(bundle(tools=[broken, CANCEL]), [{"call": {"list_orders": {}}}, SAY])
    (returned,) = events(played, "tool.returned")
    assert returned["error"] == {
        "error": "invalid_output",
        "message": "`list_orders` broke its output schema at items.required",
    }
    assert "cus_8" not in str(played.events)


def test_hidden_fields_reach_neither_model_nor_trace():
    """Not by the tool that reads a record, and not by the write that returns it."""
    cancel = {**CANCEL, "mock": {"update": "orders", "set": {"status": "cancelled"}}}
    orders = {"o_1": {**ORDERS["o_1"], "card": "4111 1111"}}
    turns = [
        {"call": {"get_order": {"order_id": "o_1"}}},
        {"call": {"cancel_order": {"order_id": "o_1"}}},
        SAY,
    ]
    hides = policy(hidden_fields={"orders": ["card"]})
    played = trial(bundle(tools=[GET, cancel], policy=hides), turns, orders=orders)
    read, write = events(played, "tool.returned")
    assert read["value"] == ORDERS["o_1"]
    assert write["value"] == {**ORDERS["o_1"], "status": "cancelled"}
    assert "4111" not in str(played.events)
    assert "4111" in str(trial(bundle(tools=[GET, cancel]), turns, orders=orders).events)


def test_a_rule_cannot_read_a_hidden_field_and_denies():
    """`seen` does not hold it, the rule errors, an error denies."""
    rules = [
        *ALLOW_ALL,
        {"id": "large", "ask": ["cancel_order"], "when": "seen.orders[args.order_id].total > 5.0"},
    ]
    played = trial(
        bundle(rules=rules, policy=policy(hidden_fields={"orders": ["total"]})),
        [
            {"call": {"get_order": {"order_id": "o_1"}}},
            {"call": {"cancel_order": {"order_id": "o_1"}}},
            SAY,
        ],
    )
    decided = events(played, "call.decided")[1]
    assert (decided["verdict"], decided["rules"]) == ("deny", ["large"])
    assert decided["reason"].startswith("rule `large` cannot be evaluated")


def test_a_model_that_sets_a_bound_field_is_refused_and_nothing_runs():
    """Even to the right value: the argument is not the model's."""
    schema = {"type": "object", "properties": {"customer_id": {"type": "string"}}}
    bound = {**LIST, "inputSchema": schema, "bind": {"customer_id": "principal.id"}}
    for value in ("cus_8", "cus_7", None):
        played = trial(
            bundle(tools=[bound, CANCEL]), [{"call": {"list_orders": {"customer_id": value}}}, SAY]
        )
        (decided,) = events(played, "call.decided")
        assert (decided["verdict"], decided["stage"]) == ("deny", "arguments")
        assert decided["arguments"]["customer_id"] == "cus_7"
        assert events(played, "tool.returned")[0]["ok"] is False
