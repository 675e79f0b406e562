"""Final state, field by field."""

import pytest

from agentctl.core.canonical import same_value
from agentctl.core.errors import Problem
from agentctl.evals.scorers.state import compare_fields, compare_worlds
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.tools import TableSpec
from agentctl.toolbox.mock.world import World

START = WorldSnapshot(
    {
        "orders": {
            "o_1": {"order_id": "o_1", "status": "Open", "note": "Call Ana", "total": 5},
            "o_2": {"order_id": "o_2", "status": "Open", "paid": False},
        },
        "log": {"l_1": {"id": "l_1", "text": "x"}},
    }
)
SPECS = {
    "orders": TableSpec.model_validate(
        {"key": "order_id", "compare": {"ignore_case": True, "exact": ["status"]}}
    ),
    "log": TableSpec(key="id", ordered=True),
}


def world(**changes):
    made = World(START, SPECS)
    for name, records in changes.items():
        for key, record in records.items():
            if record is None:
                made.table(name).delete(key)
            else:
                made.table(name).put(key, {**(made.table(name).get(key) or {}), **record})
    return made


def found(expected, made, **options):
    return [(d.table, d.key, d.field) for d in compare_fields(expected, made, **options)]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"status": "Open"}, []),
        ({"status": "open"}, ["status"]),
        ({"note": "CALL ANA"}, []),
        ({"note": {"contains": "Ana"}}, []),
        ({"note": {"contains": "Bob"}}, ["note"]),
        ({"total": 5.0}, []),
        ({"total": "5"}, ["total"]),
        ({"total": True}, ["total"]),
        ({"refund": {"absent": True}}, []),
        ({"refund": None}, ["refund"]),
        ({"note": {"absent": True}}, ["note"]),
        ({"status": "Won", "total": 6}, ["status", "total"]),
    ],
)
def test_fields_are_compared_with_matchers(fields, wrong):
    """Listed fields must match; case counts only where the table says so."""
    assert [d[2] for d in found({"orders": {"o_1": fields}}, world())] == wrong


def test_records_may_be_expected_absent_or_there():
    """`absent` fails for a record that is there, fields for one that is not."""
    assert found({"orders": {"o_9": "absent"}}, world()) == []
    assert found({"orders": {"o_1": "absent"}}, world()) == [("orders", "o_1", None)]
    assert found({"orders": {"o_9": {}}}, world()) == [("orders", "o_9", None)]


def test_a_closed_state_names_every_change():
    """With a free path, changed records that nobody named are differences; unchanged are not."""
    made = world(orders={"o_1": {"status": "Won"}, "o_2": None}, log={"l_2": {"text": "y"}})
    expected = {"orders": {"o_1": {"status": "Won"}}}
    assert found(expected, made) == []
    assert found(expected, made, closed=True) == [("orders", "o_2", None), ("log", "l_2", None)]


def test_an_unknown_table_is_a_mistake_of_the_set():
    """A table nobody declares ends with a hint, not with a difference."""
    with pytest.raises(Problem, match="did you mean `orders`") as met:
        found({"order": {}}, world())
    assert [one.code for one in met.value.diagnostics] == ["unknown-table"]


def test_worlds_are_compared_in_the_tables_either_side_touched():
    """Both missing and extra changes are found, each by field."""
    wanted = world(orders={"o_1": {"status": "Won"}})
    assert compare_worlds(wanted, world(orders={"o_1": {"status": "Won"}})) == []
    (wrong,) = compare_worlds(wanted, world())
    assert wrong[:3] == ("orders", "o_1", "status")
    assert wrong[3:] == ("Won", "Open")
    (extra,) = compare_worlds(world(), world(orders={"o_2": None}))
    assert extra[:3] == ("orders", "o_2", None)


def test_worlds_compare_case_and_null_as_tables_do():
    """Case is ignored where the table says so; a missing field equals null."""
    wanted = world(orders={"o_1": {"note": "DONE", "refund": None}})
    assert compare_worlds(wanted, world(orders={"o_1": {"note": "done"}})) == []
    wanted = world(orders={"o_1": {"status": "won"}})
    assert len(compare_worlds(wanted, world(orders={"o_1": {"status": "Won"}}))) == 1


def test_the_order_of_rows_counts_only_where_it_is_declared():
    """Rows added in another order differ in an ordered table alone."""
    rows = {"l_2": {"text": "y"}, "l_3": {"text": "z"}}
    turned = dict(reversed(rows.items()))
    (wrong,) = compare_worlds(world(log=rows), world(log=turned))
    assert wrong[:3] == ("log", None, "order")
    assert compare_worlds(world(orders=rows), world(orders=turned)) == []


def test_a_field_may_be_named_like_a_matcher():
    """`present: true` asks for the value of the field `present`, not that anything stands there."""
    reached = world(orders={"o_1": {"present": False, "prefix": "+49"}})
    (wrong,) = compare_fields({"orders": {"o_1": {"present": True}}}, reached)
    assert (wrong.field, wrong.got) == ("present", False)
    assert compare_fields({"orders": {"o_1": {"prefix": "+49"}}}, reached) == []


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ("1", 1, False), (None, 0, False)],
)
def test_equality_is_jsons(left, right, equal):
    """A bool is no number and text is no number."""
    assert same_value(left, right) is equal
    assert same_value([left], [right]) is equal
    assert same_value({"a": left}, {"a": right}) is equal


