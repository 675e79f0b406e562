"""Turn data into a model, and what does not fit into diagnostics in our own words.

All problems of a file come in one go, each at its place. Values are not repeated in messages: the
excerpt of the line shows them where the user wrote them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Location, Problem
from agentctl.core.text import did_you_mean
from agentctl.specs.language.schemas import path_text
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.base import Family

M = TypeVar("M", bound=BaseModel)
DataPath = tuple[str | int, ...]

_WHOLE = "the file"
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "datetime_type": "a moment such as 2026-01-15T09:00:00Z",
    "datetime_from_date_parsing": "a moment such as 2026-01-15T09:00:00Z",
    "datetime_parsing": "a moment such as 2026-01-15T09:00:00Z",
    "timezone_aware": "a moment with an offset, such as 2026-01-15T09:00:00Z",
    "decimal_parsing": "an amount such as 0.25",
    "decimal_type": "an amount such as 0.25",
}
_PATTERNS = {
    "[A-Za-z0-9_.-]{1,64}": "letters, digits, `_`, `.` and `-`, at most 64",
    "[A-Za-z0-9][A-Za-z0-9_./-]{0,127}": "letters, digits, `-`, `_`, `.` and `/`, at most 128",
    "[a-z0-9][a-z0-9_-]{0,63}": "lower-case letters, digits, `-` and `_`, at most 64",
    "[0-9a-f]{12,64}": "at least twelve hex digits of a fingerprint; `eval --stamp` writes them",
    "(s|m|h|d)": "a duration such as 30s, 15m, 4h or 2d",
}
_VARIABLE = r"^\$\{"
"""How the pattern of a value begins that must be `${NAME}`."""
QUOTE = "put the text in quotes: a comma inside {...} starts a new key"


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A file as a model, with the place of everything in it."""

    model: M
    source: Source
    path: Path


