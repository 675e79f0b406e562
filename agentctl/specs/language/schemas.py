"""Compile JSON Schema of every draft from 4 to 2020-12: offline, linear-time patterns.

A schema is read under the rules of the draft that its `$schema` names; without one, under those of
2020-12. It may be hostile: a remote `$ref` is never fetched, no pattern can make a validation hang,
and neither can definitions that each refer twice to the next one. Formats of the standard are
asserted; others are ignored, and `unknown_formats` names them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict

MOST_ERRORS = 5
"""How many problems of one value are told."""
MOST_PARTS = 20_000
"""Parts of a schema, each counted as often as it is referred to."""
_DRAFTS = {
    "json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
}
FORMATS = (
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4",
    "ipv6", "iri", "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time",
    "uri", "uri-reference", "uri-template", "uuid",
)  # fmt: skip
"""Formats of the standard; an older draft knows some of them only."""
NAMED_SCHEMAS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
"""Keywords whose value holds schemas by name."""
_DATA = frozenset({"enum", "const", "default", "examples", "example"})
"""Keywords whose value is no schema, whatever it looks like."""
_DEFINITIONS = frozenset({"$defs", "definitions"})
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor", "$id", "id")


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
        schema: JSON Schema.

    Raises:
        SchemaProblem: If it is not valid, refers elsewhere, or names an unknown draft.
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


def unknown_formats(schema: Json) -> list[str]:
    """Return the formats that a schema names and nobody checks, such as `int32`.

    >>> unknown_formats({"properties": {"n": {"format": "int32"}, "d": {"format": "date"}}})
    ['int32']
    """
    named = (node.get("format") for node, _ in _subschemas(schema, ()))
    return sorted({one for one in named if isinstance(one, str) and one not in FORMATS})


@lru_cache(maxsize=4096)
def _compile(text: str) -> Any:
    schema = parse_strict(text, max_bytes=len(text))
    validator = _validator(schema.get("$schema"))
    if _parts(schema, schema, {}, ()) > MOST_PARTS:
        raise SchemaProblem(f"it has more than {MOST_PARTS} parts when references are followed")
    try:
        return validator(
            schema,
            validate_formats=True,
            ignore_unknown_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaProblem(_own_words(error.message), error.instance_path) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaProblem(str(error).splitlines()[0]) from error


def _validator(draft: Json) -> Any:
    """Return the validator of a draft.

    Raises:
        SchemaProblem: If there is no such draft.
    """
    if draft is None:
        return jsonschema_rs.Draft202012Validator
    name = str(draft).partition("://")[2].removesuffix("#")
    if name not in _DRAFTS:
        known = "JSON Schema drafts 4, 6, 7, 2019-09 and 2020-12 are supported"
        raise SchemaProblem(f"unknown draft {draft}; {known}", ("$schema",))
    return _DRAFTS[name]


def _subschemas(
    node: Json, path: tuple[str | int, ...]
) -> Iterator[tuple[dict[str, Json], tuple[str | int, ...]]]:
    """Yield a schema and those that stand in it, each with its path."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _subschemas(item, (*path, index))
    elif isinstance(node, dict):
        yield node, path
        for key, item in node.items():
            if key in NAMED_SCHEMAS and isinstance(item, dict):
                for name, one in item.items():
                    yield from _subschemas(one, (*path, key, name))
            elif key not in _DATA:
                yield from _subschemas(item, (*path, key))


def _parts(node: Json, root: Json, known: dict[str, int], path: tuple[str | int, ...]) -> int:
    """Count the parts of a schema with every local reference written out again.

    A reference back to what is being counted counts as one: it goes on only with the value.

    Raises:
        SchemaProblem: For a reference to elsewhere, or to nothing.
    """
    if isinstance(node, list):
        return sum(_parts(item, root, known, (*path, i)) for i, item in enumerate(node))
    if not isinstance(node, dict):
        return 0
    total = 1
    for key, item in node.items():
        if key in NAMED_SCHEMAS and isinstance(item, dict):
            inner = item if key not in _DEFINITIONS else {}
            total += 1 + sum(_parts(o, root, known, (*path, key, n)) for n, o in inner.items())
        elif key not in _DATA:
            total += _parts(item, root, known, (*path, key))
    for keyword in _REFERENCES:
        reference = node.get(keyword)
        if not isinstance(reference, str):
            continue
        here = (*path, keyword)
        if not reference.startswith("#"):
            message = f"the schema of {reference} is not fetched: write it out here"
            raise SchemaProblem(message, here)
        if reference not in known:
            found = _target(reference, root)
            if found is None:
                raise SchemaProblem(f"`{reference}` leads to nothing", here)
            known[reference] = 1
            known[reference] = _parts(found[0], root, known, found[1])
        total += known[reference]
    return min(total, MOST_PARTS + 1)


def _target(reference: str, root: Json) -> tuple[Json, tuple[str | int, ...]] | None:
    """Follow a local reference, by pointer or by anchor; return what it means, and its path."""
    fragment = unquote(reference[1:])
    if fragment and not fragment.startswith("/"):
        return next(
            (found for found in _subschemas(root, ()) if _is_called(found[0], fragment)), None
        )
    node, path = root, list[str | int]()
    for part in fragment.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
            path.append(int(name))
        elif isinstance(node, dict) and name in node:
            node = node[name]
            path.append(name)
        else:
            return None
    return node, tuple(path)


def _is_called(schema: Mapping[str, Json], anchor: str) -> bool:
    return any(schema.get(key) in (anchor, f"#{anchor}") for key in _ANCHORS)


def _own_words(said: str) -> str:
    """Say what is wrong with a schema without the library's inner life."""
    if " is not valid under any of the schemas" in said:
        return f"{said.split(' is not valid')[0]} is not what JSON Schema allows here"
    if said.endswith(' is not a "regex"'):
        pattern = said.removesuffix(' is not a "regex"')
        return f"the pattern {pattern} is not supported (look-around and back-references are not)"
    return said


__all__ = [
    "FORMATS",
    "MOST_ERRORS",
    "MOST_PARTS",
    "NAMED_SCHEMAS",
    "Schema",
    "SchemaProblem",
    "path_text",
    "unknown_formats",
]
