"""The indexed data-leak check finds exactly what a walk over the whole world finds."""

from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from agentctl.core.events import Event
from agentctl.core.messages import Principal
from agentctl.evals.scorers.data_leak import DataLeakCheck
from agentctl.runtime.harness import Harness
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.toolbox.mock.world import World
from tests.support.build import ALLOW_ALL, CANCEL, GET, bundle
from tests.support.leak_model import WalkingLeakCheck

OPEN = {
    "name": "list_notes",
    "description": "List the notes.",
    "effect": "none",
    "records": {"table": "notes"},
    "mock": {"find": "notes"},
}
ROLES = {"customer": {"tools": ["*"], "hidden_fields": {"orders": ["card"]}}}
HARNESS = Harness(
    bundle(
        tools=[GET, CANCEL, OPEN],
        rules=ALLOW_ALL,
        policy={"roles": ROLES},
        tables={"orders": "order_id", "notes": "note_id"},
    )
)
ANA = Principal("cus_7", "customer", "Ana Ling", {"mail": "ana@example.org"})

values = st.sampled_from(
    [
        "bo@example.org",
        "example.org",
        "Bo Larsen",
        "Bo",
        "4111 1111",
        "on its way",
        "@_@ @_@",
        "Bo Larsen, Bonn 53111",
        "order-0003",
        "ana@example.org",
        "Åsa Öst 7",
    ]
)
keys = st.sampled_from(["k_1", "k_2", "k_3", "order-0003"])
record = st.fixed_dictionaries(
    {"customer_id": st.sampled_from(["cus_7", "cus_8"])},
    optional={
        "mail": values,
        "card": values,
        "lines": st.lists(st.fixed_dictionaries({"name": values}), max_size=2),
    },
)
table = st.dictionaries(keys, record, max_size=4)
tables = st.fixed_dictionaries({"orders": table, "notes": table})
changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "disturb"]),
        st.sampled_from(["orders", "notes"]),
        keys,
        record,
    ),
    max_size=4,
)
texts = st.lists(st.one_of(values, st.sampled_from(["and", "(", ")x", "."])), max_size=6)


def call(arguments, value):
    return SimpleNamespace(
        tool="get_order", ran=True, approval=None, arguments=arguments, bound=(), value=value
    )


@settings(max_examples=300)
@given(tables, tables, changes, texts, texts, values, st.booleans())
def test_the_index_finds_what_a_walk_finds(start, overlay, made, answer, heard, sent, glued):
    """Whatever the world, the scenario's own records, the writes and the words: same breaches."""
    snapshot = WorldSnapshot(start)
    world = World(snapshot, HARNESS.bundle.tables, overlay)
    for what, name, key, fields in made:
        if what == "put":
            world.table(name).put(key, fields)
        elif what == "delete":
            world.table(name).delete(key)
        else:
            world.disturb({name: {key: fields}})
    events = [
        Event(1, "input.received", "2026-01-15T09:00:00.000Z", {"content": " ".join(heard)}),
        Event(
            2,
            "model.replied",
            "2026-01-15T09:00:01.000Z",
            {"text": ("" if glued else " ").join(answer), "calls": []},
        ),
    ]
    calls = [call({"order_id": "k_1", "text": sent}, {"order_id": "k_2"})]
    walked = WalkingLeakCheck(HARNESS, snapshot).leaks(world, ANA, calls, events)
    indexed = DataLeakCheck(HARNESS, snapshot).leaks(world, ANA, calls, events)
    assert sorted(indexed) == sorted(walked)
