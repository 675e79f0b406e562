"""The small database that the mocked tools of one trial share."""

from typing import Any

from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.tools import TableSpec
from agentctl.toolbox.mock.world import World

SPECS = {"orders": TableSpec(key="order_id"), "users": TableSpec(key="user_id")}
START = WorldSnapshot(
    {"orders": {"o_1": {"order_id": "o_1", "n": 1}, "o_2": {"order_id": "o_2", "n": 2}}}
)


def world(overlay: Any = None) -> World:
    return World(START, SPECS, overlay)


def keys(made: World) -> list[str]:
    return [key for key, _ in made.table("orders").records()]


def test_a_write_is_seen_by_later_reads_and_by_nobody_else():
    """Two trials over the same start never see each other."""
    one, other = world(), world()
    one.table("orders").put("o_1", {"order_id": "o_1", "n": 5})
    assert one.table("orders").get("o_1") == {"order_id": "o_1", "n": 5}
    assert other.table("orders").get("o_1") == {"order_id": "o_1", "n": 1}
    assert START.records["orders"]["o_1"]["n"] == 1


def test_changes_name_what_differs_from_the_start():
    """A write of the same content is no change; a removed record is `None`."""
    made = world()
    orders = made.table("orders")
    orders.put("o_1", {"order_id": "o_1", "n": 1})
    orders.delete("o_2")
    orders.put("o_9", {"n": 9})
    assert made.changes() == {"orders": {"o_2": None, "o_9": {"order_id": "o_9", "n": 9}}}


def test_a_scenarios_own_records_belong_to_the_start():
    """The overlay is laid on field by field and does not count as a change."""
    made = world({"orders": {"o_1": {"n": 7}, "o_2": "absent", "o_3": {"n": 3}}})
    assert keys(made) == ["o_1", "o_3"]
    assert made.table("orders").get("o_1") == {"order_id": "o_1", "n": 7}
    assert made.changes() == {}


def test_what_somebody_else_changes_is_seen_but_is_not_the_agents_change():
    """A disturbance moves the start, under the changes already made."""
    made = world()
    made.table("orders").put("o_1", {"order_id": "o_1", "n": 5})
    made.disturb({"orders": {"o_1": {"by": "other"}, "o_2": {"n": 20}}})
    assert made.table("orders").get("o_2") == {"order_id": "o_2", "n": 20}
    assert made.changes() == {"orders": {"o_1": {"order_id": "o_1", "n": 5, "by": "other"}}}


def test_a_record_deleted_and_added_again_goes_to_the_end():
    """Order is the order of insertion, as in a table of a database dump."""
    made = world()
    made.table("orders").delete("o_1")
    made.table("orders").put("o_1", {"n": 1})
    assert keys(made) == ["o_2", "o_1"]


def test_free_keys_are_the_same_in_every_trial():
    """Ids count up from one and never take a key that is in use."""
    made = world({"orders": {"orders_1": {"n": 0}}})
    assert made.table("orders").free_key() == "orders_2"
    assert world().table("orders").free_key() == "orders_1"


def test_a_record_added_and_deleted_is_gone():
    """It is neither read nor counted as a change."""
    made = world()
    made.table("orders").put("o_9", {"n": 9})
    made.table("orders").delete("o_9")
    assert keys(made) == ["o_1", "o_2"]
    assert made.changes() == {}
