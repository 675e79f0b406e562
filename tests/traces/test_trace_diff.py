"""Two runs side by side: where they part, and what differs."""

from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.alignment import align
from agentctl.core.events import Event
from agentctl.traces.views.diff import diff_events
from tests.support.build import bundle, trial

GET = {"call": {"get_order": {"order_id": "o_1"}}}
CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SAY = {"say": "Done."}


def events(*turns: object, **agent: object) -> list[Event]:
    return trial(bundle(**agent), list(turns)).events  # type: ignore[arg-type]


def test_two_replays_of_one_scenario_are_equal():
    """The same scenario played twice has no difference."""
    assert diff_events(events(GET, CANCEL, SAY), events(GET, CANCEL, SAY)).equal


def test_ids_and_times_do_not_count():
    """Runs that differ in call ids and moments only are equal."""
    renamed = []
    for event in events(GET, CANCEL, SAY):
        body = dict(event.body)
        if "call_id" in body:
            body["call_id"] = "x" + body["call_id"]
        if event.type == "model.replied":
            body["calls"] = [{**call, "id": "x" + call["id"]} for call in body["calls"]]
        renamed.append(event._replace(at="2027-01-01T00:00:00.000Z", body=body))
    assert diff_events(events(GET, CANCEL, SAY), renamed).equal


def answered(by: str, ticket: str) -> list[Event]:
    """Return the events of a run whose last call a person approved."""
    given = {"call_id": "c2", "answer": "approve", "by": by, "reason": "", "ticket": ticket}
    played = events(GET, CANCEL, SAY)
    ids = [event.body["call_id"] for event in played if event.type == "call.decided"]
    return [*played, Event(len(played), "approval.given", "", {**given, "call_id": ids[-1]})]


def test_ids_of_approvals_do_not_count_and_people_do():
    """The id that the inbox gave an approval differs in every run; who approved may not."""
    assert diff_events(answered("ana", "a1"), answered("ana", "a2")).equal
    assert not diff_events(answered("ana", "a1"), answered("ben", "a1")).equal


def test_a_field_or_an_event_of_another_version_counts():
    """What this version does not know is compared as it stands, and never passed over."""
    played = events(GET, SAY)
    later = Event(len(played), "mood.noted", "", {"mood": "calm"})
    found = diff_events([*played, later], [*played, later._replace(body={"mood": "angry"})])
    (difference,) = found.differences
    assert (difference.item.name, difference.changes[0][:3]) == (
        "mood.noted",
        ("mood", "calm", "angry"),
    )
    returned = next(event for event in played if event.type == "tool.returned")
    more = [e._replace(body={**e.body, "new": 1}) if e is returned else e for e in played]
    assert not diff_events(played, more).equal


def test_a_changed_argument_is_named_with_old_and_new():
    """The path, the old value and the new one are told, at the first step that differs."""
    other = {"call": {"get_order": {"order_id": "o_2"}}}
    found = diff_events(events(GET, SAY), events(other, SAY))
    assert found.first is not None
    assert (found.first.kind, found.first.item.name, found.first.item.step) == (
        "changed",
        "get_order",
        1,
    )
    assert ("arguments.order_id", "o_1", "o_2") in [c[:3] for c in found.first.changes]


def test_an_added_and_a_removed_call_are_told():
    """A call only one run has stands alone; the rest stays paired."""
    found = diff_events(events(GET, SAY), events(GET, CANCEL, SAY))
    assert [(d.kind, d.item.name) for d in found.differences] == [("added", "cancel_order")]
    found = diff_events(events(GET, CANCEL, SAY), events(GET, SAY))
    assert [(d.kind, d.item.name) for d in found.differences] == [("removed", "cancel_order")]


def test_a_mutated_policy_shows_where_the_decision_changed():
    """Without the rule that allows it the call is denied: there the runs part."""
    reads = [{"id": "reads", "allow": {"effects": ["none"]}}]
    found = diff_events(events(GET, CANCEL, SAY), events(GET, CANCEL, SAY, rules=reads))
    assert found.first is not None
    assert (found.first.item.name, found.first.item.step) == ("cancel_order", 2)
    assert ("verdict", "allow", "deny") in [c[:3] for c in found.first.changes]


def test_the_end_is_compared():
    """Stop reason, answer and cost are told when they differ."""
    changed = {
        c.path: (c.old, c.new) for c in diff_events(events(SAY), events({"say": "No."})).ending
    }
    assert changed["answer"] == ("Done.", "No.")


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_an_alignment_holds_every_item_once_and_in_order(left: str, right: str):
    """Nothing is lost, nothing is moved, and equal ends are paired."""
    pairs = align(left, right, lambda a, b: 0.0 if a == b else 3.0, lambda _: 1.0)
    assert [a for a, _ in pairs if a is not None] == list(range(len(left)))
    assert [b for _, b in pairs if b is not None] == list(range(len(right)))
    assert all(left[a] == right[b] for a, b in pairs if a is not None and b is not None)
    unpaired = sum(1 for a, b in pairs if a is None or b is None)
    assert unpaired == len(left) + len(right) - 2 * longest(left, right)


def longest(left: str, right: str) -> int:
    """Longest common subsequence, the slow way."""
    if not left or not right:
        return 0
    if left[0] == right[0]:
        return 1 + longest(left[1:], right[1:])
    return max(longest(left[1:], right), longest(left, right[1:]))
