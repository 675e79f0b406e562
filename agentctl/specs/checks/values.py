"""What can be wrong with one name, expression, value or schema, reported at its place.

An expression that compiles can still be one that always fails: an undefined variable or
function, an argument or table that does not exist. Those are reported as well, because nobody means
a rule that always fails.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Location
from agentctl.core.text import did_you_mean
from agentctl.specs.language.expressions import Expression, ExpressionError, placeholders
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.tools import ToolSpec

CheckedPlace = tuple[str | int, ...]
_MEMBER = re.compile(r"(?<![\w.'\"])(args|seen|results)\.([A-Za-z_]\w*)")
_OF = {"args": "argument", "seen": "table", "results": "tool"}


class Scope(NamedTuple):
    """What an expression is given."""

    variables: tuple[str, ...]
    members: Mapping[str, Collection[str]] = {}
    """Fields that `args`, `seen` and `results` can have; one left out can have any."""


class LiveTool(NamedTuple):
    """A tool with a live side, and where that stands: what a tool backend's checks are given."""

    tool: ToolSpec
    server: Server | None
    """The server it names, where there is one of that name."""
    arguments: Collection[str]
    source: Source
    here: CheckedPlace
    """The place of its `live:`."""


def unknown_name(what: str, name: str, known: Collection[str], at: Location) -> Diagnostic:
    """Return the diagnostic for a name that leads nowhere."""
    hint = did_you_mean(name, known)
    if hint is None and known:
        hint = f"there are: {', '.join(sorted(known))}" if len(known) < 9 else None
    return Diagnostic(f"unknown-{what}", f"no {what.replace('-', ' ')} `{name}`", at, hint)


def expression_problems(text: str, at: Location, scope: Scope) -> Iterator[Diagnostic]:
    """Yield why an expression does not compile, or why it could only fail."""
    try:
        expression = Expression(text)
    except ExpressionError as error:
        yield Diagnostic("bad-expression", f"`{text}` is not CEL: {error}", at)
        return
    for fault in expression.faults(scope.variables):
        message, _, hint = fault.partition("; ")
        if not hint and message.startswith("no variable"):
            hint = f"there are: {', '.join(sorted(scope.variables))}"
        yield Diagnostic("bad-expression", f"`{text}`: {message}", at, hint or None)
    for holder, name in sorted(set(_MEMBER.findall(text))):
        known = scope.members.get(holder)
        if known is not None and holder in scope.variables and name not in known:
            yield unknown_name(_OF[holder], name, known, at)


def value_problems(
    value: Json, source: Source, here: CheckedPlace, scope: Scope
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the `=` expressions in a value."""
    if isinstance(value, str) and value.startswith("="):
        yield from expression_problems(value[1:].strip(), source.at(*here), scope)
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from value_problems(item, source, (*here, key), scope)


def schema_problem(schema: dict[str, Any], source: Source, *path: str | int) -> list[Diagnostic]:
    """Return the diagnostic for a JSON Schema that is not one."""
    try:
        Schema(schema)
    except SchemaProblem as problem:
        return [Diagnostic("bad-schema", str(problem), source.at(*path, *problem.path))]
    return []


def placeholder_problems(text: str, at: Location) -> Iterator[Diagnostic]:
    """Yield the `{{ }}` of a prompt that would stay as they are, or stay empty."""
    names = placeholders(text)
    for name in names:
        if not name.startswith("principal."):
            yield unknown_name("placeholder", name, ["principal.name"], at)
    if text.count("{{") > len(names):
        message = "a `{{` that starts no placeholder would reach the model as it is"
        yield Diagnostic("bad-placeholder", message, at, "write {{ principal.name }}")


def arguments_of(schema: dict[str, Any]) -> Collection[str]:
    """Return the names of the arguments that a tool declares."""
    properties = schema.get("properties")
    return properties.keys() if isinstance(properties, dict) else ()


__all__ = [
    "Scope",
    "arguments_of",
    "expression_problems",
    "placeholder_problems",
    "schema_problem",
    "unknown_name",
    "value_problems",
]
