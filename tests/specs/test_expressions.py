"""The one door to CEL: what compiles, what evaluates, and that failures are errors of ours."""

import contextlib
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.specs.language.expressions import (
    Expression,
    ExpressionError,
    Template,
    literal_or_expression,
    placeholders,
)

ENV = {
    "args": {"id": "o_1", "n": 3, "tags": ["a", "b"], "flag": True, "none": None},
    "record": {"owner": "u_1", "total": 20.5},
    "principal": {"id": "u_1"},
    "now": datetime(2026, 1, 15, 9, tzinfo=UTC),
}


def cel(text: str):
    return Expression(text).evaluate(ENV)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("args.id", "o_1"),
        ("args.n", 3),
        ("args.flag", True),
        ("args.none", None),
        ("args.tags", ["a", "b"]),
        ("record.owner == principal.id", True),
        ("record.owner == 'u_2'", False),
        ("args.n == 3", True),
        ("args.n == 'x'", False),
        ("record.total > 20", True),
        ("size(args.tags.filter(t, t == 'a')) == 1", True),
        ("{'a': args.n}", {"a": 3}),
        ("now", "2026-01-15T09:00:00Z"),
        ("now - duration('24h')", "2026-01-14T09:00:00Z"),
        ("duration('90m')", "5400s"),
        ("has(args.missing)", False),
        ("'args.id'", "args.id"),
        (r"r'\' + args.id", "\\o_1"),
    ],
)
def test_values(text, value):
    """Results are plain JSON; moments and durations are text."""
    found = cel(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "args.missing",
        "args.id.x",
        "args.missing == principal.id",
        "nobody",
        "nobody()",
        "args.n + 1.5",
        "1 / 0",
        "0.0 / 0.0",
        "b'x'",
        "{1: 2}",
        "optional.none()",
        "9223372036854775807",
        "9223372036854775807 + 1",
        "args.tags[7]",
        "int('x')",
        "timestamp('yesterday')",
    ],
)
def test_what_cannot_be_evaluated_is_an_error(text):
    """A missing field, a wrong type, or a result that is no JSON raises one kind of error."""
    with pytest.raises(ExpressionError):
        cel(text)


@pytest.mark.parametrize(
    "text", ["", "args.", "1 +", "'x", "(" * 500 + ")" * 500, "(" * 100_000, "a" * 3000, "a\x00b"],
    ids=lambda text: text[:10],
)  # fmt: skip
def test_what_does_not_compile_is_an_error(text):
    """Even text on which the library itself breaks down raises the same kind of error."""
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=60) | st.text("abc.()[]{}'\"\\<>=!&|?:,+-*/%01 \n", max_size=60))
def test_any_text_compiles_or_is_refused(text):
    """No text makes the door fall off its hinges."""
    with contextlib.suppress(ExpressionError):
        Expression(text).evaluate(ENV)


@given(st.text(max_size=5), st.text(max_size=5))
def test_the_short_way_says_what_cel_says(left, right):
    """Comparing two texts without CEL gives what CEL gives."""
    variables = {"a": {"x": left}, "b": {"y": right}}
    by_hand = Expression("a.x == b.y").evaluate(variables)
    assert by_hand is Expression("(a.x) == (b.y)").evaluate(variables)


def test_roots_are_the_variables():
    """The names a rule refers to are known, whatever stands in its texts and comments."""
    assert Expression("args.x > seen.orders[args.id].total").roots == {"args", "seen"}
    assert Expression("'now' == args.x // principal").roots == {"args"}
    assert Expression("type(args) == int").roots == {"args"}


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("args.x.all(i, i > 1)", []),
        ("size(args.x) > 0 && args.y.startsWith('a')", []),
        ("timestamp(args.x) < now && int(args.y) == 1", []),
        ("arg.x", ["no variable `arg`; did you mean `args`?"]),
        ("args.x.beginsWith('a')", ["no function `beginsWith`"]),
        ("sise(args.x) > 0", ["no function `sise`; did you mean `size`?"]),
    ],
)
def test_names_that_nobody_defines_are_found_before_a_run(text, faults):
    """An expression that could only fail is told apart from one that works."""
    found = Expression(text).faults(["args", "now"])
    assert len(found) == len(faults)
    assert all(told.startswith(fault) for told, fault in zip(found, faults, strict=True))


def test_literals_and_expressions_mix():
    """Text that begins with `=` is computed; all else is as it is written."""
    made = literal_or_expression({"id": "=args.id", "list": ["=args.n", "= args.n", "x=1"], "n": 1})
    assert made(ENV) == {"id": "o_1", "list": [3, 3, "x=1"], "n": 1}


def test_prose_is_filled_in():
    """Names are filled in; one without a value stays empty; values are not filled again."""
    text = Template("Hi {{ principal.name }} {{principal.x}}!")
    assert placeholders("{{ principal.name }} {{principal.x}}") == ["principal.name", "principal.x"]
    assert text.fill({"principal": {"name": "{{ principal.id }}"}}) == "Hi {{ principal.id }} !"


def test_the_console_of_the_library_stays_out():
    """Evaluating an expression does not load the library's interactive console."""
    code = (
        "import sys\n"
        "from agentctl.specs.language.expressions import Expression\n"
        "assert Expression('a > 1').evaluate({'a': 2}) is True\n"
        "assert not {'prompt_toolkit', 'typer'} & set(sys.modules), 'console'\n"
        "import cel\n"
        "assert cel.compile('1 + 1').execute({}) == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_library_that_is_loaded_already_is_used_as_it_is():
    """Whoever imports `cel` first, the expressions work: it can be initialised only once."""
    code = (
        "import cel\n"
        "from agentctl.specs.language.expressions import Expression\n"
        "assert Expression('a > 1').evaluate({'a': 2}) is True\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interruption_is_no_error_of_an_expression():
    """Ctrl-C during an evaluation stops the program; it does not become a denial."""

    class Interrupted:
        def execute(self, _given: object) -> None:
            raise KeyboardInterrupt

    expression = Expression("args.n > 1")
    expression._program = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        expression.evaluate(ENV)
