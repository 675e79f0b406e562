"""The one door to CEL (https://cel.dev), and to the two places where text holds expressions.

`import cel` costs more than starting Python, so it happens when the first expression is compiled.
Lookups (`args.order_id`) and comparisons of two texts (`record.owner == principal.id`) are most of
what policies and mocks are made of; they are answered here, exactly as CEL would, because CEL
copies every variable it is given.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from agentctl.core.canonical import Json

Variables = Mapping[str, Json]

_NAME = re.compile(r"(?<![\w.'\"])([A-Za-z_]\w*)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PATH = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
_EQUAL = re.compile(r"^([A-Za-z_][\w.]*)\s*==\s*([A-Za-z_][\w.]*|'[^'\\]*')$")
_FILL = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_MISSING = object()


class ExpressionError(ValueError):
    """The expression cannot be compiled or evaluated."""


class Expression:
    """A compiled expression.

    Args:
        text: CEL.

    Raises:
        ExpressionError: If it does not compile.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._program = _compile(text)
        self.roots = frozenset(_NAME.findall(_QUOTED.sub("''", text)))
        """Names that may be variables: those that no dot precedes."""
        self._path = text.split(".") if _PATH.match(text) else None
        self._equal = _sides(text)

    def evaluate(self, variables: Variables) -> Json:
        """Return the value.

        Raises:
            ExpressionError: For a missing field, a type that does not fit, or NaN.
        """
        if self._path is not None:
            value = _walk(variables, self._path)
            if isinstance(value, str):
                return value
        elif self._equal is not None:
            left, right = (_side(variables, side) for side in self._equal)
            if isinstance(left, str) and isinstance(right, str):
                return left == right
        return self._ask_cel(variables)

    def _ask_cel(self, variables: Variables) -> Json:
        given = {name: value for name, value in variables.items() if name in self.roots}
        try:
            return self._program.execute(given)
        except Exception as error:
            raise ExpressionError(_short(error)) from error


def _walk(value: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(value, Mapping):
            return _MISSING
        value = value.get(part, _MISSING)
    return value


def _sides(text: str) -> list[list[str] | str] | None:
    found = _EQUAL.match(text)
    if found is None:
        return None
    return [side[1:-1] if side.startswith("'") else side.split(".") for side in found.groups()]


def _side(variables: Variables, side: list[str] | str) -> Any:
    return side if isinstance(side, str) else _walk(variables, side)


@lru_cache(maxsize=4096)
def _compile(text: str) -> Any:
    cel = import_module("cel")
    try:
        return cel.compile(text)
    except Exception as error:
        raise ExpressionError(_short(error)) from error


def _short(error: Exception) -> str:
    """Return the first sentence of an error of the library, without its excerpt."""
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    lines = str(error.args[0] if error.args else error).strip('"').splitlines()
    text = lines[0] if lines else type(error).__name__
    found = re.search(r"ERROR: <input>:\d+:(\d+): (.*)", text)
    if found:
        return f"column {found.group(1)}: {found.group(2).split(' expecting ')[0]}"
    return text.split(". ")[0]


def literal_or_expression(value: Json) -> Callable[[Variables], Json]:
    """Compile a value in which every text that begins with `=` is an expression.

    Raises:
        ExpressionError: If one does not compile.
    """
    if isinstance(value, str) and value.startswith("="):
        return Expression(value[1:].strip()).evaluate
    if isinstance(value, dict):
        fields = [(key, literal_or_expression(item)) for key, item in value.items()]
        return lambda variables: {key: field(variables) for key, field in fields}
    if isinstance(value, list):
        items = [literal_or_expression(item) for item in value]
        return lambda variables: [item(variables) for item in items]
    return lambda _variables: value


def placeholders(text: str) -> list[str]:
    """Return the names in `{{ }}` of a text.

    >>> placeholders("Hello {{ principal.name }}")
    ['principal.name']
    """
    return _FILL.findall(text)


class Template:
    """Prose with `{{ names }}` to fill in; a name without a value stays empty.

    >>> Template("Hello {{ principal.name }}.").fill({"principal": {"name": "Ana"}})
    'Hello Ana.'
    """

    def __init__(self, text: str) -> None:
        # Text and names in turn, text first and last.
        parts = _FILL.split(text)
        self._parts = [part.split(".") if n % 2 else part for n, part in enumerate(parts)]

    def fill(self, variables: Variables) -> str:
        """Return the text with its names filled in."""
        return "".join(
            [part if isinstance(part, str) else _shown(variables, part) for part in self._parts]
        )


def _shown(variables: Variables, path: list[str]) -> str:
    found = _walk(variables, path)
    return "" if found is _MISSING or found is None else str(found)


__all__ = [
    "Expression",
    "ExpressionError",
    "Template",
    "Variables",
    "literal_or_expression",
    "placeholders",
]
