"""Keep as much of a schema from elsewhere as can be checked here, and name what is left out.

Only a constraint may go: what remains accepts every value that the whole schema accepts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from agentctl.core.canonical import NotCanonical, canonical_text, parse_strict
from agentctl.specs.language.schemas import NAMED_SCHEMAS, Schema, SchemaProblem, path_text

MOST_UNCHECKED = 20
"""A schema that would lose more constraints than this is not used."""
_MAY_GO = ("pattern", "$schema")
_TURNING = frozenset({"not", "oneOf", "if", "contains", "dependentSchemas", "unevaluatedItems"})
"""Inside of these a milder schema may refuse more values: they go as a whole."""


class ReadableSchema(NamedTuple):
    """A schema that can be used, and what the original demands besides."""

    schema: dict[str, Any]
    unchecked: Sequence[str]


def readable_schema(schema: dict[str, Any]) -> ReadableSchema:
    """Return a schema without the constraints that cannot be checked here.

    Those are patterns with look-around or back-references; and a draft that nobody knows is read
    as the newest.

    Raises:
        SchemaProblem: If it is not a schema, or refers to nothing or elsewhere.
    """
    lost: list[str] = []
    try:
        # A copy, in which 1.0 is 1 as in every other spec.
        schema = parse_strict(canonical_text(schema))
    except NotCanonical as error:
        raise SchemaProblem(str(error)) from error
    while True:
        try:
            Schema(schema)
            return ReadableSchema(schema, lost)
        except SchemaProblem as wrong:
            place = _losable(wrong.path)
            if not place or len(lost) == MOST_UNCHECKED:
                raise
            lost.append(f"{path_text(place)}: {wrong}")
            _remove(schema, place)


def _losable(path: Sequence[str | int]) -> Sequence[str | int]:
    """Return the path of the keyword that may be left out; empty where none may."""
    if not path or path[-1] not in _MAY_GO or _is_name(path, len(path) - 1):
        return ()
    for index, part in enumerate(path):
        if part in _TURNING and not _is_name(path, index):
            return path[: index + 1]
    return path


def _is_name(path: Sequence[str | int], index: int) -> bool:
    """Whether a part of a path is the name of a property or a definition."""
    named = False
    for part in path[:index]:
        named = not named and part in NAMED_SCHEMAS
    return named


def _remove(schema: Any, path: Sequence[str | int]) -> None:
    *above, keyword = path
    for part in above:
        schema = schema[part]
    del schema[keyword]


__all__ = ["MOST_UNCHECKED", "ReadableSchema", "readable_schema"]
