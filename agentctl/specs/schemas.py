"""The one door to JSON Schema (2020-12): offline, linear-time patterns, formats asserted.

A schema comes from a manifest and may be hostile: a remote `$ref` is never fetched, and no pattern
can make a validation hang.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jsonschema_rs

from agentctl.core.canonical import Json, canonical_text, parse_strict

MOST_ERRORS = 5
"""How many problems of one value are told."""
_DRAFTS = (None, "https://json-schema.org/draft/2020-12/schema")


class SchemaProblem(ValueError):  # noqa: N818 - the problem with a schema
    """The schema itself is wrong.

    Args:
        message: What is wrong with it.
        path: Where in the schema.
    """

    def __init__(self, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.path = tuple(path)


class Schema:
    """A compiled schema.

    Args:
        schema: JSON Schema 2020-12.

    Raises:
        SchemaProblem: If it is not valid, refers elsewhere, or names an unknown format.
    """

    __slots__ = ("_validator", "ok")

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = _compile(canonical_text(schema))
        self.ok = self._validator.is_valid
        """Whether a value fits."""

    def errors(self, value: Json) -> list[str]:
        """Say what is wrong with a value, each with its path; empty when it fits."""
        found = []
        for error in self._validator.iter_errors(value):
            where = path_text(error.instance_path)
            found.append(f"{where}: {error.message}" if where else error.message)
            if len(found) == MOST_ERRORS:
                break
        return found


def path_text(path: Sequence[str | int]) -> str:
    """Write a path as people read it.

    >>> path_text(["items", 0, "total"])
    'items[0].total'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@lru_cache(maxsize=4096)
def _compile(text: str) -> Any:
    schema = parse_strict(text)
    if schema.get("$schema") not in _DRAFTS:
        raise SchemaProblem(f"only JSON Schema 2020-12 is read, not {schema['$schema']}")
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            ignore_unknown_formats=False,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaProblem(_own_words(error.message), error.instance_path) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaProblem(str(error).splitlines()[0]) from error


def _own_words(said: str) -> str:
    """Say what is wrong with a schema without the library's inner life."""
    if " is not valid under any of the schemas" in said:
        return f"{said.split(' is not valid')[0]} is not what JSON Schema allows here"
    if said.startswith("Resource '"):
        return f"the schema of {said.split(chr(39))[1]} is not fetched: write it out here"
    if said.startswith("Unknown format"):
        return f"no format {said.split(': ')[1].split('. ')[0]} is known"
    return said


__all__ = ["MOST_ERRORS", "Schema", "SchemaProblem", "path_text"]