def test_a_difference_reads_as_a_sentence():
    """The reason names table, record, field, what was expected and what is there."""
    (wrong,) = compare_fields({"orders": {"o_1": {"status": "Won"}}}, world())
    reason = wrong.reason()
    assert reason.message == 'state: `orders.o_1.status`: expected "Won", got "Open"'
    assert (reason.path, reason.expected, reason.got) == ("orders.o_1.status", '"Won"', '"Open"')


def test_a_difference_shows_where_two_values_part():
    """The path goes down to the first place that differs, and says how many more there are."""
    wanted = world(orders={"o_1": {"to": {"city": "Rome", "lines": ["a", "b"], "zip": 1}}})
    (wrong,) = compare_worlds(
        wanted, world(orders={"o_1": {"to": {"city": "Rome", "lines": ["a", "c"], "zip": 1}}})
    )
    reason = wrong.reason()
    assert (reason.kind, reason.path) == ("state", "orders.o_1.to.lines[1]")
    assert reason.message == 'state: `orders.o_1.to.lines[1]`: expected "b", got "c"'
    (wrong,) = compare_worlds(wanted, world(orders={"o_1": {"to": {"city": "Oslo", "zip": 2}}}))
    assert wrong.reason().message == (
        'state: `orders.o_1.to.city`: expected "Rome", got "Oslo" (and 2 more places)'
    )
    (wrong,) = compare_worlds(world(log={"l_1": None}), world())
    assert wrong.reason().message == (
        'state: `log.l_1`: expected nothing, got {"id": "l_1", "text": "x"}'
    )
    made = world(orders={"o_1": {"note": {"absent": True}}})
    (wrong,) = compare_fields({"orders": {"o_1": {"note": {"absent": True}}}}, made)
    assert wrong.reason().message == (
        'state: `orders.o_1.note`: expected {"absent": true}, got {"absent": true}'
    )


def test_a_field_that_is_not_there_is_nothing_and_not_null():
    """Whether case counts in its table or not."""
    for table, key in (("log", "l_1"), ("orders", "o_1")):
        (wrong,) = compare_fields({table: {key: {"more": "x"}}}, world())
        assert wrong.reason().message == f'state: `{table}.{key}.more`: expected "x", got nothing'


def test_a_bool_in_the_world_is_no_number():
    """Neither where case counts nor where it does not (trap 6)."""
    made = world(orders={"o_1": {"status": True}})
    expected = {"orders": {"o_1": {"status": 1}, "o_2": {"paid": 0}}}
    assert found(expected, made) == [("orders", "o_1", "status"), ("orders", "o_2", "paid")]


def test_rows_that_one_world_lacks_are_no_other_order():
    """An ordered table differs by that row alone, and not at all with the same rows in order."""
    rows = {"l_2": {"text": "y"}, "l_3": {"text": "z"}}
    assert compare_worlds(world(log=rows), world(log=rows)) == []
    (wrong,) = compare_worlds(world(log={"l_2": {"text": "y"}}), world(log=rows))
    assert wrong[:3] == ("log", "l_3", None)
    (wrong,) = compare_worlds(world(log=dict(reversed(rows.items()))), world(log=rows))
    assert wrong[2:] == ("order", ["l_1", "l_3", "l_2"], ["l_1", "l_2", "l_3"])


def test_differences_come_in_the_order_of_the_tables_names():
    """Whatever was touched first, so that two reports of one trial are the same."""
    names = [f"t_{n}" for n in range(9)]
    specs = {name: TableSpec(key="id") for name in names}
    made = World(WorldSnapshot({name: {} for name in names}), specs)
    for name in reversed(names):
        made.table(name).put("x", {"id": "x"})
    assert [d.table for d in compare_worlds(World(WorldSnapshot({}), specs), made)] == names


def test_a_record_that_both_worlds_removed_is_no_difference():
    """It is touched, and gone on either side."""
    gone = {"o_1": None}
    assert compare_worlds(world(orders=gone), world(orders=gone)) == []


def test_a_change_that_nobody_named_says_what_became_of_the_record():
    """It should be unchanged: what it is now is shown, or that it is gone."""
    made = world(orders={"o_2": None}, log={"l_2": {"text": "y"}})
    gone, added = compare_fields({}, made, closed=True)
    assert gone.reason().message == 'state: `orders.o_2`: expected "unchanged", got nothing'
    assert added.reason().message == (
        'state: `log.l_2`: expected "unchanged", got {"text": "y", "id": "l_2"}'
    )


def test_case_counts_in_a_table_that_does_not_say_otherwise():
    """In fields that are listed, and between worlds."""
    made = world(log={"l_2": {"text": "Y"}})
    assert found({"log": {"l_2": {"text": "y"}}}, made) == [("log", "l_2", "text")]
    assert len(compare_worlds(world(log={"l_2": {"text": "y"}}), made)) == 1


@pytest.mark.parametrize(
    ("wanted", "got", "equal"),
    [
        ({"city": {"contains": "om"}, "zip": 1}, {"city": "Rome", "zip": 1}, True),
        ({"city": {"contains": "OM"}, "zip": 1}, {"city": "Rome", "zip": 1}, False),
        ([{"contains": "om"}, "x"], ["Rome", "x"], True),
        (["x", {"contains": "OM"}], ["x", "Rome"], False),
        ({"city": "ROME"}, {"city": "Rome"}, True),
        (["ROME", "x"], ["Rome", "X"], True),
        ([], ["x"], False),
    ],
)
def test_matchers_inside_a_value_are_held_where_case_does_not_count(wanted, got, equal):
    """A matcher anywhere in the value is a matcher; plain values are compared without case."""
    made = world(orders={"o_1": {"note": got}})
    assert (found({"orders": {"o_1": {"note": wanted}}}, made) == []) == equal
