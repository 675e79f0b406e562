"""Compare a value with what was expected, field by field, and say where they differ.

A value that is a mapping with exactly one matcher name as its key is a matcher (`{contains:
late}`); any other mapping is matched by field; `{equals: {...}}` is the literal way out. The names
of arguments, of a record's fields and of an output's fields are never matchers. Numbers compare by
value; a boolean never equals a number, and text equals neither.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from agentctl.core.canonical import Json, same_value

ABSENT = "absent"
_NOTHING = object()


class ValueDifference(NamedTuple):
    """One place where a value is not what was expected."""

    path: str
    """Such as `items[0].total`; empty for the value itself."""
    expected: Json
    got: Json
    """`None` also where nothing stands; see `missing`."""
    missing: bool = False


def matches(expected: Json, actual: Json) -> bool:
    """Whether `actual` is what was expected; listed fields of mappings must match."""
    return not value_differences(expected, actual)


def fields_test(
    expected: Mapping[str, Json],
) -> Callable[[Mapping[str, Json]], bool]:
    """Compile "every listed field is what was expected", one named like a matcher included.

    >>> fields_test({"prefix": "+49", "n": {"gt": 1}})({"prefix": "+49", "n": 2, "m": 3})
    True
    """
    tests = [(name, _test(wanted)) for name, wanted in expected.items()]
    if len(tests) == 1:
        ((only, fits),) = tests
        return lambda actual: fits(actual.get(only, _NOTHING))
    return lambda actual: all(test(actual.get(name, _NOTHING)) for name, test in tests)


def _test(expected: Json) -> Callable[[Json], bool]:
    name = matcher_name(expected)
    if name is not None:
        return partial(MATCHERS[name], expected[name])
    return lambda actual: not _compare(expected, actual, "", False)


def value_differences(
    expected: Json, actual: Json, path: str = "", *, exact: bool = False
) -> list[ValueDifference]:
    """Return every place where `actual` is not what was expected.

    Args:
        expected: Plain JSON, with matchers anywhere in it.
        actual: Plain JSON.
        path: Where both stand, as a prefix of the paths returned.
        exact: Whether fields that are not listed are differences too.
    """
    return _compare(expected, actual, path, exact)


def field_differences(
    expected: Mapping[str, Json], actual: Mapping[str, Json]
) -> list[ValueDifference]:
    """Return every listed field that is not as expected; one may be named like a matcher.

    >>> field_differences({"prefix": {"gt": 1}}, {"prefix": 1, "more": 2})
    [ValueDifference(path='prefix', expected={'gt': 1}, got=1, missing=False)]
    """
    return _fields(expected, actual, "", False)


def _compare(expected: Json, actual: Json, path: str, exact: bool) -> list[ValueDifference]:
    if isinstance(expected, dict):
        name = matcher_name(expected)
        if name is not None:
            held = MATCHERS[name](expected[name], actual)
            return [] if held else [_difference(path, expected, actual)]
        if not isinstance(actual, dict):
            return [_difference(path, expected, actual)]
        return _fields(expected, actual, path, exact)
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) == len(actual):
            return [
                found
                for index, pair in enumerate(zip(expected, actual, strict=True))
                for found in _compare(*pair, f"{path}[{index}]", exact)
            ]
        return [_difference(path, expected, actual)]
    if actual is not _NOTHING and same_value(expected, actual):
        return []
    return [_difference(path, expected, actual)]


def _fields(
    expected: Mapping[str, Json], actual: Mapping[str, Json], path: str, exact: bool
) -> list[ValueDifference]:
    found = []
    for key, wanted in expected.items():
        below = f"{path}.{key}" if path else key
        found += _compare(wanted, actual.get(key, _NOTHING), below, exact)
    if exact:
        for key in sorted(actual.keys() - expected.keys()):
            below = f"{path}.{key}" if path else key
            found.append(ValueDifference(below, {ABSENT: True}, actual[key]))
    return found


def _difference(path: str, expected: Json, actual: Json) -> ValueDifference:
    if actual is _NOTHING:
        return ValueDifference(path, expected, None, missing=True)
    return ValueDifference(path, expected, actual)


def matcher_name(expected: Json) -> str | None:
    """Return the matcher a value is, if it is one."""
    if isinstance(expected, dict) and len(expected) == 1:
        (name,) = expected
        return name if name in MATCHERS else None
    return None


def _ordered(test: Callable[[Json, Json], bool]) -> Callable[[Json, Json], bool]:
    def compare(bound: Json, actual: Json) -> bool:
        if isinstance(bound, str):
            return isinstance(actual, str) and test(actual, bound)
        return _number(actual) and _number(bound) and test(actual, bound)

    return compare


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_ENDS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[a-zA-Z-]*m[a-zA-Z-]*[:)]|\$", re.DOTALL)
"""What may hold a `$`, a flag that gives it another meaning, and a `$` that ends the text."""


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern whose `$` is the end of the text; Python's lets a newline follow."""
    re.compile(text)
    found = [part[0] for part in _ENDS.finditer(text)]
    if any(part.startswith("(?") for part in found):
        return re.compile(text)
    return re.compile(_ENDS.sub(lambda part: r"\Z" if part[0] == "$" else part[0], text))


