"""The one door to JSON Schema (2020-12): offline, linear-time patterns, formats asserted.

A schema comes from a manifest and may be hostile: a remote `$ref` is never fetched, no pattern can
make a validation hang, and neither can definitions that each refer twice to the next one.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict

MOST_ERRORS = 5
"""How many problems of one value are told."""
MOST_PARTS = 20_000
"""Parts of a schema, each counted as often as it is referred to."""
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
        try:
            text = canonical_text(schema)
        except NotCanonical as error:
            raise SchemaProblem(str(error)) from error
        self._validator = _compile(text)
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

    def broken_at(self, value: Json) -> list[str]:
        """Say which parts of the schema a value breaks, without a word of the value.

        For values that nobody may see before they were filtered.
        """
        found: dict[str, None] = {}
        for error in self._validator.iter_errors(value):
            found[path_text(error.schema_path)] = None
            if len(found) == MOST_ERRORS:
                break
        return list(found)


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
    schema = parse_strict(text, max_bytes=len(text))
    draft = schema.get("$schema")
    if draft not in _DRAFTS:
        raise SchemaProblem(f"only JSON Schema 2020-12 is read, not {draft}", ("$schema",))
    if _parts(schema, schema, {}) > MOST_PARTS:
        raise SchemaProblem(f"it has more than {MOST_PARTS} parts when references are followed")
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


def _parts(node: Json, root: Json, known: dict[str, int]) -> int:
    """Count the parts of a schema with every local reference written out again.

    A reference back to what is being counted counts as one: it goes on only with the value.

    Raises:
        SchemaProblem: For a reference to elsewhere, or by another way than a pointer.
    """
    if isinstance(node, list):
        return sum(_parts(item, root, known) for item in node)
    if not isinstance(node, dict):
        return 0
    total = 1 + sum(_parts(item, root, known) for key, item in node.items() if key != "$defs")
    for keyword in ("$ref", "$dynamicRef"):
        reference = node.get(keyword)
        if not isinstance(reference, str):
            continue
        if not reference.startswith("#"):
            raise SchemaProblem(f"the schema of {reference} is not fetched: write it out here")
        if reference != "#" and not reference.startswith("#/"):
            raise SchemaProblem(f"`{reference}` is not followed: write `#/$defs/NAME`")
        if reference not in known:
            known[reference] = 1
            known[reference] = _parts(_target(reference, root), root, known)
        total += known[reference]
    return min(total, MOST_PARTS + 1)


def _target(reference: str, root: Json) -> Json:
    """Follow a local reference; `None` where it leads nowhere, which the library reports."""
    node = root
    for part in unquote(reference.removeprefix("#")).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            node = node.get(name) if isinstance(node, dict) else None
    return node


def _own_words(said: str) -> str:
    """Say what is wrong with a schema without the library's inner life."""
    if " is not valid under any of the schemas" in said:
        return f"{said.split(' is not valid')[0]} is not what JSON Schema allows here"
    if said.startswith("Unknown format"):
        return f"no format {said.split(': ')[1].split('. ')[0]} is known"
    return said


__all__ = ["MOST_ERRORS", "MOST_PARTS", "Schema", "SchemaProblem", "path_text"]
