"""Laws of a verdict, over random sets: every output says the same, and nothing wrong passes."""

import json
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import agentctl
from tests.support.project import GET, SAY, make, passing, unclear

CANCEL = {"call": {"cancel_order": {"order_id": "o_1"}}}
SHOWN = {"passed": 0, "FAILED": 1, "CANNOT TELL": 3}
OUTCOMES = {"passed": 0, "failed": 1, "inconclusive": 3}

MAILED = {"call": {"mail": {"text": "It is done."}}}
RIGHT = [GET, CANCEL, MAILED, SAY]
OTHER = {"call": {"cancel_order": {"order_id": "o_2"}}}

WRONGS = {
    "a wrong write": lambda turns: [OTHER if turn is CANCEL else turn for turn in turns],
    "a write left out": lambda turns: [turn for turn in turns if turn is not CANCEL],
    "a repeated write": lambda turns: [*turns[:-1], MAILED, SAY],
    "an outside effect": lambda turns: [*turns[:-1], {"call": {"mail": {"text": "x"}}}, SAY],
    "an escalation": lambda turns: [*turns[:-1], {"call": {"escalate": {"reason": "x"}}}],
    "a forbidden word": lambda turns: [{**GET, "say": "I guarantee it."}, *turns[1:]],
}
CALLS = {"calls": [CANCEL["call"], MAILED["call"]]}
EXPECTS = {
    "listed": CALLS,
    "from calls": {**CALLS, "state": "from_calls"},
    "in order": {**CALLS, "state": "from_calls", "order": "in_order"},
    "any path": {**CALLS, "state": "from_calls", "path": "any"},
    "any of": {"any_of": [CALLS["calls"], [OTHER["call"]]]},
    # A free path allows for no mail at all.
    "free": {"state": {"orders": {"o_1": {"status": "cancelled"}}}},
}
MAIL = """\
  - name: mail
    description: Send a mail.
    inputSchema: {type: object, required: [text], properties: {text: {type: string}}}
    effect: external_write
    mock: {replies: [{return: {}}]}
"""
POLICY = "  - {id: mails, allow: [mail]}\n"

shares = st.sampled_from([0, 0.5, 1])
gates = st.fixed_dictionaries(
    {},
    optional={
        "pass_rate": st.fixed_dictionaries({"min": shares}),
        "action_correctness": st.fixed_dictionaries({"min": shares}),
        "escalation_recall": st.fixed_dictionaries({"min": shares}),
        "escalation_rate": st.fixed_dictionaries({"max": shares}),
        "inconclusive": st.fixed_dictionaries({"max": shares}),
        "cost_per_scenario_usd": st.just({"max": 1, "estimates": "accept"}),
    },
)
kinds = st.lists(st.sampled_from(["good", "unclear", *WRONGS]), min_size=1, max_size=4)


def cases(names, expect):
    for number, kind in enumerate(names):
        name = f"{'abcdefgh'[number]}-{number}"
        if kind == "unclear":
            yield unclear(name)
            continue
        turns = [turn for turn in RIGHT if expect != "free" or turn is not MAILED]
        turns = WRONGS[kind](turns) if kind in WRONGS else turns
        words = {"answer": {"never": ["I guarantee"]}}
        yield passing(name, turns=turns, expect={**EXPECTS[expect], **words})


def project(folder, names, expect, **head):
    make(folder, list(cases(names, expect)), **head)
    for file, more in (("tools/orders.yaml", MAIL), ("agents/policy.yaml", POLICY)):
        path = folder / file
        path.write_text(path.read_text() + more)
    agent = folder / "agents/order-desk.yaml"
    agent.write_text(agent.read_text().replace("cancel_order]", "cancel_order, mail]"))


def junit_code(text):
    tags = {element.tag for element in parse(BytesIO(text.encode())).iter()}
    return 1 if "failure" in tags else 3 if "error" in tags else 0


@given(
    names=kinds,
    expect=st.sampled_from(sorted(EXPECTS)),
    declared=gates,
    select=st.sampled_from([(), ("a-*",), ("a-0", "*"), ("b-*",), ("nothing",)]),
    form=st.sampled_from(["text", "json", "jsonl", "junit"]),
    files=st.booleans(),
)
@settings(max_examples=settings.default.max_examples // 3)
def test_every_output_says_what_the_exit_code_says(names, expect, declared, select, form, files):
    """Printed verdict, JSON, JUnit and exit code are one, and nothing scored is never passed."""
    with TemporaryDirectory() as where:
        folder = Path(where)
        project(folder, names, expect, gates=declared)
        options = [word for pattern in select for word in ("--select", pattern)]
        if files:
            options += ["--report", "r.json", "--junit", "j.xml"]
        done = agentctl(folder, "eval", "orders", "--format", form, *options)
        if "nothing" in select or ("b-*" in select and len(names) < 2):
            assert (done.returncode, done.stdout) == (2, "")
            return
        whole = agentctl(folder, "eval", "orders", "--format", "json", *options)
        report = json.loads(whole.stdout)
        code = done.returncode
        assert code == whole.returncode == report["verdict"]["exit_code"]
        assert OUTCOMES[report["verdict"]["outcome"]] == code
        match form:
            case "text":
                words = [line.partition(":")[0] for line in done.stdout.splitlines()]
                assert [SHOWN[word] for word in words if word in SHOWN] == [code]
            case "jsonl":
                last = json.loads(done.stdout.splitlines()[-1])
                assert (last["type"], last["exit_code"]) == ("verdict", code)
            case "junit":
                assert junit_code(done.stdout) == code
        if files:
            assert json.loads((folder / "r.json").read_text())["verdict"]["exit_code"] == code
            assert junit_code((folder / "j.xml").read_text()) == code
        summary = report["sets"][0]["summary"]
        if not summary["scored"]:
            assert code != 0
        if summary["failed"] and "pass_rate" not in declared:
            assert code == 1


@pytest.mark.parametrize("expect", sorted(EXPECTS))
def test_what_is_wrong_never_passes(tmp_path, expect):
    """Whatever is expected of a case: a right run passes, and with something wrong added fails."""
    project(tmp_path, ["good", *WRONGS], expect)
    done = agentctl(tmp_path, "eval", "orders", "--format", "json")
    rows = json.loads(done.stdout)["sets"][0]["trials"]
    assert [row["status"] for row in rows] == ["passed", *["failed"] * len(WRONGS)]
