"""What does not fit a model is told in our own words, at its place, all at once."""

import pytest

from agentctl.core.errors import Problem
from agentctl.specs.reading.decode import QUOTE, decode
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.kinds import KINDS
from agentctl.specs.shapes.policy import Policy

SCENARIO = "id: a\nprincipal: {id: p}\ninput: x\n"


def told(model, text: str) -> list[tuple[str, str, str]]:
    """Return code, message and the underlined text of each problem."""
    source = parse_yaml(text, "f.yaml")
    with pytest.raises(Problem) as caught:
        decode(model, source.data, source)
    found = []
    for one in caught.value.diagnostics:
        at = one.location
        found.append((one.code, one.message, at.text[at.column - 1 :][: at.length]))
    return found


def test_everything_comes_at_once_in_the_order_of_the_file():
    """One reading tells every problem, from the top of the file to its end."""
    text = "kind: Polcy\nroles: {a: {tools: x}}\nrules: [{id: r, alow: [b]}]\ntaint: maybe\n"
    assert [(code, mark) for code, _, mark in told(Policy, text)] == [
        ("invalid-value", "Polcy"),
        ("wrong-type", "x"),
        ("unknown-field", "alow"),
        ("invalid-value", "maybe"),
    ]


@pytest.mark.parametrize(
    ("text", "message", "mark"),
    [
        ("expect: {calls: nothing}", "`none` or a list of calls", "nothing"),
        ("expect: {escalation: never}", "`none`, `any`, `unscored` or", "never"),
        ("expect: {escalation: {needed: 1}}", "`needed` should be true or false", "1"),
        ("expect: {state: all}", "expected `from_calls` or tables", "all"),
        ("expect: {calls: [{tool: x, fails: 1}]}", "`fails` should be true or false", "1"),
        ("expect: {stop: done}", "`stop` should be one of answered", "done"),
        ("expect: {calls: none}\nturns: [{call: {a: {}}, usage: {in: -1, out: 1}}]",
         "`in` should be at least 0", "-1"),
        ("expect: {calls: none}\nfaults: [{tool: x, fault: boom}]", "lost_acknowledgement", "boom"),
        ("expect: {calls: none}\nworld: {Big Table: {}}", "the key `Big Table` should be",
         "Big Table"),
        ("expect: {calls: none}\nnow: 2026-01-15", "a moment with an offset", "2026-01-15"),
    ],
)  # fmt: skip
def test_short_forms_are_told_where_they_stand(text, message, mark):
    """A value that a model normalises first is still shown as and where the user wrote it."""
    ((_, said, shown),) = told(Scenario, SCENARIO + text + "\n")
    assert message in said
    assert shown == mark


def test_a_comma_that_was_not_quoted_gets_the_hint_to_quote():
    """Text cut in two by a comma is recognised."""
    source = parse_yaml(SCENARIO + "expect: {calls: none, output: {}, reason: no, really}\n", "f")
    with pytest.raises(Problem) as caught:
        decode(Scenario, source.data, source)
    assert QUOTE in [diagnostic.hint for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("text", ["[]", "a", "3", "{x: 1}", "kind: [1]\nname: {}\nrules: 1\n"])
def test_no_message_sounds_like_a_library(kind, text):
    """Whatever the data, messages name fields and expectations, never classes or pydantic."""
    source = parse_yaml(text, "f.yaml")
    with pytest.raises(Problem) as caught:
        decode(KINDS[kind], source.data, source)
    said = str(caught.value)
    for word in ("Input", "pydantic", "ValidationError", "something else", "Extra inputs", "None"):
        assert word not in said
