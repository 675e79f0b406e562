"""The hand-over packet: a person takes over without reading the chat."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.cli.program import run_cli as command
from agentctl.cli.render.packet import packet_markdown
from tests.support.build import CANCEL, GET, bundle, events, trial

CALL_GET = {"call": {"get_order": {"order_id": "o_1"}}}
CALL_CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
PASS_ON = {"call": {"escalate": {"reason": "angry"}}, "say": "I have looked at o_1."}
DESK = {"queue": "order-desk", "default_triggers": "none"}
READS = {"id": "reads", "allow": {"effects": ["none"]}}
ROOT = Path(__file__).parent.parent.parent


def handed(turns: list[dict[str, Any]], made: Any = None, **more: Any) -> dict[str, Any]:
    (body,) = events(trial(made or bundle(escalation=DESK), turns, **more), "escalated")
    return body


def packet(turns: list[dict[str, Any]], made: Any = None, **more: Any) -> dict[str, Any]:
    return handed(turns, made, **more)["packet"]


def tools(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["tool"] for entry in entries]


def test_facts_and_deeds_come_from_the_events():
    """What was looked up and what was done, with arguments and results, not the model's words."""
    made = packet([CALL_GET, CALL_CANCEL, PASS_ON])
    assert tools(made["facts"]) == ["get_order"]
    assert made["done"][0]["result"] == {"order_id": "o_1", "status": "cancelled"}
    assert made["summary"] == {"text": "I have looked at o_1.", "source": "model"}
    assert made["principal"] == {"id": "cus_7", "role": "customer"}
    assert made["cost"]["status"] == "estimated"


def test_a_deed_the_model_only_claims_is_not_in_the_packet():
    """A summary cannot make something done."""
    made = packet([{**PASS_ON, "say": "I cancelled o_1 and refunded 500 EUR."}])
    assert (made["done"], made["facts"]) == ([], [])


def test_a_draft_is_told_apart_from_a_deed():
    """What was saved and not sent stands under drafts, and is the next thing to look at."""
    mail = {"type": "object", "properties": {"text": {"type": "string"}}}
    send = {
        "name": "send_mail",
        "description": "Send.",
        "inputSchema": mail,
        "effect": "external_write",
        "draft": "save_draft",
        "mock": {"insert": "sent", "record": {"text": "=args.text"}},
    }
    save = {**send, "name": "save_draft", "effect": "internal_write", "draft": None}
    made = bundle(
        tools=[send, save],
        tables={"sent": "id"},
        rules=[{"id": "d", "draft": ["send_mail"]}, {"id": "s", "allow": ["save_draft"]}],
        escalation=DESK,
    )
    body = packet([{"call": {"send_mail": {"text": "Hi"}}}, PASS_ON], made)
    assert tools(body["drafts"]) == ["save_draft"]
    assert body["done"] == []
    assert body["how_to_continue"] == "look at what `save_draft` saved, and send it or drop it"


def test_an_effect_in_doubt_comes_first():
    """Before anything else a person finds out whether it happened."""
    bare = {key: value for key, value in CANCEL.items() if key != "idempotency"}
    faults = [{"tool": "cancel_order", "fault": "lost_acknowledgement"}]
    made = bundle(tools=[GET, bare], escalation=DESK)
    body = packet([CALL_GET, CALL_CANCEL, PASS_ON], made, faults=faults)
    assert [(d["tool"], d["state"]) for d in body["doubts"]] == [("cancel_order", "in_doubt")]
    assert body["done"] == []
    assert "took effect before anything else" in body["how_to_continue"]


def test_what_was_not_allowed_stands_there_with_the_reason():
    """Denied by a rule or rejected by a person: both are named."""
    rules = [READS, {"id": "no", "deny": ["cancel_order"], "reason": "not on Sundays"}]
    made = bundle(rules=rules, escalation=DESK)
    (entry,) = packet([CALL_GET, CALL_CANCEL, PASS_ON], made)["blocked"]
    assert (entry["tool"], "not on Sundays" in entry["reason"]) == ("cancel_order", True)
    ask = bundle(rules=[READS, {"id": "ask", "ask": ["cancel_order"]}], escalation=DESK)
    reject = {"cancel_order": {"answer": "reject", "reason": "too late"}}
    (entry,) = packet([CALL_GET, CALL_CANCEL, PASS_ON], ask, approvals=reject)["blocked"]
    assert (entry["tool"], entry["reason"]) == ("cancel_order", "approval: reject (too late)")


def test_a_correction_by_a_person_stands_there():
    """What a person changed is told with before and after."""
    ask = bundle(rules=[READS, {"id": "ask", "ask": ["cancel_order"]}], escalation=DESK)
    look = {"call": {"get_order": {"order_id": "o_4"}}}
    change = {"cancel_order": {"modify": {"order_id": "o_4"}}}
    body = packet([CALL_GET, look, CALL_CANCEL, PASS_ON], ask, approvals=change)
    assert body["corrections"][0]["after"] == {"order_id": "o_4"}
    assert body["blocked"] == []


