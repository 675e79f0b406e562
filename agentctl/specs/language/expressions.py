"""The one door to CEL (https://cel.dev), and to the two places where text holds expressions.

The library is loaded when the first expression is compiled. Lookups (`args.order_id`) and
comparisons of two texts (`record.owner == principal.id`) are most of what policies and mocks are
made of; they are answered here, exactly as CEL would, because CEL copies every variable it is
given. What comes out is plain JSON: a result that has no such form is an error.
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

from agentctl.core.canonical import MAX_SAFE_INTEGER, Json
from agentctl.core.text import did_you_mean

Variables = Mapping[str, Json]

MOST_CHARACTERS = 2000
"""Longest expression; the library's parser does not survive any length."""
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """bytes contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek
        getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth getSeconds int
        matches size startsWith string timestamp type uint""",
    )
)
"""What an expression can call, besides operators and the macros `has`, `all`, `exists`,
`exists_one`, `filter` and `map`."""
_TYPES = frozenset(("bool", "bytes", "double", "int", "list", "map", "string", "type", "uint"))
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\(\s*([A-Za-z_]\w*)\s*,")
_PATH = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
_EQUAL = re.compile(r"^([A-Za-z_][\w.]*)\s*==\s*([A-Za-z_][\w.]*|'[^'\\]*')$")
_FILL = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_MISSING = object()
_JSON_TYPES = frozenset((str, bool, int, float, list, dict, type(None)))


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
        self.roots = frozenset(self._program.variables()) - _TYPES
        """Names of the variables it refers to, with those that its own macros bind."""
        self._path = text.split(".") if _PATH.match(text) else None
        self._equal = _sides(text)

    def evaluate(self, variables: Variables) -> Json:
        """Return the value: plain JSON; moments as RFC 3339, durations as seconds (`3600s`).

        Raises:
            ExpressionError: For a missing field, a type that does not fit, or a result that is no
                JSON, such as NaN.
        """
        if self._path is not None:
            value = _walk(variables, self._path)
            if type(value) in _JSON_TYPES:
                return _plain(value) if type(value) in (int, float) else value
        elif self._equal is not None:
            left, right = (_side(variables, side) for side in self._equal)
            if isinstance(left, str) and isinstance(right, str):
                return left == right
        return self._ask_cel(variables)

    def _ask_cel(self, variables: Variables) -> Json:
        given = {name: value for name, value in variables.items() if name in self.roots}
        try:
            return _plain(self._program.execute(given))
        except ExpressionError:
            raise
        except BaseException as error:
            raise _refused(error) from error

    def faults(self, known: Iterable[str]) -> list[str]:
        """Say which names in it can never be found, so that it could only fail.

        Args:
            known: The variables it is given.
        """
        names = frozenset(known)
        strange = self.roots - names - frozenset(_BOUND.findall(self.text))
        found = [_no("variable", name, names) for name in sorted(strange)]
        called = (name for name in self._program.functions() if name[:1].isalpha())
        return found + [_no("function", n, FUNCTIONS) for n in called if n not in FUNCTIONS]


def _no(what: str, name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, known)
    return f"no {what} `{name}`" + (f"; {hint}" if hint else "")


def _plain(value: Any) -> Json:
    """Return a result of CEL as JSON."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ExpressionError("the result is beyond 2^53")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("the result is not a finite number")
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ExpressionError("a key of the result is not text")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    raise ExpressionError("the result is no JSON value")


def _walk(value: Any, path: list[str]) -> Any:
    for part in path:
        # Nearly all are dicts, which is a much quicker question.
        if type(value) is not dict and not isinstance(value, Mapping):
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
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"longer than {MOST_CHARACTERS} characters")
    try:
        return _library().compile(text)
    except BaseException as error:
        raise _refused(error) from error


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the compiled part of `cel`.

    The package around it imports an interactive console, which costs ten times as much.
    """
    package = find_spec("cel")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("cel.cel", places) if places else None
    if spec is None or spec.loader is None or "cel" in sys.modules:
        return import_module("cel")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # A later `import cel` finds this one: it may be initialised only once.
    sys.modules["cel.cel"] = module
    return module


def _refused(error: BaseException) -> ExpressionError:
    """Turn whatever the library raised into our error; an interruption goes on as it is."""
    # A bug in the library arrives as a PanicException, which is no Exception: it must deny too.
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return ExpressionError(_short(error))


def _short(error: BaseException) -> str:
    """Return the first sentence of an error of the library, without its excerpt."""
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    lines = str(error.args[0] if error.args else error).strip('"').splitlines()
    text = lines[0] if lines else type(error).__name__
    if "Recursion limit" in text:
        return "nested too deeply"
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
    "FUNCTIONS",
    "MOST_CHARACTERS",
    "Expression",
    "ExpressionError",
    "Template",
    "Variables",
    "literal_or_expression",
    "placeholders",
]