def _contains(part: Json, actual: Json) -> bool:
    if isinstance(actual, str):
        return isinstance(part, str) and part in actual
    return isinstance(actual, list) and any(matches(part, item) for item in actual)


def _approx(spec: Json, actual: Json) -> bool:
    return _number(actual) and abs(actual - spec["value"]) <= spec["within"]


def _folded(text: Json, actual: Json) -> bool:
    return isinstance(actual, str) and actual.casefold() == str(text).casefold()


MATCHERS: dict[str, Callable[[Json, Json], bool]] = {
    "equals": lambda want, got: got is not _NOTHING and same_value(want, got),
    "one_of": lambda want, got: got is not _NOTHING and any(same_value(item, got) for item in want),
    "not": lambda want, got: got is not _NOTHING and not matches(want, got),
    "lt": _ordered(lambda got, bound: got < bound),
    "lte": _ordered(lambda got, bound: got <= bound),
    "gt": _ordered(lambda got, bound: got > bound),
    "gte": _ordered(lambda got, bound: got >= bound),
    "regex": lambda want, got: isinstance(got, str) and _pattern(want).search(got) is not None,
    "prefix": lambda want, got: isinstance(got, str) and got.startswith(want),
    "suffix": lambda want, got: isinstance(got, str) and got.endswith(want),
    "contains": _contains,
    "ignore_case": _folded,
    "any": lambda want, got: want is True and got is not _NOTHING,
    "present": lambda want, got: (got is not _NOTHING) is want,
    "absent": lambda want, got: (got is _NOTHING) is want,
    "all_of": lambda want, got: all(matches(item, got) for item in want),
    "any_of": lambda want, got: any(matches(item, got) for item in want),
    "approx": _approx,
}
HOLD_MATCHERS = frozenset(("not", "all_of", "any_of", "contains"))
"""Those whose own value is matched, not compared as it is."""
_MEANT = {
    "greater": "gt",
    "greaterthan": "gt",
    "morethan": "gt",
    "atleast": "gte",
    "ge": "gte",
    "less": "lt",
    "lessthan": "lt",
    "atmost": "lte",
    "le": "lte",
    "eq": "equals",
    "ne": "not",
    "oneof": "one_of",
    "anyof": "any_of",
    "allof": "all_of",
    "startswith": "prefix",
    "beginswith": "prefix",
    "endswith": "suffix",
    "ignorecase": "ignore_case",
    "approximately": "approx",
}
"""What other tools call a matcher, in letters alone."""


ValuePath = tuple[str | int, ...]


def matcher_problems(expected: Json, path: ValuePath = ()) -> Iterator[tuple[ValuePath, str]]:
    """Yield the place and the fault of every matcher that is written wrongly."""
    name = matcher_name(expected)
    if name is not None:
        fault = _fault(name, expected[name])
        if fault:
            yield path, f"`{name}` {fault}"
        elif name in HOLD_MATCHERS:
            yield from matcher_problems(expected[name], (*path, name))
        return
    yield from matcher_field_problems(expected, path)


def matcher_field_problems(expected: Json, path: ValuePath = ()) -> Iterator[tuple[ValuePath, str]]:
    """Yield the same of all fields or items; the name of a field is never a matcher."""
    if isinstance(expected, dict):
        items: Iterable[tuple[str | int, Json]] = expected.items()
    else:
        items = enumerate(expected) if isinstance(expected, list) else ()
    for key, value in items:
        yield from matcher_problems(value, (*path, key))


def meant_matcher(name: str) -> str | None:
    """Return which matcher a name from elsewhere stands for; no name of a field says as much.

    >>> meant_matcher("greater"), meant_matcher("startsWith"), meant_matcher("note")
    ('gt', 'prefix', None)
    """
    return _MEANT.get(re.sub("[^a-z]", "", name.casefold())) if name not in MATCHERS else None


def _fault(name: str, want: Json) -> str | None:
    match name:
        case "one_of" | "all_of" | "any_of" if not isinstance(want, list) or not want:
            return "needs a list"
        case "lt" | "lte" | "gt" | "gte" if not (_number(want) or isinstance(want, str)):
            return "needs a number or text"
        case "prefix" | "suffix" | "ignore_case" | "regex" if not isinstance(want, str):
            return "needs text"
        case "any" | "present" | "absent" if not isinstance(want, bool):
            return "needs true or false"
        case "regex":
            try:
                _pattern(want)
            except re.error as error:
                return f"is no regular expression: {error}"
        case "approx":
            fits = isinstance(want, dict) and want.keys() == {"value", "within"}
            if not fits or not all(map(_number, want.values())):
                return "needs {value: NUMBER, within: NUMBER}"
    return None


__all__ = [
    "ABSENT",
    "HOLD_MATCHERS",
    "MATCHERS",
    "ValueDifference",
    "field_differences",
    "fields_test",
    "matcher_field_problems",
    "matcher_name",
    "matcher_problems",
    "matches",
    "meant_matcher",
    "value_differences",
]