def decode(model: type[M], data: Json, source: Source, at: DataPath = ()) -> M:
    """Validate `data`, which stands at `at` in `source`.

    Raises:
        Problem: With a diagnostic for everything that does not fit.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = diagnose(model, error, data, source, at)
        raise Problem(*found) from error


def diagnose(
    model: type[BaseModel], error: ValidationError, data: Json, source: Source, at: DataPath = ()
) -> list[Diagnostic]:
    """Return the diagnostics for a pydantic error."""
    seen: set[tuple[str, str]] = set()
    found = []
    for item in _merged(error.errors(include_url=False, include_input=False)):
        diagnostic = _diagnostic(model, item, data, source, at)
        key = (diagnostic.message, str(diagnostic.location))
        if key not in seen:
            seen.add(key)
            found.append(diagnostic)
    return sorted(found, key=_position)


def _merged(items: list[Any]) -> Iterator[Any]:
    """Yield the errors; those of several closed sets that one value may come from become one."""
    found: dict[DataPath, Any] = {}
    for item in items:
        if item["type"] != "literal_error":
            yield item
            continue
        # The last part of the place names the set, where there are several.
        place = tuple(part for part in item["loc"] if not str(part).startswith("literal["))
        known = found.setdefault(place, {**item, "loc": place, "ctx": {"expected": ""}})
        known["ctx"]["expected"] += f",{item['ctx']['expected']}"
    yield from found.values()


def _position(diagnostic: Diagnostic) -> tuple[int, int]:
    at = diagnostic.location
    return (at.line, at.column) if at else (0, 0)


def _diagnostic(
    model: type[BaseModel], item: Any, data: Json, source: Source, at: DataPath
) -> Diagnostic:
    kind, path = item["type"], _path_in(data, item["loc"])
    name = _name((*at, *path))
    here = (*at, *path)
    bare = any(key[: len(here)] == here for key in source.bare)
    if kind == "extra_forbidden":
        where = source.key_at(*at, *path)
        hint = QUOTE if bare else did_you_mean(name, _fields(model, item["loc"]))
        return Diagnostic("unknown-field", f"unknown field `{name}`", where, hint)
    if kind == "missing":
        field = str(item["loc"][-1])
        owner = path_text(path)
        message = f"`{field}` is missing" + (f" in `{owner}`" if owner else "")
        return Diagnostic("missing-field", message, source.key_at(*at, *path))
    if item["loc"][-1:] == ("[key]",):
        found = _value_problem(kind, name, item.get("ctx") or {}, "", source.key_at(*at, *path))
        return replace(found, message=f"the key {found.message}")
    where = source.at(*at, *path)
    found = _value_problem(kind, name, item.get("ctx") or {}, item["msg"], where)
    return replace(found, hint=QUOTE) if bare else found


def _name(path: DataPath) -> str:
    """Name a place: the field, or the list it is an item of.

    >>> _name(("rules", 1)), _name(("rules", 1, "when")), _name(())
    ('rules[1]', 'when', 'the file')
    """
    if not path:
        return _WHOLE
    if isinstance(path[-1], int):
        return f"{_name(path[:-1])}[{path[-1]}]"
    return path[-1]


def _value_problem(
    kind: str, name: str, context: dict[str, Any], said: str, where: Location
) -> Diagnostic:
    if kind in _TYPES:
        shown = f"`{name}`" if name != _WHOLE else name
        return Diagnostic("wrong-type", f"{shown} should be {_TYPES[kind]}", where)
    if kind == "value_error":
        return Diagnostic("invalid-value", f"`{name}`: {context.get('error', said)}", where)
    if kind == "literal_error":
        choices = _choices(str(context.get("expected", "")))
        wanted = f"one of {', '.join(choices)}" if len(choices) > 1 else f"`{choices[0]}`"
        message = f"`{name}` should be {wanted}"
        written = where.text[where.column - 1 :][: where.length] if where.text else ""
        return Diagnostic("invalid-value", message, where, did_you_mean(written, choices))
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        if pattern.startswith(_VARIABLE):
            # The line is not shown: it may well hold the secret.
            message = f"`{name}` is a secret, and no secret stands in a file"
            hint = "write `${NAME}`; the value comes from the environment of the run"
            return Diagnostic("secret-in-file", message, replace(where, text=None), hint)
        words = next((w for p, w in _PATTERNS.items() if p in pattern), f"text like {pattern}")
        return Diagnostic("invalid-value", f"`{name}` should be {words}", where)
    bound = _bound(kind, context)
    return Diagnostic("invalid-value", f"`{name}` should be {bound}", where)


def _bound(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"at least {context['ge']:g}"
        case "greater_than":
            return f"more than {context['gt']:g}"
        case "less_than_equal":
            return f"at most {context['le']:g}"
        case "less_than":
            return f"less than {context['lt']:g}"
        case "string_too_short" | "too_short":
            return "not empty"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "finite_number":
            return "a finite number"
        case _:
            return "something else"


def _choices(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",") if part.strip()]


def _path_in(data: Json, loc: Sequence[str | int]) -> DataPath:
    """Follow `loc` through the data; parts that only the model knows are left out."""
    path: list[str | int] = []
    here = data
    for part in loc:
        in_mapping = isinstance(here, dict) and part in here
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_mapping or in_list:
            here = here[part]
            path.append(part)
    return tuple(path)


def _fields(model: type[BaseModel], loc: Sequence[str | int]) -> Iterator[str]:
    """Return the field names of the model that `loc` leads to, as YAML writes them."""
    here: Any = model
    for part in loc[:-1]:
        found = _below(here, part)
        here = found if found is not None else here
    for each in _models(here):
        for name, info in each.model_fields.items():
            yield info.alias or name


def _below(annotation: Any, part: str | int) -> Any:
    for candidate in _models(annotation):
        for name, info in candidate.model_fields.items():
            if part in (name, info.alias):
                return info.annotation
    if isinstance(part, int) or not _is_model(annotation):
        return annotation
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if _is_model(annotation):
        head = issubclass(annotation, Family) and annotation.is_head()
        return annotation.members() if head else [annotation]
    return [found for arg in get_args(annotation) for found in _models(arg)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


__all__ = ["QUOTE", "Loaded", "decode", "diagnose"]
