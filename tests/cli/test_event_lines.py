"""How events read: in `trace show`, and on stderr while a run goes on."""

import pytest

from agentctl.cli.render.events import RENDERERS, as_text, event_lines, event_note
from agentctl.core.events import EVENT_TYPES, PHASES, Event
from agentctl.traces.log.store import ERASED
from tests.support.build import bundle, trial

TURNS = [
    {"call": {"get_order": {"order_id": "o_1"}}},
    {"call": {"cancel_order": {"order_id": "o_1"}}},
    {"call": {"escalate": {"reason": "unclear", "queue": "desk"}}},
]


def played() -> list[Event]:
    return list(trial(bundle(escalation={"queue": "desk"}), TURNS).events)


def test_every_renderer_is_of_a_declared_event():
    """A renderer for a misspelt type would never be used."""
    assert set(RENDERERS) <= set(EVENT_TYPES)


def test_a_running_run_says_what_happens_in_the_loop_and_not_around_it():
    """Every event of the loop has a line but the intent of an effect; start and end have none."""
    said = {event.type: event_note(event) for event in played()}
    silent = {kind for kind, line in said.items() if line is None}
    assert silent == {"run.started", "run.ended", "effect.intended"}
    assert said["effect.settled"] == "effect of cancel_order: succeeded"
    assert said["escalated"] == "escalated to desk: unclear"


def test_an_event_without_a_renderer_shows_its_fields_in_declared_order():
    """What is not declared comes last."""
    body = {"new": {"a": 1}, "most": "10", "limit": "steps", "used": "8"}
    event = Event(1, "limit.warned", "", body)
    assert list(event_lines(event, as_text)) == [
        'limit.warned: limit steps, used 8, most 10, new {"a":1}'
    ]
    unknown = event._replace(type="mood.noted")
    assert list(event_lines(unknown, as_text)) == [
        'mood.noted: new {"a":1}, most 10, limit steps, used 8'
    ]
    assert event_note(unknown) is None


@pytest.mark.parametrize("kind", sorted(PHASES))
def test_an_event_whose_content_was_erased_says_so(kind: str):
    """Nothing is looked for in a body that is gone."""
    assert list(event_lines(Event(1, kind, "", ERASED), as_text)) == [f"{kind}: content erased"]


def test_an_answer_that_nobody_gave_has_no_name():
    """A time-out is not by anyone."""
    late = Event(1, "approval.given", "", {"answer": "timeout", "by": None, "reason": ""})
    given = late._replace(body={"answer": "approve", "by": "ana", "reason": "fine"})
    assert (event_note(late), event_note(given)) == ("timeout", "approve by ana")
    assert list(event_lines(given, as_text)) == ["approve by ana: fine"]