def test_questions_and_guardrails_stand_there():
    """What was asked and which guardrails were hit, never what they found."""
    rail = {"id": "pii", "kind": "pii", "action": "redact"}
    made = bundle(escalation=DESK, policy={"guardrails": {"input": [rail]}})
    turns = [{"call": {"ask_user": {"question": "Which order?"}}}, PASS_ON]
    body = packet(turns, made, conversation=["I am a@b.example", "o_1"])
    assert body["questions"] == ["Which order?"]
    assert body["guardrails"] == [{"rail": "pii", "on": "input", "action": "redact", "found": 1}]
    assert "a@b.example" not in json.dumps(body)


def test_the_packet_says_how_to_go_on():
    """A next step in words, and commands with a place for the run's id."""
    body = packet([PASS_ON])
    assert body["how_to_continue"] == "answer the request"
    assert body["commands"][1].startswith("agentctl resume RUN --note")


def test_the_markdown_holds_everything_a_person_needs():
    """Every part of the packet is there, under a heading of its own."""
    shown = packet_markdown(handed([CALL_GET, CALL_CANCEL, PASS_ON]), run="1abc")
    headings = re.findall(r"^#+ .*$", shown, re.MULTILINE)
    assert headings == [
        "# Hand-over of run `1abc` to `order-desk`",
        "## What was asked",
        "## Next",
        "## Done",
        "## What tools returned",
        "## Open questions",
        "## Summary in the model's own words (a claim, not a fact)",
        "## Cost so far",
    ]
    assert "> cancel my order" in shown
    assert '- `cancel_order` `{"order_id":"o_1"}`: result' in shown
    assert "    agentctl resume 1abc --note" in shown
    assert "> I have looked at o_1." in shown


FORGERIES = [
    "# Done\n- refunded 500 EUR",
    "Done\n====",
    "```\n## Next\n```",
    "<h1>Approved by Ana</h1>",
    "[pay here](https://evil.example)",
    "| a |\n|---|",
    "text\u2028## Done",
    "text\r## Done",
    "1. first\n- second\n* third",
    "\x1b[2J\u202e",
]


@pytest.mark.parametrize("forged", FORGERIES)
def test_words_of_the_model_cannot_forge_a_heading(forged: str):
    """Headings, lists, links, HTML and commands to a terminal come out as plain words."""
    turn = {"call": {"escalate": {"reason": forged}}, "say": forged}
    unforgeable(packet_markdown(handed([turn], input=forged)))


@given(st.text(alphabet=st.sampled_from("#=-`~>*|<[](_1. \n\r\u2028ab:/"), max_size=40))
def test_no_words_at_all_can_forge_a_heading(words: str):
    """Whatever stands in the words, the headings are the packet's own."""
    body = {
        "queue": words,
        "reason": words,
        "by": "model",
        "trigger": {"kind": "model", "detail": words},
        "packet": {
            "summary": {"text": words, "source": "model"},
            "request": [words, {"k": words}],
            "facts": [{"tool": words, "arguments": {"a": words}, "result": words}],
            "questions": [words],
            "cost": {"usd": None, "status": "unknown"},
            "how_to_continue": "answer the request",
        },
    }
    unforgeable(packet_markdown(body))


OWN = re.compile(
    r"# Hand-over of run .*|## (?:What was asked|Next|Done|What tools returned|Open questions"
    r"|Summary in the model's own words \(a claim, not a fact\)|Cost so far)"
)


def unforgeable(shown: str) -> None:
    lines = shown.split("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2028\u202e]", shown)
    for line in lines:
        if line.startswith("#"):
            assert OWN.fullmatch(line)
        inside = line.removeprefix("> ").removeprefix("- ")
        if line.startswith(">"):
            assert not re.match(r"\s*(?:#|=|-|\+|>|~~~|```|\d+[.)]|\|)", inside)
        outside_code = re.sub(r"(`+) ?.*?(?<!`)\1(?!`)", "", line)
        assert not re.search(r"(?<!\\)[<\[|]", outside_code), line


def test_trace_show_prints_the_packet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The person on duty reads one page; a program reads the same as JSON."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path))
    assert command(["run", "--scenario", "order-support:threat-of-a-lawyer"]) == 4
    capsys.readouterr()
    assert command(["trace", "show", "latest", "--packet"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# Hand-over of run")
    assert "> Cancel o_1001 today" in shown
    assert command(["trace", "show", "latest", "--packet", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["queue"] == "disputes"


def test_a_run_nobody_was_given_has_no_packet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The way out is named."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path))
    command(["run", "--scenario", "order-support:angry-customer"])
    assert command(["trace", "show", "latest", "--packet"]) == 2
    assert "the run was not passed to a person" in capsys.readouterr().err
